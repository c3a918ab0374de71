//! Members of a group: one on a thread, and one in a process of its own that can be killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, TopicPartitionList};

use crate::checks::{Problem, control};
use crate::cluster::config;
use crate::record::Record;

/// What a member has and did.
#[derive(Default)]
struct State {
    assigned: BTreeSet<i32>,
    records: Vec<Record>,
    revoked: Vec<BTreeSet<i32>>,
    failure: Option<String>,
}

type Shared = Arc<Mutex<State>>;

/// A member that reads and commits by itself until it leaves or dies.
pub enum Member {
    Local(LocalMember),
    Child(ChildMember),
}

impl Member {
    fn state(&self) -> &Shared {
        match self {
            Self::Local(member) => &member.state,
            Self::Child(member) => &member.state,
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state().lock().expect("no member panics while it holds its state"))
    }

    /// The partitions it has now.
    pub fn assigned(&self) -> BTreeSet<i32> {
        self.with(|state| state.assigned.clone())
    }

    /// What it read since the last call.
    pub fn drain(&self) -> Vec<Record> {
        self.with(|state| std::mem::take(&mut state.records))
    }

    /// The sets of partitions taken from it since the last call; nothing is known of a child's.
    pub fn drain_revoked(&self) -> Vec<BTreeSet<i32>> {
        self.with(|state| std::mem::take(&mut state.revoked))
    }

    /// What ended it, if it did not end by itself.
    pub fn failure(&self) -> Option<String> {
        self.with(|state| state.failure.clone())
    }
}

/// A consumer on a thread; leaves its group when dropped (a static member only stops).
pub struct LocalMember {
    state: Shared,
    running: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Notes what is taken.
struct Watch(Shared);

impl ClientContext for Watch {}

impl ConsumerContext for Watch {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let (Rebalance::Revoke(parts), Ok(mut state)) = (rebalance, self.0.lock())
            && parts.count() > 0
        {
            state.revoked.push(numbers(parts));
        }
    }
}

fn numbers(parts: &TopicPartitionList) -> BTreeSet<i32> {
    parts.elements().iter().map(|part| part.partition()).collect()
}

impl LocalMember {
    pub fn start(bootstrap: &str, topic: &str, settings: &[(String, String)]) -> Result<Self, Problem> {
        let defaults = [
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "500"),
        ];
        let own: Vec<_> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let state = Shared::default();
        let consumer: BaseConsumer<Watch> =
            config(bootstrap, &[&defaults[..], &own].concat()).create_with_context(Watch(Arc::clone(&state)))?;
        consumer.subscribe(&[topic])?;
        let running = Arc::new(AtomicBool::new(true));
        let thread = {
            let (state, running) = (Arc::clone(&state), Arc::clone(&running));
            std::thread::spawn(move || {
                let mut committed = true;
                while running.load(Ordering::Relaxed) {
                    if let Err(error) = step(&consumer, &state, &mut committed) {
                        if let Ok(mut state) = state.lock() {
                            state.failure = Some(error.to_string());
                        }
                        return;
                    }
                }
            })
        };
        Ok(Self {
            state,
            running,
            thread: Some(thread),
        })
    }
}

/// Reads what is there, commits it and notes it; `committed` tells whether that succeeded last time.
fn step(consumer: &BaseConsumer<Watch>, state: &Shared, committed: &mut bool) -> Result<(), KafkaError> {
    let mut records = Vec::new();
    let mut wait = Duration::from_millis(100);
    while let Some(message) = consumer.poll(wait) {
        match message {
            Ok(message) => records.push(Record::read(&message)),
            // The broker is away; librdkafka comes back by itself.
            Err(error) if control().is_some() && !is_fatal(&error) => {}
            Err(error) => return Err(error),
        }
        if records.len() == 500 {
            break;
        }
        wait = Duration::ZERO;
    }
    if !records.is_empty() || !*committed {
        *committed = match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) => true,
            // While the broker is away a commit may fail; it is tried again after the next poll.
            Err(error) if control().is_some() && error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset) => {
                false
            }
            // There is nothing to commit any more: the partitions went to another.
            Err(_) if control().is_some() => true,
            Err(error) => return Err(error),
        };
    }
    let assigned = numbers(&consumer.assignment()?);
    if let Ok(mut state) = state.lock() {
        state.records.extend(records);
        state.assigned = assigned;
    }
    Ok(())
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

impl Drop for LocalMember {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A member that panicked has been noticed by what it did not do.
            let _ = thread.join();
        }
    }
}

/// A consumer in a process of its own, which ends by itself when this process does. It is killed when dropped.
pub struct ChildMember {
    state: Shared,
    process: Child,
}

impl ChildMember {
    pub fn start(bootstrap: &str, topic: &str, settings: &[(String, String)]) -> Result<Self, Problem> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["member", bootstrap, topic])
            .args(settings.iter().map(|(name, value)| format!("{name}={value}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let state = Shared::default();
        let output = process.stdout.take().ok_or("no output")?;
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                note(&line, &shared);
            }
            if let Ok(mut state) = shared.lock() {
                state.failure = Some("the process ended".into());
            }
        });
        Ok(Self { state, process })
    }
}

impl Drop for ChildMember {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The child's side: prints what it has and reads until its standard input ends.
pub fn child(bootstrap: &str, topic: &str, settings: &[String]) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let settings: Vec<_> = settings
        .iter()
        .filter_map(|setting| setting.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let Ok(local) = LocalMember::start(bootstrap, topic, &settings) else {
        std::process::exit(1)
    };
    let member = Member::Local(local);
    while member.failure().is_none() {
        let assigned: Vec<String> = member.assigned().iter().map(i32::to_string).collect();
        println!("A {}", assigned.join(" "));
        for record in member.drain() {
            let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
            let (key, value) = (text(record.key), text(record.value));
            println!(
                "R\t{}\t{}\t{}\t{key}\t{value}",
                record.partition, record.offset, record.timestamp
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One line of a child. Records of groups have keys and values of text, and no headers.
fn note(line: &str, state: &Shared) {
    let Ok(mut state) = state.lock() else { return };
    if let Some(numbers) = line.strip_prefix("A ") {
        state.assigned = numbers
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
    }
    let fields: Vec<&str> = line.split('\t').collect();
    if let ["R", partition, offset, timestamp, key, value] = fields[..]
        && let (Ok(partition), Ok(offset), Ok(timestamp)) = (partition.parse(), offset.parse(), timestamp.parse())
    {
        state
            .records
            .push(Record::new(partition, timestamp, Some(key.as_bytes()), Some(value.as_bytes())).at(offset));
    }
}
