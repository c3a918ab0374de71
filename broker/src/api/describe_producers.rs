//! DescribeProducers, version 0 (KIP-664): the idempotent producers that a partition remembers, ordered by id.
//!
//! Deviation: the last timestamp is when the last batch was appended; Kafka tells its largest record timestamp.

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::{DescribeProducersRequest, DescribeProducersResponse, ProducerId};
use storage::producer_state::ProducerStates;

use super::answer_budget::{AnswerBudget, NO_ROOM, NO_ROOM_TEXT, check_names};
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::ApiError;
use crate::controller::topic_name::validate_topic_name;

/// No transaction is open.
const NO_OFFSET: i64 = -1;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DescribeProducersRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let count = body.topics.iter().map(|topic| 1 + topic.partition_indexes.len()).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    let mut budget = AnswerBudget::new(&context.limits);
    let topics = body.topics.iter().map(|topic| {
        let error = check_topic(context, &topic.name).err();
        let partitions = topic.partition_indexes.iter().map(|&index| {
            let found = match &error {
                Some(error) => Err(error.clone()),
                None if budget.is_spent() => Err(refused(NO_ROOM, Some(NO_ROOM_TEXT.to_owned()))),
                None => producers(context, &topic.name, index),
            };
            let partition = PartitionResponse::default()
                .with_partition_index(index)
                .with_error_message(None);
            match found {
                Ok(producers) => {
                    budget.take(producers.len() * 2 * size_of::<ProducerState>());
                    partition.with_active_producers(producers)
                }
                Err(error) => partition.with_error_code(error.code()).with_error_message(error.text()),
            }
        });
        TopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    let response = DescribeProducersResponse::default().with_topics(topics.collect());
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let failed = partitions.any(|partition| partition.error_code != 0);
    answer(&request, &response, failed)
}

fn check_topic(context: &Context, topic: &str) -> Result<(), ApiError> {
    validate_topic_name(topic)
        .map_err(|error| refused(ResponseError::InvalidTopicException, Some(error.to_string())))?;
    match context.node.image().topic(topic) {
        Some(_) => Ok(()),
        None => {
            let message = format!("Topic '{topic}' does not exist.");
            Err(refused(ResponseError::UnknownTopicOrPartition, Some(message)))
        }
    }
}

fn producers(context: &Context, topic: &str, index: i32) -> Result<Vec<ProducerState>, ApiError> {
    let image = context.node.image();
    let exists = image.topic(topic).is_some_and(|topic| topic.partition(index).is_some());
    if !exists {
        return Err(refused(ResponseError::UnknownTopicOrPartition, None));
    }
    let partition = context.node.topics().partition(topic, index);
    let partition = partition.ok_or_else(|| refused(ResponseError::NotLeaderOrFollower, None))?;
    if partition.out_of_service().is_some() {
        return Err(refused(ResponseError::KafkaStorageError, None));
    }
    partition
        .with_producers(described)
        .ok_or_else(|| refused(ResponseError::NotLeaderOrFollower, None))
}

fn described(producers: &ProducerStates) -> Vec<ProducerState> {
    let described = producers.iter().map(|(id, entry)| {
        ProducerState::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(i32::from(entry.epoch()))
            .with_last_sequence(entry.last_sequence())
            .with_last_timestamp(entry.last_timestamp())
            .with_coordinator_epoch(entry.coordinator_epoch())
            .with_current_txn_start_offset(entry.transaction_first_offset().unwrap_or(NO_OFFSET))
    });
    described.collect()
}

fn refused(error: ResponseError, message: Option<String>) -> ApiError {
    ApiError { error, message }
}

#[cfg(test)]
mod tests;
