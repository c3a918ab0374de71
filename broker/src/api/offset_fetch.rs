//! OffsetFetch, versions 1 to 10.
//!
//! Up to version 7 a request asks for one group, later for several; each is answered by its own coordinator. Version 10
//! names topics by id: ids that nobody has are answered UNKNOWN_TOPIC_ID, and of all offsets of a group those of topics
//! that are gone are left out. Version 1 has no place for the error of a group: every partition carries it.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::answer_budget::{AnswerBudget, NO_ROOM, check_names};
use super::group_answer::{detached, encode, received};
use crate::connection::{Outcome, Request};
use crate::controller::image::Image;
use crate::coordinator::Answer;
use crate::group::Response;
use crate::wire::codec_gaps::offset_fetch;

/// The version from which on topics are named by id.
const TOPIC_ID_VERSION: i16 = 10;
/// The version from which on there are several groups.
const GROUPS_VERSION: i16 = 8;
/// The version from which on the answer has an error of its own.
const GROUP_ERROR_VERSION: i16 = 2;
/// "No offset", and "no epoch".
const NONE: i32 = -1;

/// A group that was asked for.
struct Asked {
    request: OffsetFetchRequestGroup,
    /// What is answered already: unknown topics.
    unknown: Vec<OffsetFetchResponseTopics>,
    answer: Result<Answer, ResponseError>,
}

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let version = request.header.api_version;
    let body = match offset_fetch::decode(&request.body, version) {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let require_stable = body.require_stable;
    let groups = if version >= GROUPS_VERSION {
        body.groups
    } else {
        vec![single_group(body)]
    };
    if let Err(close) = check_names(&context.limits, groups.len()) {
        return close;
    }
    let image = context.node.image();
    let mut budget = AnswerBudget::new(&context.limits);
    let ask = |mut group: OffsetFetchRequestGroup| {
        let unknown = if version >= TOPIC_ID_VERSION {
            name_topics(&mut group, &image)
        } else {
            Vec::new()
        };
        let answer = context.coordinators.find(&group.group_id).and_then(|coordinator| {
            // What a group has committed is answered whole, be it large; what is named again and again is not.
            let bytes = coordinator.read(|shard| shard.offset_fetch_bytes(&group))?;
            if budget.is_spent() || (group.topics.is_some() && !budget.has_room(bytes)) {
                return Err(NO_ROOM);
            }
            budget.take(bytes);
            coordinator.call(|shard, token, now| shard.offset_fetch(token, &group, require_stable, now))
        });
        Asked {
            request: group,
            unknown,
            answer,
        }
    };
    let asked: Vec<Asked> = groups.into_iter().map(ask).collect();
    drop(image);
    let header = detached(&request.header);
    let context = Arc::clone(context);
    Outcome::later(async move {
        let mut groups = Vec::with_capacity(asked.len());
        for asked in asked {
            groups.push(answered(asked, version, &context).await);
        }
        let failed = groups.iter().any(has_error);
        let response = if version >= GROUPS_VERSION {
            OffsetFetchResponse::default().with_groups(groups)
        } else {
            single_response(groups.pop().unwrap_or_default(), version)
        };
        encode(&header, &response, failed)
    })
}

async fn answered(asked: Asked, version: i16, context: &Context) -> OffsetFetchResponseGroup {
    let Asked {
        request,
        unknown,
        answer,
    } = asked;
    let mut group = match received(answer).await {
        Ok(Response::OffsetFetch(group)) => group,
        Ok(other) => unreachable!("an OffsetFetch is not answered by {other:?}"),
        Err(error) => OffsetFetchResponseGroup::default().with_error_code(error.code()),
    };
    group.group_id = request.group_id;
    if group.error_code != 0 {
        if version < GROUP_ERROR_VERSION {
            group.topics = failed_topics(request.topics.unwrap_or_default(), group.error_code);
        }
        return group;
    }
    if version >= TOPIC_ID_VERSION && request.topics.is_none() {
        let image = context.node.image();
        group.topics.retain_mut(|topic| {
            let known = image.topic(&topic.name);
            topic.topic_id = known.map_or(topic.topic_id, |known| known.id);
            known.is_some()
        });
    }
    group.topics.extend(unknown);
    group
}

/// Gives the topics of a request their names; takes out, and answers, those that are unknown.
fn name_topics(group: &mut OffsetFetchRequestGroup, image: &Image) -> Vec<OffsetFetchResponseTopics> {
    let mut unknown = Vec::new();
    group.topics.iter_mut().for_each(|topics| {
        topics.retain_mut(|topic| match image.topic_by_id(topic.topic_id) {
            Some(known) => {
                topic.name = TopicName(StrBytes::from_string(known.name.to_string()));
                true
            }
            None => {
                unknown.push(failed_topic(topic, ResponseError::UnknownTopicId.code()));
                false
            }
        });
    });
    unknown
}

fn failed_topics(topics: Vec<OffsetFetchRequestTopics>, error_code: i16) -> Vec<OffsetFetchResponseTopics> {
    topics.iter().map(|topic| failed_topic(topic, error_code)).collect()
}

fn failed_topic(topic: &OffsetFetchRequestTopics, error_code: i16) -> OffsetFetchResponseTopics {
    let failed = |partition: &i32| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(*partition)
            .with_committed_offset(NONE.into())
            .with_committed_leader_epoch(NONE)
            .with_metadata(Some(StrBytes::new()))
            .with_error_code(error_code)
    };
    OffsetFetchResponseTopics::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_partitions(topic.partition_indexes.iter().map(failed).collect())
}

/// The group of a request of a version that has one.
fn single_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let topic = topics.into_iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        });
        topic.collect()
    });
    OffsetFetchRequestGroup::default()
        .with_group_id(request.group_id)
        .with_topics(topics)
}

/// The response of a version that has one group.
fn single_response(group: OffsetFetchResponseGroup, version: i16) -> OffsetFetchResponse {
    let partition = |partition: OffsetFetchResponsePartitions| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(partition.error_code)
    };
    let topic = |topic: OffsetFetchResponseTopics| {
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(topic.partitions.into_iter().map(partition).collect())
    };
    let response = OffsetFetchResponse::default().with_topics(group.topics.into_iter().map(topic).collect());
    if version < GROUP_ERROR_VERSION {
        response
    } else {
        response.with_error_code(group.error_code)
    }
}

fn has_error(group: &OffsetFetchResponseGroup) -> bool {
    let mut partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
    group.error_code != 0 || partitions.any(|partition| partition.error_code != 0)
}
