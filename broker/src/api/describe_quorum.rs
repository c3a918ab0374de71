//! DescribeQuorum, versions 0 to 2 (KIP-595): the Raft group of the metadata, as this node sees it.
//!
//! A request that asks for anything but the metadata's one partition is told that nothing it names is here, as in Kafka.
//! There is no listener of controllers: of a voter the address is told at which clients reach its broker.

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData};
use kafka_protocol::messages::{BrokerId, DescribeQuorumRequest, DescribeQuorumResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::answer_budget::check_names;
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::node::METADATA_TOPIC;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DescribeQuorumRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let count = body.topics.iter().map(|topic| 1 + topic.partitions.len()).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    let is_metadata = matches!(
        body.topics.as_slice(),
        [topic] if *topic.topic_name == *METADATA_TOPIC && matches!(topic.partitions.as_slice(), [one] if one.partition_index == 0)
    );
    let response = if is_metadata {
        describe(context)
    } else {
        nothing_of(&body)
    };
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let failed = partitions.any(|partition| partition.error_code != 0);
    let mut response = response.with_error_message(Some(StrBytes::default()));
    if request.header.api_version < NODES_VERSION {
        response.nodes.clear();
    }
    answer(&request, &response, failed)
}

/// From this version on there are messages, and the addresses of the voters.
const NODES_VERSION: i16 = 2;

fn describe(context: &Context) -> DescribeQuorumResponse {
    let partition = context.node.metadata_partition();
    let Some(epoch) = partition.leader_epoch() else {
        let data = refused(
            0,
            ResponseError::NotLeaderOrFollower,
            "This node does not lead the metadata.",
        );
        return response(vec![topic(TopicName(METADATA_TOPIC.into()), vec![data])]);
    };
    let config = context.config.load();
    let (reader, now) = (partition.reader(), context.node.clock().wall_ms());
    let own = ReplicaState::default()
        .with_replica_id(BrokerId(config.node_id))
        .with_log_end_offset(reader.end_offset())
        .with_last_fetch_timestamp(now)
        .with_last_caught_up_timestamp(now);
    let data = PartitionData::default()
        .with_leader_id(BrokerId(config.node_id))
        .with_error_message(Some(StrBytes::default()))
        .with_leader_epoch(epoch)
        .with_high_watermark(reader.high_watermark().offset)
        .with_current_voters(vec![own]);
    let image = context.node.image();
    let endpoints = image
        .broker(config.node_id)
        .into_iter()
        .flat_map(|broker| &broker.endpoints);
    let listeners = endpoints.map(|endpoint| {
        Listener::default()
            .with_name(StrBytes::from_string(endpoint.name.clone()))
            .with_host(StrBytes::from_string(endpoint.host.clone()))
            .with_port(endpoint.port)
    });
    let node = Node::default()
        .with_node_id(BrokerId(config.node_id))
        .with_listeners(listeners.collect());
    response(vec![topic(TopicName(METADATA_TOPIC.into()), vec![data])]).with_nodes(vec![node])
}

fn nothing_of(body: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let error = ResponseError::UnknownTopicOrPartition;
    let topics = body.topics.iter().map(|asked| {
        let partitions = asked.partitions.iter();
        let refused = partitions.map(|asked| refused(asked.partition_index, error, "It has no quorum here."));
        topic(asked.topic_name.clone(), refused.collect())
    });
    response(topics.collect())
}

fn response(topics: Vec<TopicData>) -> DescribeQuorumResponse {
    DescribeQuorumResponse::default().with_topics(topics)
}

fn topic(name: TopicName, partitions: Vec<PartitionData>) -> TopicData {
    TopicData::default().with_topic_name(name).with_partitions(partitions)
}

fn refused(index: i32, error: ResponseError, message: &'static str) -> PartitionData {
    PartitionData::default()
        .with_partition_index(index)
        .with_leader_epoch(0)
        .with_error_code(error.code())
        .with_error_message(Some(StrBytes::from_static_str(message)))
}

#[cfg(test)]
mod tests;
