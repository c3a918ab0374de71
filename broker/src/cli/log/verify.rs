//! `weir log verify`: reads the journal and logs through and reports damage.
//!
//! Invariant: nothing in the data directory is changed but the lock file.

use std::io::Write;

use serde::Serialize;
use storage::log::StopKind;

use super::target::{Partition, StoppedJournal, Target};
use super::{VerifyArgs, foreign};
use crate::cli::error::ToolError;
use crate::cli::output::{self, Cell, Page};

pub(super) fn run_verify(args: &VerifyArgs) -> Result<(), ToolError> {
    let report = Report::read(&args.path).map_err(ToolError::Failed)?;
    args.output.show(&report)?;
    report.verdict().map_err(ToolError::Failed)
}

/// What a verification has to say.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// What is said of the journal; Apache Kafka has none.
    journal: Option<String>,
    is_journal_damaged: bool,
    /// Why the metadata could not be read to its end.
    metadata_damage: Option<String>,
    pub(super) logs: Vec<VerifiedLog>,
    /// Not Weir's: there is no other way than a copy.
    #[serde(skip)]
    pub(super) is_foreign: bool,
}

/// A log that was read through.
#[derive(Debug, Default, Serialize)]
pub(super) struct VerifiedLog {
    /// The partition's directory, or the file that was named.
    pub(super) name: String,
    pub(super) segments: usize,
    pub(super) batches: u64,
    pub(super) bytes: u64,
    pub(super) next_offset: i64,
    /// The first damage; absent where there is none.
    pub(super) damage: Option<String>,
    /// What is not as it should be and no damage.
    pub(super) notes: Vec<String>,
}

impl output::Report for Report {
    fn draw(&self, page: &mut Page) {
        let journal = self.journal.iter().map(|text| match self.is_journal_damaged {
            true => Cell::bad(text),
            false => Cell::plain(text),
        });
        journal.for_each(|cell| page.line(cell));
        self.metadata_damage.iter().for_each(|text| page.line(Cell::bad(text)));
        for log in &self.logs {
            let VerifiedLog {
                name,
                segments,
                batches,
                bytes,
                next_offset,
                ..
            } = log;
            let counts = format!("{segments} segments, {batches} batches, {bytes} bytes, next offset {next_offset}");
            page.line(match &log.damage {
                Some(damage) => Cell::bad(format!("{name}: {counts}: {damage}")),
                None => Cell::plain(format!("{name}: {counts}: sound")),
            });
            for note in &log.notes {
                page.line(Cell::dim(format!("{name}: note: {note}")));
            }
        }
    }
}

impl Report {
    /// Reads what lies there through.
    pub(super) fn read(path: &std::path::Path) -> Result<Report, String> {
        match foreign::is_foreign(path) {
            true => foreign::verify(path),
            false => Report::of(&Target::open(path)?),
        }
    }

    fn of(target: &Target) -> Result<Report, String> {
        let mut report = Report::default();
        let journal = match target.journal() {
            Ok(journal) => journal,
            Err(error) => {
                report.is_journal_damaged = true;
                report.journal = Some(error);
                None
            }
        };
        let (partitions, problem) = target.partitions(journal.as_ref())?;
        match &journal {
            Some(journal) => report.journal = Some(journal_line(journal)),
            None if !report.is_journal_damaged && partitions.iter().any(|it| it.has_directory) => {
                report.is_journal_damaged = true;
                let line = "journal: it is gone, and with it the term, the votes and how far each log was synced";
                report.journal = Some(line.to_string());
            }
            None => {}
        }
        report.metadata_damage = problem;
        let logs = partitions.iter().map(|it| verified(target, it, journal.as_ref()));
        report.logs = logs.collect();
        Ok(report)
    }

    pub(super) fn verdict(&self) -> Result<(), String> {
        if self.is_journal_damaged {
            return Err(
                "the journal is damaged, and the broker does not start: restore the data directory from a copy"
                    .to_string(),
            );
        }
        let damaged = self.logs.iter().filter(|log| log.damage.is_some()).count();
        match damaged + usize::from(self.metadata_damage.is_some()) {
            0 => Ok(()),
            n if self.is_foreign => Err(format!(
                "{n} of {} logs are damaged: restore them from a copy or another replica",
                self.logs.len()
            )),
            n => Err(format!(
                "{n} of {} partitions are damaged: restore them from a copy, or give up what lies above the damage with \
                 `weir log repair --accept-loss PARTITION`",
                self.logs.len()
            )),
        }
    }
}

fn verified(target: &Target, partition: &Partition, journal: Option<&StoppedJournal>) -> VerifiedLog {
    let verified = match target.verify(partition, journal) {
        Ok(verified) => verified,
        Err(error) => {
            return VerifiedLog {
                name: partition.name.clone(),
                damage: Some(format!("cannot be read: {error}")),
                ..VerifiedLog::default()
            };
        }
    };
    let mut notes = Vec::new();
    if !partition.has_directory && verified.damage.is_none() {
        notes.push("its directory is missing, and nothing of it was synced: the next start makes it".to_string());
    }
    if let Some((from, to)) = verified.gap {
        notes.push(format!("the offsets from {from} to {} are in no segment", to - 1));
    }
    if let Some(tail) = &verified.torn_tail {
        notes.push(format!("{tail}: it was never synced, and the next start cuts it"));
    }
    if partition.is_of_another_topic() {
        notes.push("the directory belongs to another topic of that name: the next start moves it aside".to_string());
    } else if partition.expected.is_none() {
        notes.push("the metadata has no such partition: the next start removes the directory".to_string());
    }
    let findings = verified.findings.iter();
    notes.extend(findings.map(|finding| format!("{} is wrong, and is made anew: {}", finding.file, finding.reason)));
    VerifiedLog {
        name: partition.name.clone(),
        segments: verified.segments,
        batches: verified.batches,
        bytes: verified.bytes,
        next_offset: verified.next_offset,
        damage: verified.damage.map(|damage| match partition.has_directory {
            true => damage.to_string(),
            false => format!("its directory is missing: {damage}"),
        }),
        notes,
    }
}

fn journal_line(journal: &StoppedJournal) -> String {
    let stop = match journal.stop {
        StopKind::Clean => "stopped in order",
        StopKind::Killed => "killed",
        StopKind::Rebooted => "stopped with the machine",
    };
    let groups = journal.recovered.groups.len();
    format!("journal: {groups} groups, the broker was {stop}: sound")
}

/// A line on standard output; nobody may be reading.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
