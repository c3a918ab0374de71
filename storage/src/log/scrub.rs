//! Reads a log through, past the page cache and at its owner's pace, so that damage shows before a consumer meets it.
//!
//! Invariant: only what is synced and committed is judged. But for the cleaner's replacements it never changes, so what does
//! not read right is damage, as is a gap between offsets where the cleaner has not been: nothing else leaves any.

use std::sync::Arc;

use super::batch_reader::Place;
use super::error::{Damage, LogError};
use super::files::{LOG, display_name};
use super::reader::{LogPosition, LogReader};
use super::recovery::{Fault, read_batch};
use super::segment::Segment;

/// How far a log is read through.
#[derive(Debug, Clone, Default)]
pub struct Scrub {
    /// Where the next batch begins.
    next: LogPosition,
    /// The segment that is being read, and what may come next in it.
    at: Option<(Arc<Segment>, Place)>,
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
        Scrub { next, at: None }
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
            let Some(index) = self.enter(&segments) else {
                return Ok(Scrubbed::End(bytes));
            };
            let segment = &segments[index];
            let end = match segment.base_offset().cmp(&limit.segment_base) {
                std::cmp::Ordering::Less => segment.size(),
                std::cmp::Ordering::Equal if segment.cleaned().is_none() => limit.position,
                std::cmp::Ordering::Equal => segment.size(),
                std::cmp::Ordering::Greater => return Ok(Scrubbed::End(bytes)),
            };
            let following = segments.get(index + 1).map(|next| next.base_offset());
            let end_offset = following.unwrap_or(i64::MAX);
            let path = || reader.files().path(segment.base_offset(), LOG);
            while self.next.position < end {
                if bytes >= budget {
                    return Ok(Scrubbed::More(bytes));
                }
                let Some((_, place)) = &mut self.at else { break };
                let read = || read_batch(segment, self.next.position, true);
                // What is bad is read again: it is the disk that is judged, not one read of it.
                let header = read().and_then(|header| if header.is_ok() { Ok(header) } else { read() });
                let header = header.map_err(|error| LogError::io("read", path(), error))?;
                let checked = match header {
                    Err(Fault::Torn(reason) | Fault::Misplaced(reason)) => Err(reason),
                    Ok(header) => place.fits(segment, reader, &header, end_offset).map(|()| header),
                };
                match checked {
                    Ok(header) => {
                        place.pass_header(&header);
                        self.next.offset = header.next_offset();
                        self.next.position += header.size() as u64;
                        bytes += header.size() as u64;
                    }
                    Err(reason) => return Ok(Scrubbed::Damaged(damage(&path(), self.next, reason), self.next)),
                }
            }
            if segment.base_offset() == limit.segment_base && segment.cleaned().is_none() {
                return Ok(Scrubbed::End(bytes));
            }
            let place = self.at.as_ref().map(|(_, place)| *place);
            let (Some(following), Some(place)) = (following, place) else {
                return Ok(Scrubbed::End(bytes));
            };
            if let Some(reason) = place.end(segment, following) {
                let (base, is_cleaned) = (segment.base_offset(), segment.cleaned().is_some());
                let (path, at) = match is_cleaned {
                    // Any of its batches may be the wrong one.
                    true => (
                        path(),
                        LogPosition {
                            offset: base,
                            segment_base: base,
                            position: 0,
                        },
                    ),
                    false => (
                        reader.files().path(following, LOG),
                        LogPosition {
                            offset: self.next.offset,
                            segment_base: following,
                            position: 0,
                        },
                    ),
                };
                return Ok(Scrubbed::Damaged(damage(&path, at, reason), at));
            }
            self.at = None;
            self.next = LogPosition {
                offset: following,
                segment_base: segment.base_offset() + 1,
                position: 0,
            };
        }
    }

    /// Whether the segment in which the last step ended is still the log's. Damage in one that was replaced, or removed,
    /// meanwhile is none of the log's: another step goes on from there.
    pub fn is_current(&self, reader: &LogReader) -> bool {
        let segments = reader.segments();
        let is_there = |current: &Arc<Segment>| segments.iter().any(|segment| Arc::ptr_eq(segment, current));
        self.at.as_ref().is_none_or(|(current, _)| is_there(current))
    }

    /// The place of the segment in which it goes on. One that was replaced meanwhile is read from its beginning; what was
    /// removed is passed over.
    fn enter(&mut self, segments: &[Arc<Segment>]) -> Option<usize> {
        let offset = self.next.offset.max(segments.first()?.base_offset());
        if let Some((current, _)) = &self.at {
            let place = segments.partition_point(|segment| segment.base_offset() < current.base_offset());
            if segments.get(place).is_some_and(|segment| Arc::ptr_eq(segment, current)) {
                return Some(place);
            }
        }
        let place = segments
            .partition_point(|segment| segment.base_offset() <= offset)
            .max(1)
            - 1;
        let segment = &segments[place];
        // In the middle only where it was told to begin there.
        let is_resumed = self.at.is_none()
            && self.next.position > 0
            && self.next.segment_base == segment.base_offset()
            && segment.cleaned().is_none();
        if is_resumed {
            self.at = Some((segment.clone(), Place::at(self.next.offset)));
        } else {
            let base = segment.base_offset();
            self.next = LogPosition {
                offset: base,
                segment_base: base,
                position: 0,
            };
            self.at = Some((segment.clone(), Place::at_start(segment)));
        }
        Some(place)
    }
}

fn damage(path: &std::path::Path, at: LogPosition, reason: String) -> Damage {
    Damage {
        file: display_name(path),
        position: at.position,
        offset: at.offset,
        reason,
    }
}
