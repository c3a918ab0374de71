//! Load: writers, committers, a creator of topics and a reader, each on a thread, until the broker is gone.
//!
//! Whatever an answer says is an acknowledgement or a failure: a broker that said that it is ready has no reason to refuse
//! anything, and none to close a connection before it is killed.

mod background;
pub(crate) mod churn;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::client::{Acks, ClientError, Connection, NewTopic};
use crate::ledger::{Ledger, PartitionId};
use background::{Committer, Creator, Reader};
use churn::Churn;
use writer::Writer;

/// Topics that are there from the start. Segments are as small as Kafka allows, and roll by time too.
const TOPICS: [NewTopic<'static>; 4] = [
    NewTopic {
        name: "plain",
        partitions: 2,
        configs: &[],
    },
    NewTopic {
        name: "small-segments",
        partitions: 3,
        configs: &[("segment.bytes", "1048576"), ("index.interval.bytes", "256")],
    },
    NewTopic {
        name: "fast-segments",
        partitions: 3,
        configs: &[("segment.ms", "100"), ("index.interval.bytes", "64")],
    },
    NewTopic {
        name: "recompressed",
        partitions: 2,
        configs: &[
            ("compression.type", "zstd"),
            ("segment.ms", "250"),
            ("message.timestamp.type", "LogAppendTime"),
        ],
    },
];
/// Of them, the one for which groups commit.
const COMMITTED_TOPIC: usize = 1;
/// Idempotent or not, and acks.
const WRITERS: [(bool, Acks); 6] = [
    (true, Acks::All),
    (true, Acks::All),
    (true, Acks::Leader),
    (false, Acks::All),
    (false, Acks::All),
    (false, Acks::Leader),
];
const GROUPS: usize = 3;
/// What is told of the problems that a run meets.
const MAX_FINDINGS: usize = 50;

/// What the threads of a run share.
#[derive(Debug)]
pub struct Run {
    /// Where the broker serves.
    pub address: SocketAddr,
    /// What was sent and answered.
    pub ledger: Arc<Ledger>,
    /// Set before the broker is killed: from then on connections may break.
    over: AtomicBool,
    findings: Mutex<Vec<String>>,
}

impl Run {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn find(&self, who: &str, problem: &str) {
        let mut findings = self.findings.lock();
        if findings.len() < MAX_FINDINGS {
            findings.push(format!("{who}: {problem}"));
        }
    }

    /// Connects; nothing if the broker was killed before.
    fn connect(&self, who: &str) -> Option<Connection> {
        self.ok(who, Connection::open(self.address))
    }

    /// The answer; nothing if there is none because the broker was killed, or if it is a finding.
    fn ok<T>(&self, who: &str, result: Result<T, ClientError>) -> Option<T> {
        match result {
            Ok(answer) => Some(answer),
            Err(problem) => {
                // The kernel may tell of the end before the killer's thread goes on; it set the flag before.
                if !(self.is_over() && problem.is_unknown()) {
                    self.find(who, &problem.to_string());
                }
                None
            }
        }
    }
}

/// The clients of a campaign. They outlive the broker: writers remember what was not answered.
#[derive(Debug)]
pub struct Load {
    ledger: Arc<Ledger>,
    writers: Vec<Writer>,
    committers: Vec<Committer>,
    creator: Creator,
    reader: Reader,
    /// Knows no moments: only for brokers that are killed.
    churn: Option<Churn>,
}

impl Load {
    /// Clients that have done nothing yet; `seed` decides what they will do.
    pub fn new(seed: u64, ledger: Arc<Ledger>) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let partitions: Vec<PartitionId> = (TOPICS.iter())
            .flat_map(|topic| {
                (0..topic.partitions).map(|index| PartitionId {
                    topic: topic.name.into(),
                    index,
                })
            })
            .collect();
        let writers = (WRITERS.iter().zip(1..))
            .map(|(&(idempotent, acks), id)| {
                let own: Vec<_> = partitions.iter().filter(|_| random.random_bool(0.6)).cloned().collect();
                let own = if own.is_empty() { partitions.clone() } else { own };
                Writer::new(id, idempotent, acks, own, random.random())
            })
            .collect();
        let committed = &TOPICS[COMMITTED_TOPIC];
        let committers = (0..GROUPS)
            .map(|group| {
                let group = format!("group-{group}");
                Committer::new(group, committed.name.into(), committed.partitions, random.random())
            })
            .collect();
        Load {
            ledger,
            writers,
            committers,
            creator: Creator::new(WRITERS.len() as u32 + 1, random.random()),
            reader: Reader::new(partitions, random.random()),
            churn: None,
        }
    }

    /// With topics that come and go. What of them must be there is known after a kill, not after a cut of the power at a
    /// moment before.
    pub fn with_churn(mut self, seed: u64) -> Self {
        self.churn = Some(Churn::new(seed));
        self
    }

    /// Creates the topics to which everything is written.
    pub fn create_topics(&self, address: SocketAddr) -> Result<(), ClientError> {
        let mut broker = Connection::open(address)?;
        for topic in &TOPICS {
            let name = topic.name.into();
            self.ledger.create_topic(&name, topic.partitions);
            let id = broker.create_topic(topic)?;
            self.ledger.topic_created(&name, id);
        }
        Ok(())
    }

    /// Runs all clients for a while; then `end` ends the broker, and they end too. Returns what they met that no end of a
    /// broker explains.
    pub fn run(&mut self, address: SocketAddr, lasting: Duration, end: impl FnOnce()) -> Vec<String> {
        let run = Run {
            address,
            ledger: self.ledger.clone(),
            over: AtomicBool::new(false),
            findings: Mutex::default(),
        };
        std::thread::scope(|scope| {
            let run = &run;
            for writer in &mut self.writers {
                scope.spawn(move || writer.run(run));
            }
            for committer in &mut self.committers {
                scope.spawn(move || committer.run(run));
            }
            scope.spawn(|| self.creator.run(run));
            scope.spawn(|| self.reader.run(run));
            if let Some(churn) = &mut self.churn {
                scope.spawn(move || churn.run(run));
            }
            std::thread::sleep(lasting);
            run.over.store(true, Ordering::Release);
            end();
        });
        run.findings.into_inner()
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
