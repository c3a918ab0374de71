//! DescribeLogDirs, versions 1 to 5 (KIP-113, KIP-827): the one data directory, with the size of each partition's
//! segments. A partition that is not here is left out, as in Kafka; so is the metadata log, which is no topic.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, absolute};
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::answer_budget::check_names;
use crate::connection::{Outcome, Request};
use crate::node::{LocalTopic, Node};
use crate::wire::codec_gaps::describe_log_dirs;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body = match describe_log_dirs::decode(&request.body, request.header.api_version) {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let named = body
        .topics
        .iter()
        .flatten()
        .map(|topic| 1 + topic.partitions.len())
        .sum();
    if let Err(close) = check_names(&context.limits, named) {
        return close;
    }
    let mut asked: Option<BTreeMap<&str, BTreeSet<i32>>> = None;
    for topic in body.topics.iter().flatten() {
        let partitions = asked.get_or_insert_default().entry(topic.topic.as_str()).or_default();
        partitions.extend(&topic.partitions);
    }
    if body.topics.is_some() {
        asked.get_or_insert_default();
    }
    let result = describe(&context.node, asked.as_ref());
    let failed = result.error_code != 0;
    let response = DescribeLogDirsResponse::default().with_results(vec![result]);
    describe_log_dirs::encode(&request.header, &response)
        .map(|response| response.failed(failed))
        .into()
}

fn describe(node: &Node, asked: Option<&BTreeMap<&str, BTreeSet<i32>>>) -> DescribeLogDirsResult {
    let dir = absolute(node.data_dir()).unwrap_or_else(|_| node.data_dir().to_owned());
    let result = DescribeLogDirsResult::default().with_log_dir(StrBytes::from_string(dir.display().to_string()));
    let (total, usable) = match space(node, &dir) {
        Ok(space) => space,
        Err(error) => {
            tracing::warn!(%error, "cannot tell how large the filesystem is");
            return result.with_error_code(ResponseError::KafkaStorageError.code());
        }
    };
    let local = node.topics().load_full();
    let mut topics: Vec<_> = local.iter().filter_map(|topic| describe_topic(topic, asked)).collect();
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    result
        .with_topics(topics)
        .with_total_bytes(total)
        .with_usable_bytes(usable)
}

fn space(node: &Node, dir: &Path) -> io::Result<(i64, i64)> {
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok((
        bytes(node.disk().total_bytes(dir)?),
        bytes(node.disk().free_bytes(dir)?),
    ))
}

/// The partitions of a topic that are asked for; `None` where none is.
fn describe_topic(topic: &LocalTopic, asked: Option<&BTreeMap<&str, BTreeSet<i32>>>) -> Option<DescribeLogDirsTopic> {
    let wanted = match asked {
        Some(asked) => Some(asked.get(&*topic.name)?),
        None => None,
    };
    let partitions = topic
        .partitions
        .iter()
        .filter(|(index, _)| wanted.is_none_or(|wanted| wanted.contains(index)));
    let partitions: Vec<_> = partitions
        .map(|(index, partition)| {
            let reader = partition.reader();
            let lag = (reader.high_watermark().offset - reader.end_offset()).max(0);
            DescribeLogDirsPartition::default()
                .with_partition_index(*index)
                .with_partition_size(i64::try_from(reader.size()).unwrap_or(i64::MAX))
                .with_offset_lag(lag)
        })
        .collect();
    (!partitions.is_empty()).then(|| {
        DescribeLogDirsTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic.name.to_string())))
            .with_partitions(partitions)
    })
}

#[cfg(test)]
mod tests;
