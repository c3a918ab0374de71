//! What a flush of a log has to sync, handed out so that the owner can sync without holding up appends; and the
//! checkpoint of indexes and producers that rides on it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{MutexGuard, RwLockReadGuard};

use super::error::LogError;
use super::files::{INDEX, LEADER_EPOCH_CHECKPOINT, SNAPSHOT, TIME_INDEX, parse_name};
use super::reader::LogPosition;
use super::segment::create_or_empty;
use super::shared::Shared;
use super::{Dirty, Log, LogFiles};
use crate::disk::{DiskFile, write_all_at};
use crate::planted::{Bug, is_planted};
use crate::{offset_index, time_index};

/// Snapshots that are kept: the newest, and one before it in case the newest is torn.
const KEPT_SNAPSHOTS: usize = 2;

/// A flush of one log: what was written up to `end`.
///
/// A log has one flush under way at a time: what a flush took is not in the next one, so the next one's success says
/// nothing of it. A flush that failed poisons the log ([`Log::poison`]).
#[derive(Debug)]
pub struct LogFlush {
    files: LogFiles,
    dirty: Vec<Arc<dyn DiskFile>>,
    directory: bool,
    /// Bytes of batches that the flush covers.
    pub bytes: u64,
    /// After success, everything below is durable, as long as [`Log::is_current`] says so.
    pub end: LogPosition,
    /// Small files to be written once the data is durable.
    after: Vec<(PathBuf, Vec<u8>)>,
    obsolete: Vec<PathBuf>,
    shared: Arc<Shared>,
    /// How often the log was cut before.
    cuts: u64,
}

impl LogFlush {
    /// How many files and directories the flush would sync one by one.
    pub fn count(&self) -> usize {
        self.dirty.len() + usize::from(self.directory)
    }

    /// Whether names in the directory are to become durable.
    pub fn covers_names(&self) -> bool {
        self.directory
    }

    /// The partition's directory.
    pub fn dir(&self) -> &std::path::Path {
        &self.files.dir
    }

    /// Syncs every file and directory.
    pub fn sync(&self) -> Result<(), LogError> {
        for file in &self.dirty {
            file.sync_data()
                .map_err(|error| LogError::io("sync a file of", &self.files.dir, error))?;
        }
        if self.directory && !is_planted(Bug::NewFileWithoutDirectorySync) {
            self.files.sync_names()?;
        }
        self.check_sound()
    }

    /// An error where a sync of this log has failed before: another one proves nothing.
    pub fn check_sound(&self) -> Result<(), LogError> {
        if self.shared.is_poisoned() {
            let dir = self.files.dir.clone();
            return Err(LogError::Poisoned { dir });
        }
        Ok(())
    }

    /// After the data is durable: writes the small files that speak of it, under temporary names and unsynced. `None`
    /// where there are none, or the log was cut meanwhile. A failure here costs only time at the next start.
    pub fn begin_checkpoint(&self) -> Option<CheckpointFiles<'_>> {
        let present = self.files.hold()?;
        let cuts = self.shared.cuts();
        if *cuts != self.cuts || self.after.is_empty() {
            return None;
        }
        let mut written = Vec::with_capacity(self.after.len());
        for (path, content) in &self.after {
            match self.files.write_aside(path, content) {
                Ok((temporary, file)) => written.push((temporary, path.as_path(), file)),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot write a checkpoint file");
                    return None;
                }
            }
        }
        Some(CheckpointFiles {
            flush: self,
            written,
            _no_cut: cuts,
            _present: present,
        })
    }

    /// Writes the small files of this flush alone, if it has any.
    pub fn finish(&self) {
        if let Some(checkpoint) = self.begin_checkpoint()
            && checkpoint.sync()
            && checkpoint.rename()
            && checkpoint.sync_names()
        {
            checkpoint.tidy();
        }
    }
}

/// The small files of one flush, on their way to their names. In order: synced (each, or with the filesystem), renamed,
/// the names synced, then what they replace is removed.
#[derive(Debug)]
pub struct CheckpointFiles<'a> {
    flush: &'a LogFlush,
    written: Vec<(PathBuf, &'a Path, Arc<dyn DiskFile>)>,
    /// While this is held the log is not cut.
    _no_cut: MutexGuard<'a, u64>,
    /// While this is held the directory keeps its name.
    _present: RwLockReadGuard<'a, bool>,
}

impl CheckpointFiles<'_> {
    /// Syncs their content; whether that went well.
    pub fn sync(&self) -> bool {
        self.written.iter().all(|(temporary, _, file)| {
            let synced = file.sync_data();
            if let Err(error) = &synced {
                tracing::warn!(path = %temporary.display(), %error, "cannot sync a checkpoint file");
            }
            synced.is_ok()
        })
    }

    /// Gives them their names; whether that went well.
    pub fn rename(&self) -> bool {
        self.written.iter().all(|(temporary, path, _)| {
            let renamed = self.flush.files.disk.rename(temporary, path);
            if let Err(error) = &renamed {
                tracing::warn!(path = %path.display(), %error, "cannot rename a checkpoint file");
            }
            renamed.is_ok()
        })
    }

    /// Syncs their names; whether that went well. A failure leaves the names of the directory in doubt: the log is poisoned.
    pub fn sync_names(&self) -> bool {
        let LogFlush { files, shared, .. } = self.flush;
        let synced = files.disk.sync_dir(&files.dir);
        if let Err(error) = &synced {
            tracing::error!(dir = %files.dir.display(), %error, "a sync of the directory failed: the partition takes no writes until a restart");
            shared.poison();
        }
        synced.is_ok()
    }

    /// Their names are durable: from now on they count, and what they replace is removed.
    pub fn tidy(self) {
        if self.flush.shared.is_poisoned() {
            return;
        }
        let names = self
            .written
            .iter()
            .filter_map(|(_, path, _)| path.file_name()?.to_str());
        if let Some((offset, _)) = names.filter_map(parse_name).find(|&(_, suffix)| suffix == SNAPSHOT) {
            self.flush.shared.set_durable_snapshot(offset);
        }
        for path in &self.flush.obsolete {
            if let Err(error) = self.flush.files.disk.remove_file(path) {
                tracing::debug!(path = %path.display(), %error, "cannot remove an old snapshot");
            }
        }
    }
}

impl Log {
    /// Adds a file of the partition's directory to what the next flush syncs.
    pub fn add_dirty(&mut self, file: Arc<dyn DiskFile>) {
        self.dirty.files.push(file);
        self.dirty.directory = true;
    }

    /// A file of the partition's directory was replaced: the next flush syncs the directory.
    pub fn note_new_name(&mut self) {
        self.dirty.directory = true;
    }

    /// Whether anything is unsynced.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.files.is_empty() || self.dirty.directory
    }

    /// Whether the directory has names that no flush has taken yet.
    pub fn has_new_names(&self) -> bool {
        self.dirty.directory
    }

    /// Bytes of batches that no flush has taken yet.
    pub fn dirty_bytes(&self) -> u64 {
        self.dirty.bytes
    }

    /// Whether the log was not cut since `flush` was taken: else its `end` may lie in batches that it does not cover.
    pub fn is_current(&self, flush: &LogFlush) -> bool {
        *self.shared.cuts() == flush.cuts
    }

    /// Takes all that is dirty; `None` where nothing is. With `checkpoint` (at an orderly stop) the indexes and the
    /// producers' state are written out as well, else when enough was appended since the last time.
    pub fn take_flush(&mut self, checkpoint: bool) -> Option<LogFlush> {
        let mut after = Vec::new();
        let mut obsolete = Vec::new();
        if self.dirty.checkpoint_due || (checkpoint && self.since_checkpoint.1 > 0) {
            self.checkpoint(&mut after, &mut obsolete);
        }
        if !self.is_dirty() && after.is_empty() {
            return None;
        }
        let dirty = std::mem::take(&mut self.dirty);
        let Dirty {
            files,
            directory,
            bytes,
            ..
        } = dirty;
        Some(LogFlush {
            files: self.files.clone(),
            dirty: files,
            directory,
            bytes,
            end: self.reader.end(),
            after,
            obsolete,
            cuts: *self.shared.cuts(),
            shared: self.shared.clone(),
        })
    }

    /// Writes the active segment's new index entries, unsynced, and prepares the snapshot that vouches for them once
    /// they are synced: recovery trusts index entries only below the newest whole snapshot.
    fn checkpoint(&mut self, after: &mut Vec<(PathBuf, Vec<u8>)>, obsolete: &mut Vec<PathBuf>) {
        self.dirty.checkpoint_due = false;
        self.since_checkpoint = (0, 0);
        let written = self.mend_index().and_then(|()| self.write_new_index_entries());
        match written {
            Ok(files) => self.dirty.files.extend(files),
            Err(error) => {
                tracing::warn!(dir = %self.files.dir.display(), %error, "cannot write index entries");
                return;
            }
        }
        let end = self.reader.end().offset;
        after.push((self.files.path(end, SNAPSHOT), self.producers.encode_snapshot()));
        if self.epochs_changed {
            self.epochs_changed = false;
            let content = self.reader.epochs.read().encode();
            after.push((self.files.dir.join(LEADER_EPOCH_CHECKPOINT), content));
        }
        if self.snapshots.last() != Some(&end) {
            self.snapshots.push(end);
        }
        // The oldest stays: after a crash the durable mark may lie below all newer ones, and what retention has removed
        // is remembered nowhere else.
        while self.snapshots.len() > KEPT_SNAPSHOTS + 1 {
            obsolete.push(self.files.path(self.snapshots.remove(1), SNAPSHOT));
        }
    }

    /// Removes the index files of a segment, which are missing or make no sense. Where a snapshot vouches for what they
    /// have, durably: so nobody takes what is written next for whole. The snapshot stays, for it may be all that is known
    /// of producers whose batches have expired.
    pub(super) fn drop_index(&mut self, base: i64) -> Result<(), LogError> {
        for suffix in [INDEX, TIME_INDEX] {
            self.files.remove(&self.files.path(base, suffix))?;
        }
        if self.snapshots.last().is_some_and(|&newest| newest > base) {
            self.files.sync_names()?;
            self.active.is_rebuilt = true;
        }
        Ok(())
    }

    /// After [`Self::drop_index`], once the active segment's index is whole in memory: writes its files, whole or not at
    /// all.
    pub(super) fn write_rebuilt_index(&mut self) -> Result<(), LogError> {
        if !std::mem::take(&mut self.active.is_rebuilt) {
            return Ok(());
        }
        let base = self.active.segment.base_offset();
        let Some((offsets, times)) = self.active.segment.with_live(|index| index.encode()) else {
            return Ok(());
        };
        for (suffix, content) in [(INDEX, &offsets), (TIME_INDEX, &times)] {
            let path = self.files.path(base, suffix);
            let put = self.files.put_in_place(&path, content);
            put.map_err(|error| LogError::io("write", &path, error))?;
        }
        self.active.indexed = (
            offsets.len() / offset_index::ENTRY_SIZE,
            times.len() / time_index::ENTRY_SIZE,
        );
        Ok(())
    }

    /// Where a reader found the active segment's index to be wrong: makes it anew, in memory and its files.
    pub(super) fn mend_index(&mut self) -> io::Result<()> {
        self.active.is_rebuilt |= self
            .active
            .segment
            .replace_distrusted(self.config.index_interval_bytes)?;
        if !self.active.is_rebuilt {
            return Ok(());
        }
        self.dirty.directory = true;
        let written = self.write_rebuilt_index();
        self.active.is_rebuilt = written.is_err();
        written.map_err(io::Error::other)
    }

    /// Adds the active segment's index entries to their files, without a sync; answers the files. What a file has beyond
    /// the entries that are known to be in it is of no log that there is.
    pub(super) fn write_new_index_entries(&mut self) -> io::Result<Vec<Arc<dyn DiskFile>>> {
        let base = self.active.segment.base_offset();
        let (have_offsets, have_times) = self.active.indexed;
        let Some((offsets, times)) = self.active.segment.with_live(|index| index.encode()) else {
            return Ok(Vec::new());
        };
        let mut written = Vec::new();
        for (suffix, bytes, have) in [
            (INDEX, &offsets, have_offsets * offset_index::ENTRY_SIZE),
            (TIME_INDEX, &times, have_times * time_index::ENTRY_SIZE),
        ] {
            let path = self.files.path(base, suffix);
            let file = match have {
                0 => create_or_empty(&*self.files.disk, &path)?,
                _ => self.files.disk.open(&path)?,
            };
            if file.len()? > have as u64 {
                file.set_len(have as u64)?;
            }
            write_all_at(&*file, &[&bytes[have..]], have as u64)?;
            written.push(file);
            self.dirty.directory |= have == 0;
        }
        self.active.indexed = (
            offsets.len() / offset_index::ENTRY_SIZE,
            times.len() / time_index::ENTRY_SIZE,
        );
        Ok(written)
    }
}
