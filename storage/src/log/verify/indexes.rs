//! Compares the index files of a segment with its batches, as a walk meets them.

use super::super::files::{INDEX, LogFiles, TIME_INDEX};
use super::Verified;
use crate::disk::read_file;
use crate::offset_index::{OffsetEntry, OffsetIndexView};
use crate::record_batch::BatchHeader;
use crate::time_index::{TimeEntry, TimeIndexView};

/// The index entries of one segment that no batch has met yet, the next one last.
pub(super) struct Indexes {
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    /// What the time index ends with, −1 for nothing; `None` where there is none.
    last_time: Option<i64>,
    newest: i64,
}

impl Indexes {
    /// A missing file is no finding: after a crash it is made when it is asked for.
    pub(super) fn read(
        files: &LogFiles,
        base: i64,
        size: u64,
        vouched: i64,
        aside: &str,
        seen: &mut Verified,
    ) -> Indexes {
        let mut indexes = Indexes {
            offsets: Vec::new(),
            times: Vec::new(),
            last_time: None,
            newest: -1,
        };
        let path = files.path(base, &format!("{INDEX}{aside}"));
        if let Ok(bytes) = read_file(&*files.disk, &path) {
            match OffsetIndexView::new(base, &bytes).and_then(|view| view.sanity_check(size).map(|()| view)) {
                Ok(view) => indexes.offsets = view.iter().take_while(|entry| entry.offset < vouched).collect(),
                Err(error) if vouched == i64::MAX => seen.found(&path, error.to_string()),
                Err(_) => {}
            }
        }
        let path = files.path(base, &format!("{TIME_INDEX}{aside}"));
        if let Ok(bytes) = read_file(&*files.disk, &path) {
            match TimeIndexView::new(base, &bytes).and_then(|view| view.sanity_check(i64::MAX).map(|()| view)) {
                Ok(view) => {
                    indexes.times = view.iter().take_while(|entry| entry.offset < vouched).collect();
                    indexes.last_time = Some(view.last().map_or(-1, |last| last.timestamp));
                }
                Err(error) if vouched == i64::MAX => seen.found(&path, error.to_string()),
                Err(_) => {}
            }
        }
        indexes.offsets.reverse();
        indexes.times.reverse();
        indexes
    }

    pub(super) fn see(
        &mut self,
        files: &LogFiles,
        base: i64,
        header: &BatchHeader,
        position: u64,
        seen: &mut Verified,
    ) {
        self.newest = self.newest.max(header.max_timestamp);
        while let Some(entry) = self
            .offsets
            .last()
            .copied()
            .filter(|e| u64::from(e.position) <= position)
        {
            self.offsets.pop();
            if u64::from(entry.position) != position || entry.offset != header.last_offset() {
                let reason = format!(
                    "offset {} is said to end the batch at byte {}",
                    entry.offset, entry.position
                );
                seen.found(&files.path(base, INDEX), reason);
            }
        }
        while let Some(entry) = self.times.last().copied().filter(|e| e.offset <= header.last_offset()) {
            self.times.pop();
            if entry.offset < header.base_offset || entry.timestamp != self.newest {
                let TimeEntry { timestamp, offset } = entry;
                let reason = format!("{timestamp} is said to be the newest up to offset {offset}");
                seen.found(&files.path(base, TIME_INDEX), reason);
            }
        }
    }

    /// Behind the last batch: nothing may be left, and a sealed segment's newest time is the last.
    pub(super) fn end(self, files: &LogFiles, base: i64, is_sealed: bool, seen: &mut Verified) {
        if let Some(entry) = self.offsets.last() {
            let reason = format!("offset {} is not in the segment", entry.offset);
            seen.found(&files.path(base, INDEX), reason);
        }
        if let Some(entry) = self.times.last() {
            let reason = format!("offset {} is not in the segment", entry.offset);
            seen.found(&files.path(base, TIME_INDEX), reason);
        }
        if is_sealed && self.last_time.is_some_and(|last| last != self.newest) {
            let reason = format!("it does not end with the newest time {}", self.newest);
            seen.found(&files.path(base, TIME_INDEX), reason);
        }
    }
}
