//! One segment: a file of batches, its two sparse indexes, and how far it is written.
//!
//! Invariant: bytes below `size` are whole batches and never change while the segment is listed, save for a cut by the
//! writer, which lowers `size` first.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};

use super::bookmarks::Bookmarks;
use super::error::LogError;
use super::files::{INDEX, LOG, LogFiles, TIME_INDEX};
use super::walk::{HeaderWalk, Step};
use crate::disk::{Disk, DiskFile, Map, read_file};
use crate::journal::CleanedSegment;
use crate::offset_index::{self, OffsetIndexBuilder, OffsetIndexView};
use crate::record_batch::BatchHeader;
use crate::time_index::{self, TimeIndexBuilder, TimeIndexView};

/// A segment, shared by the writer and the readers.
#[derive(Debug)]
pub struct Segment {
    base_offset: i64,
    file: Arc<dyn DiskFile>,
    size: AtomicU64,
    /// The indexes while the segment is the active one.
    pub(super) live: RwLock<Option<LiveIndex>>,
    /// The indexes of a sealed segment, mapped at first use. Of the active one, where its own were wrong: what the headers
    /// say, up to where it ended then.
    sealed: ArcSwapOption<SealedIndex>,
    /// Whether `sealed` was used since [`Segment::release_idle_maps`] last asked.
    used: AtomicBool,
    /// Held while the indexes are made anew.
    rebuilding: Mutex<()>,
    /// Whether the index files under its name are its own, and a reader's to replace: not while it is the active one, nor
    /// once it was retired. Held while they are replaced.
    owns_files: Mutex<bool>,
    /// How often the indexes turned out to be wrong.
    pub(super) remakes: AtomicU64,
    /// The live index is wrong: the writer makes it anew before it writes it out.
    is_distrusted: AtomicBool,
    /// What the journal says of it, if the cleaner wrote it.
    cleaned: Option<CleanedSegment>,
    pub(super) bookmarks: Bookmarks,
}

/// The indexes of the segment that is written to.
#[derive(Debug)]
pub(super) struct LiveIndex {
    pub(super) offsets: OffsetIndexBuilder,
    pub(super) times: TimeIndexBuilder,
    /// Largest timestamp so far, with the last offset of the batch that has it; `None` without batches.
    pub(super) newest: Option<(i64, i64)>,
    /// Bytes since the last entry.
    bytes_since_entry: u64,
}

#[derive(Debug)]
pub(super) struct SealedIndex {
    /// The segment's size that they are of.
    pub(super) segment_size: u64,
    /// They cover no batch from here on; only known of those that were made anew.
    pub(super) next_offset: i64,
    offsets: Map,
    times: Map,
}

impl SealedIndex {
    pub(super) fn offsets(&self, base_offset: i64) -> OffsetIndexView<'_> {
        OffsetIndexView::new(base_offset, &self.offsets).expect("its length was checked when it was mapped")
    }

    pub(super) fn times(&self, base_offset: i64) -> TimeIndexView<'_> {
        TimeIndexView::new(base_offset, &self.times).expect("its length was checked when it was mapped")
    }
}

impl LiveIndex {
    pub(super) fn new(base_offset: i64) -> Self {
        LiveIndex {
            offsets: OffsetIndexBuilder::new(base_offset),
            times: TimeIndexBuilder::new(base_offset),
            newest: None,
            bytes_since_entry: 0,
        }
    }

    /// Notes a batch at `position`; an index entry is made once enough bytes passed since the last one.
    pub(super) fn note(&mut self, header: &BatchHeader, position: u64, interval: u64) {
        if self
            .newest
            .is_none_or(|(timestamp, _)| header.max_timestamp > timestamp)
        {
            self.newest = Some((header.max_timestamp, header.last_offset()));
        }
        if self.bytes_since_entry > interval {
            // The index rolls the segment before an entry cannot be expressed; one that fails costs only scanning.
            if self.offsets.push(header.last_offset(), position as u32).is_ok() {
                self.note_time();
            }
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += header.size() as u64;
    }

    /// Puts the largest timestamp so far into the time index (at an offset entry, and when the segment is sealed).
    pub(super) fn note_time(&mut self) {
        if let Some((timestamp, offset)) = self.newest {
            let _ = self.times.push(timestamp, offset);
        }
    }

    /// Drops what is at and behind `offset`. The caller notes the batches from [`Self::resume_at`] on again.
    pub(super) fn truncate_to(&mut self, offset: i64) {
        self.offsets.truncate_to(offset);
        self.times.truncate_to(offset);
        self.newest = self.times.last().map(|entry| (entry.timestamp, entry.offset));
        self.bytes_since_entry = 0;
    }

    /// The byte from which on batches may be missing in `newest`: nothing up to the offset of the last time entry is newer
    /// than that. The offset index may reach further, and be of another build, where only one file could be written.
    pub(super) fn resume_at(&self) -> u64 {
        let covered = self.times.last().map(|last| self.offsets.lookup(last.offset));
        covered.map_or(0, u64::from)
    }

    /// Both indexes' bytes, in Kafka's format.
    pub(super) fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        (self.offsets.encode(), self.times.encode())
    }
}

impl Segment {
    pub(super) fn active(base_offset: i64, file: Arc<dyn DiskFile>, size: u64, index: LiveIndex) -> Self {
        Segment {
            base_offset,
            file,
            size: AtomicU64::new(size),
            live: RwLock::new(Some(index)),
            sealed: ArcSwapOption::empty(),
            used: AtomicBool::new(false),
            rebuilding: Mutex::new(()),
            owns_files: Mutex::new(false),
            remakes: AtomicU64::new(0),
            is_distrusted: AtomicBool::new(false),
            cleaned: None,
            bookmarks: Bookmarks::default(),
        }
    }

    pub(super) fn sealed(
        base_offset: i64,
        file: Arc<dyn DiskFile>,
        size: u64,
        cleaned: Option<CleanedSegment>,
    ) -> Self {
        Segment {
            base_offset,
            file,
            size: AtomicU64::new(size),
            live: RwLock::new(None),
            sealed: ArcSwapOption::empty(),
            used: AtomicBool::new(false),
            rebuilding: Mutex::new(()),
            owns_files: Mutex::new(true),
            remakes: AtomicU64::new(0),
            is_distrusted: AtomicBool::new(false),
            cleaned,
            bookmarks: Bookmarks::default(),
        }
    }

    /// What the journal says of it, if the cleaner wrote it: then its offsets have gaps, and Raft begins behind it.
    pub fn cleaned(&self) -> Option<CleanedSegment> {
        self.cleaned
    }

    /// The offset in its name: no batch in it begins before.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Bytes of whole batches.
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// The file of batches.
    pub fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    pub(super) fn set_size(&self, size: u64) {
        if size < self.size.swap(size, Ordering::AcqRel) {
            self.bookmarks.clear();
        }
    }

    pub(super) fn with_live<T>(&self, act: impl FnOnce(&mut LiveIndex) -> T) -> Option<T> {
        self.live.write().as_mut().map(act)
    }

    /// Where a look-up of `offset` begins to read, if the index is in memory.
    pub(super) fn position_in_memory(&self, offset: i64) -> Option<u64> {
        let bookmark = self.bookmarks.position_of(offset);
        if let Some(live) = &*self.live.read() {
            return Some(bookmark.unwrap_or_else(|| live.offsets.lookup(offset).into()));
        }
        // Also with a bookmark: the end of what is read is looked up, too.
        let size = self.size();
        let index = self.sealed.load();
        let index = index.as_ref().filter(|index| index.segment_size == size)?;
        Some(bookmark.unwrap_or_else(|| index.offsets(self.base_offset).lookup(offset).into()))
    }

    /// Ends the segment's time as the active one: from now on its indexes are read from their files, which the caller
    /// has written.
    pub(super) fn seal(&self) {
        *self.live.write() = None;
        *self.owns_files.lock() = true;
        self.is_distrusted.store(false, Ordering::Release);
        self.sealed.store(None);
    }

    /// The segment is written to again, after a cut.
    pub(super) fn unseal(&self, index: LiveIndex) {
        // The index files are the writer's from now on.
        self.retire();
        *self.live.write() = Some(index);
        self.is_distrusted.store(false, Ordering::Release);
        self.sealed.store(None);
    }

    /// The index files under its name are about to be another's, or the writer's: from now on no reader that is still at the
    /// segment puts one there. What such a reader is writing is whole before.
    pub(super) fn retire(&self) {
        *self.owns_files.lock() = false;
    }

    /// The largest timestamp in the segment and the last offset of the batch that has it; `None` without batches.
    pub fn newest(&self, files: &LogFiles) -> Result<Option<(i64, i64)>, LogError> {
        if let Some(live) = &*self.live.read() {
            return Ok(live.newest);
        }
        if self.size() == 0 {
            return Ok(None);
        }
        let index = self.sealed_index(files)?;
        Ok(index
            .times(self.base_offset)
            .last()
            .map(|entry| (entry.timestamp, entry.offset)))
    }

    /// Unmaps the indexes unless they were used since the last call: the bound on how many maps there are at once.
    pub(super) fn release_idle_maps(&self) {
        if !self.used.swap(false, Ordering::Relaxed) {
            self.sealed.store(None);
        }
    }

    /// What the headers say beside a live index that is wrong.
    pub(super) fn remade(&self) -> Option<Arc<SealedIndex>> {
        if !self.is_distrusted.load(Ordering::Acquire) {
            return None;
        }
        self.used.store(true, Ordering::Relaxed);
        self.sealed.load_full()
    }

    /// An entry of the indexes does not name its batch: they are made anew, unless that was done since `remakes` was read.
    /// Those of the active segment in memory, beside the live ones, which are the writer's.
    pub(super) fn remake_index(&self, files: &LogFiles, remakes: u64) -> Result<(), LogError> {
        let _one_at_a_time = self.rebuilding.lock();
        if self.remakes.load(Ordering::Acquire) != remakes {
            return Ok(());
        }
        let is_live = self.live.read().is_some();
        let index = self.rebuild_index(files, self.size())?;
        self.sealed.store(Some(Arc::new(index)));
        self.is_distrusted.store(is_live, Ordering::Release);
        self.remakes.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// For the writer: replaces a live index that was found to be wrong. Whether it was.
    pub(super) fn replace_distrusted(&self, interval: u64) -> io::Result<bool> {
        if !self.is_distrusted.load(Ordering::Acquire) {
            return Ok(false);
        }
        let (index, (end, _)) = self.index_of_headers(self.size(), interval)?;
        let is_whole = end == self.size();
        if is_whole {
            self.unseal(index);
        }
        Ok(is_whole)
    }

    pub(super) fn sealed_index(&self, files: &LogFiles) -> Result<Arc<SealedIndex>, LogError> {
        self.used.store(true, Ordering::Relaxed);
        let size = self.size();
        if let Some(index) = self.sealed.load_full().filter(|index| index.segment_size == size) {
            return Ok(index);
        }
        let index = match self.map_index(files, size) {
            Some(index) => index,
            None => {
                let _one_at_a_time = self.rebuilding.lock();
                match self.map_index(files, size) {
                    Some(index) => index,
                    None => self.rebuild_index(files, size)?,
                }
            }
        };
        let index = Arc::new(index);
        self.sealed.store(Some(index.clone()));
        Ok(index)
    }

    /// The index files, where both are there and make sense.
    fn map_index(&self, files: &LogFiles, segment_size: u64) -> Option<SealedIndex> {
        if !*self.owns_files.lock() {
            return None;
        }
        let map = |suffix| {
            let file = files.disk.open(&files.path(self.base_offset, suffix)).ok()?;
            file.map(file.len().ok()?).ok()
        };
        let (offsets, times) = (map(INDEX)?, map(TIME_INDEX)?);
        let sane = OffsetIndexView::new(self.base_offset, &offsets)
            .ok()?
            .sanity_check(segment_size)
            .is_ok()
            && TimeIndexView::new(self.base_offset, &times)
                .ok()?
                .sanity_check(i64::MAX)
                .is_ok();
        let index = sane.then_some(SealedIndex {
            segment_size,
            next_offset: i64::MAX,
            offsets,
            times,
        })?;
        // Retention and look-ups go by the newest time alone.
        match index.times(self.base_offset).last() {
            Some(newest) => {
                let from = index.offsets(self.base_offset).lookup(newest.offset);
                let walk = HeaderWalk::new(self.file.clone(), u64::from(from), segment_size);
                self.has_time(walk, files, newest).is_ok_and(|it| it).then_some(index)
            }
            None => Some(index),
        }
    }

    /// The entries of the index files below `offset` and byte `end`, to be written on; `None` where a file is missing or
    /// makes no sense. Only for files that are known to be whole below `offset`.
    pub(super) fn load_index(&self, files: &LogFiles, offset: i64, end: u64) -> Option<LiveIndex> {
        let read = |suffix| read_file(&*files.disk, &files.path(self.base_offset, suffix)).ok();
        let (offsets, times) = (read(INDEX)?, read(TIME_INDEX)?);
        let (offsets, times) = (
            whole(&offsets, offset_index::ENTRY_SIZE),
            whole(&times, time_index::ENTRY_SIZE),
        );
        let mut index = LiveIndex::new(self.base_offset);
        let below = OffsetIndexView::new(self.base_offset, offsets).ok()?;
        for entry in below.iter().take_while(|entry| entry.offset < offset) {
            if u64::from(entry.position) >= end {
                return None;
            }
            index.offsets.push(entry.offset, entry.position).ok()?;
        }
        let below = TimeIndexView::new(self.base_offset, times).ok()?;
        for entry in below.iter().take_while(|entry| entry.offset < offset) {
            index.times.push(entry.timestamp, entry.offset).ok()?;
        }
        index.newest = index.times.last().map(|entry| (entry.timestamp, entry.offset));
        if let Some(newest) = index.times.last() {
            let from = index.offsets.lookup(newest.offset);
            let walk = HeaderWalk::new(self.file.clone(), u64::from(from), end);
            self.has_time(walk, files, newest).ok().filter(|&it| it)?;
        }
        let Some(last) = index.offsets.last() else {
            return Some(index);
        };
        // A batch must begin where the last entry says: a wrong index shall not be taken for damage of the log.
        match HeaderWalk::new(self.file.clone(), u64::from(last.position), end).step() {
            Ok(Step::Batch { header, .. }) if header.last_offset() == last.offset => Some(index),
            _ => None,
        }
    }

    /// Indexes are derived: where a file is missing or makes no sense, it is made anew from the headers. The files are
    /// replaced as a whole and synced, since nothing would show that one has lost its end; and only by ones that reach to
    /// the segment's. A disk that refuses them only costs another walk later.
    fn rebuild_index(&self, files: &LogFiles, segment_size: u64) -> Result<SealedIndex, LogError> {
        let path = files.path(self.base_offset, LOG);
        let (mut index, end) = self
            .index_of_headers(segment_size, REBUILD_INTERVAL)
            .map_err(|error| LogError::io("read", &path, error))?;
        index.note_time();
        let (offsets, times) = index.encode();
        if end.0 == segment_size {
            self.put_index_in_place(files, &offsets, &times);
        }
        Ok(SealedIndex {
            segment_size,
            next_offset: end.1,
            offsets: Map::Copied(offsets.into()),
            times: Map::Copied(times.into()),
        })
    }

    /// Replaces the index files, while they are the segment's own.
    fn put_index_in_place(&self, files: &LogFiles, offsets: &[u8], times: &[u8]) {
        let owns_files = self.owns_files.lock();
        if !*owns_files {
            return;
        }
        let path = files.path(self.base_offset, LOG);
        tracing::warn!(segment = %path.display(), "the indexes of a segment were made anew");
        for (suffix, content) in [(INDEX, offsets), (TIME_INDEX, times)] {
            let path = files.path(self.base_offset, suffix);
            if let Err(error) = files.put_in_place(&path, content) {
                tracing::warn!(path = %path.display(), %error, "cannot write a rebuilt index");
            }
        }
    }

    /// The index that the headers below byte `size` give, and the byte and the offset where they end. What the walk cannot
    /// pass is found again, with its place, by whoever reads there.
    fn index_of_headers(&self, size: u64, interval: u64) -> io::Result<(LiveIndex, (u64, i64))> {
        let mut index = LiveIndex::new(self.base_offset);
        let mut end = (0, self.base_offset);
        let mut walk = HeaderWalk::new(self.file.clone(), 0, size);
        while let Step::Batch { position, header } = walk.step()? {
            index.note(&header, position, interval);
            end = (position + header.size() as u64, header.next_offset());
        }
        Ok((index, end))
    }
}

/// The bytes of whole entries: a crash can leave part of one.
fn whole(bytes: &[u8], entry: usize) -> &[u8] {
    &bytes[..bytes.len() - bytes.len() % entry]
}

/// Kafka's default `index.interval.bytes`.
const REBUILD_INTERVAL: u64 = 4096;

/// An empty file of this name: a new one, or what a failed attempt left.
pub(super) fn create_or_empty(disk: &dyn Disk, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let file = disk.open(path)?;
            file.set_len(0)?;
            Ok(file)
        }
        created => created,
    }
}
