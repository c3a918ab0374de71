//! `weir group reset`: first the plan, then, if told so, the change.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use serde::Serialize;

use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report};
use crate::cli::partitions::named_partitions;
use crate::cli::time::parse_time;
use crate::client::admin::{OffsetSpec, TopicPartition};
use crate::client::{Cluster, ErrorCode};

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).args(["topics", "all_topics"])),
    group(ArgGroup::new("where").required(true)
        .args(["to_offset", "to_time", "shift_by", "to_earliest", "to_latest"])),
)]
pub(super) struct ResetArgs {
    /// The group; it must have no members
    #[arg(value_name = "GROUP")]
    group: String,
    /// A topic, or some of its partitions, as orders or orders:0,2; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION,…]")]
    topics: Vec<String>,
    /// Every partition that the group has committed an offset for
    #[arg(long)]
    all_topics: bool,
    /// To this offset; one that is not there becomes the nearest that is
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// To the first record that is not older, as 2026-01-31T08:00:00Z, or in ms since 1970
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to_time: Option<i64>,
    /// Forward by so many records, or back by a negative number
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// To the first record that is there
    #[arg(long)]
    to_earliest: bool,
    /// Behind the last record
    #[arg(long)]
    to_latest: bool,
    /// Do it; without this, only the plan is printed
    #[arg(long)]
    execute: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Offset(i64),
    Time(i64),
    Shift(i64),
    Earliest,
    Latest,
}

#[derive(Debug, Serialize)]
struct Plan {
    group: String,
    executed: bool,
    partitions: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    topic: String,
    partition: i32,
    /// What is committed now.
    from: Option<i64>,
    to: i64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Report for Plan {
    fn draw(&self, page: &mut Page) {
        let row = |it: &Step| {
            let outcome = match (&it.error, self.executed) {
                (Some(error), _) => Cell::bad(error),
                (None, true) => Cell::good("reset"),
                (None, false) => Cell::dim("planned"),
            };
            vec![
                Cell::strong(&it.topic),
                Cell::plain(it.partition),
                Cell::some(it.from),
                Cell::plain(it.to),
                outcome,
            ]
        };
        let columns = ["topic", ">partition", ">from", ">to", "outcome"];
        page.table(&columns, self.partitions.iter().map(row).collect());
    }
}

impl ResetArgs {
    fn goal(&self) -> Goal {
        match self {
            ResetArgs {
                to_offset: Some(offset),
                ..
            } => Goal::Offset(*offset),
            ResetArgs {
                to_time: Some(time), ..
            } => Goal::Time(*time),
            ResetArgs { shift_by: Some(by), .. } => Goal::Shift(*by),
            ResetArgs { to_earliest: true, .. } => Goal::Earliest,
            _ => Goal::Latest,
        }
    }
}

pub(super) async fn run(args: &ResetArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    // A group that nobody knows begins with this reset.
    match cluster.group(&args.group).await {
        Ok(group) if !group.members.is_empty() => return Err(has_members(&args.group, group.members.len())),
        Ok(_) => {}
        Err(problem) if problem.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {}
        Err(problem) => return Err(problem.into()),
    }
    let committed: BTreeMap<TopicPartition, i64> = cluster
        .committed(&args.group)
        .await?
        .into_iter()
        .map(|(partition, it)| (partition, it.offset))
        .collect();
    let partitions = match args.all_topics {
        true => {
            let there = cluster.partitions().await?;
            let (kept, gone): (Vec<_>, Vec<_>) = committed.keys().cloned().partition(|it| there.contains(it));
            for (topic, partition) in gone {
                args.output.tell(&format!(
                    "{topic}-{partition} is left out: there is no such partition any more"
                ));
            }
            kept
        }
        false => named_partitions(&cluster, &args.topics).await?,
    };
    if partitions.is_empty() {
        return Err(ToolError::Failed(format!(
            "group {} has committed no offsets of topics that are there\n  name the topics with --topic",
            args.group
        )));
    }
    let target = targets(&cluster, &partitions, args.goal(), &committed).await?;
    let mut plan = Plan {
        group: args.group.clone(),
        executed: args.execute,
        partitions: (target.iter())
            .map(|((topic, partition), to)| Step {
                topic: topic.clone(),
                partition: *partition,
                from: committed.get(&(topic.clone(), *partition)).copied(),
                to: *to,
                error: None,
            })
            .collect(),
    };
    if !args.execute {
        args.output.show(&plan)?;
        args.output.tell("nothing was changed; add --execute to do this");
        return Ok(());
    }
    let outcomes = cluster.commit(&args.group, &target).await?;
    for step in &mut plan.partitions {
        step.error = match outcomes.get(&(step.topic.clone(), step.partition)) {
            Some(Ok(())) => None,
            Some(Err(code)) => Some(code.to_string()),
            None => Some("the broker says nothing of it".to_owned()),
        };
    }
    args.output.show(&plan)?;
    let has = |code: ErrorCode| outcomes.values().any(|outcome| *outcome == Err(code));
    match plan.partitions.iter().any(|step| step.error.is_some()) {
        true if has(ErrorCode::UNKNOWN_MEMBER_ID) => Err(ToolError::Failed(format!(
            "a member joined group {} meanwhile\n  stop its members, and run this again",
            args.group
        ))),
        true => Err(ToolError::Reported),
        false => Ok(()),
    }
}

fn has_members(group: &str, count: usize) -> ToolError {
    ToolError::Failed(format!(
        "group {group} has {count} member{}, who would go on from where they are\n  stop them first: `weir group \
         describe {group}` names them",
        if count == 1 { "" } else { "s" }
    ))
}

async fn targets(
    cluster: &Arc<Cluster>,
    partitions: &[TopicPartition],
    goal: Goal,
    committed: &BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
    let ask = async |spec| {
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
        cluster.offsets(&asked, false).await
    };
    let (earliest, latest) = (ask(OffsetSpec::Earliest).await?, ask(OffsetSpec::Latest).await?);
    let by_time = match goal {
        Goal::Time(time) => ask(OffsetSpec::Time(time)).await?,
        _ => BTreeMap::new(),
    };
    let mut targets = BTreeMap::new();
    for partition in partitions {
        let offset = |of: &BTreeMap<TopicPartition, Option<i64>>| of.get(partition).copied().flatten();
        let (first, end) = (offset(&earliest).unwrap_or(0), offset(&latest).unwrap_or(0));
        let now = committed.get(partition).copied();
        let to = target(goal, first, end, now, offset(&by_time)).ok_or_else(|| {
            ToolError::Failed(format!(
                "there is no offset of {}-{} to shift: the group has committed none\n  set one with --to-earliest, \
                 --to-latest, --to-time or --to-offset",
                partition.0, partition.1
            ))
        })?;
        targets.insert(partition.clone(), to);
    }
    Ok(targets)
}

/// The offset to commit, within what is there; `None` where a shift has nothing to begin at. No record behind a time is
/// the end.
fn target(goal: Goal, first: i64, end: i64, committed: Option<i64>, by_time: Option<i64>) -> Option<i64> {
    let wanted = match goal {
        Goal::Offset(offset) => offset,
        Goal::Time(_) => by_time.unwrap_or(end),
        Goal::Shift(by) => committed?.saturating_add(by),
        Goal::Earliest => first,
        Goal::Latest => end,
    };
    Some(wanted.clamp(first, end.max(first)))
}

#[cfg(test)]
mod tests {
    use super::{Goal, target};

    #[test]
    fn targets_stay_within_the_log() {
        let of = |goal, committed, by_time| target(goal, 10, 20, committed, by_time);
        assert_eq!(of(Goal::Offset(15), None, None), Some(15));
        assert_eq!(of(Goal::Offset(3), None, None), Some(10));
        assert_eq!(of(Goal::Offset(30), None, None), Some(20));
        assert_eq!(of(Goal::Shift(-2), Some(14), None), Some(12));
        assert_eq!(of(Goal::Shift(i64::MIN), Some(14), None), Some(10));
        assert_eq!(of(Goal::Shift(i64::MAX), Some(14), None), Some(20));
        assert_eq!(of(Goal::Shift(1), None, None), None);
        assert_eq!(of(Goal::Time(1), None, Some(17)), Some(17));
        assert_eq!(of(Goal::Time(1), None, None), Some(20));
        assert_eq!(
            (of(Goal::Earliest, None, None), of(Goal::Latest, None, None)),
            (Some(10), Some(20))
        );
    }
}
