//! What goes on beside the writers: groups commit, topics are created, a consumer reads.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use storage::compression::Codec;

use super::{Run, now_ms};
use crate::check::commit_text;
use crate::client::{Acks, Committed, Connection, NewTopic};
use crate::ledger::{Outcome, PartitionId, Seen, Sent};
use crate::payload::{self, WriterId};

/// Topics that a creator creates at most, over all its runs.
const MAX_TOPICS: u32 = 150;
/// How long a fetch waits for data.
const MAX_WAIT_MS: i32 = 50;

/// A group without members that commits 1, 2, 3 … for all partitions of a topic.
#[derive(Debug)]
pub(super) struct Committer {
    group: String,
    topic: Arc<str>,
    partitions: Vec<i32>,
    random: StdRng,
}

impl Committer {
    pub(super) fn new(group: String, topic: Arc<str>, partitions: i32, seed: u64) -> Self {
        Committer {
            group,
            topic,
            partitions: (0..partitions).collect(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn run(&mut self, run: &Run) {
        if let Some(mut broker) = run.connect(&self.group)
            && run.ok(&self.group, broker.find_coordinator(&self.group)).is_some()
        {
            while self.commit(run, &mut broker).is_some() {}
        }
    }

    fn commit(&mut self, run: &Run, broker: &mut Connection) -> Option<()> {
        let offset = run
            .ledger
            .commit(&self.group, &self.topic, self.partitions.len() as i32);
        let committed = Committed {
            offset,
            metadata: commit_text(offset),
        };
        let answer = broker.commit(&self.group, &self.topic, &self.partitions, &committed);
        run.ok(&self.group, answer)?;
        run.ledger.committed(&self.group, offset);
        std::thread::sleep(Duration::from_millis(self.random.random_range(0..20)));
        Some(())
    }
}

/// Creates topics, and writes to each partition at once: a topic that was answered as created must be writable.
#[derive(Debug)]
pub(super) struct Creator {
    writer: WriterId,
    created: u32,
    random: StdRng,
}

impl Creator {
    pub(super) fn new(writer: WriterId, seed: u64) -> Self {
        Creator {
            writer,
            created: 0,
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn run(&mut self, run: &Run) {
        let Some(mut broker) = run.connect("the creator of topics") else {
            return;
        };
        while self.created < MAX_TOPICS && self.create(run, &mut broker).is_some() {
            std::thread::sleep(Duration::from_millis(self.random.random_range(20..400)));
        }
    }

    fn create(&mut self, run: &Run, broker: &mut Connection) -> Option<()> {
        const WHO: &str = "the creator of topics";
        self.created += 1;
        let name: Arc<str> = format!("created-{}", self.created).into();
        let partitions = self.random.random_range(1..=3);
        run.ledger.create_topic(&name, partitions);
        let topic = NewTopic {
            name: &name,
            partitions,
            configs: &[("segment.ms", "60000")],
        };
        let id = run.ok(WHO, broker.create_topic(&topic))?;
        run.ledger.topic_created(&name, id);
        for index in 0..partitions {
            let partition = PartitionId {
                topic: name.clone(),
                index,
            };
            let sent = Sent {
                writer: self.writer,
                session: 0,
                first: 0,
                count: 1,
                acks: Acks::All,
                producer: None,
                outcome: Outcome::Unknown,
            };
            let number = run.ledger.send(&partition, sent);
            let batch = payload::batch(self.writer, 0, 1, None, Codec::None, now_ms());
            let offset = run.ok(WHO, broker.produce(&name, index, batch, Acks::All))?;
            run.ledger.acknowledge(&partition, number, offset);
        }
        Some(())
    }
}

/// Reads partitions as they grow: what it read must stay.
#[derive(Debug)]
pub(super) struct Reader {
    partitions: Vec<(PartitionId, i64)>,
    random: StdRng,
}

impl Reader {
    pub(super) fn new(partitions: Vec<PartitionId>, seed: u64) -> Self {
        Reader {
            partitions: partitions.into_iter().map(|partition| (partition, 0)).collect(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn run(&mut self, run: &Run) {
        if let Some(mut broker) = run.connect("the reader") {
            while self.read(run, &mut broker).is_some() {}
        }
    }

    fn read(&mut self, run: &Run, broker: &mut Connection) -> Option<()> {
        const WHO: &str = "the reader";
        let place = self.random.random_range(0..self.partitions.len());
        let (partition, next) = &mut self.partitions[place];
        let answer = broker.fetch(&partition.topic, partition.index, *next, MAX_WAIT_MS);
        let fetched = run.ok(WHO, answer)?;
        let mut seen = Vec::new();
        for record in fetched
            .batches
            .iter()
            .flat_map(|batch| &batch.records)
            .filter(|record| record.offset >= *next)
        {
            if record.offset >= fetched.high_watermark {
                run.find(
                    WHO,
                    &format!(
                        "{partition}: {} is above the high watermark {}",
                        record.offset, fetched.high_watermark
                    ),
                );
            }
            match payload::identify(record) {
                Ok((writer, sequence)) => seen.push(Seen {
                    offset: record.offset,
                    writer,
                    sequence,
                    at: None,
                }),
                Err(problem) => run.find(WHO, &format!("{partition}: {problem}")),
            }
        }
        *next = seen.last().map_or(*next, |seen| seen.offset + 1);
        run.ledger.see(partition, seen);
        Some(())
    }
}
