//! `weir log verify`: reads the journal and logs through and reports damage.
//!
//! Invariant: nothing in the data directory is changed but the lock file.

use std::io::Write;

use storage::log::StopKind;
use storage::log::verify::Verified;

use super::target::{Partition, StoppedJournal, Target};
use super::{VerifyArgs, foreign};

pub(super) fn run_verify(args: &VerifyArgs) -> Result<(), String> {
    let report = match foreign::is_foreign(&args.path) {
        true => foreign::verify(&args.path)?,
        false => Report::of(&Target::open(&args.path)?)?,
    };
    report.lines.iter().for_each(|line| say(line));
    report.verdict()
}

/// What a verification has to say.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) lines: Vec<String>,
    pub(super) is_journal_damaged: bool,
    pub(super) partitions: usize,
    pub(super) damaged: usize,
    /// Not Weir's: there is no other way than a copy.
    pub(super) is_foreign: bool,
}

impl Report {
    pub(super) fn of(target: &Target) -> Result<Report, String> {
        let mut report = Report::default();
        let journal = match target.journal() {
            Ok(journal) => journal,
            Err(error) => {
                report.is_journal_damaged = true;
                report.lines.push(error);
                None
            }
        };
        let (partitions, problem) = target.partitions(journal.as_ref())?;
        report.partitions = partitions.len();
        match &journal {
            Some(journal) => report.lines.push(journal_line(journal)),
            None if !report.is_journal_damaged && partitions.iter().any(|it| it.has_directory) => {
                report.is_journal_damaged = true;
                let line = "journal: it is gone, and with it the term, the votes and how far each log was synced";
                report.lines.push(line.to_string());
            }
            None => {}
        }
        if let Some(problem) = problem {
            report.damaged += 1;
            report.lines.push(problem);
        }
        for partition in &partitions {
            report.partition(target, partition, journal.as_ref());
        }
        Ok(report)
    }

    fn partition(&mut self, target: &Target, partition: &Partition, journal: Option<&StoppedJournal>) {
        let name = &partition.name;
        let verified = match target.verify(partition, journal) {
            Ok(verified) => verified,
            Err(error) => {
                self.damaged += 1;
                self.lines.push(format!("{name}: cannot be read: {error}"));
                return;
            }
        };
        self.damaged += usize::from(verified.damage.is_some());
        self.lines.push(line(name, partition.has_directory, &verified));
        let mut note = |note: String| self.lines.push(format!("{name}: note: {note}"));
        if let Some((from, to)) = verified.gap {
            note(format!("the offsets from {from} to {} are in no segment", to - 1));
        }
        if let Some(tail) = &verified.torn_tail {
            note(format!("{tail}: it was never synced, and the next start cuts it"));
        }
        if partition.is_of_another_topic() {
            note("the directory belongs to another topic of that name: the next start moves it aside".to_string());
        } else if partition.expected.is_none() {
            note("the metadata has no such partition: the next start removes the directory".to_string());
        }
        for finding in &verified.findings {
            note(format!(
                "{} is wrong, and is made anew: {}",
                finding.file, finding.reason
            ));
        }
    }

    pub(super) fn verdict(&self) -> Result<(), String> {
        if self.is_journal_damaged {
            return Err(
                "the journal is damaged, and the broker does not start: restore the data directory from a copy"
                    .to_string(),
            );
        }
        match self.damaged {
            0 => Ok(()),
            n if self.is_foreign => Err(format!(
                "{n} of {} logs are damaged: restore them from a copy or another replica",
                self.partitions
            )),
            n => Err(format!(
                "{n} of {} partitions are damaged: restore them from a copy, or give up what lies above the damage with \
                 `weir log repair --accept-loss PARTITION`",
                self.partitions
            )),
        }
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

fn line(name: &str, has_directory: bool, verified: &Verified) -> String {
    let Verified {
        segments,
        batches,
        bytes,
        next_offset,
        damage,
        ..
    } = verified;
    let state = match damage {
        Some(damage) if has_directory => damage.to_string(),
        Some(damage) => format!("its directory is missing: {damage}"),
        None if has_directory => "sound".to_string(),
        None => "its directory is missing, and nothing of it was synced: the next start makes it".to_string(),
    };
    format!("{name}: {segments} segments, {batches} batches, {bytes} bytes, next offset {next_offset}: {state}")
}

/// A line on standard output; nobody may be reading.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
