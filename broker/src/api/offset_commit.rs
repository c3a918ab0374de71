//! OffsetCommit, versions 2 to 10.
//!
//! Answered once the offsets are committed. Partitions that do not exist are refused here with
//! UNKNOWN_TOPIC_OR_PARTITION; topic ids that nobody has (version 10), with UNKNOWN_TOPIC_ID. The others go to the
//! coordinator. The answer lists all, in the order of the request.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::errors::limit_of_group;
use super::group_answer::{detached, encode, respond};
use crate::connection::{Outcome, Request};
use crate::controller::image::{Image, Topic};
use crate::group::Response;
use crate::wire::codec_gaps::offset_commit;

/// The version from which on topics are named by id.
const TOPIC_ID_VERSION: i16 = 10;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let version = request.header.api_version;
    let mut body = match offset_commit::decode(&request.body, version) {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let header = detached(&request.header);
    let mut response = split(&mut body, &context.node.image(), version);
    if body.topics.is_empty() {
        let failed = has_error(&response);
        return encode(&header, &response, failed);
    }
    let answer = context.coordinators.find(&body.group_id).and_then(|coordinator| {
        coordinator.call_for(&body.group_id, |shard, token, now| {
            shard.offset_commit(token, version, &body, now)
        })
    });
    let limits = context.limits.clone();
    respond(header, answer, move |answer| {
        match answer {
            Ok(Response::OffsetCommit(answer)) => {
                let codes = answer
                    .topics
                    .iter()
                    .flat_map(|topic| &topic.partitions)
                    .map(|partition| partition.error_code);
                open_partitions(&mut response)
                    .zip(codes)
                    .for_each(|(partition, code)| partition.error_code = code);
            }
            Ok(other) => unreachable!("an OffsetCommit is not answered by {other:?}"),
            Err(error) => open_partitions(&mut response).for_each(|partition| partition.error_code = error.code()),
        }
        let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let limit = partitions.find_map(|partition| limit_of_group(partition.error_code));
        limit.inspect(|limit| limits.reached(*limit));
        let failed = has_error(&response);
        (response, failed)
    })
}

/// Leaves in the request what the coordinator can commit. Returns the answer, in which the other partitions have their
/// errors.
fn split(request: &mut OffsetCommitRequest, image: &Image, version: i16) -> OffsetCommitResponse {
    let mut response = OffsetCommitResponse::default();
    for mut topic in std::mem::take(&mut request.topics) {
        let known = if version >= TOPIC_ID_VERSION {
            image.topic_by_id(topic.topic_id)
        } else {
            image.topic(&topic.name)
        };
        if known.is_some() && topic.partitions.is_empty() {
            // Left out of the answer, as in Kafka.
            continue;
        }
        let unknown = match known {
            None if version >= TOPIC_ID_VERSION => ResponseError::UnknownTopicId,
            _ => ResponseError::UnknownTopicOrPartition,
        };
        let exists = |partition: &OffsetCommitRequestPartition| {
            known.is_some_and(|known| known.partition(partition.partition_index).is_some())
        };
        let answered = topic.partitions.iter().map(|partition| {
            let error_code = if exists(partition) { 0 } else { unknown.code() };
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error_code)
        });
        response.topics.push(
            OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_topic_id(topic.topic_id)
                .with_partitions(answered.collect()),
        );
        topic.partitions.retain(exists);
        if let Some(known) = known.filter(|_| !topic.partitions.is_empty()) {
            request.topics.push(named(topic, known));
        }
    }
    response
}

/// With its name and its id, whichever the request gave.
fn named(topic: OffsetCommitRequestTopic, known: &Topic) -> OffsetCommitRequestTopic {
    let topic = topic.with_topic_id(known.id);
    if topic.name.is_empty() {
        topic.with_name(TopicName(StrBytes::from_string(known.name.to_string())))
    } else {
        topic
    }
}

/// The partitions whose outcome the coordinator tells, in the order of its answer.
fn open_partitions(response: &mut OffsetCommitResponse) -> impl Iterator<Item = &mut OffsetCommitResponsePartition> {
    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    partitions.filter(|partition| partition.error_code == 0)
}

fn has_error(response: &OffsetCommitResponse) -> bool {
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.any(|partition| partition.error_code != 0)
}
