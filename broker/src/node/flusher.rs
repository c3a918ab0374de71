//! Group commit: one pass syncs what all partitions wrote since the last, then tells each.
//!
//! Order in a pass: what is dirty is taken; journal and segments are synced, in either order, since neither vouches for
//! the other; only then does a replica count what was in the flush. A partition is in one flush at a time, so a later
//! flush never finishes before an earlier one of the same partition.
//!
//! A pass costs the same for one batch as for many. So what nobody waits for (acks=1, and no consumer at the log's end) is
//! left in the queue for [`LINGER`]; what somebody waits for takes all that is queued along, at once. And what comes while a
//! pass is under way waits for its end, so that one thread does all that a fast disk needs; beside a pass that takes
//! longer than [`LINGER`] another one begins.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use consensus::{Durability, ReplicaFlush};
use parking_lot::{Condvar, Mutex};
use storage::disk::Disk;
use storage::journal::{Journal, JournalError, JournalPosition};
use storage::log::{CheckpointFiles, LogError, LogFlush};

use super::metadata_log;
use super::partition::Partition;

/// From this many files on, one `syncfs` is cheaper than syncing each (measured: 1,000 files 15 ms against 157 ms).
const SYNC_FILESYSTEM_FROM: usize = 12;

/// How long a pass may be put off while nobody waits for it, or while another one is under way. Long enough to make a pass of
/// thousands of batches a second, short beside the time for which a machine's loss costs what was not synced, and beside a
/// slow sync.
const LINGER: Duration = Duration::from_millis(1);

/// How soon a queued partition is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// In the next pass, which begins now.
    Now,
    /// After [`LINGER`], or as soon as somebody waits.
    Later,
    /// As `Later`, and somebody is sure to wait, or to call [`FlushQueue::hurry`], so that no thread need be woken before.
    WhenAwaited,
}

/// The partitions that wait for the flusher.
#[derive(Default)]
pub struct FlushQueue {
    state: Mutex<QueueState>,
    filled: Condvar,
}

#[derive(Default)]
struct QueueState {
    partitions: VecDeque<Arc<Partition>>,
    /// The journal waits for a sync of its own.
    journal: bool,
    /// Somebody waits for what is queued.
    is_awaited: bool,
    /// When it is the turn of what nobody waits for.
    due: Option<Instant>,
    /// Passes that flusher threads have under way, and when the last of them began.
    under_way: usize,
    begun: Option<Instant>,
    /// A thread that waits looks into the queue within [`LINGER`] without being woken.
    is_watched: bool,
    stopped: bool,
}

impl QueueState {
    fn is_empty(&self) -> bool {
        self.partitions.is_empty() && !self.journal
    }

    /// Somebody waits for what is queued. Whether a thread has to be woken for it: not while one is in a pass, after which
    /// it looks again, and another one sees to it that this does not take too long.
    fn await_it(&mut self) -> bool {
        let was_awaited = std::mem::replace(&mut self.is_awaited, true);
        let is_seen = self.under_way > 0 && self.is_watched;
        !was_awaited && !is_seen
    }
}

/// Work for one pass.
pub struct Batch {
    partitions: Vec<Arc<Partition>>,
}

/// Counts of what the flusher did.
#[derive(Debug, Default)]
pub struct FlushCounters {
    /// Passes.
    pub passes: AtomicU64,
    /// `fdatasync` and `fsync` calls on files and directories.
    pub syncs: AtomicU64,
    /// `syncfs` calls.
    pub filesystem_syncs: AtomicU64,
    /// Syncs that failed.
    pub failures: AtomicU64,
    /// `syncfs` calls that failed. No later sync of a directory proves that the names in it are durable which were not at
    /// that time.
    pub filesystem_failures: AtomicU64,
}

impl FlushQueue {
    /// Queues a partition unless it is queued or in a flush.
    pub(super) fn push(&self, partition: &Arc<Partition>, urgency: Urgency) {
        if partition.queued.swap(true, Ordering::SeqCst) {
            if urgency == Urgency::Now {
                self.hurry();
            }
            return;
        }
        let mut state = self.state.lock();
        state.partitions.push_back(partition.clone());
        let is_first = state.due.is_none();
        if is_first {
            state.due = Some(Instant::now() + LINGER);
        }
        // Looked at after `queued` is set: who begins to wait now sees that, and hurries.
        let wakes = if urgency == Urgency::Now || partition.is_awaited() {
            state.await_it()
        } else {
            urgency == Urgency::Later && is_first && !state.is_watched
        };
        drop(state);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// Somebody waits for what is queued, if anything is.
    pub(super) fn hurry(&self) {
        let mut state = self.state.lock();
        let wakes = !state.partitions.is_empty() && state.await_it();
        drop(state);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// Asks for a sync of the journal, though no partition may need it.
    pub fn push_journal(&self) {
        let mut state = self.state.lock();
        state.journal = true;
        let wakes = state.await_it();
        drop(state);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// What is queued; `None` if nothing is.
    pub fn take(&self) -> Option<Batch> {
        let mut state = self.state.lock();
        Self::drain(&mut state)
    }

    /// What is queued, waiting until something is and its time has come; `None` once the queue is stopped and empty. Say
    /// when it is flushed ([`FlushQueue::done`]).
    pub fn wait(&self) -> Option<Batch> {
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            let is_time = state.is_awaited || state.stopped || state.due.is_some_and(|due| due <= now);
            let is_turn = state.begun.is_none_or(|begun| begun + LINGER <= now);
            if is_time
                && is_turn
                && let Some(batch) = Self::drain(&mut state)
            {
                state.under_way += 1;
                state.begun = Some(now);
                return Some(batch);
            }
            if state.stopped && state.is_empty() {
                return None;
            }
            let until = match state.due {
                _ if state.is_empty() || (state.is_watched && !state.stopped) => None,
                Some(due) if is_turn => Some(due),
                _ => Some(now + LINGER),
            };
            let Some(until) = until else {
                self.filled.wait(&mut state);
                continue;
            };
            state.is_watched = true;
            self.filled.wait_until(&mut state, until);
            state.is_watched = false;
        }
    }

    /// A pass that [`FlushQueue::wait`] gave is over.
    pub fn done(&self) {
        let mut state = self.state.lock();
        state.under_way -= 1;
        if state.under_way == 0 {
            state.begun = None;
        }
    }

    /// Lets the flusher threads end once all is flushed.
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.filled.notify_all();
    }

    fn drain(state: &mut QueueState) -> Option<Batch> {
        if state.is_empty() {
            return None;
        }
        state.journal = false;
        state.is_awaited = false;
        state.due = None;
        Some(Batch {
            partitions: state.partitions.drain(..).collect(),
        })
    }
}

/// What one partition has in a pass, and how its sync ended.
type Taken = (Arc<Partition>, Option<ReplicaFlush>, Result<(), LogError>);

/// One pass on its way: taken, then synced, then told. Appends go on at any time in between.
pub struct FlushPass {
    flushes: Vec<Taken>,
    /// [`FlushCounters::filesystem_failures`] when it was taken.
    filesystem_failures: u64,
}

impl FlushPass {
    /// Takes what is dirty. With `checkpoint` the logs' derived files are written out as well.
    pub(super) fn begin(batch: Batch, counters: &FlushCounters, checkpoint: bool) -> Self {
        counters.passes.fetch_add(1, Ordering::Relaxed);
        let take = |partition: Arc<Partition>| {
            let flush = if partition.is_closed() {
                None
            } else {
                partition.take_flush(checkpoint)
            };
            (partition, flush, Ok(()))
        };
        FlushPass {
            filesystem_failures: counters.filesystem_failures.load(Ordering::Acquire),
            flushes: batch.partitions.into_iter().map(take).collect(),
        }
    }

    /// Syncs it.
    pub(super) fn sync(&mut self, disk: &dyn Disk, journal: &Journal, counters: &FlushCounters) {
        let journal_result = sync_journal(&self.flushes, journal, counters);
        let synced_all = sync_filesystem(&self.flushes, disk, counters);
        let names_in_doubt = counters.filesystem_failures.load(Ordering::Acquire) != self.filesystem_failures;
        for (partition, flush, result) in &mut self.flushes {
            let Some(flush) = flush else { continue };
            *result = match &journal_result {
                Err(error) => Err(poisoned_by(error)),
                Ok(()) if names_in_doubt && flush.log.as_ref().is_some_and(LogFlush::covers_names) => Err(names_lost()),
                Ok(()) if synced_all => flush.log.as_ref().map_or(Ok(()), LogFlush::check_sound),
                Ok(()) => sync_log(partition, flush, counters),
            };
        }
    }

    /// Tells every partition, writes the checkpoints that were due, and queues again the partitions that were written to
    /// meanwhile. Returns the partitions that were in the pass. The metadata comes last: it may have thousands of partitions
    /// opened before it returns.
    pub(super) fn end(self, disk: &dyn Disk, queue: &FlushQueue, counters: &FlushCounters) -> Vec<Arc<Partition>> {
        let mut flushed = Vec::with_capacity(self.flushes.len());
        let is_data = |taken: &Taken| &*taken.0.topic != metadata_log::TOPIC;
        let (data, metadata): (Vec<Taken>, Vec<Taken>) = self.flushes.into_iter().partition(is_data);
        for flushes in [data, metadata] {
            for (partition, flush, result) in &flushes {
                if let Some(flush) = flush {
                    partition.flushed(flush, result.as_ref().copied());
                }
            }
            write_checkpoints(&flushes, disk, counters);
            for (partition, _, _) in flushes {
                partition.queued.store(false, Ordering::Release);
                if partition.wants_flush() {
                    queue.push(&partition, Urgency::Later);
                }
                flushed.push(partition);
            }
        }
        flushed
    }
}

/// Writes the small files that speak of what is durable now. One filesystem sync does for many what each would need two
/// syncs for: an orderly stop writes them for every partition.
fn write_checkpoints(flushes: &[Taken], disk: &dyn Disk, counters: &FlushCounters) {
    let durable = flushes.iter().filter(|(_, _, result)| result.is_ok());
    let logs: Vec<&LogFlush> = durable
        .filter_map(|(_, flush, _)| flush.as_ref()?.log.as_ref())
        .collect();
    let checkpoints: Vec<CheckpointFiles<'_>> = logs.iter().filter_map(|log| log.begin_checkpoint()).collect();
    let (Some(first), true) = (logs.first(), checkpoints.len() >= SYNC_FILESYSTEM_FROM) else {
        for checkpoint in checkpoints {
            if checkpoint.sync() && checkpoint.rename() {
                checkpoint.sync_names();
                checkpoint.tidy();
            }
        }
        return;
    };
    let contents_synced = sync_whole(disk, first.dir(), counters);
    let renamed: Vec<_> = checkpoints
        .into_iter()
        .filter(|checkpoint| (contents_synced || checkpoint.sync()) && checkpoint.rename())
        .collect();
    let names_synced = sync_whole(disk, first.dir(), counters);
    for checkpoint in renamed {
        if names_synced {
            checkpoint.tidy();
        } else {
            // What the new files replace stays: it is not known whether their names are durable.
            checkpoint.sync_names();
        }
    }
}

fn sync_journal(flushes: &[Taken], journal: &Journal, counters: &FlushCounters) -> Result<(), JournalError> {
    let needed = flushes
        .iter()
        .filter_map(|(_, flush, _)| flush.as_ref().map(|flush| flush.journal))
        .max()
        .unwrap_or(JournalPosition::default());
    if needed > journal.synced() || journal.needs_sync() || flushes.is_empty() {
        counters.syncs.fetch_add(1, Ordering::Relaxed);
        return journal.sync().map(|_| ()).inspect_err(|error| {
            counters.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "the journal cannot be synced");
        });
    }
    Ok(())
}

/// Syncs the whole filesystem where that is cheaper and most of what is dirty is to be durable at once; whether it did.
/// An error names no file: then each file is synced for itself, and the one that has it fails.
fn sync_filesystem(flushes: &[Taken], disk: &dyn Disk, counters: &FlushCounters) -> bool {
    let logs = || {
        flushes
            .iter()
            .filter_map(|(partition, flush, _)| Some((partition, flush.as_ref()?.log.as_ref()?)))
    };
    let files: usize = logs().map(|(_, log)| log.count()).sum();
    if files < SYNC_FILESYSTEM_FROM {
        return false;
    }
    let durable: usize = logs()
        .filter(|(partition, _)| partition.settings().durability == Durability::Synced)
        .map(|(_, log)| log.count())
        .sum();
    let Some((_, log)) = logs().next() else { return false };
    if durable * 2 < files {
        return false;
    }
    sync_whole(disk, log.dir(), counters)
}

/// Syncs the filesystem, unless that has failed once: it told of an error in files that nobody may have synced since, and
/// would not tell of it again. Each file tells for itself.
pub(super) fn sync_whole(disk: &dyn Disk, dir: &Path, counters: &FlushCounters) -> bool {
    if counters.filesystem_failures.load(Ordering::Acquire) > 0 {
        return false;
    }
    counters.filesystem_syncs.fetch_add(1, Ordering::Relaxed);
    match disk.sync_filesystem(dir) {
        Ok(()) => true,
        Err(error) => {
            counters.failures.fetch_add(1, Ordering::Relaxed);
            counters.filesystem_failures.fetch_add(1, Ordering::Release);
            tracing::error!(%error, "syncfs failed: syncing file by file");
            false
        }
    }
}

fn sync_log(partition: &Partition, flush: &ReplicaFlush, counters: &FlushCounters) -> Result<(), LogError> {
    let Some(log) = &flush.log else { return Ok(()) };
    counters.syncs.fetch_add(log.count() as u64, Ordering::Relaxed);
    log.sync().inspect_err(|error| {
        if partition.is_closed() {
            return;
        }
        counters.failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "a sync failed");
    })
}

fn poisoned_by(error: &JournalError) -> LogError {
    LogError::Io {
        operation: "sync",
        path: "the journal".into(),
        source: std::io::Error::other(error.to_string()),
    }
}

fn names_lost() -> LogError {
    LogError::Io {
        operation: "sync",
        path: "the names of new files".into(),
        source: std::io::Error::other("the filesystem could not be synced"),
    }
}
