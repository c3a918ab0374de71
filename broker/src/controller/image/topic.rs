//! A topic and its partitions, as the metadata knows them.

use std::sync::Arc;

use uuid::Uuid;

use crate::controller::record::{PartitionChangeRecord, PartitionRecord, Record, TopicRecord};

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Its partitions, each at its own index.
    pub partitions: Vec<Partition>,
}

/// A partition: who holds it, and who led it when the metadata last said so.
///
/// The leader of the moment is known by the partition's own Raft group, not here: see
/// [`PartitionLeaders`](crate::controller::describe::PartitionLeaders).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Brokers that hold it, the preferred leader first.
    pub replicas: Box<[i32]>,
    /// Replicas in sync.
    pub isr: Box<[i32]>,
    /// Replicas about to be removed by a reassignment.
    pub removing_replicas: Box<[i32]>,
    /// Replicas about to be added by a reassignment.
    pub adding_replicas: Box<[i32]>,
    /// Leader, or −1.
    pub leader: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Counts the changes of this partition.
    pub partition_epoch: i32,
}

impl Topic {
    /// The partition of that index.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// The records that make this topic: itself, then its partitions in order.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let topic = Record::Topic(TopicRecord {
            name: self.name.to_string(),
            topic_id: self.id,
        });
        let partitions = self.partitions.iter().zip(0i32..);
        std::iter::once(topic)
            .chain(partitions.map(|(partition, index)| Record::Partition(partition.record(self.id, index))))
    }
}

impl Partition {
    /// A partition just created: every replica that is in sync, led by the first of them.
    pub fn created(replicas: &[i32], isr: &[i32]) -> Self {
        Self {
            replicas: replicas.into(),
            isr: isr.into(),
            removing_replicas: [].into(),
            adding_replicas: [].into(),
            leader: isr.first().copied().unwrap_or(-1),
            leader_epoch: 0,
            partition_epoch: 0,
        }
    }

    /// The record that makes this partition.
    pub fn record(&self, topic_id: Uuid, partition_id: i32) -> PartitionRecord {
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: self.replicas.to_vec(),
            isr: self.isr.to_vec(),
            removing_replicas: self.removing_replicas.to_vec(),
            adding_replicas: self.adding_replicas.to_vec(),
            leader: self.leader,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
        }
    }

    /// Applies a change. A record that names a leader begins a new leader epoch, also if it names the same one.
    pub(super) fn change(&mut self, record: &PartitionChangeRecord) {
        let replace = |field: &mut Box<[i32]>, value: &Option<Vec<i32>>| {
            if let Some(value) = value {
                *field = value.as_slice().into();
            }
        };
        replace(&mut self.replicas, &record.replicas);
        replace(&mut self.isr, &record.isr);
        replace(&mut self.removing_replicas, &record.removing_replicas);
        replace(&mut self.adding_replicas, &record.adding_replicas);
        if let Some(leader) = record.leader {
            self.leader = leader;
            self.leader_epoch = self.leader_epoch.saturating_add(1);
        }
        self.partition_epoch = self.partition_epoch.saturating_add(1);
    }
}

impl From<&PartitionRecord> for Partition {
    fn from(record: &PartitionRecord) -> Self {
        Self {
            replicas: record.replicas.as_slice().into(),
            isr: record.isr.as_slice().into(),
            removing_replicas: record.removing_replicas.as_slice().into(),
            adding_replicas: record.adding_replicas.as_slice().into(),
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        }
    }
}

/// What a name is in the names of metrics, if that can be the same as another topic's.
pub(super) fn collision_key(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}
