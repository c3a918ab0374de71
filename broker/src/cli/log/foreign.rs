//! `weir log verify` on what is not in a data directory of Weir: Apache Kafka's directories, partitions, single segments.
//!
//! There is no journal to compare with. Offsets may leave gaps, as compaction makes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use storage::leader_epochs::LeaderEpochs;
use storage::log::parse_name;
use storage::offset_index::{ENTRY_SIZE as OFFSET_ENTRY, OffsetIndexView};
use storage::producer_state::ProducerStates;
use storage::record_batch::{BatchHeader, Records, verify_crc};
use storage::time_index::{ENTRY_SIZE as TIME_ENTRY, TimeIndexView};

use super::segment_file::{Entry, SegmentFile, without_reserve};
use super::verify::Report;
use crate::client::MAX_DECOMPRESSED_BYTES;

/// Notes that are kept of one log.
const MAX_NOTES: usize = 100;
/// What Kafka leaves behind when it stops in order.
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// What was seen of one log.
#[derive(Debug, Default)]
struct Seen {
    segments: usize,
    batches: u64,
    old_messages: u64,
    bytes: u64,
    next_offset: i64,
    epoch: i32,
    gaps: u64,
    damage: Option<String>,
    notes: Vec<String>,
}

/// Whether a path is one that only this module can verify.
pub(super) fn is_foreign(path: &Path) -> bool {
    let has_meta = |dir: &Path| dir.join("weir.meta").exists();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => path.extension().is_some_and(|suffix| suffix == "log"),
        Ok(_)
            if has_meta(path)
                || path
                    .canonicalize()
                    .ok()
                    .as_deref()
                    .and_then(Path::parent)
                    .is_some_and(has_meta) =>
        {
            false
        }
        Ok(_) => path.join("meta.properties").exists() || !segments(path).is_empty(),
        Err(_) => false,
    }
}

/// Reads a segment, a partition or a data directory through.
pub(super) fn verify(path: &Path) -> Result<Report, String> {
    let mut report = Report::default();
    if path.is_file() {
        report.one(&path.display().to_string(), log(&[path.to_owned()], true));
        return Ok(report);
    }
    if !segments(path).is_empty() {
        let is_clean = path.parent().is_some_and(|dir| dir.join(CLEAN_SHUTDOWN).exists());
        report.one(&path.display().to_string(), partition(path, is_clean));
        return Ok(report);
    }
    let is_clean = path.join(CLEAN_SHUTDOWN).exists();
    let entries = fs::read_dir(path).map_err(|problem| format!("cannot list {}: {problem}", path.display()))?;
    let mut dirs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|it| it.is_dir())
        .collect();
    dirs.sort_unstable();
    for dir in dirs {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        report.one(&name, partition(&dir, is_clean));
    }
    Ok(report)
}

impl Report {
    fn one(&mut self, name: &str, seen: Seen) {
        self.partitions += 1;
        self.damaged += usize::from(seen.damage.is_some());
        self.is_foreign = true;
        let Seen {
            segments,
            batches,
            bytes,
            next_offset,
            ..
        } = seen;
        let state = seen.damage.unwrap_or_else(|| "sound".to_owned());
        self.lines.push(format!(
            "{name}: {segments} segments, {batches} batches, {bytes} bytes, next offset {next_offset}: {state}"
        ));
        let mut note = |text: String| self.lines.push(format!("{name}: note: {text}"));
        if seen.gaps > 0 {
            note(format!(
                "{} gaps between offsets, as compaction and aborted writes leave them",
                seen.gaps
            ));
        }
        if seen.old_messages > 0 {
            note(format!(
                "{} messages of the old formats v0 and v1 were not checked",
                seen.old_messages
            ));
        }
        seen.notes.into_iter().for_each(note);
    }
}

/// The segments of a partition, in order.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let is_segment = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        parse_name(&name).is_some_and(|(_, suffix)| suffix == "log")
    };
    let mut segments: Vec<PathBuf> = entries.filter(is_segment).collect();
    segments.sort_unstable();
    segments
}

fn partition(dir: &Path, is_clean: bool) -> Seen {
    let mut seen = log(&segments(dir), is_clean);
    let entries = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let reason = match fs::read(&path) {
            Ok(bytes) if name == "leader-epoch-checkpoint" => {
                LeaderEpochs::decode(&bytes).err().map(|it| it.to_string())
            }
            Ok(bytes) if parse_name(&name).is_some_and(|(_, suffix)| suffix == "snapshot") => {
                ProducerStates::decode_snapshot(&bytes, usize::MAX)
                    .err()
                    .map(|it| it.to_string())
            }
            _ => None,
        };
        if let Some(reason) = reason {
            seen.note(format!("{name} is wrong: {reason}"));
        }
    }
    seen
}

fn log(segments: &[PathBuf], is_clean: bool) -> Seen {
    let mut seen = Seen {
        epoch: -1,
        ..Seen::default()
    };
    for (place, path) in segments.iter().enumerate() {
        let is_last = place + 1 == segments.len();
        if let Err(problem) = seen.segment(path, is_last && !is_clean) {
            seen.damage = Some(format!("{} cannot be read: {problem}", path.display()));
        }
        if seen.damage.is_some() {
            break;
        }
    }
    seen
}

impl Seen {
    fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(text);
        }
    }

    fn segment(&mut self, path: &Path, may_be_torn: bool) -> std::io::Result<()> {
        let mut segment = SegmentFile::open(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let base = parse_name(&name).map_or(0, |(offset, _)| offset);
        let damage = |position: u64, reason: &str| Some(format!("damaged at byte {position} of {name}: {reason}"));
        if self.segments == 0 {
            self.next_offset = base;
        } else if base < self.next_offset {
            self.damage = damage(0, &format!("the segment before it ends at offset {}", self.next_offset));
            return Ok(());
        }
        self.segments += 1;
        // Where each batch begins, and its last offset.
        let mut batches = BTreeMap::new();
        while let Some(entry) = segment.next()? {
            match entry {
                Entry::Batch {
                    position,
                    header,
                    bytes,
                } => {
                    if let Err(reason) = self.check(base, &header, &bytes) {
                        self.damage = damage(position, &reason);
                        return Ok(());
                    }
                    batches.insert(position, (header.base_offset, header.last_offset()));
                    self.batches += 1;
                    self.bytes += header.size() as u64;
                    self.gaps += u64::from(header.base_offset > self.next_offset);
                    self.next_offset = header.next_offset();
                    self.epoch = header.leader_epoch;
                }
                Entry::Old {
                    position, offset, size, ..
                } => {
                    batches.insert(position, (offset, offset));
                    self.old_messages += 1;
                    self.bytes += size;
                    self.next_offset = self.next_offset.max(offset.saturating_add(1));
                }
                Entry::Bad {
                    position,
                    reason,
                    is_cut_off,
                } => match may_be_torn && is_cut_off {
                    true => self.note(format!(
                        "{name}: {reason}: Kafka was not stopped in order, and cuts it when it starts"
                    )),
                    false => self.damage = damage(position, &reason),
                },
            }
        }
        self.indexes(path, base, segment.size(), &batches);
        Ok(())
    }

    fn check(&self, base: i64, header: &BatchHeader, bytes: &bytes::Bytes) -> Result<(), String> {
        verify_crc(bytes, header).map_err(|problem| problem.to_string())?;
        if header.base_offset < self.next_offset.max(base) {
            return Err(format!(
                "offset {} stands where {} is the least",
                header.base_offset, self.next_offset
            ));
        }
        if header.last_offset_delta < 0 {
            return Err("it ends before it begins".to_owned());
        }
        if header.leader_epoch < self.epoch {
            return Err(format!("epoch {} follows {}", header.leader_epoch, self.epoch));
        }
        let mut next = header.base_offset;
        for record in Records::new(bytes, MAX_DECOMPRESSED_BYTES).map_err(|problem| problem.to_string())? {
            let record = record.map_err(|problem| problem.to_string())?;
            if !(next..=header.last_offset()).contains(&record.offset) {
                return Err(format!(
                    "a record has offset {}, and the batch is from {next} on",
                    record.offset
                ));
            }
            next = record.offset + 1;
        }
        Ok(())
    }

    /// An index that is wrong is made anew by whoever serves it: a note.
    fn indexes(&mut self, segment: &Path, base: i64, size: u64, batches: &BTreeMap<u64, (i64, i64)>) {
        if let Ok(bytes) = fs::read(segment.with_extension("index")) {
            let view = OffsetIndexView::new(base, without_reserve(&bytes, OFFSET_ENTRY));
            let wrong = view.and_then(|view| view.sanity_check(size).map(|()| view));
            let wrong = match wrong {
                Err(problem) => Some(problem.to_string()),
                Ok(view) => (view.iter())
                    .find(|entry| {
                        batches
                            .get(&u64::from(entry.position))
                            .is_none_or(|(first, _)| *first > entry.offset)
                    })
                    .map(|entry| format!("offset {} is said to be at byte {}", entry.offset, entry.position)),
            };
            if let Some(reason) = wrong {
                self.note(format!(
                    "{} is wrong: {reason}",
                    segment.with_extension("index").display()
                ));
            }
        }
        if let Ok(bytes) = fs::read(segment.with_extension("timeindex")) {
            let view = TimeIndexView::new(base, without_reserve(&bytes, TIME_ENTRY));
            let wrong = view.and_then(|view| view.sanity_check(i64::MAX).map(|()| view));
            let wrong = match wrong {
                Err(problem) => Some(problem.to_string()),
                Ok(view) => (view.iter())
                    .find(|entry| entry.offset >= self.next_offset.max(base + 1))
                    .map(|entry| format!("offset {} is not in the segment", entry.offset)),
            };
            if let Some(reason) = wrong {
                self.note(format!(
                    "{} is wrong: {reason}",
                    segment.with_extension("timeindex").display()
                ));
            }
        }
    }
}
