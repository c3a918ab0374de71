//! What a node does now and then: marks in the journal, flushes of caching partitions, retention, removals.
//!
//! Nothing here runs by itself: the owner calls [`Node::housekeep`] every few tens of milliseconds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::journal::{GroupId, Record};
use storage::log::LogFiles;

use super::Node;
use super::flush_queue::Urgency;
use super::partition::Partition;

/// Progress is noted in the journal this often.
const MARK_INTERVAL_MS: u64 = 200;
/// Notes are synced at the latest this long after they were written.
const MARK_SYNC_MS: u64 = 800;
/// How often the rarer things are looked at.
const SLOW_INTERVAL_MS: u64 = 1_000;
/// How often idle index maps are unmapped and idle producers forgotten.
const IDLE_INTERVAL_MS: u64 = 30_000;

/// A replica that fails a second time stays down this long, then twice as long, and so on.
const REBUILD_WAIT_MS: u64 = 1_000;
/// It doubles this often: to some 17 minutes.
const MAX_REBUILD_DOUBLINGS: u32 = 10;

/// What is to be done later.
#[derive(Default)]
pub(super) struct Housekeeping {
    to_mark: Vec<Arc<Partition>>,
    to_flush: Vec<(u64, Arc<Partition>)>,
    to_remove: Vec<(u64, PathBuf)>,
    /// Files of a partition that goes on.
    to_remove_from: Vec<(u64, LogFiles, Vec<PathBuf>)>,
    /// Partitions with expired segments, and the base offset of the first that stays.
    to_trim: BTreeMap<GroupId, (Arc<Partition>, i64)>,
    /// Replicas that were opened anew: how often, and when the next time may be.
    rebuilt: BTreeMap<GroupId, (u32, u64)>,
    next_mark_ms: u64,
    next_slow_ms: u64,
    next_idle_ms: u64,
}

impl Housekeeping {
    /// The journal is to be told of these partitions' progress.
    pub(super) fn mark_later(&mut self, partitions: Vec<Arc<Partition>>) {
        for partition in partitions {
            if !partition.to_mark.swap(true, Ordering::AcqRel) {
                self.to_mark.push(partition);
            }
        }
    }

    /// A caching partition is to be flushed by then.
    pub(super) fn flush_later(&mut self, partition: &Arc<Partition>, due_ms: u64) {
        if !partition.flush_planned.swap(true, Ordering::AcqRel) {
            self.to_flush.push((due_ms, partition.clone()));
        }
    }

    /// A directory is to be removed then.
    pub(super) fn remove_later(&mut self, dir: PathBuf, due_ms: u64) {
        self.to_remove.push((due_ms, dir));
    }

    /// Files of a partition that goes on are to be removed then.
    pub(super) fn remove_files_later(&mut self, files: LogFiles, paths: Vec<PathBuf>, due_ms: u64) {
        self.to_remove_from.push((due_ms, files, paths));
    }

    /// The segments below `base` are to go. What was decided before for the partition is part of that.
    fn trim_later(&mut self, partition: &Arc<Partition>, base: i64) {
        let decided = self.to_trim.entry(partition.id).or_insert((partition.clone(), base));
        *decided = (partition.clone(), base.max(decided.1));
    }

    /// Whether a replica that failed may be opened anew at `now_ms`: each time it has to wait twice as long.
    pub(super) fn may_rebuild(&mut self, id: GroupId, now_ms: u64) -> bool {
        let (count, next_ms) = self.rebuilt.entry(id).or_default();
        let may = *next_ms <= now_ms;
        if may {
            *next_ms = now_ms + (REBUILD_WAIT_MS << *count);
            *count = (*count + 1).min(MAX_REBUILD_DOUBLINGS);
        }
        may
    }

    /// Whether a replica was opened anew in this life of the node.
    pub(super) fn was_rebuilt(&self, id: GroupId) -> bool {
        self.rebuilt.contains_key(&id)
    }
}

impl Node {
    /// Does what is due.
    pub fn housekeep(&self) {
        let now = self.clock.monotonic_ms();
        self.flush_due(now);
        if self.is_due(now, |state| &mut state.next_mark_ms, MARK_INTERVAL_MS) {
            self.write_marks();
        }
        self.sync_marks_due(now);
        // What was queued at the begin of a pass that became slow, where nobody waits for it.
        self.queue.look_after();
        if self.is_due(now, |state| &mut state.next_slow_ms, SLOW_INTERVAL_MS) {
            self.measure_free_space();
            self.trim();
            self.remove_due(now);
            self.open_missing();
            self.rebuild_panicked();
            if let Err(error) = self.journal.rewrite_if_mostly_dead() {
                tracing::error!(%error, "the journal cannot be rewritten");
            }
        }
        let wall = self.clock.wall_ms();
        if self.next_retention_ms.load(Ordering::Relaxed) <= wall {
            self.next_retention_ms
                .store(wall + self.retention_interval_ms, Ordering::Relaxed);
            self.run_retention();
        }
        if self.is_due(now, |state| &mut state.next_idle_ms, IDLE_INTERVAL_MS) {
            self.release_idle(wall);
        }
    }

    fn is_due(&self, now: u64, next: impl Fn(&mut Housekeeping) -> &mut u64, interval: u64) -> bool {
        let mut state = self.housekeeping.lock();
        let next = next(&mut state);
        let due = *next <= now;
        if due {
            *next = now + interval;
        }
        due
    }

    /// Sends every caching partition that has something unsynced to the flusher.
    pub(super) fn flush_cached(&self) {
        self.cached_bytes.store(0, Ordering::Relaxed);
        self.flush_due(u64::MAX);
    }

    fn flush_due(&self, now: u64) {
        let mut due = Vec::new();
        self.housekeeping.lock().to_flush.retain(|(at, partition)| {
            let is_due = *at <= now;
            if is_due {
                due.push(partition.clone());
            }
            !is_due
        });
        for partition in due {
            partition.flush_planned.store(false, Ordering::Release);
            self.queue.push(&partition, Urgency::Now);
        }
    }

    /// Notes in the journal how far each flushed partition is synced, and Raft has come. Nothing happens to a replica
    /// between the taking of its mark and the journal's append: a mark behind a cut of what it covers reads as damage.
    pub(super) fn write_marks(&self) {
        let mut partitions = std::mem::take(&mut self.housekeeping.lock().to_mark);
        for partition in &partitions {
            partition.to_mark.store(false, Ordering::Release);
        }
        partitions.retain(|partition| !partition.is_closed());
        for some in partitions.chunks(MARKS_AT_ONCE) {
            let mut records: Vec<(GroupId, Record)> = Vec::new();
            let mut replicas: Vec<_> = some.iter().map(|partition| partition.lock_replica()).collect();
            for (partition, replica) in some.iter().zip(&mut replicas).filter(|(it, _)| !it.is_closed()) {
                records.extend(replica.take_mark().into_iter().map(|record| (partition.id, record)));
            }
            if let Err(error) = self.journal.append_lazily(&records, self.clock.monotonic_ms()) {
                tracing::warn!(%error, "cannot note how far the partitions are synced: the next start reads more");
                replicas.iter_mut().for_each(|replica| replica.mark_refused());
                self.housekeeping.lock().mark_later(some.to_vec());
            }
        }
    }

    /// Has the marks synced that have waited for long, in the next pass, whatever else that takes.
    pub(super) fn sync_marks_due(&self, now: u64) {
        let oldest = self.journal.lazy_since();
        if oldest.is_some_and(|since| since + MARK_SYNC_MS <= now) {
            self.journal.hurry();
            self.queue.push_journal();
        }
    }

    pub(super) fn measure_free_space(&self) {
        match self.disk.free_bytes(&self.data_dir) {
            Ok(free) => {
                let room = i64::try_from(free).unwrap_or(i64::MAX) - self.reserve_bytes as i64;
                // Without a reserve the disk says itself that it is full.
                self.room
                    .store(if self.reserve_bytes == 0 { i64::MAX } else { room }, Ordering::Relaxed);
                let is_full = self.is_full();
                if self.told_full.swap(is_full, Ordering::Relaxed) != is_full {
                    let reserve = self.reserve_bytes;
                    if is_full {
                        tracing::error!(
                            path = %self.data_dir.display(),
                            free,
                            reserve,
                            "the disk is full but for the reserve, and produces are refused: free some, they then go on by \
                             themselves"
                        );
                    } else {
                        tracing::info!(free, "there is room on the disk again");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot tell how full the disk is"),
        }
    }

    /// Whether so many bytes can be written without touching the reserve, as things are at the moment.
    pub(super) fn has_room_for(&self, bytes: u64) -> bool {
        self.measure_free_space();
        self.room.load(Ordering::Relaxed) > i64::try_from(bytes).unwrap_or(i64::MAX - 1)
    }

    fn remove_due(&self, now: u64) {
        let mut state = self.housekeeping.lock();
        let (dirs, later) = std::mem::take(&mut state.to_remove)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        state.to_remove = later;
        let (files, later) = std::mem::take(&mut state.to_remove_from)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        state.to_remove_from = later;
        drop(state);
        let (dirs, files): (Vec<_>, Vec<_>) = (dirs, files);
        for (_, dir) in dirs {
            warn_unless_removed(&dir, self.disk.remove_dir_all(&dir));
        }
        for (_, files, paths) in files {
            // Of a topic that is gone they go with its directory, and here may be another's.
            let Some(_present) = files.hold() else { continue };
            for path in paths {
                warn_unless_removed(&path, files.remove_aside(&path));
            }
        }
    }

    /// Decides which segments have expired. They go once the log is synced into the segment that stays.
    pub fn run_retention(&self) {
        let now = self.clock.wall_ms();
        for partition in self.topics.load_full().partitions() {
            let base = partition.with_replica(|replica| replica.expired_before(now)).flatten();
            if let Some(base) = base {
                self.queue.push(partition, Urgency::Now);
                self.housekeeping.lock().trim_later(partition, base);
            }
        }
        self.trim();
    }

    /// Removes expired segments where the successor is durable: one sync of the journal for all.
    fn trim(&self) {
        let _no_replacement = self.changing_segments.lock();
        let waiting = std::mem::take(&mut self.housekeeping.lock().to_trim);
        let mut noted = Vec::new();
        for (partition, base) in waiting.into_values() {
            match self.note_removal(&partition, base) {
                Ok(Removal::Noted) => noted.push((partition, base)),
                Ok(Removal::Undecided) => {}
                Ok(Removal::Later) if partition.is_closed() || partition.out_of_service().is_some() => {}
                Ok(Removal::Later) => {
                    self.queue.push(&partition, Urgency::Now);
                    self.housekeeping.lock().trim_later(&partition, base);
                }
                Err(error) => tracing::error!(%partition, error, "cannot remove expired segments"),
            }
        }
        if noted.is_empty() {
            return;
        }
        if let Err(error) = self.journal.sync() {
            tracing::error!(%error, "cannot remove expired segments");
            return;
        }
        for (partition, base) in noted {
            self.remove_segments(&partition, base);
        }
    }

    /// The first step of a removal. Order: the segment that stays is synced, and its name;
    /// then the journal has its anchor, a mark in it, and that those before it are dropped, synced; then the old ones go.
    /// Otherwise a crash could leave a mark in a segment that is gone, which is damage, or any of the old ones, and nobody
    /// would know that the others are to go as well.
    fn note_removal(&self, partition: &Arc<Partition>, base: i64) -> Result<Removal, String> {
        let segments = partition.reader().segments();
        let stays = segments.iter().any(|segment| segment.base_offset() == base);
        if !stays {
            // The cleaner has made it part of another: retention decides again.
            return Ok(Removal::Undecided);
        }
        let noted = partition.with_replica(|replica| {
            let Some(synced) = replica.synced_end().filter(|end| end.segment_base >= base) else {
                return Ok(None);
            };
            if !replica.with_log(|log| log.remembers_producers(base, synced.offset))? {
                return Ok(None);
            }
            let Some(anchor) = replica.anchor_for(base) else {
                return Ok(Some(Err(
                    "the journal has no anchor for the segment that becomes the first".to_string(),
                )));
            };
            let records: Vec<_> = anchor
                .into_iter()
                .chain(replica.take_mark())
                .chain([Record::AnchorsDropped { below: base }])
                .map(|record| (partition.id, record))
                .collect();
            let noted = self.journal.append(&records);
            if noted.is_err() {
                replica.mark_refused();
            }
            Ok(Some(noted.map_err(|error| error.to_string())))
        });
        match noted.flatten() {
            Some(noted) => noted.map(|_| Removal::Noted),
            None => Ok(Removal::Later),
        }
    }

    /// The second step: the journal is synced.
    fn remove_segments(&self, partition: &Arc<Partition>, base: i64) {
        let Some(aside) = partition.with_replica(|replica| replica.remove_before(base)) else {
            return;
        };
        let due_ms = self.clock.monotonic_ms() + partition.settings().log.file_delete_delay_ms.max(0) as u64;
        let files = partition.reader().files().clone();
        self.housekeeping.lock().remove_files_later(files, aside, due_ms);
        tracing::info!(%partition, log_start_offset = base, "expired segments are removed");
    }

    fn release_idle(&self, wall: i64) {
        for partition in self.topics.load_full().partitions() {
            partition.reader().release_idle_maps();
            partition.prune_waiters();
            let _ = partition.with_replica(|replica| replica.with_log(|log| log.expire_producers(wall)));
        }
    }
}

fn warn_unless_removed(path: &Path, removed: std::io::Result<()>) {
    if let Err(error) = removed {
        tracing::debug!(path = %path.display(), %error, "cannot remove what is out of use");
    }
}

/// The first step of a removal.
enum Removal {
    /// The journal was told.
    Noted,
    /// It has to wait for a flush.
    Later,
    /// It has to be decided anew.
    Undecided,
}

/// Partitions whose marks go into one write of the journal; so long their replicas are locked together.
const MARKS_AT_ONCE: usize = 64;
