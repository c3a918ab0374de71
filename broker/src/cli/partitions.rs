//! Partitions as they are named on the command line, and their offsets.

use std::collections::BTreeMap;

use super::cluster_args::existing_topic;
use super::error::{ToolError, explain};
use super::output::OutputArgs;
use crate::client::Cluster;
use crate::client::admin::{OffsetSpec, TopicPartition};

/// The partitions of `TOPIC` or `TOPIC:0,2`, of each topic given; each once, in order.
pub(super) async fn named_partitions(cluster: &Cluster, topics: &[String]) -> Result<Vec<TopicPartition>, ToolError> {
    let mut partitions = Vec::new();
    for text in topics {
        let (name, numbers) = match text.split_once(':') {
            Some((name, numbers)) => (name, Some(numbers)),
            None => (text.as_str(), None),
        };
        let topic = existing_topic(cluster, name).await?;
        let Some(numbers) = numbers else {
            partitions.extend(topic.partitions.iter().map(|it| (name.to_owned(), it.index)));
            continue;
        };
        for number in numbers.split(',') {
            let index: i32 = number
                .trim()
                .parse()
                .map_err(|_| ToolError::Usage(format!("{text}: {number:?} is no partition number")))?;
            if !topic.partitions.iter().any(|it| it.index == index) {
                let count = topic.partitions.len();
                return Err(ToolError::Failed(format!(
                    "topic {name} has no partition {index}: it has {count}, from 0 on"
                )));
            }
            partitions.push((name.to_owned(), index));
        }
    }
    partitions.sort_unstable();
    partitions.dedup();
    Ok(partitions)
}

/// The offsets of those partitions that tell them now. Why others do not is told on the side: a description without some
/// offsets is better than none.
pub(super) async fn offsets_at_hand(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
    output: &OutputArgs,
) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
    let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
    let mut offsets = BTreeMap::new();
    for (partition, offset) in cluster.offsets_at_hand(&asked).await? {
        match offset {
            Ok(offset) => offsets.extend(offset.map(|offset| (partition, offset))),
            Err(problem) => output.tell(&format!("weir: {}", explain(&problem))),
        }
    }
    Ok(offsets)
}
