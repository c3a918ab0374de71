//! The committed offsets of one group.
//!
//! Invariant: what is in here was committed to the log, and of two records for a partition the later one in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::member_memory::Charge;
use super::offset_memory::OffsetMemory;

/// What an offset takes beside its text, with its part of the maps, about.
const ENTRY_BYTES: usize = 200;

/// One committed offset (Kafka: `OffsetAndMetadata`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    /// −1 where the client did not say.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Box<str>,
    /// Wall clock.
    pub(crate) commit_timestamp_ms: i64,
    /// Wall clock; only of commits that brought their own retention.
    pub(crate) expire_timestamp_ms: Option<i64>,
    /// Nil where the client did not say.
    pub(crate) topic_id: Uuid,
    /// Where the record stands in the log.
    pub(crate) record_offset: i64,
}

/// Committed offsets by topic and partition.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    topics: BTreeMap<Arc<str>, BTreeMap<i32, CommittedOffset>>,
    bytes: usize,
    charge: Option<Charge>,
}

impl CommittedOffset {
    /// What it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        ENTRY_BYTES + self.metadata.len()
    }
}

impl Offsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.topics.get(topic)?.get(&partition)
    }

    /// Sets an offset, which counts in `memory`; true where the partition had none.
    pub(crate) fn put(
        &mut self,
        topic: &Arc<str>,
        partition: i32,
        offset: CommittedOffset,
        memory: &OffsetMemory,
    ) -> bool {
        self.bytes += offset.bytes();
        let replaced = match self.topics.get_mut(topic.as_ref()) {
            Some(partitions) => partitions.insert(partition, offset),
            None => {
                self.topics
                    .insert(Arc::clone(topic), BTreeMap::from([(partition, offset)]));
                None
            }
        };
        self.bytes -= replaced.as_ref().map_or(0, CommittedOffset::bytes);
        let bytes = self.bytes;
        self.charge.get_or_insert_with(|| memory.charge()).set(bytes);
        replaced.is_none()
    }

    /// Removes an offset; true where the partition had one.
    pub(crate) fn remove(&mut self, topic: &str, partition: i32) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else {
            return false;
        };
        let removed = partitions.remove(&partition);
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        self.bytes -= removed.as_ref().map_or(0, CommittedOffset::bytes);
        if let Some(charge) = &mut self.charge {
            charge.set(self.bytes);
        }
        removed.is_some()
    }

    /// All offsets, ordered by topic.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &BTreeMap<i32, CommittedOffset>)> {
        self.topics.iter()
    }

    /// All offsets, ordered by topic and partition.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32, &CommittedOffset)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(move |(partition, offset)| (topic, *partition, offset))
        })
    }
}
