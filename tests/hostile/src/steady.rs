//! Writers, a reader and a committer that go on through errors, and remember what was acknowledged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crash_tests::client::{Acks, ClientError, Committed, Connection, NewTopic};
use crash_tests::payload;
use parking_lot::Mutex;
use storage::compression::Codec;

const TOPIC: &str = "steady";
const GROUP: &str = "steady";
const PARTITIONS: i32 = 3;
const RECORDS: u32 = 20;
const TIME_MS: i64 = 1_700_000_000_000;
const PAUSE: Duration = Duration::from_millis(5);

/// What was acknowledged, and what was not.
#[derive(Debug, Default)]
pub struct Heard {
    /// By partition: the base offset of each batch, and the sequence of its first record.
    acknowledged: BTreeMap<i32, Vec<(i64, u64)>>,
    /// The last offset whose commit was acknowledged.
    committed: i64,
    /// Errors of produces since somebody looked, by code.
    pub refusals: BTreeMap<i16, u64>,
    /// Acknowledged batches since somebody looked.
    pub produced: u64,
    /// Acknowledged commits since then.
    pub commits: u64,
    /// Records read since then.
    pub read: u64,
    /// What a reader never should see.
    pub problems: Vec<String>,
}

impl Heard {
    /// What was counted since the last look.
    pub fn take_counts(&mut self) -> (u64, u64, u64, BTreeMap<i16, u64>) {
        (
            std::mem::take(&mut self.produced),
            std::mem::take(&mut self.commits),
            std::mem::take(&mut self.read),
            std::mem::take(&mut self.refusals),
        )
    }
}

/// The load, until it is stopped.
#[derive(Debug)]
pub struct SteadyLoad {
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl SteadyLoad {
    /// Makes the topic, and starts.
    pub fn start(address: SocketAddr) -> Result<Self, String> {
        let topic = NewTopic {
            name: TOPIC,
            partitions: PARTITIONS,
            configs: &[],
        };
        let made = Connection::open(address).and_then(|mut client| {
            client.create_topic(&topic)?;
            client.find_coordinator(GROUP)
        });
        made.map_err(|problem| problem.to_string())?;
        let mut load = SteadyLoad {
            heard: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for partition in 0..PARTITIONS {
            let mut next = 0;
            load.spawn(address, move |client, heard| write(client, heard, partition, &mut next));
        }
        let (mut places, mut offset) = (BTreeMap::new(), 0);
        load.spawn(address, move |client, heard| read(client, heard, &mut places));
        load.spawn(address, move |client, heard| commit(client, heard, &mut offset));
        Ok(load)
    }

    fn spawn(
        &mut self,
        address: SocketAddr,
        mut step: impl FnMut(&mut Connection, &Mutex<Heard>) -> Result<(), ClientError> + Send + 'static,
    ) {
        let (heard, stop) = (self.heard.clone(), self.stop.clone());
        self.threads.push(std::thread::spawn(move || {
            let mut client = None;
            while !stop.load(Ordering::Relaxed) {
                let connection = match client.take() {
                    Some(connection) => Ok(connection),
                    None => Connection::open(address),
                };
                if let Ok(mut connection) = connection
                    && step(&mut connection, &heard).is_ok()
                {
                    client = Some(connection);
                }
                std::thread::sleep(PAUSE);
            }
        }));
    }

    /// What was heard so far.
    pub fn heard(&self) -> parking_lot::MutexGuard<'_, Heard> {
        self.heard.lock()
    }

    /// Ends it.
    pub fn stop(mut self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        std::mem::take(&mut *self.heard.lock())
    }
}

fn write(client: &mut Connection, heard: &Mutex<Heard>, partition: i32, next: &mut u64) -> Result<(), ClientError> {
    let first = *next;
    *next += u64::from(RECORDS);
    let batch = payload::batch(partition as u32, first, RECORDS, None, Codec::None, TIME_MS);
    match client.produce(TOPIC, partition, batch, Acks::All) {
        Ok(offset) => {
            let mut heard = heard.lock();
            heard.produced += 1;
            heard.acknowledged.entry(partition).or_default().push((offset, first));
            Ok(())
        }
        Err(ClientError::Refused { code, .. }) => {
            *heard.lock().refusals.entry(code).or_default() += 1;
            Ok(())
        }
        Err(problem) => Err(problem),
    }
}

fn read(client: &mut Connection, heard: &Mutex<Heard>, places: &mut BTreeMap<i32, i64>) -> Result<(), ClientError> {
    for partition in 0..PARTITIONS {
        let place = places.entry(partition).or_default();
        let fetched = client.fetch(TOPIC, partition, *place, 0).inspect_err(|problem| {
            heard.lock().problems.push(problem.to_string());
        })?;
        for record in fetched.batches.iter().flat_map(|batch| &batch.records) {
            if record.offset >= *place {
                *place = record.offset + 1;
                heard.lock().read += 1;
            }
        }
        // From the start again, now and then: what is old is read, too.
        if *place >= fetched.high_watermark {
            *place = 0;
        }
    }
    Ok(())
}

fn commit(client: &mut Connection, heard: &Mutex<Heard>, offset: &mut i64) -> Result<(), ClientError> {
    *offset += 1;
    let committed = Committed {
        offset: *offset,
        metadata: String::new(),
    };
    match client.commit(GROUP, TOPIC, &[0], &committed) {
        Ok(()) => {
            let mut heard = heard.lock();
            heard.committed = *offset;
            heard.commits += 1;
            Ok(())
        }
        Err(ClientError::Refused { .. }) => Ok(()),
        Err(problem) => Err(problem),
    }
}

/// Reads everything back. How many records were there that had to be.
pub fn verify(address: SocketAddr, heard: &Heard) -> Result<u64, String> {
    let mut client = Connection::open(address).map_err(|problem| problem.to_string())?;
    let mut kept = 0;
    for (partition, batches) in &heard.acknowledged {
        let mut found = BTreeMap::new();
        let mut next = 0;
        let end = client.list_offset(TOPIC, *partition, crash_tests::client::LATEST);
        let end = end.map_err(|problem| problem.to_string())?;
        while next < end {
            let fetched = client
                .fetch(TOPIC, *partition, next, 0)
                .map_err(|problem| problem.to_string())?;
            for record in fetched.batches.iter().flat_map(|batch| &batch.records) {
                found.insert(record.offset, payload::identify(record)?);
                next = next.max(record.offset + 1);
            }
        }
        for (offset, first) in batches {
            for place in 0..u64::from(RECORDS) {
                let expected = (*partition as u32, first + place);
                match found.get(&(offset + place as i64)) {
                    Some(record) if *record == expected => kept += 1,
                    other => {
                        return Err(format!(
                            "{TOPIC}-{partition} at {}: {expected:?} was acknowledged, there is {other:?}",
                            offset + place as i64
                        ));
                    }
                }
            }
        }
    }
    client.find_coordinator(GROUP).map_err(|problem| problem.to_string())?;
    let committed = client
        .committed(GROUP, TOPIC, &[0])
        .map_err(|problem| problem.to_string())?;
    match committed[0].offset >= heard.committed {
        true => Ok(kept),
        false => Err(format!("{} was committed, there is {committed:?}", heard.committed)),
    }
}
