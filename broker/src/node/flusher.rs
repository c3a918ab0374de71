//! Group commit: one pass syncs what all partitions wrote since the last, then tells each.
//!
//! Order in a pass: what is dirty is taken; journal and segments are synced, in either order, since neither vouches for
//! the other; only then does a replica count what was in the flush. A partition is in one flush at a time, so a later
//! flush never finishes before an earlier one of the same partition.
//!
//! When a pass begins, and who does it, says [`super::flush_queue`].

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use consensus::{Durability, ReplicaFlush};
use storage::journal::{Journal, JournalError, JournalPosition};
use storage::log::{CheckpointFiles, LogError, LogFlush};

use super::Node;
use super::flush_queue::Urgency;
use super::metadata_log;
use super::partition::Partition;

/// From this many files on, one `syncfs` is cheaper than syncing each (measured on ext4 without a journal, 16 KB in each: 12
/// files 0.42 ms against 0.67 side by side, 32 files 0.85 against 1.27).
const SYNC_FILESYSTEM_FROM: usize = 12;

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

/// What one partition has in a pass, and how its sync ended.
pub(super) type Taken = (Arc<Partition>, Option<ReplicaFlush>, Result<(), LogError>);

/// One pass on its way: taken, then synced, then told. Appends go on at any time in between.
pub struct FlushPass {
    flushes: Vec<Taken>,
    /// [`WholeSync::doubted`](super::whole_sync::WholeSync::doubted) when it was taken.
    doubted: u64,
    /// It was synced with the whole filesystem.
    is_whole: bool,
}

/// The order in which partitions are told: new names may have to wait for a sync of the filesystem that is under way, and
/// the metadata may have thousands of partitions opened before it returns.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Data,
    DataWithNewNames,
    Metadata,
}

impl Turn {
    fn of((partition, flush, _): &Taken) -> Turn {
        match flush {
            _ if &*partition.topic == metadata_log::TOPIC => Turn::Metadata,
            Some(flush) if covers_names(flush) => Turn::DataWithNewNames,
            _ => Turn::Data,
        }
    }
}

impl FlushPass {
    /// Takes what is dirty. With `checkpoint` the logs' derived files are written out as well.
    pub(super) fn begin(partitions: Vec<Arc<Partition>>, node: &Node, checkpoint: bool) -> Self {
        node.counters.passes.fetch_add(1, Ordering::Relaxed);
        let take = |partition: Arc<Partition>| {
            let flush = if partition.is_closed() {
                None
            } else {
                partition.take_flush(checkpoint)
            };
            (partition, flush, Ok(()))
        };
        FlushPass {
            doubted: node.whole_sync.doubted(),
            is_whole: false,
            flushes: partitions.into_iter().map(take).collect(),
        }
    }

    /// Whether there is anything to sync.
    pub(super) fn has_work(&self) -> bool {
        self.flushes.iter().any(|(_, flush, _)| flush.is_some())
    }

    /// Syncs it.
    pub(super) fn sync(&mut self, node: &Node) {
        let counters = &node.counters;
        let journal_result = sync_journal(&self.flushes, &node.journal, counters);
        self.is_whole = sync_filesystem(&self.flushes, node);
        match journal_result {
            Err(error) => self.set_results(|_| Err(poisoned_by(&error))),
            Ok(()) if self.is_whole => {
                self.set_results(|flush| flush.log.as_ref().map_or(Ok(()), LogFlush::check_sound))
            }
            Ok(()) => sync_logs(&mut self.flushes, node),
        }
    }

    fn set_results(&mut self, result_of: impl Fn(&ReplicaFlush) -> Result<(), LogError>) {
        for (_, flush, result) in &mut self.flushes {
            if let Some(flush) = flush {
                *result = result_of(flush);
            }
        }
    }

    /// Tells every partition, writes the checkpoints that were due, and queues again the partitions that were written to
    /// meanwhile. Returns the partitions that were in the pass.
    pub(super) fn end(mut self, node: &Node) -> Vec<Arc<Partition>> {
        self.flushes.sort_by_key(Turn::of);
        let data_ends = self.flushes.partition_point(|taken| Turn::of(taken) < Turn::Metadata);
        let (data, metadata) = self.flushes.split_at_mut(data_ends);
        // Who does the pass looks into the queue when it is over: at once, but for the metadata.
        let looks_next = metadata.is_empty();
        for flushes in [data, metadata] {
            for flushes in flushes.chunk_by_mut(|a, b| Turn::of(a) == Turn::of(b)) {
                if !self.is_whole {
                    doubt_new_names(flushes, node, self.doubted);
                }
                for (partition, flush, result) in flushes {
                    if let Some(flush) = flush {
                        partition.flushed(flush, result.as_ref().copied());
                    }
                }
            }
            write_checkpoints(flushes, node);
            for (partition, _, _) in flushes {
                partition.queued.store(false, Ordering::SeqCst);
                if partition.wants_another_flush() {
                    match looks_next {
                        true => node.queue.push_again(partition),
                        false => node.queue.push(partition, Urgency::Later),
                    }
                }
            }
        }
        self.flushes.into_iter().map(|(partition, _, _)| partition).collect()
    }
}

fn covers_names(flush: &ReplicaFlush) -> bool {
    flush.log.as_ref().is_some_and(LogFlush::covers_names)
}

/// New names that were synced for themselves are in doubt if the filesystem's sync failed meanwhile: it was told of the error
/// that they may have met.
fn doubt_new_names(flushes: &mut [Taken], node: &Node, doubted: u64) {
    let is_named = |taken: &Taken| taken.2.is_ok() && taken.1.as_ref().is_some_and(covers_names);
    if flushes.iter().any(is_named) && node.whole_sync.failures(&node.counters) != doubted {
        let named = flushes.iter_mut().filter(|taken| is_named(taken));
        named.for_each(|(_, _, result)| *result = Err(names_lost()));
    }
}

/// Writes the small files that speak of what is durable now. One filesystem sync does for many what each would need two
/// syncs for: an orderly stop writes them for every partition.
fn write_checkpoints(flushes: &[Taken], node: &Node) {
    let durable = flushes.iter().filter(|(_, _, result)| result.is_ok());
    let logs: Vec<&LogFlush> = durable
        .filter_map(|(_, flush, _)| flush.as_ref()?.log.as_ref())
        .collect();
    let checkpoints: Vec<CheckpointFiles<'_>> = logs.iter().filter_map(|log| log.begin_checkpoint()).collect();
    let failures = node.filesystem_failures();
    let contents_synced = checkpoints.len() >= SYNC_FILESYSTEM_FROM && node.sync_whole();
    let renamed: Vec<_> = checkpoints
        .into_iter()
        .filter(|checkpoint| (contents_synced || checkpoint.sync()) && checkpoint.rename())
        .collect();
    let names_synced = contents_synced && node.sync_whole();
    let mut synced = renamed;
    if !names_synced {
        synced.retain(CheckpointFiles::sync_names);
        if !synced.is_empty() && node.whole_sync.failures(&node.counters) != failures {
            // It is not known whether the names are durable: what the new files replace stays.
            return;
        }
    }
    synced.into_iter().for_each(CheckpointFiles::tidy);
}

fn sync_journal(flushes: &[Taken], journal: &Journal, counters: &FlushCounters) -> Result<(), JournalError> {
    let needed = flushes
        .iter()
        .filter_map(|(_, flush, _)| flush.as_ref().map(|flush| flush.journal))
        .max()
        .unwrap_or(JournalPosition::default());
    if needed > journal.synced() || journal.needs_sync() {
        counters.syncs.fetch_add(1, Ordering::Relaxed);
        return journal.sync().map(|_| ()).inspect_err(|error| {
            counters.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "the journal cannot be synced");
        });
    }
    Ok(())
}

/// Runs a pass, or many. Without its flusher nothing could be acknowledged any more: should it panic the process ends, and
/// its next start recovers.
pub(super) fn or_abort(flush: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(flush)).is_err() {
        let message = "weir: what syncs the logs has failed, and nothing can be made durable without it: the process ends; \
                       start it again, and it recovers as after a kill\n";
        // Standard error may be closed.
        let _ = std::io::stderr().write_all(message.as_bytes());
        std::process::abort();
    }
}

/// Syncs the whole filesystem where that is cheaper and most of what is dirty is to be durable at once; whether it did.
/// An error names no file: then each file is synced for itself, and the one that has it fails.
fn sync_filesystem(flushes: &[Taken], node: &Node) -> bool {
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
    durable * 2 >= files && node.sync_whole()
}

/// Syncs each log for itself; several side by side, where the node has threads for that.
fn sync_logs(flushes: &mut Vec<Taken>, node: &Node) {
    let has_log = |taken: &Taken| taken.1.as_ref().is_some_and(|flush| flush.log.is_some());
    match node.syncing.get() {
        Some(syncing) if flushes.iter().filter(|taken| has_log(taken)).nth(1).is_some() => {
            let (logs, others) = std::mem::take(flushes).into_iter().partition(has_log);
            *flushes = syncing.run(logs);
            flushes.extend::<Vec<Taken>>(others);
        }
        _ => flushes.iter_mut().for_each(sync_log),
    }
    for (partition, flush, result) in flushes {
        let Some(log) = flush.as_ref().and_then(|flush| flush.log.as_ref()) else {
            continue;
        };
        node.counters.syncs.fetch_add(log.count() as u64, Ordering::Relaxed);
        if let Err(error) = result
            && !partition.is_closed()
        {
            node.counters.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "a sync failed");
        }
    }
}

/// Syncs the log in a pass, if it has one.
pub(super) fn sync_log((_, flush, result): &mut Taken) {
    if let Some(log) = flush.as_ref().and_then(|flush| flush.log.as_ref()) {
        *result = log.sync();
    }
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
