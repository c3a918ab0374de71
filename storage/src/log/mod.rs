//! The log of one partition: segments of batches in Kafka's file format, which are at once the Raft log's entries.
//!
//! [`Log`] is the writing half: one owner, no locks of its own. [`LogReader`] is the reading half, shared with every
//! consumer. Nothing here syncs a batch: [`Log::take_flush`] hands out what is dirty, the owner syncs it when it likes
//! and notes in the journal how far the log is durable (the synced mark).
//!
//! Which sync orders what:
//! - a segment's file is created, and its directory dirty, before its first batch; both are in the flush that makes that
//!   batch durable;
//! - when a segment is rolled its indexes are written and join the next flush, so below the synced mark of a later
//!   segment they are durable (and they are checked before use and can be made anew all the same);
//! - a snapshot of the producers is written after the flush that made its offset durable;
//! - an old segment is removed only when its successor's name, and the journal's anchor for it, are durable;
//! - the log start offset moves by request only when the journal's record of it is durable.

mod append;
mod batch_reader;
mod bookmarks;
mod config;
mod damage_note;
mod delete_records;
mod error;
mod files;
mod flush;
mod lookup;
mod reader;
mod recovery;
pub mod repair;
mod replace;
mod retention;
mod scrub;
mod segment;
mod shared;
mod truncate;
pub mod verify;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::RwLock;

pub use append::Appended;
pub(crate) use batch_reader::{BatchReader, Met};
pub use config::LogConfig;
pub use error::{Damage, LogError};
pub use files::{
    CLEANED, DAMAGE, DELETED, INDEX, LEADER_EPOCH_CHECKPOINT, LOG, LogFiles, PARTITION_METADATA, SNAPSHOT, TIME_INDEX,
};
pub use files::{is_own_name, parse_name};
pub use flush::{CheckpointFiles, LogFlush};
pub use reader::{Fetched, LogPosition, LogReader, Slice, TimestampedOffset};
pub use recovery::{Recovered, Recovery, StopKind, TailBatch, still_damaged};
pub(crate) use replace::CleanedWriter;
pub use replace::Replacement;
pub use scrub::{Scrub, Scrubbed};
pub use segment::Segment;
pub use walk::{HeaderWalk, Step};

use crate::disk::DiskFile;
use crate::leader_epochs::LeaderEpochs;
use crate::producer_state::{ProducerStates, SequenceCheck};
use crate::record_batch::BatchHeader;
use segment::LiveIndex;
use shared::Shared;

/// The writing half of a log.
#[derive(Debug)]
pub struct Log {
    files: LogFiles,
    config: Arc<LogConfig>,
    reader: Arc<LogReader>,
    producers: ProducerStates,
    active: Active,
    dirty: Dirty,
    /// Bytes and batches since the last checkpoint of indexes and producers.
    since_checkpoint: (u64, u64),
    /// The snapshot files that exist, by offset, oldest first.
    snapshots: Vec<i64>,
    epochs_changed: bool,
    /// The log start offset that the journal was last told; 0 for none.
    noted_start: i64,
    shared: Arc<Shared>,
}

/// What the writer remembers of the active segment.
#[derive(Debug)]
struct Active {
    segment: Arc<Segment>,
    created_ms: i64,
    /// The first batch's largest timestamp, from which `segment.ms` counts.
    first_timestamp: Option<i64>,
    /// Entries of each index that its file already has. They are never written again in place: a snapshot of the
    /// producers inside the segment vouches for them.
    indexed: (usize, usize),
    /// The index was made anew though a snapshot vouches for what the files have: they are gone, and are to be whole
    /// before anything is added to them.
    is_rebuilt: bool,
    /// A roll made it, and no append has said so yet.
    is_new: bool,
}

impl Active {
    fn new(segment: Arc<Segment>, created_ms: i64, is_new: bool) -> Self {
        Active {
            segment,
            created_ms,
            first_timestamp: None,
            indexed: (0, 0),
            is_rebuilt: false,
            is_new,
        }
    }
}

/// What is written and not yet synced.
#[derive(Debug, Default)]
struct Dirty {
    files: Vec<Arc<dyn DiskFile>>,
    /// The active segment's file is among `files`.
    active: bool,
    directory: bool,
    bytes: u64,
    checkpoint_due: bool,
}

impl Log {
    /// Makes a new, empty log: its directory and its first segment. Nothing is durable before the first flush.
    pub fn create(files: LogFiles, config: Arc<LogConfig>, base_offset: i64, now_ms: i64) -> Result<Log, LogError> {
        let dir = files.dir.clone();
        files
            .disk
            .create_dir_all(&dir)
            .map_err(|error| LogError::io("create the directory", &dir, error))?;
        let path = files.path(base_offset, LOG);
        let file = files
            .disk
            .create(&path)
            .map_err(|error| LogError::io("create", &path, error))?;
        let segment = Arc::new(Segment::active(
            base_offset,
            file.clone(),
            0,
            LiveIndex::new(base_offset),
        ));
        let at = LogPosition {
            offset: base_offset,
            segment_base: base_offset,
            position: 0,
        };
        let mut log = Log::assemble(
            files,
            config,
            vec![segment],
            base_offset,
            at,
            LeaderEpochs::default(),
            now_ms,
        );
        log.dirty = Dirty {
            files: vec![file],
            active: true,
            directory: true,
            ..Dirty::default()
        };
        Ok(log)
    }

    fn assemble(
        files: LogFiles,
        config: Arc<LogConfig>,
        segments: Vec<Arc<Segment>>,
        start: i64,
        end: LogPosition,
        epochs: LeaderEpochs,
        now_ms: i64,
    ) -> Log {
        let segment = segments.last().expect("a log has at least its active segment").clone();
        let reader = Arc::new(LogReader {
            files: files.clone(),
            segments: ArcSwap::from_pointee(segments),
            start: start.into(),
            end: RwLock::new(end),
            high_watermark: RwLock::new(LogPosition::default()),
            epochs: RwLock::new(epochs),
            damage: ArcSwapOption::empty(),
        });
        Log {
            files,
            producers: config.no_producers(),
            config,
            reader,
            active: Active::new(segment, now_ms, false),
            dirty: Dirty::default(),
            since_checkpoint: (0, 0),
            snapshots: Vec::new(),
            epochs_changed: false,
            noted_start: 0,
            shared: Arc::default(),
        }
    }

    /// The reading half.
    pub fn reader(&self) -> &Arc<LogReader> {
        &self.reader
    }

    /// The end of what is written.
    pub fn end(&self) -> LogPosition {
        self.reader.end()
    }

    /// The settings in force.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// Replaces the settings; they act from the next append or retention run on.
    pub fn set_config(&mut self, config: Arc<LogConfig>) {
        self.producers.set_max(config.max_producers);
        self.producers.set_room(&config.producer_room);
        self.config = config;
    }

    /// Moves the end of what consumers may see. It never goes back, and never beyond what is written.
    pub fn set_high_watermark(&mut self, position: LogPosition) {
        let mut mark = self.reader.high_watermark.write();
        assert!(
            position.offset >= mark.offset,
            "the high watermark went back from {} to {}",
            mark.offset,
            position.offset
        );
        assert!(
            position.offset <= self.reader.end().offset,
            "the high watermark passed the log's end"
        );
        *mark = position;
    }

    /// Whether a batch of an idempotent producer is new, a repeat, or out of order.
    pub fn check_producer(&self, header: &BatchHeader) -> Result<SequenceCheck, LogError> {
        Ok(self.producers.check(header)?)
    }

    /// What is known of the idempotent producers.
    pub fn producers(&self) -> &ProducerStates {
        &self.producers
    }

    /// Forgets producers that were idle for longer than `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now_ms: i64) {
        self.producers.expire(now_ms, self.config.producer_expiration_ms);
    }

    /// Notes that `epoch` begins at the log's end.
    pub fn begin_epoch(&mut self, epoch: i32) {
        let end = self.reader.end().offset;
        self.reader.epochs.write().assign(epoch, end);
        self.epochs_changed = true;
    }

    /// Forgets the epochs that begin at the log's end or behind it, but for `last`, which begins there.
    pub fn settle_epochs(&mut self, last: Option<i32>) {
        let end = self.reader.end().offset;
        self.epochs_changed |= self.reader.epochs.write().truncate_from_end(end);
        if let Some(epoch) = last {
            self.begin_epoch(epoch);
        }
    }

    /// Whether an earlier failure forbids writes until a restart.
    pub fn is_poisoned(&self) -> bool {
        self.shared.is_poisoned()
    }

    /// Forbids writes until a restart (a sync failed).
    pub fn poison(&mut self) {
        self.shared.poison();
    }

    fn check_sound(&self) -> Result<(), LogError> {
        match self.shared.is_poisoned() {
            true => Err(LogError::Poisoned {
                dir: self.files.dir.clone(),
            }),
            false => Ok(()),
        }
    }

    fn swap_segments(&self, segments: Vec<Arc<Segment>>) {
        self.reader.segments.store(Arc::new(segments));
    }

    fn set_start(&self, start: i64) {
        self.reader.start.store(start, Ordering::Release);
        self.reader.epochs.write().truncate_from_start(start);
    }
}
