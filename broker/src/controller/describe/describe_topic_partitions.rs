//! DescribeTopicPartitions (api key 75), version 0 (KIP-966).
//!
//! Topics come by name, all if none is named, and no more partitions than the limit: the cursor says where to go on.
//! There are no eligible leader replicas beside the in-sync ones: both lists are empty, as Kafka's are without that
//! feature.

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};

use super::authorized_operations::ON_TOPIC;
use super::{NO_BROKER, View, nodes, topic_name};
use crate::controller::image::{Partition, Topic};
use crate::controller::topic_name::{is_internal_topic, validate_topic_name};

/// Answers a DescribeTopicPartitions request. `max_partitions` is `max.request.partition.size.limit`.
pub fn describe_topic_partitions(
    view: &View<'_>,
    request: &DescribeTopicPartitionsRequest,
    max_partitions: i32,
) -> DescribeTopicPartitionsResponse {
    let all = request.topics.is_empty();
    let (from, from_partition) = request
        .cursor
        .as_ref()
        .map_or(("", 0), |cursor| (cursor.topic_name.as_str(), cursor.partition_index));
    let names: BTreeSet<&str> = if all {
        view.image
            .topics()
            .map(|topic| &*topic.name)
            .filter(|name| *name >= from)
            .collect()
    } else {
        request
            .topics
            .iter()
            .map(|topic| topic.name.as_str())
            .filter(|name| *name >= from)
            .collect()
    };
    let cursor_is_among_them = all || request.cursor.is_none() || names.contains(from);
    let Some(from_partition) = usize::try_from(from_partition).ok().filter(|_| cursor_is_among_them) else {
        return refused(request);
    };

    let mut left = usize::try_from(request.response_partition_limit.min(max_partitions))
        .unwrap_or(0)
        .max(1);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        let start = if name == from { from_partition } else { 0 };
        if left == 0 {
            response.next_cursor = Some(cursor(name, 0));
            break;
        }
        let Some(topic) = view.image.topic(name) else {
            response.topics.push(unknown_topic(name));
            continue;
        };
        let end = topic.partitions.len().min(start.saturating_add(left));
        let shown = (start..end).map(|index| partition(view, topic, index as i32, &topic.partitions[index]));
        response.topics.push(known_topic(topic, shown.collect()));
        if end < topic.partitions.len() {
            response.next_cursor = Some(cursor(name, end as i32));
            break;
        }
        left -= end.saturating_sub(start);
    }
    response
}

fn cursor(name: &str, partition_index: i32) -> Cursor {
    Cursor::default()
        .with_topic_name(topic_name(name))
        .with_partition_index(partition_index)
}

fn known_topic(
    topic: &Topic,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id)
        .with_is_internal(is_internal_topic(&topic.name))
        .with_partitions(partitions)
        .with_topic_authorized_operations(ON_TOPIC)
}

fn unknown_topic(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = match validate_topic_name(name) {
        Ok(()) => ResponseError::UnknownTopicOrPartition,
        Err(_) => ResponseError::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(topic_name(name)))
        .with_is_internal(is_internal_topic(name))
        .with_topic_authorized_operations(ON_TOPIC)
}

fn partition(
    view: &View<'_>,
    topic: &Topic,
    index: i32,
    partition: &Partition,
) -> DescribeTopicPartitionsResponsePartition {
    let leadership = view.leader(topic, index, partition);
    let is_reachable = view
        .image
        .broker(leadership.leader)
        .is_some_and(|b| b.endpoint(view.listener).is_some());
    DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(BrokerId(if is_reachable { leadership.leader } else { NO_BROKER }))
        .with_leader_epoch(leadership.epoch)
        .with_replica_nodes(nodes(&partition.replicas))
        .with_isr_nodes(nodes(&partition.isr))
        .with_eligible_leader_replicas(Some(Vec::new()))
        .with_last_known_elr(Some(Vec::new()))
        .with_offline_replicas(view.offline(partition))
}

/// A cursor that is negative, or at a topic that is not asked for: each topic of the request is answered with 42.
fn refused(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| {
        DescribeTopicPartitionsResponseTopic::default()
            .with_error_code(ResponseError::InvalidRequest.code())
            .with_name(Some(topic.name.clone()))
    });
    DescribeTopicPartitionsResponse::default().with_topics(topics.collect())
}
