//! A node: its partitions, their journal and flusher, and the cluster's metadata as this node knows it.
//!
//! Synchronous but for the waiting: tokio's server drives it, and so does the simulation, which calls the same methods in
//! an order of its own, with its own disk and clock.

mod cleaner;
mod clock;
mod commit;
mod data_dir;
mod delete_records;
mod flush_queue;
mod flusher;
mod housekeeping;
mod metadata_log;
mod open;
mod partition;
mod scrub;
mod side_by_side;
mod start;
mod strays;
mod sync_topics;
pub mod topic_id;
mod topics;
mod waiters;
mod whole_sync;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::{ArcSwap, Guard};
use consensus::{Append, AppendError, Durability};
use parking_lot::Mutex;
use storage::disk::Disk;
use storage::journal::Journal;
use storage::log::StopKind;
use storage::record_batch::ProducedBatch;
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use data_dir::read as read_meta;
pub(crate) use metadata_log::replay_files;
pub(crate) use start::stop_kind;
pub(crate) use strays::{is_partition_name, topic_id_of};

pub use cleaner::{CleanRound, CleanerCounters, CleanerSettings};
pub use clock::{Clock, SystemClock};
pub use commit::Commit;
pub use data_dir::{DataDirError, FORMAT, Meta};
pub use delete_records::DeleteRecordsError;
use flush_queue::{FlushQueue, Urgency};
pub use flusher::{FlushCounters, FlushPass};
pub use metadata_log::{MetadataError, Proposal, TOPIC as METADATA_TOPIC, TOPIC_ID as METADATA_TOPIC_ID};
pub use partition::{HighWatermarkObserver, Partition, PartitionSettings};
pub use scrub::ScrubCounters;
pub use start::{OpenNode, StartError};
pub use topics::{LocalTopic, TopicMap, Topics};
pub use waiters::Committed;

use crate::controller::decide::Decision;
use crate::controller::image::{Image, Overrides};
use housekeeping::Housekeeping;
use metadata_log::Appended;
use side_by_side::SideBySide;
use whole_sync::WholeSync;

/// What the configuration means for a topic's partitions.
pub trait TopicSettings: Send + Sync {
    /// The settings of a partition of `topic`, whose own configuration is `overrides`. `broker` are the broker-level
    /// overrides in force: the cluster's default, under the node's own.
    fn partition_settings(&self, topic: &str, overrides: &Overrides, broker: &Overrides) -> PartitionSettings;
}

/// Told of what happens to this node's topics; called while the metadata is applied, so it must not wait.
pub trait TopicObserver: Send + Sync {
    /// A partition was opened (at start, or just created).
    fn opened(&self, partition: &Arc<Partition>);
    /// A topic is gone.
    fn removed(&self, topic: &str, id: Uuid);
    /// The configuration of topics or brokers changed.
    fn configured(&self, image: &Image);
}

/// Partitions that an orderly stop flushes and checkpoints in one pass.
const STOP_AT_ONCE: usize = 1_000;

/// A node.
pub struct Node {
    disk: Arc<dyn Disk>,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    meta: Meta,
    /// How the life before this one ended: what partitions are opened by, also those whose turn comes late.
    stop: StopKind,
    settings: Arc<dyn TopicSettings>,
    journal: Arc<Journal>,
    queue: Arc<FlushQueue>,
    counters: FlushCounters,
    /// Set where the flusher has threads of its own.
    syncing: OnceLock<SideBySide<flusher::Taken>>,
    whole_sync: WholeSync,
    topics: TopicMap,
    metadata: Arc<Partition>,
    /// The committed image.
    image: ArcSwap<Image>,
    /// The image with all that was appended: what decisions see.
    appended: Mutex<Appended>,
    /// Topics that the metadata says were deleted, as far as this life has read it: their directories may go.
    deleted: Mutex<BTreeSet<Uuid>>,
    /// Held while committed metadata is applied.
    applying: Mutex<()>,
    /// The metadata offset up to which the image is applied, and its topics opened.
    applied: watch::Sender<i64>,
    observer: OnceLock<Arc<dyn TopicObserver>>,
    housekeeping: Mutex<Housekeeping>,
    scrub: Mutex<scrub::Round>,
    scrub_counters: ScrubCounters,
    cleaner: Mutex<cleaner::Cleaner>,
    cleaner_counters: CleanerCounters,
    /// Held while segments are removed or replaced: each is decided on what the other leaves. Taken before any replica.
    changing_segments: Mutex<()>,
    /// Bytes that may be appended before the reserve is touched, as far as was seen last.
    room: AtomicI64,
    /// The log was told that there is no room.
    told_full: AtomicBool,
    reserve_bytes: u64,
    /// Bytes written to caching partitions since all of them were last sent to the flusher.
    cached_bytes: AtomicU64,
    /// `write.caching.flush.bytes`.
    max_cached_bytes: u64,
    next_retention_ms: AtomicI64,
    retention_interval_ms: i64,
    this: Weak<Node>,
}

impl Node {
    /// The directory that holds everything.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The disk that it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The cluster's id and the node's.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The node's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// This node's partitions.
    pub fn topics(&self) -> &TopicMap {
        &self.topics
    }

    /// The metadata as committed and applied here.
    pub fn image(&self) -> Guard<Arc<Image>> {
        self.image.load()
    }

    /// The metadata's own partition.
    pub fn metadata_partition(&self) -> &Arc<Partition> {
        &self.metadata
    }

    /// The journal.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// What the flusher did so far.
    pub fn flush_counters(&self) -> &FlushCounters {
        &self.counters
    }

    /// What the scrub did so far.
    pub fn scrub_counters(&self) -> &ScrubCounters {
        &self.scrub_counters
    }

    /// Who is told of topics. Set once; it is told of every partition that is open already.
    pub fn set_observer(&self, observer: Arc<dyn TopicObserver>) {
        let _nothing_changes = self.applying.lock();
        for partition in self.topics.load().partitions() {
            observer.opened(partition);
        }
        observer.configured(&self.image.load());
        assert!(self.observer.set(observer).is_ok(), "a node has one observer");
    }

    /// Appends a batch to a partition that this node leads, and has it flushed.
    pub fn append(&self, partition: &Arc<Partition>, batch: &ProducedBatch) -> Result<Append, AppendError> {
        self.append_and_flush(partition, batch, Urgency::Later)
    }

    /// As [`Node::append`], for who makes a [`Commit`] of it: its flush begins when that is awaited,
    /// hurried or dropped.
    pub fn append_awaited(&self, partition: &Arc<Partition>, batch: &ProducedBatch) -> Result<Append, AppendError> {
        self.append_and_flush(partition, batch, Urgency::WhenAwaited)
    }

    fn append_and_flush(
        &self,
        partition: &Arc<Partition>,
        batch: &ProducedBatch,
        urgency: Urgency,
    ) -> Result<Append, AppendError> {
        if self.is_full() && !partition.topic.starts_with("__") {
            let path = partition.reader().files().dir.clone();
            return Err(storage::log::LogError::Full { path }.into());
        }
        let append = partition.append(batch, self.clock.wall_ms())?;
        // Of a repeat nothing was written.
        if let Append::Written(appended) = &append {
            self.room.fetch_sub(batch.bytes.len() as i64, Ordering::Relaxed);
            self.written(partition, batch.bytes.len(), urgency);
            // A pass may have come by before it was queued: then nobody waits for what is queued now.
            if urgency == Urgency::WhenAwaited && partition.has_committed(appended.end.offset) {
                self.queue.look_after();
            }
        }
        Ok(append)
    }

    /// Whether there is no room but for the reserve: producers are refused.
    pub fn is_full(&self) -> bool {
        self.room.load(Ordering::Relaxed) <= 0
    }

    /// Sees to it that what was written to a partition is flushed: at once, or in time.
    fn written(&self, partition: &Arc<Partition>, bytes: usize, urgency: Urgency) {
        let settings = partition.settings();
        if settings.durability == Durability::Synced || partition.wants_flush() {
            self.queue.push(partition, urgency);
            return;
        }
        if !partition.flush_planned.load(Ordering::Acquire) {
            let due = self.clock.monotonic_ms() + settings.flush_ms;
            self.housekeeping.lock().flush_later(partition, due);
        }
        if self.cached_bytes.fetch_add(bytes as u64, Ordering::Relaxed) >= self.max_cached_bytes {
            self.flush_cached();
        }
    }

    /// Decides on the metadata, and appends what was decided. Give the answer after [`Node::applied`] has passed its
    /// offset.
    pub fn propose<R>(&self, decide: impl FnOnce(&Image) -> Decision<R>) -> Result<Proposal<R>, MetadataError> {
        let proposal = {
            let mut appended = self.appended.lock();
            let decision = decide(&appended.image);
            appended.propose(&self.metadata, decision, self.clock.wall_ms())?
        };
        if proposal.offset.is_some() {
            self.queue.push(&self.metadata, Urgency::Now);
        }
        Ok(proposal)
    }

    /// The metadata offset up to which everything is applied on this node, for waiting.
    pub fn applied(&self) -> watch::Receiver<i64> {
        self.applied.subscribe()
    }

    /// One pass of the flusher, if anything is queued; whether there was.
    pub fn flush_pass(&self) -> bool {
        match self.queue.take() {
            Some(batch) => {
                self.flush(batch, false);
                true
            }
            None => false,
        }
    }

    /// The flusher's thread: passes until [`Node::stop`].
    pub fn run_flusher(&self) {
        self.syncing.get_or_init(|| SideBySide::new(flusher::sync_log));
        flusher::or_abort(|| {
            while let Some(batch) = self.queue.wait() {
                let has_synced = self.flush(batch, false);
                self.queue.done(has_synced);
            }
        });
    }

    /// Flushes what is queued on the caller's thread, where that has been fast of late.
    pub fn flush_if_fast(&self) {
        let Some(batch) = self.queue.take_if_fast() else { return };
        flusher::or_abort(|| {
            let has_synced = self.flush(batch, false);
            self.queue.done_here(has_synced);
        });
    }

    /// Whether there was anything to sync.
    fn flush(&self, partitions: Vec<Arc<Partition>>, checkpoint: bool) -> bool {
        let mut pass = FlushPass::begin(partitions, self, checkpoint);
        let has_work = pass.has_work();
        self.sync_flush(&mut pass);
        self.end_flush(pass);
        has_work
    }

    /// [`Node::flush_pass`] in three parts, for who wants to act in between: takes what is queued, if anything is.
    pub fn begin_flush(&self) -> Option<FlushPass> {
        self.queue
            .take()
            .map(|partitions| FlushPass::begin(partitions, self, false))
    }

    /// The second part: syncs it.
    pub fn sync_flush(&self, pass: &mut FlushPass) {
        let failures = self.filesystem_failures();
        pass.sync(self);
        self.doubt_names_after(failures);
    }

    /// The last part: what was synced counts from now on.
    pub fn end_flush(&self, pass: FlushPass) {
        let failures = self.filesystem_failures();
        let flushed = pass.end(self);
        self.doubt_names_after(failures);
        self.housekeeping.lock().mark_later(flushed);
    }

    fn filesystem_failures(&self) -> u64 {
        self.counters.filesystem_failures.load(Ordering::Acquire)
    }

    /// An error of the filesystem names nobody: if there was one since, new names that wait for another pass are in doubt.
    fn doubt_names_after(&self, failures_before: u64) {
        let failures = self.filesystem_failures();
        if failures == failures_before {
            return;
        }
        let topics = self.topics.load_full();
        for partition in topics.partitions().chain(std::iter::once(&self.metadata)) {
            partition.doubt_names();
        }
        self.whole_sync.note_doubted(failures);
    }

    /// Syncs the filesystem as a whole; whether it did.
    fn sync_whole(&self) -> bool {
        self.whole_sync
            .run(&self.counters, || self.disk.sync_filesystem(&self.data_dir))
    }

    /// Partitions that are out of service, each with the reason.
    pub fn out_of_service(&self) -> Vec<(String, String)> {
        let topics = self.topics.load_full();
        let partitions = topics.partitions().chain(std::iter::once(&self.metadata));
        let mut found: Vec<_> = partitions
            .filter_map(|partition| Some((partition.to_string(), partition.out_of_service()?)))
            .collect();
        let image = self.image.load_full();
        if topics.partitions().count() < image.partition_count() {
            let is_open = |id, index| {
                topics
                    .by_id(id)
                    .is_some_and(|topic| topic.partitions.contains_key(&index))
            };
            let missing = self
                .held_here(&image)
                .filter(|(topic, index, _)| !is_open(topic.id, *index));
            let reason = "it could not be opened yet, which is tried every second: see the log";
            found.extend(missing.map(|(topic, index, _)| (format!("{}-{index}", topic.name), reason.to_string())));
        }
        found
    }

    /// Lets the flusher's threads end once all that is queued is flushed. Nothing may be appended any more.
    pub fn stop_flushers(&self) {
        self.queue.stop();
    }

    /// Stops in order: everything is synced and checkpointed, and the journal says so. The flusher's threads have ended.
    pub fn stop(&self) {
        while self.flush_pass() {}
        let topics = self.topics.load_full();
        let all: Vec<_> = topics
            .partitions()
            .chain(std::iter::once(&self.metadata))
            .cloned()
            .collect();
        // What is written stays open until it is synced: not all of thousands at once.
        for some in all.chunks(STOP_AT_ONCE) {
            some.iter()
                .for_each(|partition| self.queue.push(partition, Urgency::Now));
            if let Some(batch) = self.queue.take() {
                self.flush(batch, true);
            }
        }
        while self.flush_pass() {}
        self.write_marks();
        let sound = self.out_of_service().is_empty() && !all.iter().any(|partition| partition.needs_flush());
        if !sound {
            tracing::warn!("some partitions are out of service: the next start verifies all");
            return;
        }
        if let Err(error) = self.journal.stopped() {
            tracing::error!(%error, "the orderly stop could not be noted: the next start verifies all");
        }
    }
}
