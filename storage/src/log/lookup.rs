//! Look-ups in a segment, by offset, position and time.
//!
//! Invariant: an entry of an index counts only where the batch that it names stands in the segment. Where it does not, the
//! index is wrong and is made anew from the headers; so a wrong index costs time, and never an answer. The batch at an
//! entry's position is the one from which a walk begins anyway: the check reads nothing more.

use std::sync::atomic::Ordering;

use super::error::LogError;
use super::files::{LOG, LogFiles};
use super::segment::Segment;
use super::walk::{HeaderWalk, Step};
use crate::offset_index::{OffsetEntry, OffsetIndexView};
use crate::time_index::{TimeEntry, TimeIndexView};

/// How often an index is asked: as it is, and once more when it is made anew. Then the segment is walked from its start.
const ATTEMPTS: usize = 2;

impl Segment {
    /// A walk to byte `end` that begins at or before the batch that holds `offset`.
    pub(super) fn walk_to(&self, files: &LogFiles, offset: i64, end: u64) -> Result<HeaderWalk, LogError> {
        for _ in 0..ATTEMPTS {
            let remakes = self.remakes.load(Ordering::Acquire);
            let Some(entry) = self.offset_entry(files, |offsets| offsets.entry_at_or_before(offset))? else {
                break;
            };
            if let Some(walk) = self.walk_from(files, entry)? {
                return Ok(walk.until(end));
            }
            self.remake_index(files, remakes)?;
        }
        Ok(HeaderWalk::new(self.file().clone(), 0, end))
    }

    /// The last indexed batch boundary at or before `position`; 0 without one.
    pub(super) fn boundary_at_or_before(&self, files: &LogFiles, position: u64) -> Result<u64, LogError> {
        let position = position.min(u64::from(u32::MAX)) as u32;
        for _ in 0..ATTEMPTS {
            let remakes = self.remakes.load(Ordering::Acquire);
            let Some(entry) = self.offset_entry(files, |offsets| offsets.boundary(position))? else {
                break;
            };
            if self.walk_from(files, entry)?.is_some() {
                return Ok(u64::from(entry.position));
            }
            self.remake_index(files, remakes)?;
        }
        Ok(0)
    }

    /// An offset at or before the first record whose timestamp is at least `timestamp`.
    pub(super) fn offset_before_time(&self, files: &LogFiles, timestamp: i64) -> Result<i64, LogError> {
        for _ in 0..ATTEMPTS {
            let remakes = self.remakes.load(Ordering::Acquire);
            let Some(entry) = self.time_entry(files, |times| times.entry_at_or_before(timestamp))? else {
                break;
            };
            if self.has_time(self.walk_to(files, entry.offset, self.size())?, files, entry)? {
                return Ok(entry.offset);
            }
            self.remake_index(files, remakes)?;
        }
        Ok(self.base_offset())
    }

    /// A walk from the batch that `entry` names; `None` where that batch does not stand there.
    fn walk_from(&self, files: &LogFiles, entry: OffsetEntry) -> Result<Option<HeaderWalk>, LogError> {
        let mut walk = HeaderWalk::new(self.file().clone(), u64::from(entry.position), self.size());
        let step = walk.peek();
        let step = step.map_err(|error| LogError::io("read", files.path(self.base_offset(), LOG), error))?;
        let is_there = matches!(step, Step::Batch { header, .. } if header.last_offset() == entry.offset);
        Ok(is_there.then_some(walk))
    }

    /// Whether the batch that `entry` names is the one that `walk` meets at that offset.
    pub(super) fn has_time(&self, mut walk: HeaderWalk, files: &LogFiles, entry: TimeEntry) -> Result<bool, LogError> {
        loop {
            let step = walk.step();
            match step.map_err(|error| LogError::io("read", files.path(self.base_offset(), LOG), error))? {
                Step::Batch { header, .. } if header.last_offset() >= entry.offset => {
                    return Ok(header.last_offset() == entry.offset && header.max_timestamp == entry.timestamp);
                }
                Step::Batch { .. } => {}
                Step::End | Step::Bad { .. } => return Ok(false),
            }
        }
    }

    fn offset_entry(
        &self,
        files: &LogFiles,
        select: impl Fn(OffsetIndexView<'_>) -> Option<OffsetEntry>,
    ) -> Result<Option<OffsetEntry>, LogError> {
        if let Some(live) = &*self.live.read() {
            let entry = select(live.offsets.view());
            // What was appended since an index was made anew is in the live one alone, and is right.
            let remade = self.remade();
            let Some(remade) =
                remade.filter(|it| entry.is_some_and(|entry| u64::from(entry.position) < it.segment_size))
            else {
                return Ok(entry);
            };
            return Ok(select(remade.offsets(self.base_offset())));
        }
        Ok(select(self.sealed_index(files)?.offsets(self.base_offset())))
    }

    fn time_entry(
        &self,
        files: &LogFiles,
        select: impl Fn(TimeIndexView<'_>) -> Option<TimeEntry>,
    ) -> Result<Option<TimeEntry>, LogError> {
        if let Some(live) = &*self.live.read() {
            let entry = select(live.times.view());
            let remade = self.remade();
            let Some(remade) = remade.filter(|it| entry.is_some_and(|entry| entry.offset < it.next_offset)) else {
                return Ok(entry);
            };
            return Ok(select(remade.times(self.base_offset())));
        }
        Ok(select(self.sealed_index(files)?.times(self.base_offset())))
    }
}
