//! Reads a log through, past the page cache and at its owner's pace, so that damage shows before a consumer meets it.
//!
//! Invariant: only what is synced and committed is judged. It never changes, so what does not read right is damage, as is
//! a gap between offsets: nothing leaves any.

use std::sync::Arc;

use super::error::{Damage, LogError};
use super::files::{LOG, display_name};
use super::reader::{LogPosition, LogReader};
use super::recovery::{Fault, read_batch};
use super::segment::Segment;

/// How far a log is read through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scrub {
    /// Where the next batch begins.
    next: LogPosition,
}

/// What a step saw.
#[derive(Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// This many good bytes, and there are more.
    More(u64),
    /// This many good bytes, the last that there are.
    End(u64),
    /// The first bad batch, and where the good ones end.
    Damaged(Damage, LogPosition),
}

impl Scrub {
    /// One that begins at a batch, in the middle of a log.
    pub(super) fn from(next: LogPosition) -> Self {
        Scrub { next }
    }

    /// Whether the batch at `place` was read, and those before it, and found to be good.
    pub(super) fn is_past(&self, place: LogPosition) -> bool {
        (self.next.segment_base, self.next.position) > (place.segment_base, place.position)
    }

    /// Reads the next batches, about `budget` bytes of them and at least one, below `limit`: which is both synced and
    /// committed. An error is the disk's; the step can be tried again.
    pub fn step(&mut self, reader: &LogReader, limit: LogPosition, budget: u64) -> Result<Scrubbed, LogError> {
        let segments = reader.segments();
        let mut bytes = 0;
        loop {
            let Some(segment) = self.segment(&segments) else {
                return Ok(Scrubbed::End(bytes));
            };
            let end = match segment.base_offset().cmp(&limit.segment_base) {
                std::cmp::Ordering::Less => segment.size(),
                std::cmp::Ordering::Equal => limit.position,
                std::cmp::Ordering::Greater => return Ok(Scrubbed::End(bytes)),
            };
            if self.next.position == 0 && self.next.offset != segment.base_offset() {
                let damage = Damage {
                    file: display_name(&reader.files().path(segment.base_offset(), LOG)),
                    position: 0,
                    offset: self.next.offset,
                    reason: format!("the segment before ends at offset {}", self.next.offset),
                };
                return Ok(Scrubbed::Damaged(damage, self.next));
            }
            while self.next.position < end {
                if bytes >= budget {
                    return Ok(Scrubbed::More(bytes));
                }
                let path = reader.files().path(segment.base_offset(), LOG);
                let read = || read_batch(segment, self.next.position, true);
                // What is bad is read again: it is the disk that is judged, not one read of it.
                let header = read().and_then(|header| if header.is_ok() { Ok(header) } else { read() });
                let header = header.map_err(|error| LogError::io("read", &path, error))?;
                let reason = match header {
                    Err(Fault::Torn(reason) | Fault::Misplaced(reason)) => reason,
                    Ok(header) if header.base_offset != self.next.offset || header.last_offset_delta < 0 => {
                        format!(
                            "offset {} stands where {} belongs",
                            header.base_offset, self.next.offset
                        )
                    }
                    // Outside of the CRC, and known from elsewhere.
                    Ok(header)
                        if reader
                            .epoch_of(header.base_offset)
                            .is_some_and(|it| it != header.leader_epoch) =>
                    {
                        let known = reader.epoch_of(header.base_offset).unwrap_or_default();
                        format!("epoch {} stands where {known} belongs", header.leader_epoch)
                    }
                    Ok(header) => {
                        self.next.offset = header.next_offset();
                        self.next.position += header.size() as u64;
                        bytes += header.size() as u64;
                        continue;
                    }
                };
                let damage = Damage {
                    file: display_name(&path),
                    position: self.next.position,
                    offset: self.next.offset,
                    reason,
                };
                return Ok(Scrubbed::Damaged(damage, self.next));
            }
            self.next = LogPosition {
                offset: self.next.offset,
                segment_base: segment.base_offset() + 1,
                position: 0,
            };
        }
    }

    /// The segment in which it goes on: what was removed meanwhile is passed over.
    fn segment<'s>(&mut self, segments: &'s [Arc<Segment>]) -> Option<&'s Arc<Segment>> {
        let segment = segments
            .iter()
            .find(|segment| segment.base_offset() >= self.next.segment_base)?;
        let base = segment.base_offset();
        if base != self.next.segment_base {
            // What lies before the first segment expired.
            let is_first = segments.first().is_some_and(|first| first.base_offset() == base);
            self.next = LogPosition {
                offset: if is_first { base } else { self.next.offset },
                segment_base: base,
                position: 0,
            };
        }
        Some(segment)
    }
}
