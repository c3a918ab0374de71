//! Clients that behave: what they see is what counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crash_tests::client::{Acks, ClientError, Committed, Connection, NewTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, HeartbeatRequest, JoinGroupRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;
use parking_lot::Mutex;
use storage::compression::Codec;
use storage::record_batch::BatchBuilder;

use crate::latency::Latencies;

/// The topic of the good clients.
pub const TOPIC: &str = "good";
const GROUP: &str = "good";
/// Who waits longer is not served.
pub const TOO_LONG: Duration = Duration::from_secs(5);
/// What a fetch may wait by its own wish.
const MAX_WAIT_MS: i32 = 500;
const SMALL: usize = 200;
/// Larger than what has a part of the memory for requests to itself.
const LARGE: usize = 400_000;
const MEMBER_ID_REQUIRED: i16 = 79;

/// What the good clients saw since somebody looked last.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// acks=all, of small and large batches.
    pub produces: Latencies,
    /// As above, of large batches alone.
    pub large: Latencies,
    /// Heartbeats and commits.
    pub group: Latencies,
    /// From the connect to the second answer.
    pub connects: Latencies,
    /// Records read.
    pub records: u64,
    /// What went wrong.
    pub problems: Vec<String>,
}

/// Good clients at work, until they are dropped.
#[derive(Debug)]
pub struct GoodClients {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

type Client = fn(SocketAddr, &Watch) -> Result<(), ClientError>;

/// What a client shares with who looks at it.
struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Does something, and notes how long it took, beyond what it may take.
    fn timed<T>(
        &self,
        what: &str,
        allowed: Duration,
        of: impl Fn(&mut Seen) -> &mut Latencies,
        act: impl FnOnce() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let began = Instant::now();
        let done = act();
        let took = began.elapsed().saturating_sub(allowed);
        let mut seen = self.seen.lock();
        of(&mut seen).push(took);
        if took >= TOO_LONG {
            seen.problems.push(format!("{what} took {took:?}"));
        }
        done
    }
}

impl GoodClients {
    /// Makes their topic and starts them.
    pub fn start(address: SocketAddr) -> Result<Self, String> {
        let topic = NewTopic {
            name: TOPIC,
            partitions: 2,
            configs: &[],
        };
        let created = Connection::open(address).and_then(|mut client| {
            client.create_topic(&topic)?;
            client.find_coordinator(GROUP)
        });
        created.map_err(|problem| problem.to_string())?;
        let mut clients = GoodClients {
            seen: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
        let all: [(&'static str, Client); 5] = [
            ("a producer", produce_small),
            ("a producer of large batches", produce_large),
            ("a consumer", consume),
            ("a member", be_member),
            ("a new client", connect),
        ];
        for (who, run) in all {
            let watch = Watch {
                seen: clients.seen.clone(),
                stop: clients.stop.clone(),
            };
            let thread = move || {
                while watch.goes_on() {
                    if let Err(problem) = run(address, &watch) {
                        watch.seen.lock().problems.push(format!("{who}: {problem}"));
                        std::thread::sleep(Duration::from_millis(200));
                    }
                }
            };
            clients.threads.push(std::thread::spawn(thread));
        }
        Ok(clients)
    }

    /// Whether the member is not in its group yet.
    pub fn has_no_member(&self) -> bool {
        self.seen.lock().group.is_empty()
    }

    /// What they saw since the last call.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock())
    }
}

impl Drop for GoodClients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn batch(bytes: usize) -> Bytes {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(-1, None, Some(&vec![7; bytes]), &[]).build()
}

fn produce_small(address: SocketAddr, watch: &Watch) -> Result<(), ClientError> {
    let mut client = Connection::open(address)?;
    while watch.goes_on() {
        let produce = || client.produce(TOPIC, 0, batch(SMALL), Acks::All);
        watch.timed("a produce", Duration::ZERO, |seen| &mut seen.produces, produce)?;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn produce_large(address: SocketAddr, watch: &Watch) -> Result<(), ClientError> {
    let mut client = Connection::open(address)?;
    while watch.goes_on() {
        let produce = || client.produce(TOPIC, 1, batch(LARGE), Acks::All);
        watch.timed("a large produce", Duration::ZERO, |seen| &mut seen.large, produce)?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn consume(address: SocketAddr, watch: &Watch) -> Result<(), ClientError> {
    let mut client = Connection::open(address)?;
    let mut next = client.list_offset(TOPIC, 0, crash_tests::client::LATEST)?;
    while watch.goes_on() {
        let began = Instant::now();
        let fetched = client.fetch(TOPIC, 0, next, MAX_WAIT_MS)?;
        let took = began.elapsed();
        let mut seen = watch.seen.lock();
        if took >= TOO_LONG {
            seen.problems.push(format!("a fetch took {took:?}"));
        }
        for record in fetched.batches.iter().flat_map(|batch| &batch.records) {
            if record.offset >= next {
                seen.records += 1;
                next = record.offset + 1;
            }
        }
    }
    Ok(())
}

fn be_member(address: SocketAddr, watch: &Watch) -> Result<(), ClientError> {
    let mut client = Connection::open(address)?;
    let mut member = StrBytes::new();
    let (member, generation) = loop {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(Bytes::from_static(b"metadata"));
        let request = JoinGroupRequest::default()
            .with_group_id(group())
            .with_session_timeout_ms(30_000)
            .with_rebalance_timeout_ms(10_000)
            .with_member_id(member.clone())
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol]);
        let answer = client.call(&request)?;
        match answer.error_code {
            0 => break (answer.member_id, answer.generation_id),
            MEMBER_ID_REQUIRED => member = answer.member_id,
            code => return Err(ClientError::Protocol(format!("JoinGroup: error {code}"))),
        }
    };
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(member.clone())
        .with_assignment(Bytes::from_static(b"assignment"));
    let request = SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(member.clone())
        .with_protocol_type(Some(StrBytes::from_static_str("consumer")))
        .with_protocol_name(Some(StrBytes::from_static_str("range")))
        .with_assignments(vec![assignment]);
    code("SyncGroup", client.call(&request)?.error_code)?;
    let mut offset = 0;
    while watch.goes_on() {
        let request = HeartbeatRequest::default()
            .with_group_id(group())
            .with_generation_id(generation)
            .with_member_id(member.clone());
        let heartbeat = || client.call(&request);
        let answer = watch.timed("a heartbeat", Duration::ZERO, |seen| &mut seen.group, heartbeat)?;
        code("Heartbeat", answer.error_code)?;
        // Of a group of its own: that of the member takes commits of members only.
        let committed = Committed {
            offset,
            metadata: "note".to_owned(),
        };
        let commit = || client.commit("good-offsets", TOPIC, &[0, 1], &committed);
        watch.timed("a commit", Duration::ZERO, |seen| &mut seen.group, commit)?;
        offset += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn connect(address: SocketAddr, watch: &Watch) -> Result<(), ClientError> {
    while watch.goes_on() {
        let connect = || Connection::open(address)?.describe_topics(Some(&[TOPIC]));
        watch.timed("to connect and ask", Duration::ZERO, |seen| &mut seen.connects, connect)?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn group() -> GroupId {
    GroupId(StrBytes::from_static_str(GROUP))
}

fn code(api: &str, code: i16) -> Result<(), ClientError> {
    match code {
        0 => Ok(()),
        code => Err(ClientError::Protocol(format!("{api}: error {code}"))),
    }
}
