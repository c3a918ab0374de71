//! The reading half of a log: shared, lock-free but for moments, never in the way of the writer.
//!
//! Invariant: a read never returns bytes at or above the position it is given as its limit (the high watermark for
//! consumers), at or above a known damage, or of a batch that is not whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::RwLock;

use super::error::{Damage, LogError};
use super::files::{LOG, LogFiles};
use super::segment::Segment;
use super::walk::{HeaderWalk, Step};
use crate::disk::{DiskFile, read_exact_at};
use crate::leader_epochs::LeaderEpochs;
use crate::record_batch::{BatchHeader, HEADER_LEN, Records};

/// A place between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogPosition {
    /// The offset of the batch that begins here.
    pub offset: i64,
    /// The segment.
    pub segment_base: i64,
    /// The byte in the segment.
    pub position: u64,
}

/// Bytes of whole batches, to be sent as they are.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The segment's file.
    pub file: Arc<dyn DiskFile>,
    /// The first byte.
    pub position: u64,
    /// How many.
    pub len: u64,
}

/// Bytes behind an index entry in which the end of a fetch is looked for. More than an index leaves between two entries by
/// default, and the largest batches by default.
const WALKED_AHEAD: usize = 2 << 20;

/// Bytes that are walked through without a look into the index: some two reads.
const WALKED_AT_ONCE: u64 = 8 << 10;

/// What a fetch finds.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The batches.
    pub slice: Slice,
    /// How many bytes there are in the segment from the first batch on, below the limit.
    pub available: u64,
    /// Whether the limit lies in a later segment.
    pub is_older: bool,
}

impl Slice {
    /// The bytes, copied out.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len as usize];
        read_exact_at(&*self.file, &mut bytes, self.position)?;
        Ok(bytes)
    }
}

/// A record that a look-up by time found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampedOffset {
    /// The record's timestamp, in milliseconds since the epoch.
    pub timestamp: i64,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch of its batch.
    pub leader_epoch: i32,
}

/// The reading half of a log.
#[derive(Debug)]
pub struct LogReader {
    pub(super) files: LogFiles,
    pub(super) segments: ArcSwap<Vec<Arc<Segment>>>,
    pub(super) start: AtomicI64,
    pub(super) end: RwLock<LogPosition>,
    pub(super) high_watermark: RwLock<LogPosition>,
    pub(super) epochs: RwLock<LeaderEpochs>,
    pub(super) damage: ArcSwapOption<Damage>,
}

impl LogReader {
    /// The log start offset: the first that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start.load(Ordering::Acquire)
    }

    /// The log end offset: the one that the next record gets.
    pub fn end_offset(&self) -> i64 {
        self.end.read().offset
    }

    /// The end of what is written.
    pub fn end(&self) -> LogPosition {
        *self.end.read()
    }

    /// The end of what is committed: consumers see what is below.
    pub fn high_watermark(&self) -> LogPosition {
        *self.high_watermark.read()
    }

    /// The damage that was found, if any.
    pub fn damage(&self) -> Option<Arc<Damage>> {
        self.damage.load_full()
    }

    /// Notes damage found by whoever read there; the lowest stays.
    pub fn set_damage(&self, damage: Damage) {
        let worse = self
            .damage
            .load()
            .as_ref()
            .is_none_or(|known| damage.offset < known.offset);
        if worse {
            self.damage.store(Some(Arc::new(damage)));
        }
    }

    /// An error if what is at `offset` lies at or behind a known damage.
    pub fn check_damage(&self, offset: i64) -> Result<(), LogError> {
        match self.damage.load().as_deref() {
            Some(damage) if offset >= damage.offset => Err(LogError::Damaged(damage.clone())),
            _ => Ok(()),
        }
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments.load().iter().map(|segment| segment.size()).sum()
    }

    /// The segments, oldest first; the last is the active one.
    pub fn segments(&self) -> Arc<Vec<Arc<Segment>>> {
        self.segments.load_full()
    }

    /// The base offset of the first segment that the cleaner has not written. Below it offsets may have gaps, from it on
    /// they have none.
    pub fn first_uncleaned(&self) -> i64 {
        let segments = self.segments.load();
        let place = segments.partition_point(|segment| segment.cleaned().is_some());
        segments[place.min(segments.len() - 1)].base_offset()
    }

    /// The partition's directory and its disk.
    pub fn files(&self) -> &LogFiles {
        &self.files
    }

    /// Whether [`Self::read`] may have to wait for the disk: then it is not for a thread that serves others.
    pub fn may_wait(&self, from: i64) -> bool {
        if from >= self.high_watermark().offset {
            return false;
        }
        let segments = self.segments.load();
        let place = segments.partition_point(|segment| segment.base_offset() <= from).max(1) - 1;
        let segment = &segments[place];
        let Some(position) = segment.position_in_memory(from) else {
            return true;
        };
        let there = segment.size().saturating_sub(position).min(HEADER_LEN as u64) as usize;
        there > 0 && !segment.file().is_resident(position, there).unwrap_or(false)
    }

    /// Whole batches from the one that holds `from` on: at most `max_bytes`, but always the first batch whole, and
    /// nothing at or above `limit`. `None` when `from` is at the limit, or between it and the log's end.
    pub fn read(&self, from: i64, limit: LogPosition, max_bytes: u64) -> Result<Option<Slice>, LogError> {
        let fetched = self.fetch(from, limit, max_bytes)?;
        Ok(fetched.map(|fetched| fetched.slice))
    }

    /// As [`Self::read`], with what more there is.
    pub fn fetch(&self, from: i64, limit: LogPosition, max_bytes: u64) -> Result<Option<Fetched>, LogError> {
        // The segments first: those of before a removal can still be read, and the start moves before they go.
        let segments = self.segments.load();
        let start = self.start_offset();
        if from >= start {
            self.check_damage(from)?;
        }
        if from < start || (from > limit.offset && from > self.end_offset()) {
            return Err(LogError::OutOfRange {
                offset: from,
                start,
                end: limit.offset.max(self.end_offset()),
            });
        }
        if from >= limit.offset {
            return Ok(None);
        }
        let damage = self.damage();
        let first = segments.partition_point(|segment| segment.base_offset() <= from).max(1) - 1;
        for segment in &segments[first..] {
            if segment.base_offset() > limit.segment_base {
                break;
            }
            let mut end = self.segment_end(segment, limit)?;
            let mut is_damaged = false;
            if let Some(damage) = damage.as_deref().filter(|d| d.file == file_name(&self.files, segment)) {
                end = end.min(damage.position);
                is_damaged = true;
            }
            let mut walk = self.walk_to(segment, from, end)?;
            let (position, header) = match self.find(segment, from, &mut walk)? {
                Some(found) => found,
                None if is_damaged => break,
                None => continue,
            };
            let first_end = position + header.size() as u64;
            let reach = position.saturating_add(max_bytes);
            let is_limit = end == limit.position && segment.base_offset() == limit.segment_base;
            let (to, next) = if reach >= end {
                (end, is_limit.then_some(limit.offset))
            } else if reach > first_end {
                self.last_boundary(segment, walk, header.next_offset(), reach)?
            } else {
                (first_end, Some(header.next_offset()))
            };
            if let Some(next) = next
                && next <= self.high_watermark().offset
            {
                segment.bookmarks.note(next, to);
            }
            let slice = Slice {
                file: segment.file().clone(),
                position,
                len: to - position,
            };
            return Ok(Some(Fetched {
                slice,
                available: end - position,
                is_older: segment.base_offset() < limit.segment_base,
            }));
        }
        Ok(None)
    }

    /// The last end of a batch of `segment` at or before byte `reach`, and the offset behind it, where that is known. The walk
    /// is at such an end, and `next` is the offset behind that.
    fn last_boundary(
        &self,
        segment: &Segment,
        mut walk: HeaderWalk,
        next: i64,
        reach: u64,
    ) -> Result<(u64, Option<i64>), LogError> {
        let known = walk.position();
        let mut next = Some(next);
        if reach - known > WALKED_AT_ONCE {
            let indexed = segment.boundary_at_or_before(&self.files, reach)?;
            if indexed > known {
                walk = HeaderWalk::new(segment.file().clone(), indexed, segment.size());
                next = None;
            }
        }
        let mut walk = walk.until(segment.size());
        let from = walk.position();
        // Who reads here must not wait for the disk: then it is a little less.
        let ahead = (reach.saturating_sub(from) as usize).min(WALKED_AHEAD);
        let is_resident = || segment.file().is_resident(from, ahead).unwrap_or(false);
        // A page that is just being written to seems not to be there.
        if ahead < HEADER_LEN || !(is_resident() || is_resident() || is_resident()) {
            return Ok((from, next));
        }
        let end_of_walk = from + ahead as u64;
        let mut last = from;
        // Between two entries of the index there are few batches, unless they are large.
        while last + HEADER_LEN as u64 <= end_of_walk
            && let Step::Batch { position, header } = walk.step().map_err(|error| self.read_error(segment, error))?
        {
            let end = position + header.size() as u64;
            if end > reach {
                break;
            }
            last = end;
            next = Some(header.next_offset());
        }
        Ok((last, next))
    }

    /// A walk to byte `end` that begins at or before the batch that holds `offset`.
    fn walk_to(&self, segment: &Segment, offset: i64, end: u64) -> Result<HeaderWalk, LogError> {
        match segment.bookmarks.position_of(offset) {
            Some(position) if position < end => Ok(HeaderWalk::new(segment.file().clone(), position, end)),
            _ => segment.walk_to(&self.files, offset, end),
        }
    }

    /// The next batch of a walk whose last offset is at least `offset`.
    fn find(
        &self,
        segment: &Segment,
        offset: i64,
        walk: &mut HeaderWalk,
    ) -> Result<Option<(u64, BatchHeader)>, LogError> {
        loop {
            match walk.step().map_err(|error| self.read_error(segment, error))? {
                Step::Batch { position, header } if header.last_offset() >= offset => {
                    return Ok(Some((position, header)));
                }
                Step::Batch { .. } => {}
                Step::End => return Ok(None),
                Step::Bad { position, reason } => return Err(self.found_damage(segment, position, offset, reason)),
            }
        }
    }

    /// The first record below `limit` whose timestamp is at least `timestamp` (ListOffsets by time). Decompresses one
    /// batch at most, to at most `max_decompressed` bytes.
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
        limit: LogPosition,
        max_decompressed: usize,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        let start = self.start_offset();
        for segment in self.segments.load().iter() {
            if segment.base_offset() > limit.segment_base {
                break;
            }
            if segment
                .newest(&self.files)?
                .is_none_or(|(newest, _)| newest < timestamp)
            {
                continue;
            }
            let scan_from = segment.offset_before_time(&self.files, timestamp)?.max(start);
            let end = self.segment_end(segment, limit)?;
            let mut walk = segment.walk_to(&self.files, scan_from, end)?;
            loop {
                match walk.step().map_err(|error| self.read_error(segment, error))? {
                    Step::Batch { position, header } => {
                        if header.max_timestamp < timestamp || header.last_offset() < start {
                            continue;
                        }
                        if let Some(found) =
                            self.record_at_time(segment, position, &header, timestamp, start, max_decompressed)?
                        {
                            return Ok(Some(found));
                        }
                    }
                    Step::End => break,
                    Step::Bad { position, reason } => {
                        return Err(self.found_damage(segment, position, header_offset(segment), reason));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp below `limit`, the earliest of several (ListOffsets −3, KIP-734).
    pub fn max_timestamp(
        &self,
        limit: LogPosition,
        max_decompressed: usize,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        let mut newest = None;
        for segment in self.segments.load().iter() {
            if segment.base_offset() > limit.segment_base {
                break;
            }
            if let Some((timestamp, _)) = segment.newest(&self.files)?
                && newest.is_none_or(|known| timestamp > known)
            {
                newest = Some(timestamp);
            }
        }
        match newest {
            // The newest batch may lie above the limit, or be empty: then nothing below the limit is that new.
            Some(timestamp) => match self.offset_for_timestamp(timestamp, limit, max_decompressed)? {
                Some(found) => Ok(Some(found)),
                None => self.max_timestamp_by_scan(limit, max_decompressed),
            },
            None => Ok(None),
        }
    }

    fn max_timestamp_by_scan(
        &self,
        limit: LogPosition,
        max_decompressed: usize,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        let start = self.start_offset();
        let mut newest: Option<i64> = None;
        for segment in self.segments.load().iter() {
            if segment.base_offset() > limit.segment_base {
                break;
            }
            let mut walk = HeaderWalk::new(segment.file().clone(), 0, self.segment_end(segment, limit)?);
            while let Step::Batch { header, .. } = walk.step().map_err(|error| self.read_error(segment, error))? {
                // One that compaction has emptied keeps the time of what it had.
                if header.last_offset() >= start && header.record_count > 0 {
                    newest = newest.max(Some(header.max_timestamp));
                }
            }
        }
        match newest {
            Some(timestamp) => self.offset_for_timestamp(timestamp, limit, max_decompressed),
            None => Ok(None),
        }
    }

    fn record_at_time(
        &self,
        segment: &Segment,
        position: u64,
        header: &BatchHeader,
        timestamp: i64,
        start: i64,
        max_decompressed: usize,
    ) -> Result<Option<TimestampedOffset>, LogError> {
        let slice = Slice {
            file: segment.file().clone(),
            position,
            len: header.size() as u64,
        };
        let bytes = slice.read().map_err(|error| self.read_error(segment, error))?;
        let damaged = |error: &dyn std::fmt::Display| {
            self.found_damage(
                segment,
                position,
                header.base_offset,
                format!("unreadable records: {error}"),
            )
        };
        let records = Records::new(&bytes.into(), max_decompressed).map_err(|error| damaged(&error))?;
        for record in records {
            let record = record.map_err(|error| damaged(&error))?;
            if record.timestamp >= timestamp && record.offset >= start {
                return Ok(Some(TimestampedOffset {
                    timestamp: record.timestamp,
                    offset: record.offset,
                    leader_epoch: header.leader_epoch,
                }));
            }
        }
        Ok(None)
    }

    /// Where `epoch` ends (OffsetForLeaderEpoch): the largest epoch at most as large, and its end offset.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> (i32, i64) {
        self.epochs.read().end_offset_for(epoch, self.end_offset())
    }

    /// The epoch in which the record at `offset` was written, as far as the epochs' starts tell.
    pub fn epoch_of(&self, offset: i64) -> Option<i32> {
        self.epochs.read().epoch_for_offset(offset)
    }

    /// The newest epoch, which may have no batch yet.
    pub fn latest_epoch(&self) -> Option<i32> {
        self.epochs.read().latest().map(|latest| latest.epoch)
    }

    /// Unmaps indexes that nobody used since the last call.
    pub fn release_idle_maps(&self) {
        for segment in self.segments.load().iter() {
            segment.release_idle_maps();
        }
    }

    /// Where a segment ends for who reads below `limit`. A limit that was taken before the cleaner replaced the segment that
    /// it lies in, or right behind, still says by its offset what lies below it.
    fn segment_end(&self, segment: &Segment, limit: LogPosition) -> Result<u64, LogError> {
        if let Some(cleaned) = segment.cleaned() {
            if limit.offset >= cleaned.end_offset {
                return Ok(segment.size());
            }
            let mut walk = segment.walk_to(&self.files, limit.offset, segment.size())?;
            loop {
                match walk.peek().map_err(|error| self.read_error(segment, error))? {
                    Step::Batch { header, .. } if header.last_offset() < limit.offset => {
                        walk.step().map_err(|error| self.read_error(segment, error))?;
                    }
                    _ => return Ok(walk.position()),
                }
            }
        }
        Ok(match segment.base_offset() == limit.segment_base {
            true => limit.position,
            false => segment.size(),
        })
    }

    fn read_error(&self, segment: &Segment, error: std::io::Error) -> LogError {
        LogError::io("read", self.files.path(segment.base_offset(), LOG), error)
    }

    /// Only an error to the caller: whether it is damage is for a verified read to say (a reader may race with a cut).
    fn found_damage(&self, segment: &Segment, position: u64, offset: i64, reason: String) -> LogError {
        LogError::Damaged(Damage {
            file: file_name(&self.files, segment),
            position,
            offset,
            reason,
        })
    }
}

fn header_offset(segment: &Segment) -> i64 {
    segment.base_offset()
}

fn file_name(files: &LogFiles, segment: &Segment) -> String {
    super::files::display_name(&files.path(segment.base_offset(), LOG))
}
