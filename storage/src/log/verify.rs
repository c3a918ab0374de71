//! Reads a whole partition and checks every batch, without changing anything (`weir log verify`, the scrub).
//!
//! Invariant: what a log needs to be read right and whole is damage; what can be made anew from it is only a finding.

use std::path::Path;

use super::error::{Damage, LogError};
use super::files::{INDEX, LOG, LogFiles, SNAPSHOT, TIME_INDEX, display_name, parse_name};
use super::segment::Segment;
use super::walk::{HeaderWalk, Step};
use crate::disk::{read_exact_at, read_file};
use crate::offset_index::{OffsetEntry, OffsetIndexView};
use crate::producer_state::ProducerStates;
use crate::record_batch::{BatchHeader, verify_crc};
use crate::time_index::{TimeEntry, TimeIndexView};

/// Findings that are kept.
const MAX_KEPT: usize = 100;

/// What a verification saw.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Segments read.
    pub segments: usize,
    /// Good batches.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The offset after the last good batch.
    pub next_offset: i64,
    /// The first damage. Nothing behind it was read.
    pub damage: Option<Damage>,
    /// The damage is a gap between two segments: a file is missing. The first offset that is not there, and the first
    /// that is there again.
    pub gap: Option<(i64, i64)>,
    /// Indexes and snapshots that are wrong: they are made anew when they are needed. The first 100.
    pub findings: Vec<Finding>,
}

/// A derived file that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// What was expected and found.
    pub reason: String,
}

/// Checks every batch of the partition in `files.dir`: header, CRC, that offsets follow each other without a gap and that
/// epochs go up; then that indexes and snapshots agree with them. The newest segment's tail may be torn where the broker
/// did not stop in order.
pub fn verify(files: &LogFiles) -> Result<Verified, LogError> {
    let entries = files.disk.list(&files.dir);
    let entries = entries.map_err(|error| LogError::io("list", &files.dir, error))?;
    let offsets_of = |wanted: &str| {
        let named = entries.iter().filter_map(|entry| parse_name(&entry.name));
        let mut offsets: Vec<i64> = named
            .filter_map(|(at, suffix)| (suffix == wanted).then_some(at))
            .collect();
        offsets.sort_unstable();
        offsets
    };
    let (bases, snapshots) = (offsets_of(LOG), offsets_of(SNAPSHOT));
    let mut seen = Verified {
        next_offset: bases.first().copied().unwrap_or(0),
        ..Verified::default()
    };
    let mut epoch = -1;
    for (place, &base) in bases.iter().enumerate() {
        let path = files.path(base, LOG);
        let file = files.disk.open(&path);
        let file = file.map_err(|error| LogError::io("open", &path, error))?;
        let size = file.len().map_err(|error| LogError::io("measure", &path, error))?;
        let segment = Segment::sealed(base, file, size);
        if base != seen.next_offset {
            seen.misplaced(&path, base);
            return Ok(seen);
        }
        seen.segments += 1;
        // What the index files of the active segment have is vouched for by the newest snapshot only.
        let is_last = place + 1 == bases.len();
        let vouched = match is_last {
            true => snapshots.last().copied().unwrap_or(0),
            false => i64::MAX,
        };
        let mut indexes = Indexes::read(files, base, size, vouched, &mut seen);
        verify_segment(files, &segment, &mut epoch, &mut indexes, &mut seen)?;
        if seen.damage.is_some() {
            return Ok(seen);
        }
        indexes.end(files, base, !is_last, &mut seen);
    }
    verify_snapshots(files, &snapshots, &mut seen);
    Ok(seen)
}

fn verify_segment(
    files: &LogFiles,
    segment: &Segment,
    epoch: &mut i32,
    indexes: &mut Indexes,
    seen: &mut Verified,
) -> Result<(), LogError> {
    let path = files.path(segment.base_offset(), LOG);
    let mut walk = HeaderWalk::new(segment.file().clone(), 0, segment.size());
    let mut bytes = Vec::new();
    loop {
        let (position, header) = match walk.step().map_err(|error| LogError::io("read", &path, error))? {
            Step::End => return Ok(()),
            Step::Bad { position, reason } => {
                seen.damaged(&path, position, reason);
                return Ok(());
            }
            Step::Batch { position, header } => (position, header),
        };
        bytes.resize(header.size(), 0);
        read_exact_at(&**segment.file(), &mut bytes, position).map_err(|error| LogError::io("read", &path, error))?;
        if let Err(reason) = check(&bytes, &header, seen.next_offset, *epoch) {
            seen.damaged(&path, position, reason);
            return Ok(());
        }
        indexes.see(files, segment.base_offset(), &header, position, seen);
        seen.batches += 1;
        seen.bytes += header.size() as u64;
        seen.next_offset = header.next_offset();
        *epoch = header.leader_epoch;
    }
}

/// Offsets and epochs lie outside the CRC: what tells that one was changed is its place between the others. Nothing leaves
/// a gap between offsets.
pub(super) fn check(bytes: &[u8], header: &BatchHeader, next_offset: i64, epoch: i32) -> Result<(), String> {
    verify_crc(bytes, header).map_err(|error| error.to_string())?;
    if header.base_offset != next_offset {
        return Err(format!(
            "offset {} stands where {next_offset} belongs",
            header.base_offset
        ));
    }
    if header.last_offset_delta < 0 {
        return Err("it ends before it begins".to_string());
    }
    if header.leader_epoch < epoch {
        return Err(format!("epoch {} follows {epoch}", header.leader_epoch));
    }
    Ok(())
}

fn verify_snapshots(files: &LogFiles, snapshots: &[i64], seen: &mut Verified) {
    for &offset in snapshots {
        let path = files.path(offset, SNAPSHOT);
        if offset > seen.next_offset {
            seen.found(
                &path,
                format!("it is of offset {offset}, the log ends at {}", seen.next_offset),
            );
            continue;
        }
        let read = read_file(&*files.disk, &path).map_err(|error| error.to_string());
        let decoded = read.and_then(|bytes| {
            let decoded = ProducerStates::decode_snapshot(&bytes, usize::MAX);
            decoded.map_err(|error| error.to_string())
        });
        if let Err(reason) = decoded {
            seen.found(&path, reason);
        }
    }
}

impl Verified {
    fn damaged(&mut self, path: &Path, position: u64, reason: String) {
        self.damage = Some(Damage {
            file: display_name(path),
            position,
            offset: self.next_offset,
            reason,
        });
    }

    /// The segment at `base` does not begin where the one before ends.
    fn misplaced(&mut self, path: &Path, base: i64) {
        let end = self.next_offset;
        let reason = if base > end {
            self.gap = Some((end, base));
            format!("the offsets from {end} to {} are missing before it", base - 1)
        } else {
            format!("the segment before it ends at offset {end}")
        };
        self.damaged(path, 0, reason);
    }

    fn found(&mut self, path: &Path, reason: String) {
        if self.findings.len() < MAX_KEPT {
            self.findings.push(Finding {
                file: display_name(path),
                reason,
            });
        }
    }
}

/// The index entries of one segment that no batch has met yet, the next one last.
struct Indexes {
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    has_times: bool,
    newest: i64,
}

impl Indexes {
    /// A missing file is no finding: after a crash it is made when it is asked for.
    fn read(files: &LogFiles, base: i64, size: u64, vouched: i64, seen: &mut Verified) -> Indexes {
        let mut indexes = Indexes {
            offsets: Vec::new(),
            times: Vec::new(),
            has_times: false,
            newest: -1,
        };
        let path = files.path(base, INDEX);
        if let Ok(bytes) = read_file(&*files.disk, &path) {
            match OffsetIndexView::new(base, &bytes).and_then(|view| view.sanity_check(size).map(|()| view)) {
                Ok(view) => indexes.offsets = view.iter().take_while(|entry| entry.offset < vouched).collect(),
                Err(error) if vouched == i64::MAX => seen.found(&path, error.to_string()),
                Err(_) => {}
            }
        }
        let path = files.path(base, TIME_INDEX);
        if let Ok(bytes) = read_file(&*files.disk, &path) {
            match TimeIndexView::new(base, &bytes).and_then(|view| view.sanity_check(i64::MAX).map(|()| view)) {
                Ok(view) => {
                    indexes.times = view.iter().take_while(|entry| entry.offset < vouched).collect();
                    indexes.has_times = true;
                }
                Err(error) if vouched == i64::MAX => seen.found(&path, error.to_string()),
                Err(_) => {}
            }
        }
        indexes.offsets.reverse();
        indexes.times.reverse();
        indexes
    }

    fn see(&mut self, files: &LogFiles, base: i64, header: &BatchHeader, position: u64, seen: &mut Verified) {
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
    fn end(self, files: &LogFiles, base: i64, is_sealed: bool, seen: &mut Verified) {
        if let Some(entry) = self.offsets.last() {
            let reason = format!("offset {} is not in the segment", entry.offset);
            seen.found(&files.path(base, INDEX), reason);
        }
        if let Some(entry) = self.times.last() {
            let reason = format!("offset {} is not in the segment", entry.offset);
            seen.found(&files.path(base, TIME_INDEX), reason);
        }
        if is_sealed && self.has_times {
            let path = files.path(base, TIME_INDEX);
            let bytes = read_file(&*files.disk, &path).unwrap_or_default();
            let last = TimeIndexView::new(base, &bytes).ok().and_then(|view| view.last());
            if last.map_or(-1, |last| last.timestamp) != self.newest {
                seen.found(&path, format!("it does not end with the newest time {}", self.newest));
            }
        }
    }
}
