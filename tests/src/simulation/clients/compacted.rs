//! A client of compacted topics, whose names begin with `c`: it writes keys, values and tombstones, and knows each record.
//!
//! What it has once seen below the high watermark counts; the invariants are in `invariants/compacted`.

use std::sync::Arc;

use broker::node::{CleanerSettings, Clock, Partition};
use consensus::Append;
use storage::compression::Codec;
use storage::journal::GroupId;
use storage::record_batch::{BatchBuilder, Records, validate_produced};

use super::super::report::{Broken, broken};
use super::super::world::World;

/// Different keys: few, so that most records are superseded soon.
const KEYS: u64 = 9;
const MAX_DECOMPRESSED: usize = 1 << 20;
/// Tombstones stay this long.
pub(crate) const DELETE_RETENTION_MS: i64 = 400;
const RESERVE: &str = "6 the cleaner leaves the reserve of the disk alone";
/// A batch more than the step was to write, and what the journal takes.
const MAX_BESIDE: u64 = 2_500;
/// Steps in which a round must come to its end.
const MAX_STEPS: usize = 5_000;

const SETTINGS: CleanerSettings = CleanerSettings {
    // Sometimes too small for all keys: several rounds then.
    map_bytes: 24 * 8,
    load_factor: 0.9,
    io_bytes: 300,
    max_decompressed: MAX_DECOMPRESSED,
    secret: (1, 2),
};

/// Whether a topic is one of these.
pub(crate) fn is_compacted(topic: &str) -> bool {
    topic.starts_with('c')
}

impl World {
    /// The open partitions of compacted topics.
    pub(crate) fn compacted_partitions(&self) -> Vec<Arc<Partition>> {
        let Some(running) = &self.running else {
            return Vec::new();
        };
        let topics = running.node.topics().load_full();
        let open = topics.partitions().filter(|partition| is_compacted(&partition.topic));
        open.cloned().collect()
    }

    /// One batch to some compacted partition.
    pub(crate) fn produce_keyed(&mut self) -> Result<(), Broken> {
        let partitions = self.compacted_partitions();
        let Some(index) = self.random.index(partitions.len()) else {
            return Ok(());
        };
        self.produce_keyed_to(&partitions[index].clone())
    }

    pub(super) fn produce_keyed_to(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        let id = partition.id;
        let codec = [Codec::None, Codec::None, Codec::Lz4, Codec::Zstd][self.random.below(4) as usize];
        let mut builder = BatchBuilder::new(codec);
        let count = self.random.between(1, 5);
        let producer = self.keyed_producer(id);
        if let Some((producer, sequence)) = producer {
            builder = builder.producer(producer, 0, sequence);
        }
        for _ in 0..count {
            let timestamp = self.clock.wall_ms() - self.random.below(1_500) as i64;
            let key = [b'k', self.random.below(KEYS) as u8];
            self.next_token += 1;
            let mut value = self.next_token.to_be_bytes().to_vec();
            value.resize(8 + self.random.below(80) as usize, 7);
            let value = (!self.random.percent(25)).then_some(&value[..]);
            builder.push(timestamp, Some(&key), value, &[]);
        }
        let batch = builder.build();
        let rules = partition.settings().rules.clone();
        let valid = match validate_produced(&batch, &rules, self.clock.wall_ms()) {
            Ok(valid) => valid,
            Err(error) => return broken("a sound batch is accepted", error.to_string()),
        };
        let end = partition.reader().end_offset();
        let result = node.append(partition, &valid);
        let (base, is_certain) = match &result {
            Ok(Append::Written(appended)) => (appended.start.offset, !self.is_stopped()),
            Ok(Append::Duplicate { .. }) => return broken("a new batch is no repeat", format!("{partition}")),
            Err(_) => (end, false),
        };
        let records: Vec<_> = Records::new(&batch, MAX_DECOMPRESSED)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .collect();
        let model = self.compacted.entry(id).or_default();
        model.wrote(base, &records, producer.map(|(id, _)| id), is_certain);
        match is_certain {
            true => self.report.outcome("keyed batches appended"),
            false => self.report.outcome("keyed batches refused, or unheard"),
        }
        Ok(())
    }

    /// The producer to write as, and its next sequence. One of whose batches the fate is not known is not used any more.
    fn keyed_producer(&mut self, partition: GroupId) -> Option<(i64, i32)> {
        if self.random.percent(40) {
            return None;
        }
        let which = self.random.below(3) as usize;
        let model = self.compacted.entry(partition).or_default();
        Some(model.producer(which, &mut self.next_token))
    }

    /// Begins a round of the cleaner, or goes on with one.
    pub(crate) fn compact(&mut self) -> Result<(), Broken> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let node = running.node.clone();
        if let Some(round) = running.cleaning.take() {
            let budget = self.random.between(1, 2_500);
            let partition = round.partition().clone();
            let before = self.free_bytes();
            let (round, _) = node.clean(round, budget);
            let after = self.free_bytes();
            let is_over = round.is_none();
            if let Some(running) = &mut self.running {
                running.cleaning = round;
            }
            if self.reserve_bytes > 0 {
                self.report.checked(RESERVE);
                // Where somebody else has used it up, it stays as it is.
                if after + MAX_BESIDE < before.min(self.reserve_bytes) {
                    let reserve = self.reserve_bytes;
                    return broken(
                        RESERVE,
                        format!("{before} bytes were free, {after} are, with a reserve of {reserve}"),
                    );
                }
            }
            if is_over {
                self.report.outcome("rounds of the cleaner ended");
                // Unless its topic is gone meanwhile.
                let open = node
                    .topics()
                    .partition_by_id(partition.id.topic_id, partition.id.partition);
                if let Some(partition) = open.filter(|it| is_compacted(&it.topic)) {
                    return self.check_compacted(&partition);
                }
            }
            return Ok(());
        }
        // What may go has to be known, and its time noted.
        for partition in self.compacted_partitions() {
            self.see_new(&partition)?;
        }
        let now_ms = self.clock.wall_ms();
        let round = node.begin_clean(&SETTINGS);
        if let Some(round) = &round {
            self.report.outcome("rounds of the cleaner begun");
            let id = round.partition().id;
            self.say(format!("cleans {}", round.partition()));
            if let Some(model) = self.compacted.get_mut(&id) {
                model.meet_tombstones(now_ms + DELETE_RETENTION_MS);
            }
        }
        if let Some(running) = &mut self.running {
            running.cleaning = round;
        }
        Ok(())
    }

    /// Cleans until there is nothing to clean.
    pub(crate) fn compact_all(&mut self) -> Result<(), Broken> {
        for _ in 0..MAX_STEPS {
            let before = self.report.count("rounds of the cleaner begun");
            let is_idle = self.running.as_ref().is_none_or(|running| running.cleaning.is_none());
            self.compact()?;
            if is_idle && self.report.count("rounds of the cleaner begun") == before {
                self.flush();
                self.flush();
                self.compact()?;
                if self.running.as_ref().is_none_or(|running| running.cleaning.is_none()) {
                    return Ok(());
                }
            }
        }
        broken("the cleaner comes to an end", format!("not within {MAX_STEPS} steps"))
    }
}
