//! Segments that the cleaner writes, and how one takes the place of old ones.
//!
//! Invariant: at every moment a crash leaves either the old segments or the new one. In order:
//! 1. the new files are written under names of their own (`.cleaned`) and synced, then their names;
//! 2. the journal says that they replace the old ones ([`Record::Cleaned`]), and that is synced: from here on a start puts
//!    them in their place, before it, it removes them;
//! 3. the old files are renamed, for readers that are at them, and the new ones get their names, the batches last
//!    ([`Log::replace`]); the directory is synced;
//! 4. the journal says that they are in place ([`Record::CleanedInPlace`]): synced before the next file is made under such a
//!    name.
//!
//! [`Record::Cleaned`]: crate::journal::Record::Cleaned
//! [`Record::CleanedInPlace`]: crate::journal::Record::CleanedInPlace

use std::path::PathBuf;
use std::sync::Arc;

use super::Log;
use super::batch_reader::Place;
use super::error::LogError;
use super::files::{CLEANED, INDEX, LOG, LogFiles, SNAPSHOT, TIME_INDEX};
use super::reader::LogPosition;
use super::segment::{LiveIndex, Segment, create_or_empty};
use crate::compaction::CleanError;
use crate::disk::{DiskFile, write_all_at};
use crate::journal::CleanedSegment;
use crate::planted::{Bug, is_planted};
use crate::record_batch::BatchHeader;
use crate::{offset_index, time_index};

/// The files of a segment in the order in which they take their place: once its batches have, it is done.
pub(super) const IN_ORDER: [&str; 3] = [INDEX, TIME_INDEX, LOG];

/// A segment that is being written by the cleaner.
#[derive(Debug)]
pub(crate) struct CleanedWriter {
    files: LogFiles,
    base_offset: i64,
    file: Arc<dyn DiskFile>,
    /// Bytes in the file.
    written: u64,
    /// Bytes of those that are synced.
    synced: u64,
    /// They are synced whenever there are so many more: an orderly stop waits for a sync that is under way.
    sync_bytes: u64,
    /// Bytes noted.
    noted: u64,
    index: LiveIndex,
    index_interval: u64,
    place: Place,
}

impl CleanedWriter {
    /// Begins the files of a segment; `None` where the partition's directory is another's. The journal has synced that the
    /// last one is in its place.
    pub(crate) fn create(
        files: &LogFiles,
        base_offset: i64,
        index_interval: u64,
        sync_bytes: u64,
    ) -> Result<Option<Self>, LogError> {
        let path = files.path(base_offset, &format!("{LOG}.{CLEANED}"));
        let Some(_present) = files.hold() else { return Ok(None) };
        let file = create_or_empty(&*files.disk, &path).map_err(|error| LogError::io("create", &path, error))?;
        Ok(Some(CleanedWriter {
            files: files.clone(),
            base_offset,
            file,
            written: 0,
            synced: 0,
            sync_bytes,
            noted: 0,
            index: LiveIndex::new(base_offset),
            index_interval,
            place: Place::default(),
        }))
    }

    /// Notes a batch that is to be written behind those before.
    pub(crate) fn note(&mut self, header: &BatchHeader, bytes: &[u8]) {
        self.index.note(header, self.noted, self.index_interval);
        self.noted += bytes.len() as u64;
        self.place.pass(header, bytes);
    }

    /// Writes batches that were noted, and empties `out`.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) -> Result<(), LogError> {
        let path = || self.files.path(self.base_offset, &format!("{LOG}.{CLEANED}"));
        write_all_at(&*self.file, &[out], self.written).map_err(|error| LogError::io("write", path(), error))?;
        self.written += out.len() as u64;
        out.clear();
        if self.written - self.synced >= self.sync_bytes {
            self.sync()?;
        }
        Ok(())
    }

    /// Bytes of the indexes, which are written last.
    pub(crate) fn index_bytes(&self) -> u64 {
        let (offsets, times) = (self.index.offsets.len(), self.index.times.len());
        (offsets * offset_index::ENTRY_SIZE + (times + 1) * time_index::ENTRY_SIZE) as u64
    }

    fn sync(&mut self) -> Result<(), LogError> {
        if !is_planted(Bug::CleanedWithoutSync) {
            let path = || self.files.path(self.base_offset, &format!("{LOG}.{CLEANED}"));
            self.file
                .sync_data()
                .map_err(|error| LogError::io("sync", path(), error))?;
        }
        self.synced = self.written;
        Ok(())
    }

    /// Ends the segment, which replaces `old` and reaches to `end_offset`: writes its indexes, and syncs files and names.
    pub(crate) fn finish(mut self, old: Vec<Arc<Segment>>, end_offset: i64) -> Result<Replacement, CleanError> {
        self.index.note_time();
        if let Err(error) = self.write_indexes().and_then(|()| self.sync()) {
            self.discard();
            return Err(error.into());
        }
        let cleaned = CleanedSegment {
            base_offset: self.base_offset,
            end_offset,
            size: self.written,
            stamps: self.place.stamps(),
        };
        let replacement = Replacement {
            files: self.files.clone(),
            segment: Arc::new(Segment::sealed(
                self.base_offset,
                self.file.clone(),
                self.written,
                Some(cleaned),
            )),
            cleaned,
            old,
        };
        let held = self.files.hold().map(|_present| self.files.sync_names());
        match held {
            Some(Ok(())) => Ok(replacement),
            Some(Err(error)) => Err(CleanError::NamesInDoubt(error)),
            None => Err(CleanError::Gone),
        }
    }

    fn write_indexes(&self) -> Result<(), LogError> {
        let (offsets, times) = self.index.encode();
        let Some(_present) = self.files.hold() else {
            return Ok(());
        };
        for (suffix, content) in [(INDEX, &offsets), (TIME_INDEX, &times)] {
            let path = self.files.path(self.base_offset, &format!("{suffix}.{CLEANED}"));
            let written = create_or_empty(&*self.files.disk, &path).and_then(|file| {
                write_all_at(&*file, &[content], 0)?;
                file.sync_data()
            });
            written.map_err(|error| LogError::io("write", &path, error))?;
        }
        Ok(())
    }

    /// Removes what was written.
    pub(crate) fn discard(&self) {
        discard(&self.files, self.base_offset);
    }
}

/// Removes files that the cleaner began. What stays is removed at the next start.
fn discard(files: &LogFiles, base_offset: i64) {
    let Some(_present) = files.hold() else { return };
    for suffix in IN_ORDER {
        let path = files.path(base_offset, &format!("{suffix}.{CLEANED}"));
        if let Err(error) = files.remove(&path) {
            tracing::debug!(%error, "cannot remove what the cleaner began");
        }
    }
}

/// A segment that is to take the place of neighbouring old ones. It is durable, under a name of its own.
#[derive(Debug)]
pub struct Replacement {
    files: LogFiles,
    segment: Arc<Segment>,
    cleaned: CleanedSegment,
    old: Vec<Arc<Segment>>,
}

impl Replacement {
    /// What the journal is to be told.
    pub fn cleaned(&self) -> CleanedSegment {
        self.cleaned
    }

    /// It is not wanted any more, and the journal was not told of it: removes its files.
    pub fn discard(&self) {
        discard(&self.files, self.cleaned.base_offset);
    }

    /// Bytes that it has less than the old ones.
    pub fn saved_bytes(&self) -> i64 {
        self.old.iter().map(|segment| segment.size() as i64).sum::<i64>() - self.cleaned.size as i64
    }
}

impl Log {
    /// The base offset of the first segment that the cleaner has not written: Raft begins here, or later.
    pub fn first_uncleaned(&self) -> i64 {
        self.reader.first_uncleaned()
    }

    /// Whether the log still has what is to be replaced, and all of that is committed.
    pub fn can_replace(&self, replacement: &Replacement) -> bool {
        let segments = self.reader.segments.load();
        let CleanedSegment {
            base_offset,
            end_offset,
            ..
        } = replacement.cleaned;
        let first = segments.partition_point(|segment| segment.base_offset() < base_offset);
        let there = segments.get(first..first + replacement.old.len());
        let is_same = there.is_some_and(|there| there.iter().zip(&replacement.old).all(|(a, b)| Arc::ptr_eq(a, b)));
        let next = segments.get(first + replacement.old.len());
        is_same
            && !self.is_poisoned()
            && next.is_some_and(|next| next.base_offset() == end_offset)
            && self.reader.high_watermark().offset >= end_offset
    }

    /// The journal has synced that the new segment replaces the old ones: it takes their place. The caller then syncs the
    /// directory, and removes what is returned after `file.delete.delay.ms`. After an error the log is to be opened anew,
    /// which goes on with it.
    pub fn replace(&mut self, replacement: &Replacement) -> Result<Vec<PathBuf>, LogError> {
        let files = self.files.clone();
        let Some(_present) = files.hold() else {
            return Ok(Vec::new());
        };
        let CleanedSegment {
            base_offset,
            end_offset,
            ..
        } = replacement.cleaned;
        let mut aside = Vec::new();
        for old in &replacement.old {
            old.retire();
            for suffix in IN_ORDER {
                aside.extend(files.put_aside(old.base_offset(), suffix)?);
            }
        }
        for suffix in IN_ORDER {
            let path = files.path(base_offset, &format!("{suffix}.{CLEANED}"));
            let to = files.path(base_offset, suffix);
            files
                .disk
                .rename(&path, &to)
                .map_err(|error| LogError::io("rename", &path, error))?;
        }
        let mut segments = (**self.reader.segments.load()).clone();
        let first = segments.partition_point(|segment| segment.base_offset() < base_offset);
        let new = std::iter::once(replacement.segment.clone());
        segments.splice(first..first + replacement.old.len(), new);
        let mut mark = self.reader.high_watermark.write();
        if (base_offset..end_offset).contains(&mark.segment_base) {
            assert!(
                mark.offset == end_offset,
                "a segment above the high watermark was cleaned"
            );
            *mark = LogPosition {
                offset: end_offset,
                segment_base: end_offset,
                position: 0,
            };
        }
        drop(mark);
        self.swap_segments(segments);
        // Those from before do not know of batches that are gone now.
        let begin = self.first_uncleaned();
        while self.snapshots.first().is_some_and(|&oldest| oldest < begin) {
            aside.push(self.files.path(self.snapshots.remove(0), SNAPSHOT));
        }
        Ok(aside)
    }
}
