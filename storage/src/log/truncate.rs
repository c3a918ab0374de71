//! Cuts a suffix of the log that was never committed: a failed proposal's batch, or what another leader overruled.

use std::sync::Arc;

use super::error::LogError;
use super::files::{INDEX, LOG, SNAPSHOT, TIME_INDEX, parse_name};
use super::reader::LogPosition;
use super::segment::LiveIndex;
use super::walk::{HeaderWalk, Step};
use super::{Log, Segment};
use crate::producer_state::ProducerStates;

impl Log {
    /// Cuts everything at and after `to`, which must be a place between two batches at or above the high watermark, and
    /// syncs the cut: nothing may be written after it while the old bytes could come back. Where `to` is the end of a
    /// sealed segment, the next one stays, empty.
    ///
    /// A synced mark above `to` must be lowered in the journal, and that synced, before: a start between this cut and a
    /// later record would take what is gone for damage.
    pub fn truncate_to(&mut self, to: LogPosition) -> Result<(), LogError> {
        if to == self.reader.end() {
            // Only entries of the journal were overruled: a flush under way speaks of those.
            *self.shared.cuts() += 1;
            return Ok(());
        }
        self.check_sound()?;
        assert!(
            to.offset >= self.reader.high_watermark().offset,
            "a cut below the high watermark"
        );
        let result = self.cut(to);
        if result.is_err() {
            self.poison();
        }
        result
    }

    fn cut(&mut self, to: LogPosition) -> Result<(), LogError> {
        let shared = self.shared.clone();
        let mut cuts = shared.cuts();
        *cuts += 1;
        let segments = self.reader.segments.load_full();
        let mut keep = segments.partition_point(|segment| segment.base_offset() <= to.segment_base);
        let mut to = to;
        if let Some(next) = segments.get(keep).filter(|next| next.base_offset() == to.offset) {
            keep += 1;
            to = LogPosition {
                offset: to.offset,
                segment_base: next.base_offset(),
                position: 0,
            };
        }
        let segment = segments[keep - 1].clone();
        let was_active = keep == segments.len();
        // Readers first: nobody may walk into what is about to go.
        *self.reader.end.write() = to;
        let resume = self.reopen_index(&segment, was_active, to)?;
        segment.set_size(to.position);
        self.walk(&segment, resume, to.position, |header, position| {
            segment.with_live(|index| index.note(header, position, self.config.index_interval_bytes));
        })?;
        self.swap_segments(segments[..keep].to_vec());
        let mut mark = self.reader.high_watermark.write();
        if mark.segment_base > to.segment_base {
            *mark = to;
        }
        drop(mark);
        // The newest segment first and the rest of the last one last: a kill in between leaves no gap.
        self.drop_segments(&segments[keep..])?;
        self.drop_snapshots_above(to.offset)?;
        self.files.sync_names()?;
        self.cut_file(&segment, to.position)?;
        self.active.is_new = to.position == 0 && keep > 1;
        self.active.segment = segment;
        self.active.first_timestamp = self.first_timestamp()?;
        self.dirty.active = false;
        self.write_rebuilt_index()?;
        // An epoch that begins here has an entry of its own in the journal; a later one drives it out.
        self.reader.epochs.write().truncate_from_end(to.offset + 1);
        self.epochs_changed = true;
        self.rebuild_producers(to.offset)
    }

    /// Brings the index of the segment that becomes the active one back into memory, as far as `to`. Answers from which
    /// byte on batches are still to be noted in it.
    fn reopen_index(&mut self, segment: &Segment, was_active: bool, to: LogPosition) -> Result<u64, LogError> {
        if was_active {
            let indexed = self.active.indexed;
            let kept = segment.with_live(|index| {
                index.truncate_to(to.offset);
                (index.offsets.len(), index.times.len(), index.resume_at())
            });
            let (offsets, times, resume) = kept.unwrap_or_default();
            self.active.indexed = (indexed.0.min(offsets), indexed.1.min(times));
            return Ok(resume);
        }
        segment.retire();
        let index = segment.load_index(&self.files, to.offset, to.position);
        let index = match index {
            Some(index) => index,
            None => {
                self.drop_index(segment.base_offset())?;
                LiveIndex::new(segment.base_offset())
            }
        };
        self.active.indexed = (index.offsets.len(), index.times.len());
        let resume = index.resume_at();
        segment.unseal(index);
        Ok(resume)
    }

    /// Removes segments, the newest first. The caller syncs the directory.
    pub(super) fn drop_segments(&self, segments: &[Arc<Segment>]) -> Result<(), LogError> {
        for segment in segments.iter().rev() {
            segment.retire();
            for suffix in [LOG, INDEX, TIME_INDEX] {
                self.files.remove(&self.files.path(segment.base_offset(), suffix))?;
            }
        }
        Ok(())
    }

    /// Removes the snapshots above `offset`, also those that a flush was about to remove. The caller syncs the directory:
    /// one that came back would be taken for a state of another history.
    pub(super) fn drop_snapshots_above(&mut self, offset: i64) -> Result<(), LogError> {
        let dir = &self.files.dir;
        let entries = self.files.disk.list(dir);
        for entry in entries.map_err(|error| LogError::io("list", dir, error))? {
            if matches!(parse_name(&entry.name), Some((end, SNAPSHOT)) if end > offset) {
                self.files.remove(&dir.join(&entry.name))?;
                self.dirty.checkpoint_due = true;
            }
        }
        self.snapshots.retain(|&end| end <= offset);
        self.shared.drop_snapshots_above(offset);
        Ok(())
    }

    /// Cuts a segment's file, and syncs the cut.
    pub(super) fn cut_file(&self, segment: &Segment, len: u64) -> Result<(), LogError> {
        let path = self.files.path(segment.base_offset(), LOG);
        segment
            .file()
            .set_len(len)
            .map_err(|error| LogError::io("truncate", &path, error))?;
        segment
            .file()
            .sync_data()
            .map_err(|error| LogError::io("sync", &path, error))
    }

    /// The active segment's first batch's largest timestamp.
    pub(super) fn first_timestamp(&self) -> Result<Option<i64>, LogError> {
        let segment = &self.active.segment;
        let path = self.files.path(segment.base_offset(), LOG);
        match HeaderWalk::new(segment.file().clone(), 0, segment.size()).step() {
            Ok(Step::Batch { header, .. }) => Ok(Some(header.max_timestamp)),
            Ok(_) => Ok(None),
            Err(error) => Err(LogError::io("read", path, error)),
        }
    }

    /// Makes the producers' state as of `end` from the newest snapshot at or below it and the batches since. When a
    /// producer was last heard of is known better than its batches say.
    fn rebuild_producers(&mut self, end: i64) -> Result<(), LogError> {
        let (mut producers, from) = self.newest_snapshot(end);
        for segment in self.reader.segments.load_full().iter() {
            let past = segment.size() == 0 || self.last_offset_before(segment) < from;
            if past {
                continue;
            }
            let position = segment.walk_to(&self.files, from, segment.size())?.position();
            self.walk(segment, position, segment.size(), |header, _| {
                if header.base_offset >= from && header.has_producer() {
                    let known = self.producers.get(header.producer_id);
                    let heard = known.map_or(header.max_timestamp, |entry| entry.last_timestamp());
                    producers.record(header, heard);
                }
            })?;
        }
        producers.adopt_below(&self.producers, end);
        self.producers = producers;
        Ok(())
    }

    /// The last offset that `segment` can hold.
    fn last_offset_before(&self, segment: &Segment) -> i64 {
        let segments = self.reader.segments.load();
        let next = segments.partition_point(|other| other.base_offset() <= segment.base_offset());
        segments.get(next).map_or(i64::MAX, |next| next.base_offset() - 1)
    }

    /// The newest whole snapshot at or below `end` and its offset; an empty state and the log's start without one. One
    /// from before the log's start does not know of batches that have expired since, nor one from before Raft's start of
    /// those that the cleaner has dropped: without a later one, what the cleaner has kept says what it can.
    pub(super) fn newest_snapshot(&self, end: i64) -> (ProducerStates, i64) {
        let start = self.first_uncleaned();
        let usable = start..=end;
        for &offset in self.snapshots.iter().rev().filter(|&offset| usable.contains(offset)) {
            match self.read_snapshot(offset) {
                Ok(states) => return (states, offset),
                Err(error) => {
                    let path = self.files.path(offset, SNAPSHOT);
                    tracing::warn!(path = %path.display(), error, "ignoring an unreadable snapshot");
                }
            }
        }
        (self.producers_of_cleaned(), start)
    }

    /// The producers of the batches that the cleaner has kept: the last one of each is among them.
    fn producers_of_cleaned(&self) -> ProducerStates {
        let mut producers = self.config.no_producers();
        for segment in self.reader.segments.load().iter().filter(|it| it.cleaned().is_some()) {
            let walked = self.walk(segment, 0, segment.size(), |header, _| {
                producers.record(header, header.max_timestamp);
            });
            if let Err(error) = walked {
                tracing::warn!(%error, "not all producers of a cleaned segment can be told");
            }
        }
        producers
    }

    pub(super) fn read_snapshot(&self, offset: i64) -> Result<ProducerStates, String> {
        let producers = self.look_at_snapshot(offset)?;
        Ok(producers.in_room(&self.config.producer_room))
    }

    /// What a snapshot holds, which is not to be remembered: it takes no room.
    pub(super) fn look_at_snapshot(&self, offset: i64) -> Result<ProducerStates, String> {
        let path = self.files.path(offset, SNAPSHOT);
        let bytes = crate::disk::read_file(&*self.files.disk, &path).map_err(|error| error.to_string())?;
        ProducerStates::decode_snapshot(&bytes, self.config.max_producers).map_err(|error| error.to_string())
    }

    pub(super) fn walk(
        &self,
        segment: &Segment,
        from: u64,
        to: u64,
        mut see: impl FnMut(&crate::record_batch::BatchHeader, u64),
    ) -> Result<(), LogError> {
        let mut walk = HeaderWalk::new(segment.file().clone(), from, to);
        loop {
            let path = || self.files.path(segment.base_offset(), LOG);
            match walk.step().map_err(|error| LogError::io("read", path(), error))? {
                Step::Batch { position, header } => see(&header, position),
                Step::End => return Ok(()),
                Step::Bad { position, reason } => {
                    let file = super::files::display_name(&path());
                    let offset = segment.base_offset();
                    return Err(LogError::Damaged(super::Damage {
                        file,
                        position,
                        offset,
                        reason,
                    }));
                }
            }
        }
    }
}
