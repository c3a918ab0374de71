//! The committed offsets of one group.
//!
//! Invariant: what is in here was committed to the log, and of two records for a partition the later one in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

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
}

impl Offsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.topics.get(topic)?.get(&partition)
    }

    /// Sets an offset; true where the partition had none.
    pub(crate) fn put(&mut self, topic: &Arc<str>, partition: i32, offset: CommittedOffset) -> bool {
        match self.topics.get_mut(topic.as_ref()) {
            Some(partitions) => partitions.insert(partition, offset).is_none(),
            None => {
                self.topics
                    .insert(Arc::clone(topic), BTreeMap::from([(partition, offset)]));
                true
            }
        }
    }

    /// Removes an offset; true where the partition had one.
    pub(crate) fn remove(&mut self, topic: &str, partition: i32) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else {
            return false;
        };
        let removed = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        removed
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
