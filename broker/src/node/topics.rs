//! The partitions of this node, found by topic name or id without a lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use storage::journal::GroupId;
use uuid::Uuid;

use super::partition::Partition;

/// A topic's partitions on this node.
#[derive(Debug, Clone)]
pub struct LocalTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Its partitions, by index.
    pub partitions: BTreeMap<i32, Arc<Partition>>,
}

/// All topics with partitions here, as of one moment.
#[derive(Debug, Clone, Default)]
pub struct Topics {
    by_id: BTreeMap<Uuid, Arc<LocalTopic>>,
    ids: BTreeMap<Arc<str>, Uuid>,
}

/// The present [`Topics`], replaced as a whole.
#[derive(Debug, Default)]
pub struct TopicMap(ArcSwap<Topics>);

impl TopicMap {
    /// The topics of this moment.
    pub fn load(&self) -> Guard<Arc<Topics>> {
        self.0.load()
    }

    /// The same, to be kept for longer.
    pub fn load_full(&self) -> Arc<Topics> {
        self.0.load_full()
    }

    /// Changes the topics. One writer at a time.
    pub(super) fn update(&self, change: impl FnOnce(&mut Topics)) {
        let mut topics = Topics::clone(&self.0.load());
        change(&mut topics);
        self.0.store(Arc::new(topics));
    }

    /// The partition by topic name.
    pub fn partition(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        self.load().by_name(topic)?.partitions.get(&index).cloned()
    }

    /// The partition by topic id.
    pub fn partition_by_id(&self, topic: Uuid, index: i32) -> Option<Arc<Partition>> {
        self.load().by_id(topic)?.partitions.get(&index).cloned()
    }
}

impl Topics {
    /// A topic by name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<LocalTopic>> {
        self.by_id.get(self.ids.get(name)?)
    }

    /// A topic by id.
    pub fn by_id(&self, id: Uuid) -> Option<&Arc<LocalTopic>> {
        self.by_id.get(&id)
    }

    /// All topics.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LocalTopic>> {
        self.by_id.values()
    }

    /// All partitions.
    pub fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.by_id.values().flat_map(|topic| topic.partitions.values())
    }

    pub(super) fn insert(&mut self, partition: Arc<Partition>) {
        let topic = self.by_id.entry(partition.id.topic_id).or_insert_with(|| {
            Arc::new(LocalTopic {
                name: partition.topic.clone(),
                id: partition.id.topic_id,
                partitions: BTreeMap::new(),
            })
        });
        Arc::make_mut(topic)
            .partitions
            .insert(partition.id.partition, partition.clone());
        self.ids.insert(partition.topic.clone(), partition.id.topic_id);
    }

    /// Takes one partition out; its topic stays.
    pub(super) fn remove_partition(&mut self, id: GroupId) {
        if let Some(topic) = self.by_id.get_mut(&id.topic_id) {
            Arc::make_mut(topic).partitions.remove(&id.partition);
        }
    }

    pub(super) fn remove(&mut self, id: Uuid) -> Option<Arc<LocalTopic>> {
        let topic = self.by_id.remove(&id)?;
        if self.ids.get(&topic.name) == Some(&id) {
            self.ids.remove(&topic.name);
        }
        Some(topic)
    }
}
