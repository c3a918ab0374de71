//! Starts a node: data directory, journal, metadata, then every partition.
//!
//! Order: the metadata's group commits its own term's entry first; only then are directories made or removed and other
//! groups opened. A directory that is missing while the journal has a synced mark for it is damage, not a new partition.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use consensus::ReplicaError;
use parking_lot::Mutex;
use storage::disk::Disk;
use storage::journal::{GroupId, Journal, JournalError, RecoveredJournal};
use storage::log::{LogFiles, StopKind};
use tokio::sync::watch;

use super::cleaner::CleanerCounters;
use super::data_dir::{self, DataDirError, Meta};
use super::flush_queue::{FlushQueue, Urgency};
use super::flusher::FlushCounters;
use super::housekeeping::Housekeeping;
use super::metadata_log::{Appended, MetadataError, TOPIC, TOPIC_ID, replay};
use super::open::OpenPartition;
use super::partition::{Partition, PartitionSettings};
use super::scrub::ScrubCounters;
use super::sync_topics::ApplyMetadata;
use super::topics::TopicMap;
use super::whole_sync::WholeSync;
use super::{Clock, Node, TopicSettings};
use crate::controller::image::Image;
use crate::controller::record::Record;

/// What it takes to start a node.
pub struct OpenNode {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The data directory, locked by the caller.
    pub data_dir: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// `node.id`.
    pub node_id: u64,
    /// The cluster id, should this be a new directory.
    pub new_cluster_id: String,
    /// What configuration means for topics.
    pub settings: Arc<dyn TopicSettings>,
    /// The settings of the metadata log itself.
    pub metadata_settings: PartitionSettings,
    /// Bytes kept free on the disk for the journal, offsets and deletions.
    pub reserve_bytes: u64,
    /// `log.retention.check.interval.ms`.
    pub retention_interval_ms: i64,
    /// `write.caching.flush.bytes`: bytes in the page cache, of all caching partitions, that cause a flush.
    pub max_cached_bytes: u64,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The metadata's replica.
    #[error("the cluster's metadata cannot be opened: {0}")]
    Replica(#[from] ReplicaError),
    /// The metadata's log is damaged.
    #[error(
        "the cluster's metadata is damaged: {0}: restore the data directory from a copy, or run `weir log repair \
         --accept-loss` on its partition"
    )]
    Damaged(String),
    /// The metadata's content.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// What the life before wrote cannot be made durable.
    #[error(
        "the filesystem of the data directory tells of a write that failed: {0}: see the kernel's log. If the disk is sound, \
         start again; else restart the machine first, so that nothing is read from memory that the disk does not have"
    )]
    Sync(std::io::Error),
    /// Partitions without a journal.
    #[error(
        "{0} has partitions and no journal, which says what of them is whole: restore the data directory, its journal \
         included, from a copy, or choose an empty --data-dir"
    )]
    JournalLost(PathBuf),
    /// The disk refused.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Passes until the metadata leads; one voter needs one.
const MAX_PASSES_TO_LEAD: usize = 8;

impl OpenNode {
    /// Starts the node: on return every partition that is not quarantined takes batches.
    pub fn run(self) -> Result<Arc<Node>, StartError> {
        let meta = data_dir::open(&*self.disk, &self.data_dir, self.node_id, &self.new_cluster_id)?;
        let (journal, recovered) = Journal::open(self.disk.clone(), &self.data_dir)?;
        let boot_id = self.disk.boot_id(&self.data_dir).map_err(|source| StartError::Io {
            path: "the boot id".into(),
            source,
        })?;
        if recovered.is_new {
            self.check_new()?;
        }
        let stop = stop_kind(&recovered, &boot_id);
        let journal = Arc::new(journal);
        let queue = Arc::new(FlushQueue::default());
        let metadata = Arc::new(self.open_metadata(&journal, &queue, stop)?);
        if let Some(reason) = metadata.out_of_service() {
            return Err(StartError::Damaged(reason));
        }
        let image = Image::empty(&meta.cluster_id);
        let node = Arc::new_cyclic(|this| Node {
            disk: self.disk,
            data_dir: self.data_dir,
            clock: self.clock,
            meta,
            stop,
            settings: self.settings,
            journal,
            queue,
            counters: FlushCounters::default(),
            syncing: OnceLock::new(),
            whole_sync: WholeSync::default(),
            topics: TopicMap::default(),
            metadata,
            image: ArcSwap::from_pointee(image.clone()),
            appended: Mutex::new(Appended { image }),
            deleted: Mutex::default(),
            applying: Mutex::new(()),
            applied: watch::Sender::new(0),
            observer: OnceLock::new(),
            housekeeping: Mutex::new(Housekeeping::default()),
            scrub: Mutex::default(),
            scrub_counters: ScrubCounters::default(),
            cleaner: Mutex::default(),
            cleaner_counters: CleanerCounters::default(),
            changing_segments: Mutex::new(()),
            room: AtomicI64::new(i64::MAX),
            told_full: AtomicBool::new(false),
            reserve_bytes: self.reserve_bytes,
            cached_bytes: AtomicU64::new(0),
            max_cached_bytes: self.max_cached_bytes,
            next_retention_ms: AtomicI64::new(i64::MAX),
            retention_interval_ms: self.retention_interval_ms,
            this: this.clone(),
        });
        node.measure_free_space();
        node.lead_metadata()?;
        node.load_topics(&recovered, &boot_id)?;
        Ok(node)
    }

    /// The journal is made before any partition: where there are partitions and it is new, it was lost. Without it nothing
    /// tells what of them is whole.
    fn check_new(&self) -> Result<(), StartError> {
        let path = self.data_dir.clone();
        let entries = self
            .disk
            .list(&path)
            .map_err(|source| StartError::Io { path, source })?;
        let has_data = entries
            .iter()
            .any(|entry| entry.is_dir && entry.name == format!("{TOPIC}-0"));
        match has_data {
            true => Err(StartError::JournalLost(self.data_dir.clone())),
            false => Ok(()),
        }
    }

    fn open_metadata(
        &self,
        journal: &Arc<Journal>,
        flush_queue: &Arc<FlushQueue>,
        stop: StopKind,
    ) -> Result<Partition, ReplicaError> {
        let id = GroupId {
            topic_id: TOPIC_ID,
            partition: 0,
        };
        OpenPartition {
            topic: TOPIC.into(),
            id,
            files: LogFiles::new(self.disk.clone(), self.data_dir.join(format!("{TOPIC}-0"))),
            settings: self.metadata_settings.clone(),
            node_id: self.node_id,
            voters: &[self.node_id],
            journal,
            flush_queue,
            state: journal.group(id).unwrap_or_default(),
            stop,
            now_ms: self.clock.wall_ms(),
            is_filesystem_synced: false,
            deleted: &Mutex::default(),
        }
        .run()
        .map(|(partition, _)| partition)
    }
}

impl Node {
    fn lead_metadata(&self) -> Result<(), StartError> {
        for _ in 0..MAX_PASSES_TO_LEAD {
            self.queue.push(&self.metadata, Urgency::Now);
            self.flush_pass();
            if self.metadata.is_writable() {
                return Ok(());
            }
        }
        let reason = self
            .metadata
            .out_of_service()
            .unwrap_or_else(|| "its group has no leader".to_string());
        Err(StartError::Damaged(reason))
    }

    fn load_topics(&self, recovered: &RecoveredJournal, boot_id: &str) -> Result<(), StartError> {
        let image = replay(self.metadata.reader(), &self.image.load(), |record| {
            if let Record::RemoveTopic(removed) = record {
                self.deleted.lock().insert(removed.topic_id);
            }
        })?;
        self.appended.lock().image = image.clone();
        self.remove_strays(&image, recovered)?;
        let began = self.clock.monotonic_ms();
        let is_filesystem_synced = self.sync_at_start(&image)?;
        let is_verified = self.open_topics(&image, is_filesystem_synced);
        tracing::info!(
            partitions = self.topics.load().partitions().count(),
            out_of_service = self.out_of_service().len(),
            last_stop = ?self.stop,
            ms = self.clock.monotonic_ms() - began,
            "the partitions are open"
        );
        let offset = image.offset() + 1;
        self.image.store(Arc::new(image));
        self.applied.send_replace(offset);
        self.metadata.set_observer(Arc::new(ApplyMetadata(self.this.clone())));
        while self.flush_pass() {}
        // From here on a later start need not look for what this boot has torn: unless it is still to be found, in a
        // partition that could not be read.
        let last_boot_id = recovered.last_boot_id.as_deref().unwrap_or_default();
        self.journal.started(if is_verified { boot_id } else { last_boot_id })?;
        self.write_marks();
        self.journal.sync()?;
        self.next_retention_ms.store(
            self.clock.wall_ms() + self.retention_interval_ms,
            std::sync::atomic::Ordering::Relaxed,
        );
        Ok(())
    }
}

/// How the broker stopped, by its journal and the machine's boot id.
pub(crate) fn stop_kind(journal: &RecoveredJournal, boot_id: &str) -> StopKind {
    match &journal.last_boot_id {
        _ if journal.clean_shutdown => StopKind::Clean,
        Some(last) if last == boot_id => StopKind::Killed,
        // Without a start noted nothing was acknowledged.
        _ => StopKind::Rebooted,
    }
}

/// The node's identity, for messages.
impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Meta { cluster_id, node_id } = &self.meta;
        write!(f, "Node({node_id} of {cluster_id})")
    }
}
