//! DeleteRecords, versions 0 to 2 (KIP-107).
//!
//! Answered once the new log start offsets are durable: what was deleted does not come back. A partition that is named
//! more than once is deleted up to the last offset that is given for it, and answered once, as in Kafka. Internal topics
//! are refused (17), and topics that are only compacted (44).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};
use tokio::time::{Instant, sleep};

use super::answer_budget::check_names;
use super::changes::timeout_of;
use super::{Context, answer, errors};
use crate::connection::{Outcome, Request};
use crate::controller::topic_name::is_internal_topic;
use crate::node::{DeleteRecordsError, Partition};

/// Asks for all records (`DeleteRecordsRequest.HIGH_WATERMARK`).
const HIGH_WATERMARK: i64 = -1;
/// The low watermark of a partition of which nothing was deleted.
const NO_LOW_WATERMARK: i64 = -1;
/// How long to wait for a flush before the deletion is tried again.
const FLUSH_WAIT: Duration = Duration::from_millis(2);

/// What became of each partition, as far as it is known.
type Results = Vec<Option<Result<i64, ResponseError>>>;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DeleteRecordsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let count = body.topics.iter().map(|topic| 1 + topic.partitions.len()).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    let asked = asked(&body);
    let found: Vec<_> = asked
        .iter()
        .map(|(topic, index, _)| find(context, topic, *index))
        .collect();
    let mut results: Results = found
        .iter()
        .map(|found| found.as_ref().err().map(|error| Err(*error)))
        .collect();
    if results.iter().all(Option::is_some) {
        return respond(&request, &asked, &results);
    }
    let deadline = Instant::now() + timeout_of(body.timeout_ms);
    // All that was answered before: with acks=1 that comes before the high watermark.
    let offsets: Vec<i64> = found
        .iter()
        .zip(&asked)
        .map(|(found, (_, _, offset))| match found {
            Ok(partition) if *offset == HIGH_WATERMARK => partition.reader().end_offset(),
            _ => *offset,
        })
        .collect();
    let context = context.clone();
    Outcome::later(async move {
        loop {
            let open: Vec<usize> = (0..asked.len()).filter(|place| results[*place].is_none()).collect();
            let targets: Vec<_> = open
                .iter()
                .filter_map(|place| Some((found[*place].as_ref().ok()?.clone(), offsets[*place])))
                .collect();
            let node = context.node.clone();
            let Ok(deleted) = tokio::task::spawn_blocking(move || node.delete_records(&targets)).await else {
                return Outcome::Close("a deletion of records broke off".into());
            };
            let is_over = Instant::now() >= deadline;
            for (place, deleted) in open.into_iter().zip(deleted) {
                results[place] = match deleted {
                    Ok(low_watermark) => Some(Ok(low_watermark)),
                    Err(DeleteRecordsError::NotSynced) if !is_over => None,
                    Err(error) => Some(Err(code(&error))),
                };
            }
            if results.iter().all(Option::is_some) {
                return respond(&request, &asked, &results);
            }
            sleep(FLUSH_WAIT).await;
        }
    })
}

/// Each partition that is named, where it is named first, with the offset that is given last.
fn asked(body: &DeleteRecordsRequest) -> Vec<(TopicName, i32, i64)> {
    let mut asked: Vec<(TopicName, i32, i64)> = Vec::new();
    let mut places = BTreeMap::new();
    for topic in &body.topics {
        for partition in &topic.partitions {
            let place = *places
                .entry((topic.name.as_str(), partition.partition_index))
                .or_insert_with(|| {
                    asked.push((topic.name.clone(), partition.partition_index, partition.offset));
                    asked.len() - 1
                });
            asked[place].2 = partition.offset;
        }
    }
    asked
}

fn find(context: &Context, topic: &str, index: i32) -> Result<Arc<Partition>, ResponseError> {
    let image = context.node.image();
    let exists = image.topic(topic).is_some_and(|topic| topic.partition(index).is_some());
    if !exists {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    if is_internal_topic(topic) {
        return Err(ResponseError::InvalidTopicException);
    }
    let partition = context.node.topics().partition(topic, index);
    let partition = partition.ok_or(ResponseError::NotLeaderOrFollower)?;
    let settings = partition.settings();
    if settings.rules.compacted && !settings.log.delete {
        return Err(ResponseError::PolicyViolation);
    }
    drop(settings);
    Ok(partition)
}

fn code(error: &DeleteRecordsError) -> ResponseError {
    match error {
        DeleteRecordsError::NotLeader => ResponseError::NotLeaderOrFollower,
        DeleteRecordsError::Log(error) => errors::of_log(error),
        DeleteRecordsError::NotSynced => ResponseError::RequestTimedOut,
        DeleteRecordsError::Storage(_) => ResponseError::KafkaStorageError,
    }
}

fn respond(request: &Request, asked: &[(TopicName, i32, i64)], results: &Results) -> Outcome {
    let mut topics: Vec<DeleteRecordsTopicResult> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failed = false;
    for ((name, index, _), result) in asked.iter().zip(results) {
        let place = *places.entry(name.as_str()).or_insert_with(|| {
            topics.push(DeleteRecordsTopicResult::default().with_name(name.clone()));
            topics.len() - 1
        });
        let (low_watermark, error_code) = match result {
            Some(Ok(low_watermark)) => (*low_watermark, 0),
            Some(Err(error)) => (NO_LOW_WATERMARK, error.code()),
            None => (NO_LOW_WATERMARK, ResponseError::RequestTimedOut.code()),
        };
        failed |= error_code != 0;
        topics[place].partitions.push(
            DeleteRecordsPartitionResult::default()
                .with_partition_index(*index)
                .with_low_watermark(low_watermark)
                .with_error_code(error_code),
        );
    }
    answer(request, &DeleteRecordsResponse::default().with_topics(topics), failed)
}

#[cfg(test)]
mod tests;
