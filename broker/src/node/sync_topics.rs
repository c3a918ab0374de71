//! Makes this node's partitions those that the committed metadata says: opens, closes, removes, configures.

use std::sync::Arc;

use consensus::ReplicaError;
use storage::journal::{GroupId, Record};
use storage::log::LogFiles;

use super::Node;
use super::metadata_log::{MetadataError, replay};
use super::open::{DELETE_SUFFIX, OpenPartition};
use super::partition::{HighWatermarkObserver, Partition, PartitionSettings};
use crate::controller::image::{Image, Overrides, ResourceType, Topic};

/// How long the directory of a deleted topic stays for readers that are at it, in milliseconds.
const DIRECTORY_DELETE_DELAY_MS: u64 = 60_000;

/// Applies the metadata whenever more of it is committed.
pub(super) struct ApplyMetadata(pub(super) std::sync::Weak<Node>);

impl HighWatermarkObserver for ApplyMetadata {
    fn advanced(&self, _: i64) {
        if let Some(node) = self.0.upgrade()
            && let Err(error) = node.apply_metadata()
        {
            tracing::error!(%error, "committed metadata cannot be applied");
        }
    }

    fn failed(&self) {
        tracing::error!(
            "the metadata log is out of service: topics can neither be created nor changed until a restart"
        );
    }
}

impl Node {
    /// Applies what the metadata log has committed since the last call.
    fn apply_metadata(&self) -> Result<(), MetadataError> {
        let _one_at_a_time = self.applying.lock();
        let before = self.image.load_full();
        let after = Arc::new(replay(self.metadata.reader(), &before)?);
        self.remove_topics(&before, &after);
        self.open_topics(&after);
        self.configure(&before, &after);
        let offset = after.offset() + 1;
        self.image.store(after);
        self.applied.send_replace(offset);
        Ok(())
    }

    fn remove_topics(&self, before: &Image, after: &Image) {
        for topic in before.topics().filter(|topic| after.topic_by_id(topic.id).is_none()) {
            let mut removed = None;
            self.topics.update(|topics| removed = topics.remove(topic.id));
            let Some(local) = removed else { continue };
            for partition in local.partitions.values() {
                partition.close();
                self.remove_directory(partition);
            }
            if let Some(observer) = self.observer.get() {
                observer.removed(&topic.name, topic.id);
            }
        }
    }

    fn remove_directory(&self, partition: &Partition) {
        let dir = partition.reader().files().dir.clone();
        let id = partition.id.topic_id.simple();
        let aside = std::path::PathBuf::from(format!("{}.{id}{DELETE_SUFFIX}", dir.display()));
        if let Err(error) = self.disk.rename(&dir, &aside) {
            tracing::warn!(dir = %dir.display(), %error, "cannot rename the directory of a deleted topic");
        }
        let now = self.clock.monotonic_ms();
        if let Err(error) = self.journal.append_lazily(&[(partition.id, Record::GroupRemoved)], now) {
            tracing::warn!(%partition, %error, "cannot note that a partition is gone");
        }
        self.housekeeping
            .lock()
            .remove_later(aside, now + DIRECTORY_DELETE_DELAY_MS);
    }

    /// Tries again to open the partitions that could not be opened, say because the disk was full.
    pub(super) fn open_missing(&self) {
        let _nothing_changes = self.applying.lock();
        let image = self.image.load_full();
        let open = self.topics.load().partitions().count();
        if open < image.partition_count() {
            self.open_topics(&image);
        }
    }

    /// Opens every partition of the image that is held here and not open yet. Whether every one of them could be read,
    /// damaged or not.
    pub(super) fn open_topics(&self, image: &Image) -> bool {
        let mut opened = Vec::new();
        let mut is_verified = true;
        let local = self.topics.load_full();
        for topic in image.topics() {
            for (partition, index) in topic.partitions.iter().zip(0..) {
                let is_open = local
                    .by_id(topic.id)
                    .is_some_and(|topic| topic.partitions.contains_key(&index));
                let is_here = partition
                    .replicas
                    .iter()
                    .any(|&replica| replica as u64 == self.meta.node_id);
                if is_open || !is_here {
                    continue;
                }
                let voters: Vec<u64> = partition.replicas.iter().map(|&replica| replica as u64).collect();
                match self.open_partition(topic, index, &voters, image) {
                    Ok((partition, was_read)) => {
                        is_verified &= was_read;
                        opened.push(Arc::new(partition));
                    }
                    Err(error) => {
                        is_verified = false;
                        tracing::error!(topic = %topic.name, index, %error, "a partition cannot be opened");
                    }
                }
            }
        }
        if opened.is_empty() {
            return is_verified;
        }
        self.topics
            .update(|topics| opened.iter().for_each(|partition| topics.insert(partition.clone())));
        for partition in &opened {
            if let Some(observer) = self.observer.get() {
                observer.opened(partition);
            }
            self.queue.push(partition);
        }
        is_verified
    }

    fn open_partition(
        &self,
        topic: &Topic,
        index: i32,
        voters: &[u64],
        image: &Image,
    ) -> Result<(Partition, bool), ReplicaError> {
        let id = GroupId {
            topic_id: topic.id,
            partition: index,
        };
        OpenPartition {
            topic: topic.name.clone(),
            id,
            files: LogFiles {
                disk: self.disk.clone(),
                dir: self.data_dir.join(format!("{}-{index}", topic.name)),
            },
            settings: self.settings_of(&topic.name, image),
            node_id: self.meta.node_id,
            voters,
            journal: &self.journal,
            state: self.journal.group(id).unwrap_or_default(),
            stop: self.stop,
            now_ms: self.clock.wall_ms(),
        }
        .run()
    }

    fn settings_of(&self, topic: &str, image: &Image) -> PartitionSettings {
        let overrides = image.overrides(ResourceType::Topic, topic);
        self.settings
            .partition_settings(topic, overrides, &self.broker_overrides(image))
    }

    /// The broker-level overrides in force: this node's own over the cluster's default.
    pub fn broker_overrides(&self, image: &Image) -> Overrides {
        let mut overrides = image.overrides(ResourceType::Broker, "").clone();
        let own = image.overrides(ResourceType::Broker, &self.meta.node_id.to_string());
        overrides.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
        overrides
    }

    fn configure(&self, before: &Image, after: &Image) {
        let all = self.broker_overrides(before) != self.broker_overrides(after);
        let mut any = all;
        for topic in self.topics.load().iter() {
            let changed =
                before.overrides(ResourceType::Topic, &topic.name) != after.overrides(ResourceType::Topic, &topic.name);
            if !all && !changed {
                continue;
            }
            any = true;
            let settings = self.settings_of(&topic.name, after);
            for partition in topic.partitions.values() {
                partition.set_settings(settings.clone());
                self.queue.push(partition);
            }
        }
        if let Some(observer) = self.observer.get().filter(|_| any) {
            observer.configured(after);
        }
    }
}
