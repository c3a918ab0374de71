//! `weir log verify` on what is not in a data directory of Weir: Apache Kafka's directories, partitions, single segments.
//!
//! There is no journal to compare with. Offsets may leave gaps, as compaction makes them.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use storage::leader_epochs::LeaderEpochs;
use storage::log::parse_name;
use storage::offset_index::{ENTRY_SIZE as OFFSET_ENTRY, OffsetEntry, OffsetIndexView};
use storage::producer_state::ProducerStates;
use storage::record_batch::{BatchHeader, Records, verify_crc};
use storage::time_index::{ENTRY_SIZE as TIME_ENTRY, TimeIndexView};

use super::segment_file::{Entry, SegmentFile, without_reserve};
use super::verify::{Report, VerifiedLog};
use crate::client::MAX_DECOMPRESSED_BYTES;

/// Notes that are kept of one log.
const MAX_NOTES: usize = 100;
/// The largest index, snapshot or checkpoint that is read.
const MAX_SMALL_BYTES: u64 = 64 << 20;
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
        self.is_foreign = true;
        let mut notes = Vec::new();
        if seen.gaps > 0 {
            notes.push(format!(
                "{} gaps between offsets, as compaction and aborted writes leave them",
                seen.gaps
            ));
        }
        if seen.old_messages > 0 {
            notes.push(format!(
                "{} messages of the old formats v0 and v1 were not checked",
                seen.old_messages
            ));
        }
        notes.extend(seen.notes);
        self.logs.push(VerifiedLog {
            name: name.to_owned(),
            segments: seen.segments,
            batches: seen.batches,
            bytes: seen.bytes,
            next_offset: seen.next_offset,
            damage: seen.damage,
            notes,
        });
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
        let checked = if name == "leader-epoch-checkpoint" {
            small(&path).and_then(|bytes| LeaderEpochs::decode(&bytes).map(|_| ()).map_err(|it| it.to_string()))
        } else if parse_name(&name).is_some_and(|(_, suffix)| suffix == "snapshot") {
            small(&path).and_then(|bytes| {
                let decoded = ProducerStates::decode_snapshot(&bytes, usize::MAX);
                decoded.map(|_| ()).map_err(|it| it.to_string())
            })
        } else {
            Ok(())
        };
        if let Err(reason) = checked {
            seen.note(format!("{name} is wrong: {reason}"));
        }
    }
    seen
}

/// A file beside the segments, as a whole.
fn small(path: &Path) -> Result<Vec<u8>, String> {
    let size = fs::metadata(path).map_err(|problem| problem.to_string())?.len();
    match size {
        ..=MAX_SMALL_BYTES => fs::read(path).map_err(|problem| problem.to_string()),
        _ => Err(format!("it has {size} bytes, more than a file of its kind can have")),
    }
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
        let mut index = IndexCheck::begin(path, base, segment.size());
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
                    index.batch(position, header.base_offset);
                    self.batches += 1;
                    self.bytes += header.size() as u64;
                    self.gaps += u64::from(header.base_offset > self.next_offset);
                    self.next_offset = header.next_offset();
                    self.epoch = header.leader_epoch;
                }
                Entry::Old {
                    position, offset, size, ..
                } => {
                    index.batch(position, offset);
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
        if let Some(reason) = index.end() {
            self.note(format!("{} is wrong: {reason}", path.with_extension("index").display()));
        }
        self.time_index(path, base);
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
    fn time_index(&mut self, segment: &Path, base: i64) {
        let path = segment.with_extension("timeindex");
        if !path.exists() {
            return;
        }
        let end = self.next_offset.max(base + 1);
        let check = |bytes: Vec<u8>| {
            let view = TimeIndexView::new(base, without_reserve(&bytes, TIME_ENTRY)).map_err(|it| it.to_string())?;
            view.sanity_check(i64::MAX).map_err(|it| it.to_string())?;
            match view.iter().find(|entry| entry.offset >= end) {
                Some(entry) => Err(format!("offset {} is not in the segment", entry.offset)),
                None => Ok(()),
            }
        };
        if let Err(reason) = small(&path).and_then(check) {
            self.note(format!("{} is wrong: {reason}", path.display()));
        }
    }
}

/// Compares an offset index with its segment while that is read: of the segment, nothing is kept.
#[derive(Default)]
struct IndexCheck {
    /// Entries whose batch is still to come.
    entries: VecDeque<OffsetEntry>,
    wrong: Option<String>,
}

impl IndexCheck {
    /// The index of a segment of `size` bytes; where there is none, there is nothing to compare.
    fn begin(segment: &Path, base: i64, size: u64) -> Self {
        let path = segment.with_extension("index");
        if !path.exists() {
            return IndexCheck::default();
        }
        let entries = |bytes: Vec<u8>| {
            let view =
                OffsetIndexView::new(base, without_reserve(&bytes, OFFSET_ENTRY)).map_err(|it| it.to_string())?;
            view.sanity_check(size).map_err(|it| it.to_string())?;
            Ok(view.iter().collect())
        };
        match small(&path).and_then(entries) {
            Ok(entries) => IndexCheck { entries, wrong: None },
            Err(reason) => IndexCheck {
                wrong: Some(reason),
                ..IndexCheck::default()
            },
        }
    }

    /// A batch begins there; they come in order.
    fn batch(&mut self, position: u64, first_offset: i64) {
        while let Some(entry) = self.entries.pop_front_if(|entry| u64::from(entry.position) <= position) {
            if u64::from(entry.position) < position || first_offset > entry.offset {
                self.wrong.get_or_insert_with(|| misplaced(entry));
            }
        }
    }

    /// What is wrong, now that all batches were seen.
    fn end(mut self) -> Option<String> {
        self.wrong.or_else(|| self.entries.pop_front().map(misplaced))
    }
}

fn misplaced(entry: OffsetEntry) -> String {
    format!("offset {} is said to be at byte {}", entry.offset, entry.position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::compression::Codec;
    use storage::offset_index::OffsetIndexBuilder;
    use storage::record_batch::BatchBuilder;

    /// A segment of three batches of one record each, and where the batches begin.
    fn segment(dir: &Path) -> (PathBuf, Vec<u32>) {
        let path = dir.join("00000000000000000000.log");
        let (mut bytes, mut positions) = (Vec::new(), Vec::new());
        for offset in 0..3 {
            positions.push(bytes.len() as u32);
            let mut builder = BatchBuilder::new(Codec::None).base_offset(offset);
            builder.push(1, None, Some(b"v"), &[]);
            bytes.extend(builder.build());
        }
        fs::write(&path, bytes).unwrap();
        (path, positions)
    }

    fn notes(path: &Path, entries: &[(i64, u32)]) -> Vec<String> {
        let mut index = OffsetIndexBuilder::new(0);
        for (offset, position) in entries {
            index.push(*offset, *position).unwrap();
        }
        // As Kafka reserves it.
        fs::write(path.with_extension("index"), [index.encode(), vec![0; 80]].concat()).unwrap();
        let seen = log(&[path.to_owned()], true);
        assert!(seen.damage.is_none() && seen.batches == 3, "{seen:?}");
        seen.notes
    }

    #[test]
    fn indexes_are_compared_with_the_batches() {
        let dir = tempfile::tempdir().unwrap();
        let (path, at) = segment(dir.path());
        assert!(notes(&path, &[(1, at[1]), (2, at[2])]).is_empty());
        assert!(notes(&path, &[]).is_empty());
        let wrong = |entries: &[(i64, u32)]| notes(&path, entries).concat();
        assert!(wrong(&[(1, at[1] + 1)]).ends_with(&format!("offset 1 is said to be at byte {}", at[1] + 1)));
        assert!(wrong(&[(1, at[2])]).contains("offset 1 is said to be at byte"));
        assert!(wrong(&[(2, at[2] + 1)]).contains("offset 2 is said to be at byte"));
        assert!(wrong(&[(2, 100_000)]).contains("is wrong: "));
    }

    #[test]
    fn what_lies_beside_a_log_is_not_read_whole_unless_it_is_small() {
        let dir = tempfile::tempdir().unwrap();
        let (_, _) = segment(dir.path());
        // Sparse: it takes no room.
        let snapshot = fs::File::create(dir.path().join("00000000000000000003.snapshot")).unwrap();
        snapshot.set_len(MAX_SMALL_BYTES + 1).unwrap();
        let seen = partition(dir.path(), true);
        assert!(seen.damage.is_none());
        assert!(
            seen.notes.concat().contains("more than a file of its kind can have"),
            "{:?}",
            seen.notes
        );
    }
}
