//! Topics that come and go: one is deleted and made again under its name, gets more partitions in between, and is written
//! to at once; another one expires as fast as it is written.
//!
//! It judges by itself: what of a topic that was deleted must be gone, what was acknowledged to its successor must be there,
//! and what expiry leaves is a suffix without gaps.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use storage::compression::Codec;

use super::{Run, now_ms};
use crate::client::{Acks, ClientError, Connection, EARLIEST, LATEST, NewTopic};
use crate::payload::{self, WriterId};

/// Topics of these names are not in the ledger.
pub(crate) const PREFIX: &str = "churned-";
const AGAIN: &str = "churned-again";
const SHORT: &str = "churned-short";
/// Each life of the first topic has a writer of its own from here on; so has each of its partitions.
const FIRST_WRITER: WriterId = 100_000;
const MAX_PARTITIONS: i32 = 4;
/// The second topic's.
const SHORT_WRITER: WriterId = 99_999;
const WHO: &str = "the churner of topics";

/// How far the first topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Gone,
    /// Asked for, without an answer.
    Creating,
    There,
    /// To be gone, without an answer.
    Deleting,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Churn {
    phase: Phase,
    life: u32,
    /// Of each partition: records that are known to be there, and sent.
    partitions: Vec<(u64, u64)>,
    may_grow_to: i32,
    short: Option<(i64, u64)>,
    random: StdRng,
}

impl Churn {
    pub(super) fn new(seed: u64) -> Self {
        Churn {
            phase: Phase::Gone,
            life: 0,
            partitions: Vec::new(),
            may_grow_to: 0,
            short: None,
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn run(&mut self, run: &Run) {
        let Some(mut broker) = run.connect(WHO) else { return };
        let checked = self.check(&mut broker);
        match run.ok(WHO, checked) {
            Some(problems) => problems.iter().for_each(|problem| run.find(WHO, problem)),
            None => return,
        }
        while let Some(()) = run.ok(WHO, self.turn(&mut broker)) {
            std::thread::sleep(Duration::from_millis(self.random.random_range(0..20)));
        }
    }

    fn turn(&mut self, broker: &mut Connection) -> Result<(), ClientError> {
        self.write_short(broker)?;
        if self.phase != Phase::There {
            return self.create(broker);
        }
        match self.random.random_range(0..10) {
            0 => {
                self.phase = Phase::Deleting;
                broker.delete_topic(AGAIN)?;
                self.phase = Phase::Gone;
                self.create(broker)
            }
            1 if self.may_grow_to < MAX_PARTITIONS => {
                self.may_grow_to += 1;
                broker.create_partitions(AGAIN, self.may_grow_to)?;
                self.partitions.resize(self.may_grow_to as usize, (0, 0));
                self.write(broker, self.may_grow_to - 1)
            }
            _ => {
                let index = self.random.random_range(0..self.partitions.len()) as i32;
                self.write(broker, index)
            }
        }
    }

    fn create(&mut self, broker: &mut Connection) -> Result<(), ClientError> {
        self.phase = Phase::Creating;
        self.life += 1;
        self.may_grow_to = 1;
        self.partitions = vec![(0, 0)];
        broker.create_topic(&NewTopic {
            name: AGAIN,
            partitions: 1,
            configs: &[("segment.ms", "100")],
        })?;
        self.phase = Phase::There;
        self.write(broker, 0)
    }

    fn writer(&self, index: i32) -> WriterId {
        FIRST_WRITER + self.life * MAX_PARTITIONS as u32 + index as u32
    }

    fn write(&mut self, broker: &mut Connection, index: i32) -> Result<(), ClientError> {
        let writer = self.writer(index);
        let count = self.random.random_range(1..=20);
        let (acknowledged, sent) = &mut self.partitions[index as usize];
        let first = *sent;
        *sent += u64::from(count);
        let batch = payload::batch(writer, first, count, None, Codec::None, now_ms());
        broker.produce(AGAIN, index, batch, Acks::All)?;
        // What had no answer before may be missing: its sequences are not used again.
        *acknowledged += u64::from(count);
        Ok(())
    }

    fn write_short(&mut self, broker: &mut Connection) -> Result<(), ClientError> {
        let (_, sequence) = match self.short {
            Some(known) => known,
            None => {
                broker.create_topic(&NewTopic {
                    name: SHORT,
                    partitions: 1,
                    configs: &[("retention.ms", "300"), ("segment.ms", "100")],
                })?;
                *self.short.insert((0, 0))
            }
        };
        // What is not answered may be there: its sequences are not used again.
        self.short = self.short.map(|(end, _)| (end, sequence + 1));
        let batch = payload::batch(SHORT_WRITER, sequence, 1, None, Codec::None, now_ms());
        let offset = broker.produce(SHORT, 0, batch, Acks::All)?;
        self.short = Some((offset + 1, sequence + 1));
        Ok(())
    }

    /// After a start: whether everything is as it was left.
    fn check(&mut self, broker: &mut Connection) -> Result<Vec<String>, ClientError> {
        let mut problems = Vec::new();
        self.check_short(broker, &mut problems)?;
        let described = broker.describe_topics(None)?;
        let found = described.iter().find(|topic| topic.name == AGAIN);
        match (found, self.phase) {
            (None, Phase::There) => problems.push(format!("{AGAIN} is gone")),
            (Some(_), Phase::Gone) => problems.push(format!("{AGAIN} is there, it was deleted")),
            (None, _) => self.phase = Phase::Gone,
            (Some(topic), _) => {
                let count = topic.partitions.len();
                if count < self.partitions.len() || count > self.may_grow_to as usize {
                    let (least, most) = (self.partitions.len(), self.may_grow_to);
                    problems.push(format!("{AGAIN} has {count} partitions, of {least} to {most}"));
                    return Ok(problems);
                }
                self.partitions.resize(count, (0, 0));
                self.may_grow_to = count as i32;
                self.phase = Phase::There;
                for index in 0..count as i32 {
                    self.check_partition(broker, index, &mut problems)?;
                }
            }
        }
        Ok(problems)
    }

    /// Its records are those of this life, each acknowledged one once.
    fn check_partition(
        &mut self,
        broker: &mut Connection,
        index: i32,
        problems: &mut Vec<String>,
    ) -> Result<(), ClientError> {
        let end = broker.list_offset(AGAIN, index, LATEST)?;
        let (acknowledged, sent) = self.partitions[index as usize];
        if end < acknowledged as i64 {
            problems.push(format!(
                "{AGAIN}-{index} ends at {end}, {acknowledged} were acknowledged"
            ));
            return Ok(());
        }
        let mut known = Vec::new();
        read(broker, AGAIN, index, 0..end, problems, |writer, sequence| {
            known.push((writer, sequence))
        })?;
        let writer = self.writer(index);
        if let Some(foreign) = known.iter().find(|(other, _)| *other != writer) {
            problems.push(format!(
                "{AGAIN}-{index} has record {foreign:?}, of another topic than {writer}'s"
            ));
        }
        // A batch without an answer is there or not; what came after it is.
        if !known.is_sorted_by(|before, after| before.1 < after.1) || known.len() as u64 > sent {
            problems.push(format!(
                "{AGAIN}-{index} has {} records of {sent}, not in order",
                known.len()
            ));
        }
        self.partitions[index as usize] = (known.len() as u64, sent);
        Ok(())
    }

    /// What is left is without gaps, up to what was acknowledged.
    fn check_short(&mut self, broker: &mut Connection, problems: &mut Vec<String>) -> Result<(), ClientError> {
        if self.short.is_none() {
            // Perhaps it was made, and nobody was told.
            if broker.describe_topics(Some(&[SHORT]))?.is_empty() {
                return Ok(());
            }
            self.short = Some((0, 0));
        }
        let Some((acknowledged, _)) = self.short else {
            return Ok(());
        };
        let earliest = broker.list_offset(SHORT, 0, EARLIEST)?;
        let latest = broker.list_offset(SHORT, 0, LATEST)?;
        if latest < acknowledged {
            problems.push(format!("{SHORT} ends at {latest}, {acknowledged} were acknowledged"));
        }
        let mut last = None;
        let mut in_order = true;
        let result = read(broker, SHORT, 0, earliest..latest, problems, |writer, sequence| {
            in_order &= writer == SHORT_WRITER && last.is_none_or(|last| last < sequence);
            last = Some(sequence);
        });
        match result {
            // It has gone on expiring meanwhile.
            Err(ClientError::Refused { code: 1, .. }) => {}
            other => other?,
        }
        if !in_order {
            problems.push(format!("{SHORT} has records that are not in order"));
        }
        Ok(())
    }
}

/// Reads these offsets, which must be there without a gap.
fn read(
    broker: &mut Connection,
    topic: &str,
    index: i32,
    offsets: std::ops::Range<i64>,
    problems: &mut Vec<String>,
    mut see: impl FnMut(WriterId, u64),
) -> Result<(), ClientError> {
    let mut next = offsets.start;
    while next < offsets.end {
        let from = next;
        let fetched = broker.fetch(topic, index, next, 1000)?;
        let records = fetched.batches.iter().flat_map(|batch| &batch.records);
        for record in records.filter(|record| record.offset >= from) {
            if record.offset != next {
                problems.push(format!("{topic}-{index}: {} where {next} is due", record.offset));
                return Ok(());
            }
            next += 1;
            match payload::identify(record) {
                Ok((writer, sequence)) => see(writer, sequence),
                Err(problem) => problems.push(format!("{topic}-{index}: {problem}")),
            }
        }
        if next == from {
            problems.push(format!("{topic}-{index}: nothing at {next} of {offsets:?}"));
            return Ok(());
        }
    }
    Ok(())
}
