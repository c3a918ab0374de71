//! A broker that restarts while it is used: the producer loses nothing, a reader and a group go on.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::checks::{Checks, Outcome, Problem, control, equal, eventually, holds};
use crate::cluster::{Cluster, Sender};
use crate::member::{LocalMember, Member};
use crate::record::{Record, by_partition, now_ms, same};

const PARTITIONS: i32 = 4;

/// Between two records, and so many are read before, between and after the restarts.
const PAUSE: Duration = Duration::from_millis(4);
const STEP: usize = 200;

/// The runner waits for all suites, and brokers take their time.
const ANSWER: Duration = Duration::from_secs(300);

pub fn register(checks: &mut Checks, cluster: &Arc<Cluster>) {
    let cluster = Arc::clone(cluster);
    checks.add("restart.broker", move || run(&cluster));
}

fn run(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("restart", PARTITIONS, &[])?;
    let group = cluster.name("restart");
    let settings = [("group.id".to_owned(), group.clone())];
    let member = || {
        Ok::<_, Problem>(Member::Local(LocalMember::start(
            &cluster.bootstrap,
            &topic,
            &settings,
        )?))
    };
    let members = [member()?, member()?];
    let reader = cluster.consumer(&[])?;
    let mut parts = TopicPartitionList::new();
    for number in 0..PARTITIONS {
        parts.add_partition_offset(&topic, number, Offset::Beginning)?;
    }
    reader.assign(&parts)?;
    let work = Work::default();
    let sender = cluster.producer(&[("enable.idempotence", "true")])?;
    let mut by_group = Seen::default();

    let (sent, log) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| work.note(send(&topic, sender, &work)));
        let reading = scope.spawn(|| work.note(read(&reader, &work)));
        let outcome = (|| {
            work.read_on("at first", &members, &mut by_group)?;
            ask("restart")?;
            work.read_on("after the restart", &members, &mut by_group)?;
            ask("kill")?;
            work.read_on("after the kill", &members, &mut by_group)
        })();
        work.ended.store(true, Ordering::Relaxed);
        let sent = sending.join().map_err(|_| "the sender panicked")?;
        // Why they failed says more than that they did.
        let sent = sent?;
        reading.join().map_err(|_| "the reader panicked")??;
        outcome?;
        let log = cluster.read(&topic, &[])?;
        Ok::<_, Problem>((sent, log))
    })?;
    same(&by_partition(sent), &log)?;

    // The reader goes on here until it has all of it.
    eventually("all is read by assignment", || {
        take(&reader, &work)?;
        Ok(work.seen().records.len() >= log.len())
    })?;
    // The sort is stable: what came out of order, or twice, shows.
    same(&log, &by_partition(work.seen().records.clone()))?;
    let all: BTreeSet<Record> = log.iter().cloned().collect();
    eventually("all is read by the group", || {
        by_group.look(&members)?;
        Ok(by_group.records.iter().cloned().collect::<BTreeSet<_>>() == all)
    })?;
    let ends: Vec<i64> = (0..PARTITIONS)
        .map(|number| log.iter().filter(|r| r.partition == number).count() as i64)
        .collect();
    eventually("the group has committed the end", || {
        Ok(cluster.committed(&group, &topic, PARTITIONS)? == ends)
    })?;
    let again = by_group.records.len() - log.len();
    Ok(format!("{} in the log, {again} came to the group again", log.len()))
}

/// Has the broker stopped in order (`restart`) or killed (`kill`), and returns when it serves again.
fn ask(command: &str) -> Result<(), Problem> {
    let mut connection = TcpStream::connect(control().ok_or("nobody to ask")?)?;
    connection.set_read_timeout(Some(ANSWER))?;
    writeln!(connection, "{command}")?;
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer)?;
    equal("ok", answer.trim(), format_args!("answer to {command}"))
}

/// What somebody has read, and the highest number in it.
#[derive(Default)]
struct Seen {
    records: Vec<Record>,
    highest: usize,
}

impl Seen {
    fn add(&mut self, record: Record) {
        let text = record.value.as_deref().map(String::from_utf8_lossy);
        let number = text.and_then(|text| text.parse().ok()).unwrap_or(0);
        self.highest = self.highest.max(number);
        self.records.push(record);
    }

    fn look(&mut self, members: &[Member]) -> Result<(), Problem> {
        for member in members {
            if let Some(failure) = member.failure() {
                return Err(format!("a member failed: {failure}").into());
            }
            member.drain().into_iter().for_each(|record| self.add(record));
        }
        Ok(())
    }
}

/// What sender and reader share with the check.
#[derive(Default)]
struct Work {
    ended: AtomicBool,
    failed: AtomicBool,
    sent: AtomicUsize,
    read: Mutex<Seen>,
}

impl Work {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.read.lock().expect("nobody panics while it holds what was read")
    }

    /// A failure ends the check at once.
    fn note<T>(&self, outcome: Result<T, Problem>) -> Result<T, Problem> {
        self.failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    fn read_on(&self, what: &str, members: &[Member], by_group: &mut Seen) -> Result<(), Problem> {
        let mark = self.sent.load(Ordering::Relaxed) + STEP;
        eventually(format_args!("{STEP} records read {what}"), || {
            by_group.look(members)?;
            holds(!self.failed.load(Ordering::Relaxed), "sender or reader failed")?;
            Ok(by_group.highest.min(self.seen().highest) >= mark)
        })
    }
}

/// Sends numbered records until told to stop; returns them with the offsets that they got.
fn send(topic: &str, mut sender: Sender, work: &Work) -> Result<Vec<Record>, Problem> {
    let mut records = Vec::new();
    while !work.ended.load(Ordering::Relaxed) {
        let number = records.len();
        let (key, value) = (format!("key {}", number % 50), format!("{number:09}"));
        let record = Record::new(
            number as i32 % PARTITIONS,
            now_ms(),
            Some(key.as_bytes()),
            Some(value.as_bytes()),
        );
        sender.send(topic, &record, Some(record.partition))?;
        records.push(record);
        work.sent.store(records.len(), Ordering::Relaxed);
        std::thread::sleep(PAUSE);
    }
    for ((record, answer), number) in records.iter_mut().zip(sender.close()?).zip(0..) {
        record.offset = match answer?.offset {
            offset @ 0.. => offset,
            // It was sent again, and the broker said no more than that it has it: each partition has every fourth, in order.
            _ => number / i64::from(PARTITIONS),
        };
    }
    Ok(records)
}

fn read(reader: &BaseConsumer, work: &Work) -> Result<(), Problem> {
    while !work.ended.load(Ordering::Relaxed) {
        take(reader, work)?;
    }
    Ok(())
}

/// Takes a record if one is there.
fn take(reader: &BaseConsumer, work: &Work) -> Result<(), Problem> {
    match reader.poll(Duration::from_millis(100)) {
        Some(Ok(message)) => work.seen().add(Record::read(&message)),
        // The broker is away; librdkafka comes back by itself.
        Some(Err(error))
            if matches!(
                error.rdkafka_error_code(),
                Some(Code::AllBrokersDown | Code::BrokerTransportFailure)
            ) => {}
        Some(Err(error)) => return Err(error.into()),
        None => {}
    }
    Ok(())
}
