//! Appends batches and rolls segments.

use std::io::ErrorKind;
use std::sync::Arc;

use super::error::LogError;
use super::files::{INDEX, LOG};
use super::reader::LogPosition;
use super::segment::{LiveIndex, Segment};
use super::{Active, Log};
use crate::disk::write_all_at;
use crate::record_batch::{BatchHeader, PREFIX_LEN, prefix};

/// Bytes or batches after which the indexes and the producers' state are written out, so that a start has little to
/// read: at most this much of each partition.
const CHECKPOINT_BYTES: u64 = 16 << 20;
const CHECKPOINT_BATCHES: u64 = 10_000;

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The batch's header as written.
    pub header: BatchHeader,
    /// Where it begins. A failed proposal is cut back to here.
    pub start: LogPosition,
    /// Where the next one goes.
    pub end: LogPosition,
    /// It is the first batch of a segment that a roll has made.
    pub rolled: bool,
}

impl Log {
    /// Appends one batch at the log's end, stamped with the end's offset and `leader_epoch`: the stamp lies outside the
    /// batch's CRC, so its bytes are written as they came. After an error the log is as before; where that could not be
    /// had, it is poisoned.
    pub fn append(
        &mut self,
        header: &BatchHeader,
        bytes: &[u8],
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, LogError> {
        self.check_sound()?;
        debug_assert_eq!(header.size(), bytes.len());
        self.roll_if_due(header, now_ms)?;
        let start = self.reader.end();
        let header = BatchHeader {
            base_offset: start.offset,
            leader_epoch,
            ..*header
        };
        let stamp = prefix(start.offset, header.batch_length, leader_epoch);
        let segment = self.active.segment.clone();
        if let Err(error) = write_all_at(&**segment.file(), &[&stamp, &bytes[PREFIX_LEN..]], start.position) {
            self.cut_back(&segment, start.position, &error);
            return Err(LogError::io(
                "write",
                self.files.path(segment.base_offset(), LOG),
                error,
            ));
        }
        let end = LogPosition {
            offset: header.next_offset(),
            segment_base: segment.base_offset(),
            position: start.position + bytes.len() as u64,
        };
        self.note(&segment, &header, start.position, now_ms);
        self.mark_dirty(&segment, bytes.len() as u64);
        segment.set_size(end.position);
        *self.reader.end.write() = end;
        let rolled = std::mem::take(&mut self.active.is_new);
        Ok(Appended {
            header,
            start,
            end,
            rolled,
        })
    }

    /// Indexes a batch that stands in the file, and remembers its producer.
    pub(super) fn note(&mut self, segment: &Segment, header: &BatchHeader, position: u64, now_ms: i64) {
        segment.with_live(|index| index.note(header, position, self.config.index_interval_bytes));
        if self.active.first_timestamp.is_none() {
            self.active.first_timestamp = Some(header.max_timestamp);
        }
        if header.has_producer() {
            self.producers.record(header, now_ms);
        }
        let newer = self
            .reader
            .epochs
            .read()
            .latest()
            .is_none_or(|latest| latest.epoch < header.leader_epoch);
        if newer {
            self.reader
                .epochs
                .write()
                .assign(header.leader_epoch, header.base_offset);
            self.epochs_changed = true;
        }
        self.since_checkpoint.0 += header.size() as u64;
        self.since_checkpoint.1 += 1;
        if self.since_checkpoint.0 >= CHECKPOINT_BYTES || self.since_checkpoint.1 >= CHECKPOINT_BATCHES {
            self.dirty.checkpoint_due = true;
        }
    }

    pub(super) fn mark_dirty(&mut self, segment: &Segment, bytes: u64) {
        if !self.dirty.active {
            self.dirty.files.push(segment.file().clone());
            self.dirty.active = true;
        }
        self.dirty.bytes += bytes;
    }

    /// A write failed: what it left is cut off, or the log takes no more writes. A write that stopped for want of space
    /// is not whole; after another error it may be, and a crash that lost only the cut would bring it back in the place
    /// of a batch that others have: that cut is synced.
    fn cut_back(&mut self, segment: &Segment, size: u64, failure: &std::io::Error) {
        let is_partial = matches!(failure.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        // The next flush has to cover the cut: what comes after it would be lost with it.
        self.mark_dirty(segment, 0);
        let mut result = segment.file().set_len(size);
        if result.is_ok() && !is_partial {
            result = segment.file().sync_data();
        }
        if let Err(error) = result {
            tracing::error!(dir = %self.files.dir.display(), %error, "cannot cut back a failed write: the partition takes no writes until a restart");
            self.poison();
        }
    }

    fn roll_if_due(&mut self, next: &BatchHeader, now_ms: i64) -> Result<(), LogError> {
        let size = self.active.segment.size();
        if size == 0 {
            return Ok(());
        }
        let end = self.reader.end().offset;
        let last_offset = end + i64::from(next.last_offset_delta);
        let due = size + next.size() as u64 > self.config.segment_bytes
            || last_offset - self.active.segment.base_offset() > i64::from(i32::MAX)
            || self.index_is_full()
            || self.age(next.max_timestamp, now_ms) > self.config.segment_ms;
        match due {
            true => self.roll(now_ms),
            false => Ok(()),
        }
    }

    fn index_is_full(&self) -> bool {
        let entries = self
            .active
            .segment
            .with_live(|index| index.offsets.len().max(index.times.len()));
        entries.unwrap_or(0) as u64 >= self.config.segment_index_bytes / 12
    }

    /// How old the active segment is by Kafka's rule: by the records' time where it has one, else by the clock.
    fn age(&self, timestamp: i64, now_ms: i64) -> i64 {
        match self.active.first_timestamp {
            Some(first) if first >= 0 && timestamp >= 0 => timestamp - first,
            _ => now_ms - self.active.created_ms,
        }
    }

    /// Seals the active segment and begins a new one at the log's end. Does nothing where the active one is empty.
    pub fn roll(&mut self, now_ms: i64) -> Result<(), LogError> {
        self.check_sound()?;
        let old = self.active.segment.clone();
        if old.size() == 0 {
            return Ok(());
        }
        let end = self.reader.end();
        // The indexes first: once the segment counts as sealed its indexes are read from the files.
        let write = |log: &mut Self| {
            log.mend_index()?;
            old.with_live(LiveIndex::note_time);
            log.write_new_index_entries()
        };
        let indexes = write(self).map_err(|error| {
            let path = self.files.path(old.base_offset(), INDEX);
            LogError::io("write", &path, error)
        })?;
        self.dirty.files.extend(indexes);
        let path = self.files.path(end.offset, LOG);
        let file = self
            .files
            .disk
            .create(&path)
            .map_err(|error| LogError::io("create", &path, error))?;
        let segment = Arc::new(Segment::active(end.offset, file.clone(), 0, LiveIndex::new(end.offset)));
        let mut segments = (**self.reader.segments.load()).clone();
        segments.push(segment.clone());
        self.swap_segments(segments);
        old.seal();
        self.dirty.files.push(file);
        self.dirty.active = true;
        self.dirty.directory = true;
        self.dirty.checkpoint_due = true;
        self.active = Active::new(segment, now_ms, true);
        *self.reader.end.write() = LogPosition {
            offset: end.offset,
            segment_base: end.offset,
            position: 0,
        };
        Ok(())
    }
}
