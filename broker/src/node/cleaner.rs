//! The log cleaner: compacts the partitions whose topics say so, the filthiest first (Kafka: `LogCleaner`).
//!
//! Nothing here runs by itself: who has a thread for it begins a round ([`Node::begin_clean`]) and goes on with it in steps
//! ([`Node::clean`]), as fast as it likes. Several may do so at a time, each with a partition of its own.
//!
//! Order on disk: see [`storage::log::Replacement`]. The journal is synced twice for each segment that is written: that it
//! replaces others, before it does, and that it is in place, before the next is begun.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use consensus::Readiness;
use storage::compaction::{Choice, Clean, CleanError, CleanOptions, CleanStats, Progress, SegmentFacts, choose};
use storage::journal::{GroupId, Record};
use storage::log::{HeaderWalk, LogError, Replacement, Step};
use storage::planted::{Bug, is_planted};

use super::Node;
use super::flush_queue::Urgency;
use super::partition::Partition;

/// A log that could not be cleaned is tried again after this long, then after twice as long, and so on.
const RETRY_MS: u64 = 15_000;
/// It doubles this often: to some four hours.
const MAX_DOUBLINGS: u32 = 10;
/// Bytes of a cleaned segment that are synced at once: an orderly stop may have to wait for them.
const SYNC_BYTES: u64 = 16 << 20;

/// What the configuration says about the cleaner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CleanerSettings {
    /// Bytes of one round's map: `log.cleaner.dedupe.buffer.size`, shared by the threads.
    pub map_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
    /// Bytes read and written at once: `log.cleaner.io.buffer.size`, shared by the threads, for reading and writing.
    pub io_bytes: usize,
    /// `weir.max.decompressed.batch.bytes`.
    pub max_decompressed: usize,
    /// The secret of the map's hash, chosen at random at each start.
    pub secret: (u64, u64),
}

/// Counts of what the cleaner did, and what it saw last.
#[derive(Debug, Default)]
pub struct CleanerCounters {
    /// Bytes of batches read.
    pub bytes_read: AtomicU64,
    /// Bytes of batches written.
    pub bytes_written: AtomicU64,
    /// Bytes of segments that were replaced.
    pub bytes_replaced: AtomicU64,
    /// Rounds that came to their end.
    pub rounds: AtomicU64,
    /// Rounds that did not, for an error.
    pub failures: AtomicU64,
    /// Rounds that were not begun, or given up, for lack of room on the disk.
    pub without_room: AtomicU64,
    /// Damages found.
    pub damages: AtomicU64,
    /// The largest part of a log that is dirty, in millionths.
    pub max_dirty: AtomicU64,
    /// How full the last round's map was, in millionths.
    pub map_utilization: AtomicU64,
    /// When a log was last looked for, on the monotonic clock in milliseconds.
    pub last_look_ms: AtomicU64,
    /// Partitions that cannot be cleaned for now.
    pub left_out: AtomicU64,
    /// Their bytes.
    pub left_out_bytes: AtomicU64,
}

/// Which partitions are being cleaned, and which cannot be.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    at_work: BTreeSet<GroupId>,
    left_out: BTreeMap<GroupId, LeftOut>,
}

/// A partition that could not be cleaned.
#[derive(Debug, Default)]
struct LeftOut {
    failures: u32,
    retry_ms: u64,
    bytes: u64,
    /// For lack of room on the disk, which was told.
    lacks_room: bool,
}

/// A round over one partition.
#[derive(Debug)]
pub struct CleanRound {
    partition: Arc<Partition>,
    clean: Clean,
    counted: CleanStats,
}

impl CleanRound {
    /// The partition.
    pub fn partition(&self) -> &Arc<Partition> {
        &self.partition
    }
}

/// A log that may be cleaned.
struct Candidate {
    partition: Arc<Partition>,
    choice: Choice,
}

impl Node {
    /// Begins a round over the log that needs it most; `None` where none does. A round that was begun is gone on with until
    /// it ends, or dropped with [`Node::abandon_clean`].
    pub fn begin_clean(&self, settings: &CleanerSettings) -> Option<CleanRound> {
        let now_ms = self.clock.wall_ms();
        self.cleaner_counters
            .last_look_ms
            .store(self.clock.monotonic_ms(), Ordering::Relaxed);
        let mut due = self.candidates(now_ms);
        due.retain(|it| it.choice.is_due(&it.partition.settings().log.compaction));
        // The filthiest first; where two are alike, the first.
        due.sort_by(|a, b| b.choice.dirty_ratio().total_cmp(&a.choice.dirty_ratio()));
        let candidate = due.into_iter().find(|candidate| self.is_ready(candidate))?;
        let Candidate { partition, choice } = candidate;
        if !self.cleaner.lock().at_work.insert(partition.id) {
            return None;
        }
        // That the last segment of an earlier round, or life, is in place: a file of the same name may be made now.
        if let Err(error) = self.settle_last(&partition) {
            tracing::error!(%partition, error, "cannot be cleaned");
            self.cleaner.lock().at_work.remove(&partition.id);
            return None;
        }
        let log = partition.settings().log.clone();
        let options = CleanOptions {
            now_ms,
            delete_retention_ms: log.compaction.delete_retention_ms,
            segment_bytes: log.segment_bytes,
            segment_index_bytes: log.segment_index_bytes,
            index_interval_bytes: log.index_interval_bytes,
            map_bytes: settings.map_bytes,
            load_factor: settings.load_factor,
            io_bytes: settings.io_bytes,
            sync_bytes: SYNC_BYTES,
            max_decompressed: settings.max_decompressed,
            secret: settings.secret,
        };
        tracing::debug!(%partition, from = choice.first_dirty, to = choice.first_uncleanable, "cleaning");
        let clean = Clean::new(partition.reader().clone(), choice, options);
        Some(CleanRound {
            partition,
            clean,
            counted: CleanStats::default(),
        })
    }

    /// Makes sure that the journal knows, durably, of the partition's last cleaned segment that it is in its place. There
    /// may have been no room to say so; in a replica in service it is.
    fn settle_last(&self, partition: &Partition) -> Result<(), String> {
        let in_place = [(partition.id, Record::CleanedInPlace)];
        let told = partition.with_replica(|replica| {
            replica.with_log(|_| match self.journal.is_replacing(partition.id) {
                true => self.journal.append(&in_place).map(drop),
                false => Ok(()),
            })
        });
        let told = told.ok_or("it is out of service")?;
        told.and_then(|()| self.journal.sync().map(drop))
            .map_err(|error| error.to_string())
    }

    /// Goes on with a round for about `budget` bytes read and written. Answers the round while there is more to do, and the
    /// bytes.
    pub fn clean(&self, mut round: CleanRound, budget: u64) -> (Option<CleanRound>, u64) {
        if round.partition.is_closed() || !round.partition.settings().log.compact {
            self.abandon_clean(round);
            return (None, 0);
        }
        let partition = round.partition.clone();
        let needed = round.clean.next_writes(budget);
        if needed > 0 && !self.has_room_for(needed) {
            self.leave_out_for_room(&partition, needed);
            self.abandon_clean(round);
            return (None, 0);
        }
        let progress = round.clean.step(budget, || last_offsets(&partition));
        let bytes = self.count(&mut round);
        let goes_on = match progress {
            Ok(Progress::More) => true,
            Ok(Progress::Replace(replacement)) => match self.replace(&partition, &replacement) {
                Ok(true) => true,
                Ok(false) => {
                    // Not at once again: what was in the way may stay for a while.
                    let gone = partition.is_closed() || partition.out_of_service().is_some();
                    if !gone {
                        self.leave_out(&partition, &"its segments have changed, or the journal has no room");
                    }
                    false
                }
                Err(error) => {
                    self.leave_out(&partition, &error);
                    false
                }
            },
            Ok(Progress::Done { dirty_from }) => {
                self.end_round(&round, dirty_from);
                false
            }
            Err(error) => {
                self.fail_round(&partition, error);
                false
            }
        };
        if goes_on {
            return (Some(round), bytes);
        }
        self.abandon_clean(round);
        (None, bytes)
    }

    /// Ends a round where it is. What it has replaced stays so.
    pub fn abandon_clean(&self, round: CleanRound) {
        let CleanRound { partition, clean, .. } = round;
        clean.abandon();
        self.cleaner.lock().at_work.remove(&partition.id);
    }

    /// What the cleaner did so far.
    pub fn cleaner_counters(&self) -> &CleanerCounters {
        &self.cleaner_counters
    }

    /// The compacted logs that can be cleaned at all.
    fn candidates(&self, now_ms: i64) -> Vec<Candidate> {
        let mut found = Vec::new();
        let mut max_dirty: f64 = 0.0;
        let topics = self.topics.load_full();
        let compacted = topics.partitions().filter(|it| it.settings().log.compact);
        for partition in compacted.filter(|it| !it.is_closed() && it.reader().damage().is_none()) {
            if !self.may_be_tried(partition) {
                continue;
            }
            match self.choose(partition, now_ms) {
                Ok(Some(choice)) => {
                    max_dirty = max_dirty.max(choice.dirty_ratio());
                    let partition = partition.clone();
                    found.push(Candidate { partition, choice });
                }
                Ok(None) => {}
                Err(error) => self.leave_out(partition, &error),
            }
        }
        self.cleaner_counters
            .max_dirty
            .store((max_dirty * 1e6) as u64, Ordering::Relaxed);
        self.forget_gone(&topics);
        found
    }

    fn choose(&self, partition: &Partition, now_ms: i64) -> Result<Option<Choice>, LogError> {
        let reader = partition.reader();
        let segments = reader.segments();
        let facts: Vec<SegmentFacts> = segments
            .iter()
            .map(|segment| SegmentFacts {
                base_offset: segment.base_offset(),
                size: segment.size(),
            })
            .collect();
        // Once there are transactions, the first that is open ends it as well.
        let stable_end = reader.high_watermark().offset;
        let newest = |place: usize| {
            let newest = segments[place].newest(reader.files())?;
            Ok(newest.map_or(-1, |(timestamp, _)| timestamp))
        };
        let oldest = |place: usize| {
            let segment = &segments[place];
            let mut walk = HeaderWalk::new(segment.file().clone(), 0, segment.size());
            let path = || reader.files().path(segment.base_offset(), storage::log::LOG);
            match walk.step() {
                Ok(Step::Batch { header, .. }) => Ok(header.max_timestamp),
                Ok(_) => Ok(-1),
                Err(source) => Err(LogError::Io {
                    operation: "read",
                    path: path(),
                    source,
                }),
            }
        };
        let config = &partition.settings().log.compaction;
        choose(
            &facts,
            self.journal.dirty_from(partition.id),
            stable_end,
            config,
            now_ms,
            newest,
            oldest,
        )
    }

    /// Whether a round over it can begin. What is not durable yet in the segment that stays is with the next flush.
    fn is_ready(&self, candidate: &Candidate) -> bool {
        let Candidate { partition, choice } = candidate;
        let segment_bytes = partition.settings().log.segment_bytes;
        let needed = (choice.clean_bytes + choice.cleanable_bytes).min(segment_bytes);
        if !self.has_room_for(needed) {
            self.leave_out_for_room(partition, needed);
            return false;
        }
        match partition.with_replica(|replica| replica.may_clean_below(choice.first_uncleanable)) {
            Some(Readiness::Ready) => true,
            Some(Readiness::Later) => {
                self.queue.push(partition, Urgency::Now);
                false
            }
            Some(Readiness::Never) | None => false,
        }
    }

    /// Puts a segment in the place of those that it replaces; whether it is there. Retention waits meanwhile.
    fn replace(&self, partition: &Arc<Partition>, replacement: &Replacement) -> Result<bool, String> {
        let _no_removal = self.changing_segments.lock();
        let noted = partition.with_replica(|replica| replica.note_replacement(replacement));
        match noted {
            Some(Readiness::Ready) => {}
            Some(Readiness::Later | Readiness::Never) | None => {
                replacement.discard();
                return Ok(false);
            }
        }
        if !is_planted(Bug::CleanedBeforeJournal) {
            // After an error it is for the next start to see which of the two there is.
            self.journal.sync().map_err(|error| error.to_string())?;
        }
        let Some(aside) = partition.with_replica(|replica| replica.replace(replacement)) else {
            return Ok(false);
        };
        let files = partition.reader().files().clone();
        let due_ms = self.clock.monotonic_ms() + partition.settings().log.file_delete_delay_ms.max(0) as u64;
        self.housekeeping
            .lock()
            .remove_files_later(files.clone(), aside, due_ms);
        let synced = files.hold().map(|_present| files.disk.sync_dir(&files.dir));
        match synced {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                partition.poison(format!("the directory could not be synced: {error}"));
                return Ok(false);
            }
            None => return Ok(false),
        }
        let in_place = [(partition.id, Record::CleanedInPlace)];
        if is_planted(Bug::CleanedBeforeJournal) {
            return Ok(true);
        }
        let noted = self.journal.append(&in_place).and_then(|_| self.journal.sync());
        noted.map(|_| true).map_err(|error| error.to_string())
    }

    fn end_round(&self, round: &CleanRound, dirty_from: i64) {
        let CleanRound { partition, clean, .. } = round;
        let stats = clean.stats();
        self.cleaner_counters.rounds.fetch_add(1, Ordering::Relaxed);
        self.cleaner_counters
            .map_utilization
            .store((stats.map_utilization * 1e6) as u64, Ordering::Relaxed);
        // To lose this costs only a second round.
        let noted = partition.with_replica(|_| {
            let record = [(partition.id, Record::DirtyFrom { offset: dirty_from })];
            Ok(self.journal.append_lazily(&record, self.clock.monotonic_ms()))
        });
        if let Some(Err(error)) = noted {
            tracing::warn!(%partition, %error, "cannot note how far the log is clean");
        }
        self.cleaner.lock().left_out.remove(&partition.id);
        tracing::info!(
            %partition, dirty_from, read = stats.bytes_read, replaced = stats.bytes_replaced, written = stats.bytes_written,
            keys = stats.keys, "cleaned"
        );
    }

    fn fail_round(&self, partition: &Arc<Partition>, error: CleanError) {
        match error {
            CleanError::Damaged(damage, end) => {
                self.cleaner_counters.damages.fetch_add(1, Ordering::Relaxed);
                partition.quarantine(damage, end);
            }
            CleanError::NamesInDoubt(error) => partition.poison(error.to_string()),
            CleanError::Gone => {}
            CleanError::Log(LogError::Full { .. }) => self.leave_out_for_room(partition, 0),
            error @ (CleanError::Log(_) | CleanError::Batch { .. }) => self.leave_out(partition, &error),
        }
    }

    /// The log cannot be cleaned for now.
    fn leave_out(&self, partition: &Partition, error: &dyn std::fmt::Display) {
        self.cleaner_counters.failures.fetch_add(1, Ordering::Relaxed);
        let mut cleaner = self.cleaner.lock();
        let left_out = self.left_out(&mut cleaner, partition);
        let again_in_ms = RETRY_MS << left_out.failures;
        left_out.retry_ms += again_in_ms;
        left_out.failures = (left_out.failures + 1).min(MAX_DOUBLINGS);
        tracing::warn!(%partition, %error, again_in_ms, "cannot be cleaned");
    }

    /// There is no room on the disk for so many bytes more beside the reserve. That may pass any time, so each time the log
    /// is tried again as soon.
    fn leave_out_for_room(&self, partition: &Partition, needed: u64) {
        self.cleaner_counters.without_room.fetch_add(1, Ordering::Relaxed);
        let mut cleaner = self.cleaner.lock();
        let left_out = self.left_out(&mut cleaner, partition);
        left_out.retry_ms += RETRY_MS;
        if std::mem::replace(&mut left_out.lacks_room, true) {
            tracing::debug!(%partition, needed, "still not cleaned: there is no room on the disk for it");
            return;
        }
        let (room, reserve) = (self.room.load(Ordering::Relaxed).max(0), self.reserve_bytes);
        tracing::warn!(
            %partition, needed, room, reserve, again_in_ms = RETRY_MS,
            "not cleaned: the disk has no room for it beside the reserve; it goes on by itself once there is"
        );
    }

    /// What is known of a log that cannot be cleaned as of now.
    fn left_out<'a>(&self, cleaner: &'a mut Cleaner, partition: &Partition) -> &'a mut LeftOut {
        let left_out = cleaner.left_out.entry(partition.id).or_default();
        left_out.retry_ms = self.clock.monotonic_ms();
        left_out.bytes = partition.reader().size();
        left_out
    }

    fn may_be_tried(&self, partition: &Partition) -> bool {
        let cleaner = self.cleaner.lock();
        let waits = cleaner.left_out.get(&partition.id);
        !cleaner.at_work.contains(&partition.id) && waits.is_none_or(|it| it.retry_ms <= self.clock.monotonic_ms())
    }

    fn forget_gone(&self, topics: &super::Topics) {
        let mut cleaner = self.cleaner.lock();
        let is_compacted = |id: &GroupId| {
            let topic = topics.by_id(id.topic_id);
            let partition = topic.and_then(|topic| topic.partitions.get(&id.partition));
            partition.is_some_and(|partition| partition.settings().log.compact)
        };
        cleaner.left_out.retain(|id, _| is_compacted(id));
        let (count, bytes) = (
            cleaner.left_out.len() as u64,
            cleaner.left_out.values().map(|left_out| left_out.bytes).sum(),
        );
        self.cleaner_counters.left_out.store(count, Ordering::Relaxed);
        self.cleaner_counters.left_out_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Adds what the round did since the last call; the bytes that it read and wrote.
    fn count(&self, round: &mut CleanRound) -> u64 {
        let (before, now) = (round.counted, round.clean.stats());
        round.counted = now;
        let read = now.bytes_read - before.bytes_read;
        let written = now.bytes_written - before.bytes_written;
        let counters = &self.cleaner_counters;
        counters.bytes_read.fetch_add(read, Ordering::Relaxed);
        counters.bytes_written.fetch_add(written, Ordering::Relaxed);
        counters
            .bytes_replaced
            .fetch_add(now.bytes_replaced - before.bytes_replaced, Ordering::Relaxed);
        read + written
    }
}

/// The last offset of each producer's last batch; `None` where the partition is gone.
fn last_offsets(partition: &Partition) -> Option<BTreeMap<i64, i64>> {
    partition.with_replica(|replica| {
        replica.with_log(|log| {
            let producers = log.producers().iter();
            let last = |(id, entry): (i64, &storage::producer_state::ProducerEntry)| {
                Some((id, entry.batches().last()?.last_offset))
            };
            producers.filter_map(last).collect()
        })
    })
}
