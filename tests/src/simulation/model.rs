//! What the clients know of one partition.

use std::collections::{BTreeMap, BTreeSet};

use storage::journal::GroupId;
use storage::record_batch::{BatchHeader, Record};

/// A batch that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) partition: GroupId,
    /// Some attempt was accepted, or its fate is unknown.
    pub(crate) may_be_there: bool,
}

/// A batch as it was read below the high watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) token: u64,
    pub(crate) next_offset: i64,
    /// The leader epoch.
    pub(crate) epoch: i32,
    /// Of all its bytes, the stamp included.
    pub(crate) hash: u64,
    pub(crate) size: u64,
    /// Timestamps of its records.
    pub(crate) timestamps: Vec<i64>,
}

/// A batch that was appended in the present life of the node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) base_offset: i64,
    pub(crate) token: u64,
}

/// What is known of one partition.
#[derive(Debug)]
pub(crate) struct PartitionModel {
    /// Caching: a power cut may take what was acknowledged.
    pub(crate) is_weak: bool,
    /// What was seen below the high watermark, by base offset.
    pub(crate) log: BTreeMap<i64, Placed>,
    /// Where each batch was seen.
    pub(crate) places: BTreeMap<u64, i64>,
    /// Acknowledged with acks=all: token by base offset.
    pub(crate) confirmed: BTreeMap<i64, u64>,
    pub(crate) written: Vec<Written>,
    /// The next sequence of each producer in the log as seen.
    pub(crate) sequences: BTreeMap<i64, i32>,
    /// The highest log start offset seen.
    pub(crate) start: i64,
    /// The highest offset up to which records were asked to be deleted.
    pub(crate) asked_start: i64,
    /// The highest log start offset that was answered.
    pub(crate) answered_start: i64,
    /// Every `retention.ms` and `retention.bytes` that was in force.
    pub(crate) retentions: Vec<(i64, i64)>,
    /// A bit was flipped on the device in the batch with this base offset.
    pub(crate) flipped: Option<i64>,
}

impl PartitionModel {
    pub(crate) fn new(topic: &str) -> Self {
        PartitionModel {
            is_weak: topic.starts_with('w'),
            log: BTreeMap::new(),
            places: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            written: Vec::new(),
            sequences: BTreeMap::new(),
            start: 0,
            asked_start: 0,
            answered_start: 0,
            retentions: Vec::new(),
            flipped: None,
        }
    }

    /// The end of what was seen.
    pub(crate) fn end(&self) -> i64 {
        self.log.last_key_value().map_or(0, |(_, placed)| placed.next_offset)
    }

    /// Forgets what lies at and above `end`: a caching partition lost it.
    pub(crate) fn forget_from(&mut self, end: i64) {
        for (_, placed) in self.log.split_off(&end) {
            self.places.remove(&placed.token);
        }
        self.confirmed.split_off(&end);
    }

    /// Whether retention might remove everything below `start` at `now_ms`, by any of the settings that were in force.
    /// `left` are the bytes of what is still there; `None` if that is not what it was then.
    pub(crate) fn may_be_removed_below(&self, start: i64, now_ms: i64, left: Option<u64>) -> Result<(), String> {
        let justified = |(retention_ms, retention_bytes): (i64, i64)| -> Result<(), String> {
            let mut bytes_after = left.map_or(i64::MAX, |left| left as i64);
            for (base, placed) in self.log.range(self.start..start).rev() {
                let newest = placed.timestamps.iter().max().copied().unwrap_or(i64::MAX);
                let is_expired = retention_ms >= 0 && now_ms.saturating_sub(newest) > retention_ms;
                let is_too_much = retention_bytes >= 0 && bytes_after >= retention_bytes;
                if !is_expired && !is_too_much {
                    return Err(format!(
                        "the batch at {base}, {} ms old, with {bytes_after} bytes after it, is gone with \
                         retention.ms={retention_ms} retention.bytes={retention_bytes}",
                        now_ms - newest
                    ));
                }
                bytes_after = bytes_after.saturating_add(placed.size as i64);
            }
            Ok(())
        };
        let mut result = Err("nothing was to be removed".to_string());
        for retention in &self.retentions {
            result = justified(*retention);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

/// What is known of a compacted partition.
#[derive(Debug, Default)]
pub(crate) struct Compacted {
    /// Every record that was seen below the high watermark, by offset.
    pub(crate) known: BTreeMap<i64, Record>,
    /// All below was seen.
    pub(crate) seen_end: i64,
    /// When a tombstone may go at the earliest: since a round has met it.
    pub(crate) horizons: BTreeMap<i64, i64>,
    /// What was written, and perhaps not seen yet: the records of batches by base offset, the last try last.
    written: BTreeMap<i64, Vec<Vec<Record>>>,
    /// Producers in use, and their next sequences.
    producers: BTreeMap<usize, (i64, i32)>,
    /// The last offset of the last batch that was seen of each producer.
    last_seen: BTreeMap<i64, i64>,
    /// Producers that have written more than was seen.
    ahead: BTreeSet<i64>,
}

impl Compacted {
    /// The producer in one of the places, and its next sequence.
    pub(crate) fn producer(&mut self, place: usize, next_id: &mut u64) -> (i64, i32) {
        *self.producers.entry(place).or_insert_with(|| {
            *next_id += 1;
            (1_000_000 + *next_id as i64, 0)
        })
    }

    /// A batch was written at `base`, or perhaps not.
    pub(crate) fn wrote(&mut self, base: i64, records: &[Record], producer: Option<i64>, is_certain: bool) {
        let at = |record: &Record| Record {
            offset: base + record.offset,
            ..record.clone()
        };
        self.written
            .entry(base)
            .or_default()
            .push(records.iter().map(at).collect());
        let Some(producer) = producer else { return };
        self.ahead.insert(producer);
        match is_certain {
            true => {
                let used = self.producers.values_mut().filter(|(id, _)| *id == producer);
                used.for_each(|(_, sequence)| *sequence += records.len() as i32);
            }
            false => self.producers.retain(|_, (id, _)| *id != producer),
        }
    }

    /// A batch stands in the log below the high watermark, behind all that was seen before.
    pub(crate) fn see(&mut self, header: &BatchHeader, records: &[Record]) -> Result<(), String> {
        let written = self.written.remove(&header.base_offset).unwrap_or_default();
        if !written.iter().any(|written| written == records) {
            return Err(format!("{records:?} was not written there, but {written:?}"));
        }
        self.known
            .extend(records.iter().map(|record| (record.offset, record.clone())));
        self.seen_end = header.next_offset();
        if header.has_producer() {
            self.last_seen.insert(header.producer_id, header.last_offset());
            let is_ahead = self.written.range(self.seen_end..).next().is_some();
            if !is_ahead {
                self.ahead.clear();
            }
        }
        Ok(())
    }

    /// A round begins that may meet what was seen.
    pub(crate) fn meet_tombstones(&mut self, horizon_ms: i64) {
        for (offset, _) in self.known.iter().filter(|(_, record)| record.value.is_none()) {
            self.horizons.entry(*offset).or_insert(horizon_ms);
        }
    }

    /// The log ends at `end` after a start: what was written behind it is not there. Producers that may have lost something
    /// are not used any more.
    pub(crate) fn restarted(&mut self, end: i64) {
        self.written.split_off(&end);
        self.producers.clear();
    }

    /// The last offset of the last batch of each producer, as far as all of it was seen.
    pub(crate) fn last_batches(&self) -> impl Iterator<Item = (i64, i64)> {
        let seen = self.last_seen.iter().map(|(id, last)| (*id, *last));
        seen.filter(|(id, _)| !self.ahead.contains(id))
    }
}
