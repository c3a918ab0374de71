//! Gives up what lies above a damage, so that the partition opens again (`weir log repair --accept-loss`).
//!
//! Invariant: nothing below the first damage is touched, and the files are cut, and that synced, before the journal says
//! so: a repair that was broken off is done again from the start, and comes to the same.
//!
//! [`plan`] only reads. [`RepairPlan::apply`] changes the files; then the caller appends [`RepairPlan::records`] to the
//! journal in one write, and syncs it.

use super::batch_reader::Place;
use super::error::{Damage, LogError};
use super::files::{CLEANED, DAMAGE, INDEX, LEADER_EPOCH_CHECKPOINT, LOG, LogFiles, SNAPSHOT, TIME_INDEX, parse_name};
use super::reader::LogPosition;
use super::recovery::{Terms, has_dropped, has_synced, log_start, start, synced_mark, term_at};
use super::segment::create_or_empty;
use super::verify::{Expected, check};
use super::walk::{HeaderWalk, Step};
use crate::disk::{read_exact_at, read_file};
use crate::journal::{Anchor, Checkpoint, CleanedSegment, GroupState, Record, SyncedMark};
use crate::leader_epochs::LeaderEpochs;

/// What a repair does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairPlan {
    /// Where the log ends after it.
    pub end: LogPosition,
    /// What is wrong there.
    pub reason: String,
    /// The offsets below this, from `end` on, are lost. There may have been more that nobody can tell of.
    pub lost_until: i64,
    /// The log's beginning is gone: the offsets below this are lost, and the log begins here. Nothing else is wrong then,
    /// and nothing is cut.
    pub lost_before: Option<i64>,
    /// Bytes of segments that go.
    pub lost_bytes: u64,
    /// For the journal, in one write: the group's state as of the new end.
    pub records: Vec<Record>,
    /// The segments below the one that is cut: the mark will vouch for all of them.
    keep: Vec<i64>,
    /// The segments above the end, oldest first.
    remove: Vec<i64>,
    /// The segment of the cleaner's that loses its end, which is damaged.
    cut: Option<CleanedSegment>,
}

/// Reads the whole log and says what a repair does; `None` where nothing is damaged. `found` is damage that a start
/// reported: it can know better, from the journal, than the files alone show.
pub fn plan(files: &LogFiles, group: &GroupState, found: Option<&Damage>) -> Result<Option<RepairPlan>, LogError> {
    refuse_while_replacing(files, group)?;
    let mut segments = segments(files)?;
    // What retention was removing goes at the next start.
    let begin = log_start(group);
    if has_dropped(group) && segments.iter().any(|&(base, _)| base == begin) {
        segments.retain(|&(base, _)| base >= begin);
    }
    let limit = found.map_or(i64::MAX, |damage| damage.offset);
    let (end, reason) = first_damage(files, &segments, group, limit)?;
    let Some(mut reason) = reason else {
        return Ok(lost_beginning(&segments, group, end));
    };
    let (end, cut) = cut_cleaned(files, group, end)?;
    if let Some(damage) = found.filter(|damage| damage.offset <= end.offset) {
        reason.clone_from(&damage.reason);
    }
    let mut lost_bytes = 0;
    let (mut keep, mut remove) = (Vec::new(), Vec::new());
    for &(base, size) in &segments {
        if base < end.segment_base {
            keep.push(base);
            let cut = cut.filter(|cut| cut.base_offset == base);
            lost_bytes += cut.map_or(0, |cut| size - cut.size);
        } else if base > end.segment_base {
            lost_bytes += size;
            remove.push(base);
        } else {
            lost_bytes += size - end.position;
        }
    }
    let marked = group.synced_mark.map_or(0, |mark| mark.next_offset);
    let lost_until = marked.max(remove.last().copied().unwrap_or(0)).max(end.offset);
    let is_there = segments.iter().any(|&(base, _)| base == end.segment_base);
    let records = match end.segment_base < start(group) {
        true => records_in_cleaned(group, end, cut),
        false => records(files, &segments, group, end, is_there)?,
    };
    Ok(Some(RepairPlan {
        end,
        reason,
        lost_until,
        lost_before: None,
        lost_bytes,
        records,
        keep,
        remove,
        cut,
    }))
}

impl RepairPlan {
    /// Cuts the files. Everything is synced when it returns.
    pub fn apply(&self, files: &LogFiles) -> Result<(), LogError> {
        let LogPosition {
            offset,
            segment_base,
            position,
        } = self.end;
        let io = |operation: &'static str, path: &std::path::Path| {
            let path = path.to_path_buf();
            move |error| LogError::io(operation, path, error)
        };
        files
            .disk
            .create_dir_all(&files.dir)
            .map_err(io("create the directory", &files.dir))?;
        let entries = files.disk.list(&files.dir).map_err(io("list", &files.dir))?;
        for entry in entries {
            // The indexes of the segment that is cut go as well: they are made anew.
            let goes = match parse_name(&entry.name) {
                Some((end, SNAPSHOT)) => end > offset,
                Some((base, INDEX | TIME_INDEX)) => {
                    base >= segment_base || self.cut.is_some_and(|cut| cut.base_offset == base)
                }
                _ => entry.name == DAMAGE,
            };
            if goes {
                files.remove(&files.dir.join(&entry.name))?;
            }
        }
        for &base in &self.keep {
            let path = files.path(base, LOG);
            let cut = self.cut.filter(|cut| cut.base_offset == base);
            let synced = files.disk.open(&path).and_then(|file| {
                cut.map_or(Ok(()), |cut| file.set_len(cut.size))?;
                file.sync_data()
            });
            synced.map_err(io("sync", &path))?;
        }
        for &base in self.remove.iter().rev() {
            files.remove(&files.path(base, LOG))?;
        }
        self.cut_epochs(files)?;
        files.sync_names()?;
        let path = files.path(segment_base, LOG);
        let file = match position {
            0 => create_or_empty(&*files.disk, &path).map_err(io("create", &path))?,
            _ => files.disk.open(&path).map_err(io("open", &path))?,
        };
        file.set_len(position).map_err(io("truncate", &path))?;
        file.sync_data().map_err(io("sync", &path))?;
        files.sync_names()
    }

    fn cut_epochs(&self, files: &LogFiles) -> Result<(), LogError> {
        let path = files.dir.join(LEADER_EPOCH_CHECKPOINT);
        let Ok(bytes) = read_file(&*files.disk, &path) else {
            return Ok(());
        };
        match LeaderEpochs::decode(&bytes) {
            Ok(mut epochs) => {
                epochs.truncate_from_end(self.end.offset);
                let written = files.put_in_place(&path, &epochs.encode());
                written.map_err(|error| LogError::io("write", &path, error))
            }
            Err(_) => files.remove(&path),
        }
    }
}

/// A segment that the cleaner wrote and that waits to be put in its place is put there by a start, before anything else.
fn refuse_while_replacing(files: &LogFiles, group: &GroupState) -> Result<(), LogError> {
    let Some(base) = group.replacing else { return Ok(()) };
    let path = files.path(base, &format!("{LOG}.{CLEANED}"));
    match files.disk.open(&path) {
        Ok(_) => Err(LogError::Io {
            operation: "repair while there is",
            path,
            source: std::io::Error::other("start the broker first, which puts it in its place"),
        }),
        Err(_) => Ok(()),
    }
}

/// The segments' base offsets and sizes.
fn segments(files: &LogFiles) -> Result<Vec<(i64, u64)>, LogError> {
    let entries = match files.disk.list(&files.dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| LogError::io("list", &files.dir, error))?,
    };
    let mut segments = Vec::new();
    for (base, _) in entries
        .iter()
        .filter_map(|entry| parse_name(&entry.name))
        .filter(|(_, suffix)| *suffix == LOG)
    {
        let path = files.path(base, LOG);
        let size = files.disk.open(&path).and_then(|file| file.len());
        segments.push((base, size.map_err(|error| LogError::io("measure", &path, error))?));
    }
    segments.sort_unstable();
    Ok(segments)
}

/// The log goes on from where it begins now, as after retention: from an anchor that says what Raft's index is there.
fn lost_beginning(segments: &[(i64, u64)], group: &GroupState, end: LogPosition) -> Option<RepairPlan> {
    let &(first, _) = segments.first()?;
    if !has_synced(group) || first <= log_start(group) {
        return None;
    }
    let kept = &segments[..segments.len() - 1];
    let plan = |records| RepairPlan {
        end,
        reason: format!("the offsets from {} to {} are missing", log_start(group), first - 1),
        lost_until: first,
        lost_before: Some(first),
        lost_bytes: 0,
        records,
        keep: kept.iter().map(|&(base, _)| base).collect(),
        remove: Vec::new(),
        cut: None,
    };
    if group.cleaned.contains_key(&first) {
        return Some(plan(vec![Record::AnchorsDropped { below: first }]));
    }
    let anchor = group.anchors.get(&first)?;
    // It lies below the mark, and what is synced is committed where there is one voter.
    let anchor = Anchor {
        commit: anchor.commit.max(anchor.index),
        applied: anchor.applied.max(anchor.index),
        ..*anchor
    };
    Some(plan(vec![
        Record::Anchor(anchor),
        Record::AnchorsDropped { below: first },
    ]))
}

/// Where the log is good up to, below offset `limit`, and why not further, where it is not all good, or something is
/// missing.
fn first_damage(
    files: &LogFiles,
    segments: &[(i64, u64)],
    group: &GroupState,
    limit: i64,
) -> Result<(LogPosition, Option<String>), LogError> {
    let mark = synced_mark(group);
    let Some(&(first, _)) = segments.first() else {
        return Ok(match mark.filter(|_| has_synced(group)) {
            Some(mark) => (at_start_of(mark.segment_base), Some("no segment is left".to_string())),
            None => (at_start_of(log_start(group)), None),
        });
    };
    let mut end = at_start_of(first);
    let is_gone = mark.is_some_and(|mark| !segments.iter().any(|&(base, _)| base == mark.segment_base));
    if let Some(mark) = mark.filter(|mark| is_gone && mark.segment_base < first) {
        let reason = format!("the segment at offset {} is gone", mark.segment_base);
        return Ok((end, Some(reason)));
    }
    let mut epoch = -1;
    for &(base, size) in segments {
        if base >= limit && base > first {
            return Ok((end, Some("nothing from here on can be read".to_string())));
        }
        if base != end.offset {
            return Ok((end, Some(format!("the next segment begins at offset {base}"))));
        }
        end = at_start_of(base);
        let path = files.path(base, LOG);
        let io = |error| LogError::io("read", &path, error);
        let file = files.disk.open(&path).map_err(io)?;
        let mut walk = HeaderWalk::new(file.clone(), 0, size);
        let mut bytes = Vec::new();
        let cleaned = group.cleaned.get(&base);
        let mut stamps = Place::at(base);
        loop {
            let (position, header) = match walk.step().map_err(io)? {
                Step::End => break,
                Step::Bad { reason, .. } => return Ok((end, Some(reason))),
                Step::Batch { position, header } => (position, header),
            };
            bytes.resize(header.size(), 0);
            read_exact_at(&*file, &mut bytes, position).map_err(io)?;
            let expected = Expected {
                offset: end.offset,
                gap_until: cleaned.map(|cleaned| cleaned.end_offset),
            };
            if let Err(reason) = check(&bytes, &header, expected, epoch) {
                return Ok((end, Some(reason)));
            }
            let term = term_at(group, header.base_offset).filter(|&term| i64::from(header.leader_epoch) != term as i64);
            if let Some(term) = term {
                let reason = format!("epoch {} stands where the journal says {term}", header.leader_epoch);
                return Ok((end, Some(reason)));
            }
            if header.next_offset() > limit {
                return Ok((end, Some("nothing from here on can be read".to_string())));
            }
            epoch = header.leader_epoch;
            end.offset = header.next_offset();
            end.position = position + header.size() as u64;
            stamps.pass_header(&header);
        }
        if let Some(cleaned) = cleaned {
            if (size, stamps.stamps()) != (cleaned.size, cleaned.stamps) {
                // Any of its batches may be the wrong one.
                let reason = "it is not what the cleaner wrote";
                return Ok((at_start_of(base), Some(reason.to_string())));
            }
            end.offset = cleaned.end_offset;
        }
    }
    let missing = has_synced(group) && (is_gone || mark.is_some_and(|mark| end.offset < mark.next_offset));
    let is_bad = missing || end.offset > limit;
    Ok((end, is_bad.then(|| "what was synced behind it is gone".to_string())))
}

fn at_start_of(base: i64) -> LogPosition {
    LogPosition {
        offset: base,
        segment_base: base,
        position: 0,
    }
}

/// In a segment that the cleaner wrote Raft has no entries: what is good of it stays, and Raft begins anew in a segment
/// behind it.
fn cut_cleaned(
    files: &LogFiles,
    group: &GroupState,
    end: LogPosition,
) -> Result<(LogPosition, Option<CleanedSegment>), LogError> {
    let Some(cleaned) = group.cleaned.get(&end.segment_base).filter(|_| end.position > 0) else {
        return Ok((end, None));
    };
    let path = files.path(end.segment_base, LOG);
    let io = |error| LogError::io("read", &path, error);
    let mut walk = HeaderWalk::new(files.disk.open(&path).map_err(io)?, 0, end.position);
    let mut stamps = Place::at(end.segment_base);
    while let Step::Batch { header, .. } = walk.step().map_err(io)? {
        stamps.pass_header(&header);
    }
    let cut = CleanedSegment {
        end_offset: end.offset,
        size: end.position,
        stamps: stamps.stamps(),
        ..*cleaned
    };
    Ok((at_start_of(end.offset), Some(cut)))
}

/// The group's whole state once the log ends at `end`, at or behind a segment that the cleaner wrote: Raft goes on behind
/// all that it may have known.
fn records_in_cleaned(group: &GroupState, end: LogPosition, cut: Option<CleanedSegment>) -> Vec<Record> {
    let own = group.entries.last();
    let index = group.synced_mark.map_or(0, |mark| mark.last_index);
    let index = index.max(own.map_or(0, |entry| entry.index));
    let index = group
        .anchors
        .values()
        .fold(index, |index, anchor| index.max(anchor.index));
    let begun = group.epochs.iter().filter(|epoch| epoch.start < end.offset);
    let kept = group.cleaned.values().filter(|it| it.base_offset < end.segment_base);
    let kept = kept.map(|it| cut.filter(|cut| cut.base_offset == it.base_offset).unwrap_or(*it));
    let mut records = vec![Record::GroupRemoved, Record::HardState(group.hard_state)];
    records.extend(begun.copied().map(Record::Epoch));
    records.extend(kept.map(Record::Cleaned));
    records.push(Record::CleanedInPlace);
    records.push(Record::Anchor(Anchor {
        segment_base: end.segment_base,
        index,
        term_before: own.map_or(group.hard_state.term, |entry| entry.term),
        commit: index,
        applied: index,
    }));
    records.extend(group.checkpoint.as_ref().map(|checkpoint| {
        Record::Checkpoint(Checkpoint {
            commit: index,
            applied: index,
            membership: checkpoint.membership.clone(),
            membership_index: checkpoint.membership_index.min(index),
        })
    }));
    records.extend(group.start_offset.map(|offset| Record::StartOffset {
        offset: offset.min(end.offset),
    }));
    records.push(Record::SyncedMark(SyncedMark {
        segment_base: end.segment_base,
        position: end.position,
        next_offset: end.offset,
        last_index: index,
    }));
    records
}

/// What the journal has to say once the log ends at `end`.
fn records(
    files: &LogFiles,
    segments: &[(i64, u64)],
    group: &GroupState,
    end: LogPosition,
    is_there: bool,
) -> Result<Vec<Record>, LogError> {
    let (index, term) = match is_there {
        true => index_at(files, segments, group, end)?,
        // Nothing is left to count: raft goes on behind all that it may have known.
        false => {
            let mark = group.synced_mark.map_or(0, |mark| mark.last_index);
            let own = group.entries.last();
            let term = own.map_or(group.hard_state.term, |entry| entry.term);
            (mark.max(own.map_or(0, |entry| entry.index)), term)
        }
    };
    let mut records = vec![Record::Cut { from_index: index + 1 }];
    if !is_there && index > 0 {
        records.push(Record::Anchor(Anchor {
            segment_base: end.segment_base,
            index,
            term_before: term,
            commit: index,
            applied: index,
        }));
        records.push(Record::AnchorsDropped {
            below: end.segment_base,
        });
    }
    for anchor in group
        .anchors
        .values()
        .filter(|anchor| anchor.index <= index && anchor.commit > index)
    {
        records.push(Record::Anchor(Anchor {
            commit: index,
            applied: anchor.applied.min(index),
            ..*anchor
        }));
    }
    if let Some(checkpoint) = &group.checkpoint {
        records.push(Record::Checkpoint(Checkpoint {
            commit: checkpoint.commit.min(index),
            applied: checkpoint.applied.min(index),
            membership: checkpoint.membership.clone(),
            membership_index: checkpoint.membership_index.min(index),
        }));
    }
    records.push(Record::SyncedMark(SyncedMark {
        segment_base: end.segment_base,
        position: end.position,
        next_offset: end.offset,
        last_index: index,
    }));
    Ok(records)
}

/// The raft index and term of the last entry before `end`, counted from the last anchor before it.
fn index_at(
    files: &LogFiles,
    segments: &[(i64, u64)],
    group: &GroupState,
    end: LogPosition,
) -> Result<(u64, u64), LogError> {
    let is_kept = |base: i64| base <= end.segment_base && segments.iter().any(|&(listed, _)| listed == base);
    let anchor = group.anchors.values().rev().find(|anchor| is_kept(anchor.segment_base));
    let first = segments.first().map_or(end.segment_base, |&(base, _)| base);
    let from = anchor.map_or(first, |anchor| anchor.segment_base);
    let mut terms = Terms::new(
        group,
        &SyncedMark {
            segment_base: from,
            position: 0,
            next_offset: from,
            last_index: anchor.map_or(0, |anchor| anchor.index),
        },
    );
    for &(base, size) in segments
        .iter()
        .filter(|&&(base, _)| base >= from && base <= end.segment_base)
    {
        let path = files.path(base, LOG);
        let io = |error| LogError::io("read", &path, error);
        let until = if base == end.segment_base { end.position } else { size };
        let mut walk = HeaderWalk::new(files.disk.open(&path).map_err(io)?, 0, until);
        while let Step::Batch { header, .. } = walk.step().map_err(io)? {
            terms.consume_at(header.base_offset);
            terms.consume_batch();
        }
    }
    terms.consume_at(end.offset);
    Ok((terms.index, terms.term))
}
