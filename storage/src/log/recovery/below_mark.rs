//! What was synced: only headers are read, from the newest checkpoint to the synced mark, for the indexes and the
//! producers. Here nothing is ever cut.

use std::sync::Arc;

use super::super::Log;
use super::super::error::LogError;
use super::super::files::{INDEX, LOG, TIME_INDEX};
use super::super::segment::{LiveIndex, Segment};
use super::super::walk::{HeaderWalk, Step};
use super::{Recovery, StopKind, Stopped};
use crate::journal::SyncedMark;

/// What must come next on a walk over headers. Offsets have no gaps here: the cleaner stays below the newest checkpoint, and
/// below Raft's beginning.
struct Expected {
    offset: Option<i64>,
    epoch: i32,
}

impl Recovery<'_> {
    /// Reads headers from the newest checkpoint to the mark. Answers where it met damage, if it did.
    pub(super) fn read_below_mark(&self, log: &mut Log, mark: &SyncedMark) -> Result<Option<Stopped>, LogError> {
        let segments = log.reader.segments();
        // Bytes below the mark are vouched for: a file that is shorter has lost some.
        let marked = segments.partition_point(|segment| segment.base_offset() < mark.segment_base);
        let size = segments[marked].size();
        if size < mark.position {
            return Ok(Some(Stopped {
                segment: marked,
                position: size,
                reason: format!("{size} bytes are there, {} were synced", mark.position),
            }));
        }
        let (producers, from) = log.newest_snapshot(mark.next_offset);
        log.producers = producers;
        let from = from.max(log.reader.start_offset());
        let mut first = segments.partition_point(|segment| segment.base_offset() <= from).max(1) - 1;
        if first > 0 && segments[first].base_offset() == from && self.stop != StopKind::Clean {
            // The snapshot may be older than the roll, which added to the indexes of the segment before.
            first -= 1;
        }
        // What the cleaner wrote was made durable as a whole, indexes included.
        let uncleaned = segments.partition_point(|segment| segment.cleaned().is_some());
        let first = first.max(uncleaned).min(marked);
        let mut expected = Expected {
            offset: None,
            epoch: -1,
        };
        for place in first..=marked {
            let segment = &segments[place];
            let (end, next) = match segments.get(place + 1) {
                _ if place == marked => (mark.position, mark.next_offset),
                Some(next) => (segment.size(), next.base_offset()),
                None => (segment.size(), mark.next_offset),
            };
            if place > first {
                self.seal(log, &segments[place - 1]);
            }
            let start = self.open_index(log, segment, from, end)?;
            if start == 0 {
                expected.offset = Some(segment.base_offset());
            }
            if let Some((position, reason)) = self.walk_headers(log, segment, start..end, from, &mut expected)? {
                return Ok(Some(Stopped {
                    segment: place,
                    position,
                    reason,
                }));
            }
            if let Some(found) = expected.offset.filter(|&found| found != next) {
                return Ok(Some(Stopped {
                    segment: place,
                    position: end,
                    reason: format!("it ends before offset {found}, and offset {next} was to follow"),
                }));
            }
        }
        Ok(None)
    }

    /// Notes the batches of one segment. Answers the place and the reason of damage.
    fn walk_headers(
        &self,
        log: &mut Log,
        segment: &Arc<Segment>,
        range: std::ops::Range<u64>,
        from: i64,
        expected: &mut Expected,
    ) -> Result<Option<(u64, String)>, LogError> {
        let path = self.files.path(segment.base_offset(), LOG);
        let mut walk = HeaderWalk::new(segment.file().clone(), range.start, range.end);
        loop {
            let (position, header) = match walk.step().map_err(|error| LogError::io("read", &path, error))? {
                Step::Batch { position, header } => (position, header),
                Step::End => return Ok(None),
                Step::Bad { position, reason } => return Ok(Some((position, reason))),
            };
            if let Some(offset) = expected.offset.filter(|&offset| offset != header.base_offset) {
                let reason = format!("offset {} stands where {offset} belongs", header.base_offset);
                return Ok(Some((position, reason)));
            }
            if header.leader_epoch < expected.epoch {
                let reason = format!("epoch {} follows epoch {}", header.leader_epoch, expected.epoch);
                return Ok(Some((position, reason)));
            }
            expected.offset = Some(header.next_offset());
            expected.epoch = header.leader_epoch;
            if header.base_offset >= from {
                log.note(segment, &header, position, self.now_ms);
            } else {
                segment.with_live(|index| index.note(&header, position, self.config.index_interval_bytes));
            }
        }
    }

    /// Brings the index of the segment that is walked into memory, with what the newest snapshot vouches for. Answers
    /// from which byte on batches are to be noted.
    pub(super) fn open_index(&self, log: &mut Log, segment: &Segment, from: i64, end: u64) -> Result<u64, LogError> {
        let base = segment.base_offset();
        let loaded = match from > base {
            true => segment.load_index(&self.files, from, end),
            false => None,
        };
        let index = match loaded {
            Some(index) => index,
            None => {
                log.drop_index(base)?;
                LiveIndex::new(base)
            }
        };
        let start = index.resume_at();
        log.active.indexed = (index.offsets.len(), index.times.len());
        segment.unseal(index);
        Ok(start)
    }

    /// Leaves a segment that is not the last. What its index files have above the newest snapshot may have been lost
    /// with the power or with a failed sync: they are made anew when they are asked for.
    pub(super) fn seal(&self, log: &mut Log, segment: &Segment) {
        segment.seal();
        log.active.is_rebuilt = false;
        if self.stop == StopKind::Clean {
            return;
        }
        for suffix in [INDEX, TIME_INDEX] {
            let path = self.files.path(segment.base_offset(), suffix);
            if let Err(error) = self.files.remove(&path) {
                tracing::warn!(%error, "cannot remove an index in doubt");
            }
        }
        log.dirty.directory = true;
    }
}
