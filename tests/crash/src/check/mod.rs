//! Reads everything back from a running broker and judges it.

mod judge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

pub use judge::{Found, Keeps, Verdict, judge};

use crate::client::{Acks, ClientError, Connection, EARLIEST, LATEST, ProducerIdentity, TopicDescription};
use crate::ledger::{CommitEntry, Ledger, PartitionId, PartitionLedger};
use crate::load::churn;
use crate::payload;
use storage::compression::Codec;

/// Of how many identities per partition, the newest ones, the last batch is sent once more.
const REPEATED_IDENTITIES: usize = 3;
/// Violations that are told of one partition.
const MAX_TOLD: usize = 10;

/// What has been read so far of each partition, from offset 0 on; grows with each check.
pub type ReadBack = BTreeMap<PartitionId, Vec<Found>>;

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What no crash explains.
    pub violations: Vec<String>,
    /// Batches that had to be kept and are not there.
    pub lost: Vec<String>,
    /// Topics that had to be kept and are not there.
    pub lost_topics: Vec<String>,
    /// Commits that had to be kept and are not there.
    pub lost_commits: Vec<String>,
    /// Records in `lost`.
    pub lost_records: u64,
    /// Records that had to be there, and are.
    pub kept_records: u64,
    /// Records that could be missing, and are there.
    pub lucky_records: u64,
    /// Batches sent again and recognised.
    pub repeats: u64,
    /// Commits and topics that had to be there, and are.
    pub kept_others: u64,
}

impl Report {
    /// Everything that is wrong.
    pub fn problems(&self) -> Vec<String> {
        let all = [&self.violations, &self.lost_topics, &self.lost_commits, &self.lost];
        all.into_iter().flatten().cloned().collect()
    }

    fn add(&mut self, partition: &PartitionId, verdict: &Verdict) {
        let told = |lines: &[String]| -> Vec<String> {
            let mut told: Vec<_> = lines
                .iter()
                .take(MAX_TOLD)
                .map(|line| format!("{partition}: {line}"))
                .collect();
            if lines.len() > MAX_TOLD {
                told.push(format!("{partition}: and {} more", lines.len() - MAX_TOLD));
            }
            told
        };
        self.violations.extend(told(&verdict.violations));
        self.lost.extend(told(&verdict.lost));
        self.lost_records += verdict.lost_records;
        self.kept_records += verdict.kept_records;
        self.lucky_records += verdict.lucky_records;
    }
}

/// Reads on from where `read_back` ends, and judges everything. An error is the broker's failure to answer.
pub fn check(
    address: SocketAddr,
    ledger: &Ledger,
    read_back: &mut ReadBack,
    keeps: Keeps,
) -> Result<Report, ClientError> {
    let mut broker = Connection::open(address)?;
    let mut report = Report::default();
    let partitions = check_topics(&mut broker, ledger, keeps, &mut report)?;
    for partition in &partitions {
        let sent = ledger.partition(partition);
        let found = read_back.entry(partition.clone()).or_default();
        read_on(&mut broker, partition, found, &mut report)?;
        let verdict = judge(&sent, found, keeps);
        report.add(partition, &verdict);
        if verdict.violations.is_empty() {
            repeat(&mut broker, partition, &sent, &verdict, found.len() as i64, &mut report)?;
        }
    }
    for (group, entry) in ledger.commits() {
        check_commits(&mut broker, &group, &entry, &partitions, keeps, &mut report)?;
    }
    let identity = broker.init_producer_id()?;
    let given_before = match ledger.identity_given(identity) {
        Some(at) => keeps.had_happened(at),
        None => false,
    };
    if given_before {
        report.violations.push(format!("{identity:?} is given out once more"));
    }
    if matches!(keeps, Keeps::Everything) {
        ledger.identity(identity);
    }
    Ok(report)
}

/// Whether an acknowledged topic is there with its id, and every other whole or not at all. Returns the partitions.
fn check_topics(
    broker: &mut Connection,
    ledger: &Ledger,
    keeps: Keeps,
    report: &mut Report,
) -> Result<BTreeSet<PartitionId>, ClientError> {
    let described: BTreeMap<String, TopicDescription> = (broker.describe_topics(None)?.into_iter())
        .map(|topic| (topic.name.clone(), topic))
        .collect();
    let mut partitions = BTreeSet::new();
    for (name, entry) in ledger.topics() {
        let kept = entry.created.filter(|(_, at)| keeps.had_happened(*at));
        let Some(topic) = described.get(&*name) else {
            if kept.is_some() {
                report.lost_topics.push(format!("topic {name} is missing"));
            }
            for index in 0..entry.partitions {
                let partition = PartitionId {
                    topic: name.clone(),
                    index,
                };
                report.add(&partition, &judge(&ledger.partition(&partition), &[], keeps));
            }
            continue;
        };
        report.kept_others += u64::from(kept.is_some());
        if let Some((id, _)) = entry.created.filter(|(id, _)| *id != topic.id) {
            report
                .violations
                .push(format!("topic {name} had id {id}, now it has {}", topic.id));
        }
        let whole = topic.partitions.len() == entry.partitions as usize
            && (topic.partitions.iter().zip(0..)).all(|(one, index)| one.0 == index && one.1 == 0 && one.2 >= 0);
        if !whole {
            let found = &topic.partitions;
            (report.violations).push(format!(
                "topic {name} with {} partitions has {found:?}",
                entry.partitions
            ));
        }
        partitions.extend(topic.partitions.iter().map(|(index, ..)| PartitionId {
            topic: name.clone(),
            index: *index,
        }));
    }
    let known = ledger.topics();
    for name in described.keys().filter(|name| {
        !name.starts_with("__") && !name.starts_with(churn::PREFIX) && !known.contains_key(name.as_str())
    }) {
        report
            .violations
            .push(format!("there is a topic {name} that nobody created"));
    }
    Ok(partitions)
}

/// Reads a partition from where `found` ends to its end.
fn read_on(
    broker: &mut Connection,
    partition: &PartitionId,
    found: &mut Vec<Found>,
    report: &mut Report,
) -> Result<(), ClientError> {
    let PartitionId { topic, index } = partition;
    let earliest = broker.list_offset(topic, *index, EARLIEST)?;
    let latest = broker.list_offset(topic, *index, LATEST)?;
    if earliest != 0 {
        report.violations.push(format!("{partition}: begins at {earliest}"));
    }
    if latest < found.len() as i64 {
        (report.violations).push(format!(
            "{partition}: was read up to {}, now it ends at {latest}",
            found.len()
        ));
        found.truncate(usize::try_from(latest).unwrap_or(0));
    }
    while (found.len() as i64) < latest {
        let next = found.len() as i64;
        let fetched = broker.fetch(topic, *index, next, 1000)?;
        for record in fetched
            .batches
            .iter()
            .flat_map(|batch| &batch.records)
            .filter(|record| record.offset >= next)
        {
            if record.offset != found.len() as i64 {
                report.violations.push(format!(
                    "{partition}: {} follows {}",
                    record.offset,
                    found.len() as i64 - 1
                ));
                return Ok(());
            }
            match payload::identify(record) {
                Ok((writer, sequence)) => found.push(Found { writer, sequence }),
                Err(problem) => {
                    report.violations.push(format!("{partition}: {problem}"));
                    return Ok(());
                }
            }
        }
        if found.len() as i64 == next {
            (report.violations).push(format!(
                "{partition}: ends at {latest}, but a fetch at {next} brings nothing"
            ));
            return Ok(());
        }
    }
    Ok(())
}

/// Sends the last batch of some producers once more: the broker must know it still, and answer with its place.
fn repeat(
    broker: &mut Connection,
    partition: &PartitionId,
    ledger: &PartitionLedger,
    verdict: &Verdict,
    end: i64,
    report: &mut Report,
) -> Result<(), ClientError> {
    let mut last: BTreeMap<ProducerIdentity, (usize, i64)> = BTreeMap::new();
    for (number, found_at) in verdict.found_at.iter().enumerate() {
        if let (Some((identity, _)), Some(at)) = (ledger.sent[number].producer, found_at) {
            last.insert(identity, (number, *at));
        }
    }
    let PartitionId { topic, index } = partition;
    for (number, at) in last.into_values().rev().take(REPEATED_IDENTITIES) {
        let sent = &ledger.sent[number];
        let batch = payload::batch(
            sent.writer,
            sent.first,
            sent.count,
            sent.producer,
            Codec::None,
            1_700_000_000_000,
        );
        let answer = broker.produce(topic, *index, batch, Acks::All)?;
        if answer != at {
            report.violations.push(format!(
                "{partition}: the batch at {at} was sent again by {:?}, and answered with {answer}",
                sent.producer
            ));
        }
        report.repeats += 1;
    }
    let latest = broker.list_offset(topic, *index, LATEST)?;
    if latest != end {
        report
            .violations
            .push(format!("{partition}: ended at {end}, after repeats at {latest}"));
    }
    Ok(())
}

/// Whether a group's offsets are those of its last acknowledged commit, or of a later one that was sent.
fn check_commits(
    broker: &mut Connection,
    group: &str,
    entry: &CommitEntry,
    partitions: &BTreeSet<PartitionId>,
    keeps: Keeps,
    report: &mut Report,
) -> Result<(), ClientError> {
    let first = PartitionId {
        topic: Arc::clone(&entry.topic),
        index: 0,
    };
    let kept = (entry.acknowledged.iter().rev())
        .find(|(_, at)| keeps.had_happened(*at))
        .map_or(-1, |(offset, _)| *offset);
    if !partitions.contains(&first) {
        // The power was cut before its topic was there.
        if kept > 0 {
            report
                .lost_commits
                .push(format!("group {group}: {kept} was committed, now the topic is gone"));
        }
        return Ok(());
    }
    broker.find_coordinator(group)?;
    let all: Vec<i32> = (0..entry.partitions).collect();
    for (index, found) in broker.committed(group, &entry.topic, &all)?.into_iter().enumerate() {
        let subject = format!("group {group}, {}-{index}", entry.topic);
        if found.offset < kept {
            (report.lost_commits).push(format!("{subject}: {kept} was committed, now it is {}", found.offset));
        } else if found.offset > entry.attempted || (found.offset > 0 && found.metadata != commit_text(found.offset)) {
            (report.violations).push(format!(
                "{subject}: {found:?}, but nothing after {} was sent",
                entry.attempted
            ));
        } else if kept > 0 {
            report.kept_others += 1;
        }
    }
    Ok(())
}

/// The text that goes with a commit of the load.
pub fn commit_text(offset: i64) -> String {
    format!("commit {offset}")
}
