//! Whether what is in a partition can have come of what was sent there. Pure: a ledger and records in, a verdict out.
//!
//! The rules: offsets follow each other from 0. A batch is there once, whole, at the offset with which it was acknowledged,
//! or not at all. A writer's batches are in the order in which it sent them, and of one connection none is there behind one
//! that is missing. What had to be kept is there, and so is what a consumer read.

use std::collections::BTreeMap;

use power_cut::CutPoint;

use crate::client::Acks;
use crate::ledger::{Moment, Outcome, PartitionLedger, Sent};
use crate::payload::WriterId;

/// What had to be kept.
#[derive(Debug, Clone, Copy)]
pub enum Keeps {
    /// All that was acknowledged: the page cache survives a killed process.
    Everything,
    /// What was acknowledged with acks=all when the power was cut.
    Synced(CutPoint),
}

impl Keeps {
    /// Whether what happened at a moment had happened by now.
    pub fn had_happened(self, at: Moment) -> bool {
        match self {
            Keeps::Everything => true,
            Keeps::Synced(cut) => at.is_some_and(|at| at <= cut),
        }
    }

    fn keeps(self, acks: Acks, at: Moment) -> bool {
        match self {
            Keeps::Everything => true,
            Keeps::Synced(_) => acks == Acks::All && self.had_happened(at),
        }
    }
}

/// A record as it was read back. Its place in the list is its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Who wrote it.
    pub writer: WriterId,
    /// Which of the writer's.
    pub sequence: u64,
}

/// What came of a partition.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// What no crash explains.
    pub violations: Vec<String>,
    /// What had to be kept and is not there.
    pub lost: Vec<String>,
    /// Records in `lost`.
    pub lost_records: u64,
    /// Records that had to be there, and are.
    pub kept_records: u64,
    /// Records that could be missing, and are there.
    pub lucky_records: u64,
    /// Where each batch is, by its number in the ledger.
    pub found_at: Vec<Option<i64>>,
}

/// Judges a partition by its ledger, given its records from offset 0 on.
pub fn judge(ledger: &PartitionLedger, found: &[Found], keeps: Keeps) -> Verdict {
    let mut verdict = Verdict {
        found_at: vec![None; ledger.sent.len()],
        ..Verdict::default()
    };
    place(ledger, found, &mut verdict);
    missing(ledger, keeps, &mut verdict);
    for seen in ledger.seen.iter().filter(|seen| keeps.had_happened(seen.at)) {
        let expected = Found {
            writer: seen.writer,
            sequence: seen.sequence,
        };
        match usize::try_from(seen.offset).ok().and_then(|offset| found.get(offset)) {
            Some(found) if *found == expected => {}
            Some(other) => verdict.violations.push(format!(
                "at {}: a consumer read record {} of writer {}, now it is record {} of writer {}",
                seen.offset, seen.sequence, seen.writer, other.sequence, other.writer
            )),
            None => {
                verdict.lost_records += 1;
                verdict.lost.push(format!(
                    "at {}: a consumer read record {} of writer {}, now the log ends at {}",
                    seen.offset,
                    seen.sequence,
                    seen.writer,
                    found.len()
                ));
            }
        }
    }
    verdict
}

/// Finds the batch of each record.
fn place(ledger: &PartitionLedger, found: &[Found], verdict: &mut Verdict) {
    let numbers: BTreeMap<(WriterId, u64), usize> = (ledger.sent.iter().enumerate())
        .map(|(number, sent)| ((sent.writer, sent.first), number))
        .collect();
    let mut newest: BTreeMap<WriterId, u64> = BTreeMap::new();
    let mut offset = 0;
    while let Some(record) = found.get(offset) {
        let batch = (numbers.range(..=(record.writer, record.sequence)).next_back())
            .map(|(_, number)| (*number, &ledger.sent[*number]))
            .filter(|(_, sent)| sent.writer == record.writer && record.sequence < sent.first + u64::from(sent.count));
        let Some((number, sent)) = batch else {
            verdict.violations.push(format!(
                "at {offset}: record {} of writer {}, which nobody sent",
                record.sequence, record.writer
            ));
            offset += 1;
            continue;
        };
        let length = (found[offset..].iter().zip(record.sequence..))
            .take_while(|(found, sequence)| found.writer == sent.writer && found.sequence == *sequence)
            .take((sent.first + u64::from(sent.count) - record.sequence) as usize)
            .count();
        if record.sequence != sent.first || length != sent.count as usize {
            verdict.violations.push(format!(
                "at {offset}: records {} to {} of {}",
                record.sequence,
                record.sequence + length as u64 - 1,
                name(sent)
            ));
        }
        if let Some(earlier) = verdict.found_at[number] {
            verdict
                .violations
                .push(format!("at {offset}: {} is at {earlier} too", name(sent)));
        } else {
            verdict.found_at[number] = Some(offset as i64);
            if let Some(newest) = newest
                .insert(sent.writer, sent.first)
                .filter(|newest| *newest > sent.first)
            {
                verdict
                    .violations
                    .push(format!("at {offset}: {} comes after its {newest}", name(sent)));
            }
        }
        if let Outcome::Acknowledged { base_offset, .. } = sent.outcome
            && base_offset != offset as i64
        {
            verdict
                .violations
                .push(format!("at {offset}: {}, acknowledged at {base_offset}", name(sent)));
        }
        offset += length;
    }
}

/// Looks for what is not there.
fn missing(ledger: &PartitionLedger, keeps: Keeps, verdict: &mut Verdict) {
    // Of each writer: its connection, and what is missing of it.
    let mut gaps: BTreeMap<WriterId, (u32, u64)> = BTreeMap::new();
    for (sent, found_at) in ledger.sent.iter().zip(&verdict.found_at) {
        let kept = matches!(sent.outcome, Outcome::Acknowledged { at, .. } if keeps.keeps(sent.acks, at));
        match found_at {
            Some(_) if kept => verdict.kept_records += u64::from(sent.count),
            Some(_) => verdict.lucky_records += u64::from(sent.count),
            None if kept => {
                verdict.lost_records += u64::from(sent.count);
                verdict
                    .lost
                    .push(format!("{} is missing: {:?} {:?}", name(sent), sent.acks, sent.outcome));
            }
            None => {}
        }
        match (found_at, gaps.get(&sent.writer)) {
            (None, _) => {
                gaps.insert(sent.writer, (sent.session, sent.first));
            }
            (Some(offset), Some((session, gap))) if *session == sent.session => verdict.violations.push(format!(
                "at {offset}: {} is there, but not what it sent before it, {gap}",
                name(sent)
            )),
            (Some(_), _) => {}
        }
    }
}

fn name(sent: &Sent) -> String {
    let last = sent.first + u64::from(sent.count) - 1;
    let kind = if sent.producer.is_some() { "idempotent " } else { "" };
    format!(
        "batch {}..={last} of {kind}writer {} (connection {})",
        sent.first, sent.writer, sent.session
    )
}
