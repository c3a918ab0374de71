//! Opens a log that was written before: finds where it ends, and tells a torn tail from damage.
//!
//! The journal says how far the log was synced (the mark), and where each leader's term begins. What is read depends on
//! how the broker stopped:
//! - after an orderly stop the mark is the end, and nothing above it is read;
//! - else everything above the mark is synced first (Raft takes what is readable as persisted), then read past the page
//!   cache and verified whole: magic, length, CRC, offsets that follow each other, and the epoch that the journal says.
//!
//! What fails below the mark is damage, never cut. Above it, the first batch that fails is where the tail is cut, after a
//! power cut; after a plain kill the page cache survived, so only the last write can be torn: a bad batch with good ones
//! after it is damage, unless the cache has it whole (then a sync had failed, and the disk never got it).

mod below_mark;
mod damaged;
mod missing;
mod tail;
mod terms;

use std::sync::Arc;

use super::error::{Damage, LogError};
use super::files::{
    CLEANED, DELETED, INDEX, LEADER_EPOCH_CHECKPOINT, LOG, LogFiles, SNAPSHOT, TEMPORARY, TIME_INDEX, display_name,
    parse_name,
};
use super::reader::LogPosition;
use super::replace::IN_ORDER;
use super::segment::LiveIndex;
use super::{Log, LogConfig, Segment};
use crate::disk::read_file;
use crate::journal::{GroupState, SyncedMark};
use crate::leader_epochs::LeaderEpochs;
use crate::planted::{Bug, is_planted};
use crate::record_batch::BatchHeader;
pub use damaged::still_damaged;
pub(super) use tail::{Fault, read_batch};
pub(super) use terms::{Terms, has_dropped, has_synced, log_start, start, synced_mark, term_at};

/// How the broker stopped before this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopKind {
    /// The journal's last record says so.
    Clean,
    /// The process ended; the page cache is still there.
    Killed,
    /// The machine was started since, or the filesystem mounted again.
    Rebooted,
}

/// What a recovery needs.
#[derive(Debug)]
pub struct Recovery<'a> {
    /// The partition's directory.
    pub files: LogFiles,
    /// Its settings.
    pub config: Arc<LogConfig>,
    /// What the journal says of the group.
    pub group: &'a GroupState,
    /// How the broker stopped.
    pub stop: StopKind,
    /// The clock, in milliseconds since the epoch.
    pub now_ms: i64,
    /// After [`Recovery::settle_lengths`] the whole filesystem was synced: files and names need no sync of their own.
    pub is_filesystem_synced: bool,
}

/// A batch above the synced mark, as Raft knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailBatch {
    /// Its raft index.
    pub index: u64,
    /// Its header.
    pub header: BatchHeader,
    /// Where it ends.
    pub end: LogPosition,
}

/// An opened log.
#[derive(Debug)]
pub struct Recovered {
    /// The log. With `damage` it can only be read, below the damage.
    pub log: Log,
    /// The batches above the synced mark.
    pub tail: Vec<TailBatch>,
    /// The raft index of the last entry, whether a batch or one of the journal's.
    pub last_index: u64,
    /// The journal's entries, and anchors, from this index on belong to no log that there is: they are to be cut.
    pub drop_entries_from: Option<u64>,
    /// Damage that was found: the partition is quarantined.
    pub damage: Option<Damage>,
    /// Bytes that were cut off the tail.
    pub cut_bytes: u64,
    /// The cleaned segment that still had to be put in its place is there now, durably: the journal is to be told.
    pub is_replaced: bool,
}

/// Where a walk stopped at damage.
struct Stopped {
    /// The segment's place in the list.
    segment: usize,
    /// The byte in it.
    position: u64,
    reason: String,
}

impl Recovery<'_> {
    /// To be called before a sync of the filesystem that stands for one of each file: sets again the lengths that the life
    /// before may have set in vain, because the sync after a cut failed.
    pub fn settle_lengths(&self) -> Result<(), LogError> {
        if self.stop == StopKind::Clean {
            return Ok(());
        }
        let dir = &self.files.dir;
        let entries = match self.files.disk.list(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(LogError::io("list", dir, error)),
        };
        let marked = synced_mark(self.group).map_or(0, |mark| mark.segment_base);
        let segments = entries.iter().filter_map(|entry| parse_name(&entry.name));
        for (base, _) in segments.filter(|&(base, suffix)| suffix == LOG && base >= marked) {
            let path = self.files.path(base, LOG);
            let settle = || {
                let file = self.files.disk.open(&path)?;
                file.set_len(file.len()?)
            };
            settle().map_err(|error| LogError::io("truncate", &path, error))?;
        }
        Ok(())
    }

    /// Opens the log.
    pub fn run(self) -> Result<Recovered, LogError> {
        let mut listing = self.list()?;
        if let Some(damage) = self.missing(&listing) {
            let end = LogPosition {
                offset: damage.offset,
                segment_base: damage.offset,
                position: 0,
            };
            return self.quarantined(&listing, damage, end);
        }
        if let Some((damage, end)) = self.noted_damage()? {
            return self.quarantined(&listing, damage, end);
        }
        let start = log_start(self.group);
        if !has_synced(self.group) && listing.segments.first() != Some(&start) {
            self.forget_unsynced(&mut listing)?;
        }
        let Some(&first) = listing.segments.first() else {
            // Never synced and gone with the power: as if it had just been made.
            let log = Log::create(self.files.clone(), self.config.clone(), start, self.now_ms)?;
            let mark = self.mark_or_start(start);
            return self.finish(log, Vec::new(), Terms::new(self.group, &mark), 0);
        };
        self.drop_old_snapshots(&mut listing, first)?;
        let mark = self.mark_or_start(first);
        let end = LogPosition {
            offset: mark.next_offset,
            segment_base: mark.segment_base,
            position: mark.position,
        };
        let segments = self.open_segments(&listing)?;
        if let Some((damage, end)) = self.cut_short(&segments) {
            return self.quarantined(&listing, damage, end);
        }
        let mut log = self.assemble(segments, end);
        log.snapshots = listing.snapshots;
        if let Some(stopped) = self.read_below_mark(&mut log, &mark)? {
            return Ok(self.damaged(log, stopped));
        }
        self.read_above_mark(log, &mark)
    }

    fn list(&self) -> Result<Listing, LogError> {
        let dir = &self.files.dir;
        let mut listing = Listing::default();
        let entries = match self.files.disk.list(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(listing),
            Err(error) => return Err(LogError::io("list", dir, error)),
        };
        let mut indexes = Vec::new();
        let mut cleaned = Vec::new();
        for entry in entries {
            let path = dir.join(&entry.name);
            if entry.name.ends_with(DELETED) || entry.name.ends_with(TEMPORARY) {
                self.files.remove(&path)?;
                continue;
            }
            match parse_name(&entry.name) {
                Some((base, LOG)) => listing.segments.push(base),
                Some((offset, SNAPSHOT)) => listing.snapshots.push(offset),
                Some((base, INDEX | TIME_INDEX)) => indexes.push((base, path)),
                Some((base, suffix)) if suffix.ends_with(CLEANED) => cleaned.push((base, suffix.to_string())),
                _ => {}
            }
        }
        self.finish_replacement(&mut listing, &cleaned)?;
        listing.segments.sort_unstable();
        listing.snapshots.sort_unstable();
        self.finish_retention(&mut listing)?;
        for (base, path) in indexes {
            if listing.segments.binary_search(&base).is_err() {
                self.files.remove(&path)?;
            }
        }
        Ok(listing)
    }

    /// Puts the segment in its place of which the journal says that it replaces others, and removes those; removes what the
    /// cleaner had begun otherwise. Any part of that may have been done before.
    fn finish_replacement(&self, listing: &mut Listing, found: &[(i64, String)]) -> Result<(), LogError> {
        let replacing = self.group.replacing.and_then(|base| self.group.cleaned.get(&base));
        for (base, suffix) in found {
            if replacing.is_none_or(|cleaned| cleaned.base_offset != *base) {
                self.files.remove(&self.files.path(*base, suffix))?;
            }
        }
        let Some(cleaned) = replacing else { return Ok(()) };
        let base = cleaned.base_offset;
        for suffix in IN_ORDER {
            let aside = format!("{suffix}.{CLEANED}");
            if !found.iter().any(|(of, found)| *of == base && *found == aside) {
                continue;
            }
            let path = self.files.path(base, &aside);
            let renamed = self.files.disk.rename(&path, &self.files.path(base, suffix));
            renamed.map_err(|error| LogError::io("rename", path, error))?;
            if suffix == LOG && !listing.segments.contains(&base) {
                listing.segments.push(base);
            }
        }
        let is_replaced = |other: i64| base < other && other < cleaned.end_offset;
        for &other in listing.segments.iter().filter(|&&other| is_replaced(other)) {
            tracing::info!(dir = %self.files.dir.display(), base = other, "removing a segment that was cleaned before the last stop");
            for suffix in [LOG, INDEX, TIME_INDEX] {
                self.files.remove(&self.files.path(other, suffix))?;
            }
        }
        listing.segments.retain(|&other| !is_replaced(other));
        self.files.sync_names()
    }

    /// Removes the segments that retention was removing: a crash may leave any of them.
    fn finish_retention(&self, listing: &mut Listing) -> Result<(), LogError> {
        if !has_dropped(self.group) {
            return Ok(());
        }
        let Ok(first) = listing.segments.binary_search(&log_start(self.group)) else {
            return Ok(());
        };
        for base in listing.segments.drain(..first) {
            tracing::info!(dir = %self.files.dir.display(), base, "removing a segment that had expired before the last stop");
            self.files.remove(&self.files.path(base, LOG))?;
        }
        Ok(())
    }

    /// Removes the snapshots from before the log's beginning, which retention was about to remove, and from before Raft's
    /// beginning: they do not know of batches that the cleaner has dropped. The oldest that is left lies below the mark: it
    /// is kept for a start that finds all newer ones above.
    fn drop_old_snapshots(&self, listing: &mut Listing, first: i64) -> Result<(), LogError> {
        let first = match self.group.cleaned.is_empty() {
            true => first,
            false => first.max(start(self.group)),
        };
        let old = listing.snapshots.partition_point(|&offset| offset < first);
        for offset in listing.snapshots.drain(..old) {
            self.files.remove(&self.files.path(offset, SNAPSHOT))?;
        }
        Ok(())
    }

    /// The power took the first segment's name and left later ones: nothing of them was ever synced.
    fn forget_unsynced(&self, listing: &mut Listing) -> Result<(), LogError> {
        for base in listing.segments.drain(..).rev() {
            tracing::info!(dir = %self.files.dir.display(), base, "removing a segment that was never synced");
            for suffix in [LOG, INDEX, TIME_INDEX] {
                self.files.remove(&self.files.path(base, suffix))?;
            }
        }
        Ok(())
    }

    /// The synced mark, or where the log begins if there is none yet.
    fn mark_or_start(&self, first: i64) -> SyncedMark {
        let index = self.group.anchors.get(&first).map_or(0, |anchor| anchor.index);
        let at_start = SyncedMark {
            segment_base: first,
            position: 0,
            next_offset: first,
            last_index: index,
        };
        synced_mark(self.group).unwrap_or(at_start)
    }

    /// A cleaned segment is as long as the journal says.
    fn cut_short(&self, segments: &[Arc<Segment>]) -> Option<(Damage, LogPosition)> {
        let is_wrong =
            |segment: &&Arc<Segment>| segment.cleaned().is_some_and(|cleaned| cleaned.size != segment.size());
        let segment = segments.iter().find(is_wrong)?;
        let (base, cleaned) = (segment.base_offset(), segment.cleaned()?);
        let damage = Damage {
            file: display_name(&self.files.path(base, LOG)),
            position: 0,
            offset: base,
            reason: format!("{} bytes are there, the cleaner wrote {}", segment.size(), cleaned.size),
        };
        let end = LogPosition {
            offset: base,
            segment_base: base,
            position: 0,
        };
        Some((damage, end))
    }

    /// Below Raft's beginning stand the segments that the cleaner wrote, and no others.
    fn misses_cleaned(&self, listing: &Listing) -> Option<Damage> {
        let (from, until) = (log_start(self.group), start(self.group));
        let there = listing.segments.iter().filter(|&&base| from <= base && base < until);
        let lost = self.group.cleaned.keys().find(|base| !listing.segments.contains(base));
        let lost = lost.map(|&base| {
            (
                base,
                "the journal says that the cleaner wrote this segment, and it is gone",
            )
        });
        let unknown = there.filter(|base| !self.group.cleaned.contains_key(base)).min();
        let unknown = unknown.map(|&base| (base, "the journal says that the cleaner has replaced this segment"));
        let (base, reason) = lost.into_iter().chain(unknown).min()?;
        Some(Damage {
            file: display_name(&self.files.path(base, LOG)),
            position: 0,
            offset: base,
            reason: reason.to_string(),
        })
    }

    /// A synced mark vouches for its segment; and without a power cut no segment goes at all.
    fn missing(&self, listing: &Listing) -> Option<Damage> {
        if let Some(damage) = self.misses_cleaned(listing) {
            return Some(damage);
        }
        let mark = synced_mark(self.group);
        let (base, reason) = match mark.filter(|_| has_synced(self.group)) {
            Some(mark) => (
                mark.segment_base,
                "the journal says that this segment was synced, and it is gone",
            ),
            None if self.stop == StopKind::Rebooted || listing.segments.is_empty() => return None,
            None => (start(self.group), "it is gone, and later ones are there"),
        };
        let reason = reason.to_string();
        let is_there = listing.segments.binary_search(&base).is_ok();
        (!is_there).then(|| Damage {
            file: display_name(&self.files.path(base, LOG)),
            position: 0,
            offset: base,
            reason,
        })
    }

    /// All segments, the last one as the active one.
    fn open_segments(&self, listing: &Listing) -> Result<Vec<Arc<Segment>>, LogError> {
        let last = listing.segments.last();
        let mut segments = Vec::with_capacity(listing.segments.len());
        for base in &listing.segments {
            let path = self.files.path(*base, LOG);
            let file = self.files.disk.open(&path);
            let file = file.map_err(|error| LogError::io("open", &path, error))?;
            let len = file.len().map_err(|error| LogError::io("measure", &path, error))?;
            segments.push(Arc::new(match Some(base) == last {
                true => Segment::active(*base, file, len, LiveIndex::new(*base)),
                false => Segment::sealed(*base, file, len, self.group.cleaned.get(base).copied()),
            }));
        }
        Ok(segments)
    }

    fn assemble(&self, segments: Vec<Arc<Segment>>, end: LogPosition) -> Log {
        let start = segments[0].base_offset();
        let (files, config) = (self.files.clone(), self.config.clone());
        Log::assemble(files, config, segments, start, end, self.leader_epochs(), self.now_ms)
    }

    /// The epochs' starts: Kafka's file has those that the journal may have forgotten, the journal has the rest.
    fn leader_epochs(&self) -> LeaderEpochs {
        let path = self.files.dir.join(LEADER_EPOCH_CHECKPOINT);
        let mut epochs = read_file(&*self.files.disk, &path)
            .ok()
            .and_then(|bytes| LeaderEpochs::decode(&bytes).ok())
            .unwrap_or_default();
        if let Some(first) = self.group.entries.first() {
            epochs.truncate_from_end(first.next_offset);
        }
        // Where the cleaner has been the journal knows them all.
        if let Some(first) = self.group.epochs.first() {
            epochs.truncate_from_end(first.start);
        }
        for epoch in &self.group.epochs {
            epochs.assign(epoch.term as i32, epoch.start);
        }
        // What expired took its entries along; the anchor knows the term in which the log begins.
        if let Some((&base, anchor)) = self.group.anchors.first_key_value()
            && epochs.latest().map_or(0, |latest| latest.epoch) < anchor.term_before as i32
            && has_dropped(self.group)
        {
            epochs.assign(anchor.term_before as i32, base);
        }
        for entry in &self.group.entries {
            epochs.assign(entry.term as i32, entry.next_offset);
        }
        epochs
    }

    /// The log ends where `log` and `terms` do: what speaks of more goes.
    fn finish(
        &self,
        mut log: Log,
        tail: Vec<TailBatch>,
        mut terms: Terms<'_>,
        cut_bytes: u64,
    ) -> Result<Recovered, LogError> {
        let end = log.end().offset;
        terms.consume_at(end);
        if log.snapshots.last().is_some_and(|&newest| newest > end) {
            log.drop_snapshots_above(end)?;
            self.files.sync_names()?;
        }
        // Without a sync the newest name may be in memory only, of an earlier life of this boot.
        if self.stop == StopKind::Clean || self.is_filesystem_synced {
            log.shared
                .set_durable_snapshot(log.snapshots.last().copied().unwrap_or(0));
        }
        if is_planted(Bug::DedupeStateLostAtRestart) {
            log.producers = self.config.no_producers();
        }
        if self.stop != StopKind::Clean {
            self.flush_length(&mut log)?;
        }
        if let Err(error) = log.mend_index() {
            tracing::warn!(%error, "an index that was made anew cannot be written yet");
        }
        self.restore_start(&mut log, end);
        self.settle_epochs(&log, &terms);
        log.epochs_changed = true;
        log.active.first_timestamp = log.first_timestamp()?;
        log.active.is_new = log.active.segment.size() == 0 && log.reader.segments().len() > 1;
        // Anchors that know of more go with the entries.
        let has_more = self.group.anchors.values().any(|anchor| anchor.index > terms.index);
        let drop_entries_from = (has_more || terms.next().is_some()).then_some(terms.index + 1);
        Ok(Recovered {
            log,
            tail,
            last_index: terms.index,
            drop_entries_from,
            damage: None,
            cut_bytes,
            is_replaced: self.group.replacing.is_some(),
        })
    }

    /// The log start offset that was asked for, if the log still reaches it.
    pub(super) fn restore_start(&self, log: &mut Log, end: i64) {
        if let Some(start) = self.group.start_offset {
            log.restore_start(start.min(end));
        }
    }

    /// The process may have died between a cut and its sync, or because that failed: then the file is longer on the device
    /// than it seems. Before the mark moves on, the next flush makes its length durable.
    fn flush_length(&self, log: &mut Log) -> Result<(), LogError> {
        let segment = log.active.segment.clone();
        let path = self.files.path(segment.base_offset(), LOG);
        let cut = segment.file().set_len(segment.size());
        cut.map_err(|error| LogError::io("truncate", path, error))?;
        log.mark_dirty(&segment, 0);
        Ok(())
    }

    /// Drops epochs that begin behind the end, but not the one in force there, which may have no batch yet.
    fn settle_epochs(&self, log: &Log, terms: &Terms<'_>) {
        let end = log.end().offset;
        let mut epochs = log.reader.epochs.write();
        epochs.truncate_from_end(end);
        let latest = epochs.latest().map_or(0, |latest| latest.epoch);
        if latest < terms.term as i32 {
            epochs.assign(terms.term as i32, end);
        }
        epochs.truncate_from_start(log.reader.start_offset());
    }
}

#[derive(Debug, Default)]
struct Listing {
    segments: Vec<i64>,
    snapshots: Vec<i64>,
}
