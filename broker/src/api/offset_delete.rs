//! OffsetDelete, version 0 (KIP-496). Partitions that do not exist are refused here; the coordinator answers for the rest,
//! and for the group. Answered once the tombstones are committed. As in Kafka what is refused here comes first, and an
//! error of the group leaves no partition in the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse, TopicName};

use super::Context;
use super::answer_budget::check_names;
use super::group_answer::{check_group_id, detached, respond};
use crate::connection::{Outcome, Request};
use crate::controller::image::Image;
use crate::group::Response;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let mut body: OffsetDeleteRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let count = body.topics.iter().map(|topic| 1 + topic.partitions.len()).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    let refused = take_unknown(&mut body, &context.node.image());
    let answer = check_group_id(&body.group_id)
        .and_then(|()| context.coordinators.find(&body.group_id))
        .and_then(|coordinator| coordinator.call(|shard, token, now| shard.offset_delete(token, &body, now)));
    respond(detached(&request.header), answer, move |answer| {
        let response = match answer {
            Ok(Response::OffsetDelete(response)) if response.error_code == 0 => merged(refused, response),
            Ok(Response::OffsetDelete(response)) => response,
            Ok(other) => unreachable!("an OffsetDelete is not answered by {other:?}"),
            Err(error) => OffsetDeleteResponse::default().with_error_code(error.code()),
        };
        let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let failed = response.error_code != 0 || partitions.any(|partition| partition.error_code != 0);
        (response, failed)
    })
}

/// Topics of an answer, each once.
#[derive(Default)]
struct Topics {
    topics: Vec<OffsetDeleteResponseTopic>,
    places: BTreeMap<TopicName, usize>,
}

impl Topics {
    fn add(&mut self, name: TopicName, partitions: Vec<OffsetDeleteResponsePartition>) {
        let place = *self.places.entry(name.clone()).or_insert_with(|| {
            self.topics.push(OffsetDeleteResponseTopic::default().with_name(name));
            self.topics.len() - 1
        });
        self.topics[place].partitions.extend(partitions);
    }
}

/// Takes out what does not exist, and answers it.
fn take_unknown(request: &mut OffsetDeleteRequest, image: &Image) -> Topics {
    let mut refused = Topics::default();
    for topic in &mut request.topics {
        let known = image.topic(&topic.name);
        let is_unknown = |index: i32| known.is_none_or(|known| known.partition(index).is_none());
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
        let partitions: Vec<_> = indexes
            .filter(|index| is_unknown(*index))
            .map(|index| {
                OffsetDeleteResponsePartition::default()
                    .with_partition_index(index)
                    .with_error_code(ResponseError::UnknownTopicOrPartition.code())
            })
            .collect();
        topic
            .partitions
            .retain(|partition| !is_unknown(partition.partition_index));
        // A topic that does not exist is answered even where none of its partitions is named.
        if known.is_none() || !partitions.is_empty() {
            refused.add(topic.name.clone(), partitions);
        }
    }
    request.topics.retain(|topic| !topic.partitions.is_empty());
    refused
}

fn merged(mut refused: Topics, response: OffsetDeleteResponse) -> OffsetDeleteResponse {
    if refused.topics.is_empty() {
        return response;
    }
    for topic in response.topics {
        refused.add(topic.name, topic.partitions);
    }
    OffsetDeleteResponse::default().with_topics(refused.topics)
}

#[cfg(test)]
mod tests;
