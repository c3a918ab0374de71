//! The committed offsets of one group.
//!
//! Invariant: what is in here was committed to the log, and of two records for a partition the later one in the log.

use std::sync::Arc;

use uuid::Uuid;

use super::member_memory::Charge;
use super::offset_memory::OffsetMemory;

/// What an offset takes beside its text, with its part of the lists, about.
const ENTRY_BYTES: usize = 200;
/// The same for a topic beside its name.
const TOPIC_BYTES: usize = 100;

/// The offsets of one topic, ordered by partition. No maps: most groups have a few of each, and a map's least is much.
pub(crate) type Partitions = Vec<(i32, CommittedOffset)>;

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
    /// Ordered by name; none is empty.
    topics: Vec<(Arc<str>, Partitions)>,
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

    fn place(&self, topic: &str) -> Result<usize, usize> {
        self.topics.binary_search_by(|(name, _)| (**name).cmp(topic))
    }

    fn partitions(&self, topic: &str) -> Option<&Partitions> {
        let place = self.place(topic).ok()?;
        Some(&self.topics[place].1)
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        find(self.partitions(topic)?, partition)
    }

    /// How much more is held with this offset than without.
    pub(crate) fn more_with(&self, topic: &str, partition: i32, offset: &CommittedOffset) -> usize {
        match self.partitions(topic) {
            None => topic_bytes(topic) + offset.bytes(),
            Some(partitions) => {
                let before = find(partitions, partition).map_or(0, CommittedOffset::bytes);
                offset.bytes().saturating_sub(before)
            }
        }
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
        let place = self.place(topic).unwrap_or_else(|place| {
            self.bytes += topic_bytes(topic);
            insert(&mut self.topics, place, (Arc::clone(topic), Partitions::new()));
            place
        });
        let partitions = &mut self.topics[place].1;
        let is_new = match partitions.binary_search_by_key(&partition, |(index, _)| *index) {
            Ok(place) => {
                self.bytes -= partitions[place].1.bytes();
                partitions[place].1 = offset;
                false
            }
            Err(place) => {
                insert(partitions, place, (partition, offset));
                true
            }
        };
        let bytes = self.bytes;
        self.charge.get_or_insert_with(|| memory.charge()).set(bytes);
        is_new
    }

    /// Removes an offset; true where the partition had one.
    pub(crate) fn remove(&mut self, topic: &str, partition: i32) -> bool {
        let Ok(place) = self.place(topic) else {
            return false;
        };
        let partitions = &mut self.topics[place].1;
        let Ok(at) = partitions.binary_search_by_key(&partition, |(index, _)| *index) else {
            return false;
        };
        let (_, removed) = partitions.remove(at);
        self.bytes -= removed.bytes();
        if partitions.is_empty() {
            self.topics.remove(place);
            self.bytes -= topic_bytes(topic);
        }
        if let Some(charge) = &mut self.charge {
            charge.set(self.bytes);
        }
        true
    }

    /// All offsets, ordered by topic.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &Partitions)> {
        self.topics.iter().map(|(topic, partitions)| (topic, partitions))
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

/// What a topic takes beside its offsets.
pub(crate) fn topic_bytes(topic: &str) -> usize {
    TOPIC_BYTES + topic.len()
}

fn find(partitions: &Partitions, partition: i32) -> Option<&CommittedOffset> {
    let place = partitions.binary_search_by_key(&partition, |(index, _)| *index).ok()?;
    Some(&partitions[place].1)
}

/// Inserts into a list that begins with room for one.
fn insert<T>(list: &mut Vec<T>, place: usize, item: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.insert(place, item);
}
