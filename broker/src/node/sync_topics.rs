//! Makes this node's partitions those that the committed metadata says: opens, closes, removes, configures.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::journal::{GroupId, Record};
use storage::log::{LogFiles, StopKind};

use super::Node;
use super::flush_queue::Urgency;
use super::metadata_log::{MetadataError, replay};
use super::open::OpenPartition;
use super::partition::{HighWatermarkObserver, Partition, PartitionSettings};
use super::start::StartError;
use super::strays::DELETE_SUFFIX;
use crate::controller::image::{Image, Overrides, ResourceType, Topic};

/// After so many new partitions the filesystem is synced: until then each holds two files open.
const SYNC_AFTER_OPENED: usize = 500;

/// From this many partitions on, one sync of the filesystem at start is cheaper than two for each.
const SYNC_ALL_FROM: usize = 4;

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
        let after = Arc::new(replay(self.metadata.reader(), &before, |_| ())?);
        self.remove_topics(&before, &after);
        self.open_topics(&after, false);
        self.configure(&before, &after);
        let offset = after.offset() + 1;
        self.image.store(after);
        self.applied.send_replace(offset);
        Ok(())
    }

    fn remove_topics(&self, before: &Image, after: &Image) {
        let gone = || before.topics().filter(|topic| after.topic_by_id(topic.id).is_none());
        if gone().next().is_none() {
            return;
        }
        let mut removed = BTreeMap::new();
        self.topics
            .update(|topics| removed.extend(gone().filter_map(|topic| Some((topic.id, topics.remove(topic.id)?)))));
        for topic in gone() {
            self.deleted.lock().insert(topic.id);
            let Some(local) = removed.remove(&topic.id) else {
                continue;
            };
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
        // Some may be reading there.
        let delay = partition.settings().log.file_delete_delay_ms.max(0) as u64;
        self.housekeeping.lock().remove_later(aside, now.saturating_add(delay));
    }

    /// Tries again to open the partitions that could not be opened, say because the disk was full.
    pub(super) fn open_missing(&self) {
        let _nothing_changes = self.applying.lock();
        let image = self.image.load_full();
        let open = self.topics.load().partitions().count();
        if open < image.partition_count() {
            self.open_topics(&image, false);
        }
    }

    /// Opens anew, from disk, the partitions whose replica stopped at a broken invariant of its own: what is in memory is
    /// not to be trusted, what is durable is. Each so often only, lest one that breaks at once keeps the node busy.
    pub(super) fn rebuild_panicked(&self) {
        let _nothing_changes = self.applying.lock();
        let topics = self.topics.load_full();
        let panicked: Vec<_> = topics.partitions().filter(|it| it.has_panicked()).collect();
        if panicked.is_empty() {
            return;
        }
        let now = self.clock.monotonic_ms();
        for partition in panicked {
            // While the flusher has it, it is not left alone.
            if partition.queued.load(Ordering::Acquire) || !self.housekeeping.lock().may_rebuild(partition.id, now) {
                continue;
            }
            tracing::warn!(%partition, "opening it anew from disk");
            partition.close();
            self.topics.update(|topics| topics.remove_partition(partition.id));
        }
        self.open_topics(&self.image.load_full(), false);
    }

    /// How the life before ended, for a partition: what was opened in this one is as after a kill.
    fn stop_of(&self, id: GroupId) -> StopKind {
        match self.housekeeping.lock().was_rebuilt(id) {
            true => StopKind::Killed,
            false => self.stop,
        }
    }

    /// One sync of the filesystem in place of one for each file and directory, where the node did not stop in order.
    /// Whether there was one. After an error no later sync would prove anything.
    pub(super) fn sync_at_start(&self, image: &Image) -> Result<bool, StartError> {
        if self.stop == StopKind::Clean || image.partition_count() < SYNC_ALL_FROM {
            return Ok(false);
        }
        for (topic, index, voters) in self.held_here(image) {
            if self.opening(topic, index, &voters, image).settle_lengths().is_err() {
                // Opening that one will say why.
                return Ok(false);
            }
        }
        match self.disk.sync_filesystem(&self.data_dir) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
            Err(error) => Err(StartError::Sync(error)),
        }
    }

    /// The partitions of the image that have a replica on this node: topic, index, voters.
    pub(super) fn held_here<'a>(&self, image: &'a Image) -> impl Iterator<Item = (&'a Arc<Topic>, i32, Vec<u64>)> {
        let own = self.meta.node_id;
        let of_topic = |topic: &'a Arc<Topic>| topic.partitions.iter().zip(0..).map(move |it| (topic, it));
        image
            .topics()
            .flat_map(of_topic)
            .filter_map(move |(topic, (partition, index))| {
                let voters: Vec<u64> = partition.replicas.iter().map(|&replica| replica as u64).collect();
                voters.contains(&own).then_some((topic, index, voters))
            })
    }

    /// Opens every partition of the image that is held here and not open yet. Whether every one of them could be read,
    /// damaged or not.
    pub(super) fn open_topics(&self, image: &Image, is_filesystem_synced: bool) -> bool {
        let mut opened = Vec::new();
        let mut is_verified = true;
        let failures = self.filesystem_failures();
        let local = self.topics.load_full();
        for (topic, index, voters) in self.held_here(image) {
            let is_open = local
                .by_id(topic.id)
                .is_some_and(|topic| topic.partitions.contains_key(&index));
            if is_open {
                continue;
            }
            let opening = OpenPartition {
                is_filesystem_synced,
                ..self.opening(topic, index, &voters, image)
            };
            match opening.run() {
                Ok((partition, was_read)) => {
                    is_verified &= was_read;
                    opened.push(Arc::new(partition));
                    if opened.len() % SYNC_AFTER_OPENED == 0 {
                        self.sync_opened(&opened);
                    }
                }
                Err(error) => {
                    is_verified = false;
                    tracing::error!(topic = %topic.name, index, %error, "a partition cannot be opened");
                }
            }
        }
        if opened.is_empty() {
            return is_verified;
        }
        self.topics
            .update(|topics| opened.iter().for_each(|partition| topics.insert(partition.clone())));
        // Until here nobody else found them.
        self.doubt_names_after(failures);
        for partition in &opened {
            if let Some(observer) = self.observer.get() {
                observer.opened(partition);
            }
            self.queue.push(partition, Urgency::Later);
        }
        // All in one pass.
        self.queue.hurry();
        is_verified
    }

    /// Lets the files of new partitions be closed. Their flushes sync them all the same, and see what failed here.
    fn sync_opened(&self, opened: &[Arc<Partition>]) {
        let failures = self.filesystem_failures();
        self.sync_whole();
        if self.filesystem_failures() != failures {
            opened.iter().for_each(|partition| partition.doubt_names());
            self.doubt_names_after(failures);
        }
    }

    fn opening<'a>(&'a self, topic: &Topic, index: i32, voters: &'a [u64], image: &Image) -> OpenPartition<'a> {
        let id = GroupId {
            topic_id: topic.id,
            partition: index,
        };
        OpenPartition {
            topic: topic.name.clone(),
            id,
            files: LogFiles::new(self.disk.clone(), self.data_dir.join(format!("{}-{index}", topic.name))),
            settings: self.settings_of(&topic.name, image),
            node_id: self.meta.node_id,
            voters,
            journal: &self.journal,
            flush_queue: &self.queue,
            state: self.journal.group(id).unwrap_or_default(),
            stop: self.stop_of(id),
            now_ms: self.clock.wall_ms(),
            is_filesystem_synced: false,
            deleted: &self.deleted,
        }
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
        if before.is_configured_as(after) {
            return;
        }
        let all = self.broker_overrides(before) != self.broker_overrides(after);
        let kind = ResourceType::ClientMetrics;
        let mut any = all || !before.resources(kind).eq(after.resources(kind));
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
                self.queue.push(partition, Urgency::Now);
            }
        }
        if let Some(observer) = self.observer.get().filter(|_| any) {
            observer.configured(after);
        }
    }
}
