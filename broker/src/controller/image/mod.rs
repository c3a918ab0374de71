//! The cluster's metadata at one offset of `__cluster_metadata`, immutable and cheap to clone.
//!
//! Invariants: topics by name and by id agree; partitions of a topic are numbered from 0 without a gap; a resource
//! without overrides has no entry; equal records in equal order give equal images, iterated in the same order.
//!
//! The maps are shared between images: an image clones in constant time, and the next one copies only what it changes.
//! Replay many records through one [`ImageBuilder`]: it copies nothing twice.

mod broker;
mod builder;
mod config;
mod shared_map;
mod snapshot;
mod topic;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

pub use broker::Broker;
pub use builder::{ImageBuilder, ImageError};
pub use config::{ConfigResource, Overrides, ResourceType, config_bytes};
pub use topic::{Partition, Topic};

use shared_map::SharedMap;

/// The overrides of the resources of one kind, by the resource's name.
type Resources = SharedMap<Arc<str>, Arc<Overrides>>;

/// The metadata of a cluster after the record at [`Image::offset`].
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    cluster_id: Arc<str>,
    offset: i64,
    epoch: i32,
    topics: SharedMap<Uuid, Arc<Topic>>,
    ids_by_name: SharedMap<Arc<str>, Uuid>,
    /// Names that hold a `.` or `_`, by the name with every `.` replaced: they would share the names of metrics.
    colliding_names: SharedMap<String, Vec<Arc<str>>>,
    configs: BTreeMap<ResourceType, Resources>,
    /// What they take: the sum of [`config_bytes`].
    config_bytes: usize,
    brokers: Arc<BTreeMap<i32, Broker>>,
    features: Arc<BTreeMap<String, i16>>,
    next_producer_id: i64,
    partition_count: usize,
}

impl Image {
    /// The image before the first record. The cluster id is made once and kept beside the log, as Kafka keeps it in
    /// `meta.properties`; no record carries it.
    pub fn empty(cluster_id: &str) -> Self {
        Self {
            cluster_id: cluster_id.into(),
            offset: -1,
            epoch: 0,
            topics: SharedMap::default(),
            ids_by_name: SharedMap::default(),
            colliding_names: SharedMap::default(),
            configs: BTreeMap::new(),
            config_bytes: 0,
            brokers: Arc::default(),
            features: Arc::default(),
            next_producer_id: 0,
            partition_count: 0,
        }
    }

    /// Id of the cluster.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Offset of the last record applied; −1 if there was none.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Leader epoch of the last record applied.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(self.ids_by_name.get(name)?)
    }

    /// The topic of that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.get(&id)
    }

    /// All topics, ordered by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.ids_by_name.iter().filter_map(|(_, id)| self.topics.get(id))
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// A topic whose name gives the same metric names as this one, and the name itself if it exists (KIP-12: `.` and
    /// `_` are one there).
    pub fn colliding_topic(&self, name: &str) -> Option<&str> {
        let names = self.colliding_names.get(&topic::collision_key(name)?)?;
        names.first().map(|name| &**name)
    }

    /// The overrides of a resource; empty if it has none.
    pub fn overrides(&self, kind: ResourceType, name: &str) -> &Overrides {
        static NONE: Overrides = Overrides::new();
        self.configs
            .get(&kind)
            .and_then(|resources| resources.get(name))
            .map_or(&NONE, |overrides| overrides)
    }

    /// The names of the resources of a kind that have overrides, with them, ordered by name.
    pub fn resources(&self, kind: ResourceType) -> impl Iterator<Item = (&str, &Overrides)> {
        let resources = self.configs.get(&kind).into_iter().flat_map(SharedMap::iter);
        resources.map(|(name, overrides)| (&**name, &**overrides))
    }

    /// How many resources of a kind have overrides.
    pub fn resource_count(&self, kind: ResourceType) -> usize {
        self.configs.get(&kind).map_or(0, SharedMap::len)
    }

    /// What the overrides of all resources take in memory, about: the sum of [`config_bytes`].
    pub fn config_bytes(&self) -> usize {
        self.config_bytes
    }

    /// Whether all resources have the overrides that they have in the other image. Takes no time where nothing changed
    /// between the two.
    pub fn is_configured_as(&self, other: &Image) -> bool {
        self.configs == other.configs
    }

    /// The broker with that `node.id`.
    pub fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers.get(&id)
    }

    /// All registered brokers, ordered by id.
    pub fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values()
    }

    /// The finalized features with their levels, ordered by name.
    pub fn features(&self) -> impl Iterator<Item = (&str, i16)> {
        self.features.iter().map(|(name, level)| (name.as_str(), *level))
    }

    /// First producer id of the next block.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }
}
