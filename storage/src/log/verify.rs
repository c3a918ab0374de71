//! Reads a whole partition and checks every batch, without changing anything (`weir log verify`).
//!
//! Invariant: what a log needs to be read right and whole is damage; what can be made anew from it is only a finding.

mod indexes;
mod journaled;

use std::io::ErrorKind;
use std::path::Path;

use super::batch_reader::Place;
use super::error::{Damage, LogError};
use super::files::{CLEANED, LOG, LogFiles, SNAPSHOT, display_name, parse_name};
use super::recovery::StopKind;
use super::recovery::still_damaged;
use super::segment::Segment;
use super::walk::{HeaderWalk, Step};
use crate::disk::{Entry, read_exact_at, read_file};
use crate::journal::{CleanedSegment, GroupState};
use crate::producer_state::ProducerStates;
use crate::record_batch::{BatchHeader, HEADER_LEN, verify_crc};
use indexes::Indexes;
use journaled::Journaled;

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
    /// What is bad behind the synced mark, where the journal was asked: it was never synced, and the next start cuts it.
    /// Nothing behind it was read.
    pub torn_tail: Option<Damage>,
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
    run(files, None)
}

/// As [`verify`], and compares the log with what the journal says of it: where it begins, how far it was synced, the term
/// of each batch. `stop` is how the broker stopped: what was torn then, above the synced mark, is no damage.
pub fn verify_journaled(files: &LogFiles, group: &GroupState, stop: StopKind) -> Result<Verified, LogError> {
    let mut seen = run(files, Some(Journaled { group, stop }))?;
    if seen.damage.is_none() {
        // Found by the broker past the page cache, through which this reads.
        seen.damage = still_damaged(files, group)?;
    }
    Ok(seen)
}

fn run(files: &LogFiles, journaled: Option<Journaled<'_>>) -> Result<Verified, LogError> {
    let entries = match files.disk.list(&files.dir) {
        Err(error) if error.kind() == ErrorKind::NotFound && journaled.is_some() => Vec::new(),
        listed => listed.map_err(|error| LogError::io("list", &files.dir, error))?,
    };
    let (mut bases, snapshots) = (offsets_of(&entries, LOG), offsets_of(&entries, SNAPSHOT));
    let waiting = journaled.and_then(|it| it.replace(&entries, &mut bases));
    let mut start = bases.first().copied().unwrap_or(0);
    if let Some(journaled) = &journaled {
        journaled.drop_expired(&mut bases);
        start = journaled.start().or(bases.first().copied()).unwrap_or(0);
    }
    let mut walk = Walk {
        files,
        journaled,
        epoch: -1,
        seen: Verified {
            next_offset: start,
            ..Verified::default()
        },
    };
    let mut end = (files.path(start, LOG), 0);
    for (place, &base) in bases.iter().enumerate() {
        let aside = match waiting == Some(base) {
            true => format!(".{CLEANED}"),
            false => String::new(),
        };
        let path = files.path(base, &format!("{LOG}{aside}"));
        let file = files.disk.open(&path);
        let file = file.map_err(|error| LogError::io("open", &path, error))?;
        let size = file.len().map_err(|error| LogError::io("measure", &path, error))?;
        let cleaned = journaled.and_then(|it| it.group.cleaned.get(&base).copied());
        let segment = Segment::sealed(base, file, size, cleaned);
        if base != walk.seen.next_offset {
            walk.misplaced(&path, base);
            return Ok(walk.seen);
        }
        walk.seen.segments += 1;
        // What the index files of the active segment have is vouched for by the newest snapshot only.
        let is_last = place + 1 == bases.len();
        let vouched = match is_last {
            true => snapshots.last().copied().unwrap_or(0),
            false => i64::MAX,
        };
        let mut indexes = Indexes::read(files, base, size, vouched, &aside, &mut walk.seen);
        walk.segment(&segment, &path, is_last, &mut indexes)?;
        if walk.seen.damage.is_some() || walk.seen.torn_tail.is_some() {
            return Ok(walk.seen);
        }
        indexes.end(files, base, !is_last, &mut walk.seen);
        end = (path, size);
    }
    let lacks = walk.journaled.and_then(|it| it.lacks(&bases, walk.seen.next_offset));
    if let Some(reason) = lacks {
        walk.seen.damage = Some(walk.seen.damage_at(&end.0, end.1, reason));
    }
    verify_snapshots(files, &snapshots, &mut walk.seen);
    Ok(walk.seen)
}

/// The offsets in the names of the files of one kind, in order.
fn offsets_of(entries: &[Entry], wanted: &str) -> Vec<i64> {
    let named = entries.iter().filter_map(|entry| parse_name(&entry.name));
    let mut offsets: Vec<i64> = named
        .filter_map(|(at, suffix)| (suffix == wanted).then_some(at))
        .collect();
    offsets.sort_unstable();
    offsets
}

/// A verification under way.
struct Walk<'a> {
    files: &'a LogFiles,
    journaled: Option<Journaled<'a>>,
    epoch: i32,
    seen: Verified,
}

impl Walk<'_> {
    fn segment(
        &mut self,
        segment: &Segment,
        path: &Path,
        is_last: bool,
        indexes: &mut Indexes,
    ) -> Result<(), LogError> {
        let base = segment.base_offset();
        let mut place = Place::at_start(segment);
        let io = |error| LogError::io("read", path, error);
        let mut walk = HeaderWalk::new(segment.file().clone(), 0, segment.size());
        let mut bytes = Vec::new();
        loop {
            let (position, header) = match walk.step().map_err(io)? {
                Step::End => {
                    if let Some(cleaned) = segment.cleaned() {
                        self.end_cleaned(path, &cleaned, segment.size(), &place);
                    }
                    return Ok(());
                }
                Step::Bad { position, reason } => {
                    let is_cut_off = is_last && is_cut_off(segment, position).map_err(io)?;
                    self.bad(path, position, reason, is_cut_off);
                    return Ok(());
                }
                Step::Batch { position, header } => (position, header),
            };
            bytes.resize(header.size(), 0);
            read_exact_at(&**segment.file(), &mut bytes, position).map_err(io)?;
            let end = position + header.size() as u64;
            let expected = Expected {
                offset: self.seen.next_offset,
                gap_until: segment.cleaned().map(|cleaned| cleaned.end_offset),
            };
            let checked = check(&bytes, &header, expected, self.epoch);
            let checked = checked.and_then(|()| {
                let journaled = self.journaled.as_ref();
                journaled.map_or(Ok(()), |it| it.check(&header, base, position, end))
            });
            if let Err(reason) = checked {
                self.bad(path, position, reason, false);
                return Ok(());
            }
            place.pass_header(&header);
            indexes.see(self.files, base, &header, position, &mut self.seen);
            self.seen.batches += 1;
            self.seen.bytes += header.size() as u64;
            self.seen.next_offset = header.next_offset();
            self.epoch = header.leader_epoch;
        }
    }

    /// At the end of a segment that the cleaner wrote: is it what the journal says? The next one begins where that says.
    fn end_cleaned(&mut self, path: &Path, cleaned: &CleanedSegment, size: u64, place: &Place) {
        let reason = if size != cleaned.size {
            format!("{size} bytes are there, the cleaner wrote {}", cleaned.size)
        } else if place.stamps() != cleaned.stamps {
            "offsets or epochs in it are not those that the cleaner wrote".to_string()
        } else {
            self.seen.next_offset = cleaned.end_offset;
            return;
        };
        // Any of its batches may be the wrong one.
        self.seen.next_offset = cleaned.base_offset;
        self.bad(path, 0, reason, false);
    }

    /// The segment at `base` does not begin where the one before ends.
    fn misplaced(&mut self, path: &Path, base: i64) {
        let end = self.seen.next_offset;
        let reason = if base > end {
            self.seen.gap = Some((end, base));
            format!("the offsets from {end} to {} are missing before it", base - 1)
        } else {
            format!("the segment before it ends at offset {end}")
        };
        self.bad(path, 0, reason, false);
    }

    fn bad(&mut self, path: &Path, position: u64, reason: String, is_cut_off: bool) {
        let bad = Some(self.seen.damage_at(path, position, reason));
        let offset = self.seen.next_offset;
        match self.journaled.is_some_and(|it| it.is_tail(offset, is_cut_off)) {
            true => self.seen.torn_tail = bad,
            false => self.seen.damage = bad,
        }
    }
}

/// Whether the file ends inside the batch that begins at `position`.
fn is_cut_off(segment: &Segment, position: u64) -> std::io::Result<bool> {
    let left = segment.size() - position;
    if left < HEADER_LEN as u64 {
        return Ok(true);
    }
    let mut head = [0; HEADER_LEN];
    read_exact_at(&**segment.file(), &mut head, position)?;
    Ok(BatchHeader::parse(&head).is_ok_and(|header| header.size() as u64 > left))
}

/// Where the next batch may stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// Behind the last one.
    pub(super) offset: i64,
    /// In a segment that the cleaner wrote, which ends here, anywhere behind the last one. Nothing else leaves a gap.
    pub(super) gap_until: Option<i64>,
}

/// Offsets and epochs lie outside the CRC: what tells that one was changed is its place between the others.
pub(super) fn check(bytes: &[u8], header: &BatchHeader, expected: Expected, epoch: i32) -> Result<(), String> {
    verify_crc(bytes, header).map_err(|error| error.to_string())?;
    let (found, next_offset) = (header.base_offset, expected.offset);
    let is_there = match expected.gap_until {
        Some(end) => next_offset <= found && header.next_offset() <= end,
        None => found == next_offset,
    };
    if !is_there {
        return Err(format!("offset {found} stands where {next_offset} belongs"));
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
    /// Damage behind the last good batch.
    fn damage_at(&self, path: &Path, position: u64, reason: String) -> Damage {
        Damage {
            file: display_name(path),
            position,
            offset: self.next_offset,
            reason,
        }
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
