//! Produce, versions 3 to 13 (0 to 2 are advertised and closed on, as in Kafka).
//!
//! Every batch of a request is checked and appended before this returns, so that requests of one connection append in
//! the order of their arrival. acks=0 is not answered, and an error then closes the connection; acks=1 is answered after
//! the leader's write; acks=all once the high watermark has passed the batch, or with REQUEST_TIMED_OUT after the
//! request's timeout. A repeat of an idempotent batch is answered as the original, once that is committed.

use std::sync::Arc;
use std::time::Duration;

use consensus::Append;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use storage::record_batch::{BatchError, TimestampType, validate_produced};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Context, errors};
use crate::connection::{Outcome, Request};
use crate::controller::topic_name::is_internal_topic;
use crate::node::{Committed, Partition};
use crate::wire::produce::{self, ProducePartition, ProduceTopic};
use crate::wire::{RequestHeader, Response};

const ALL: i16 = -1;

/// From this version on topics come by id.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on zstd is allowed.
const ZSTD_FROM: i16 = 7;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let version = request.header.api_version;
    let body = match produce::decode(&request.body, version) {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let acks = body.acks;
    let mut work = Work {
        context,
        version,
        acks,
        waiting: Vec::new(),
    };
    let topics: Vec<TopicProduceResponse> = body
        .topics
        .iter()
        .enumerate()
        .map(|(place, topic)| work.topic(place, topic))
        .collect();
    let waiting = work.waiting;
    let response = ProduceResponse::default().with_responses(topics);
    if acks == 0 {
        return match first_error(&response) {
            None => Outcome::Silent,
            Some(code) => Outcome::Close(format!("a produce with acks=0 failed with error {code}").into()),
        };
    }
    if waiting.is_empty() {
        return answer(&request.header, &response);
    }
    let deadline = Instant::now() + Duration::from_millis(body.timeout_ms.max(0) as u64);
    let header = request.header;
    Outcome::later(async move {
        let mut response = response;
        for Waiting {
            topic,
            partition,
            committed,
        } in waiting
        {
            let outcome = tokio::time::timeout_at(deadline, committed).await;
            let error = match outcome {
                Ok(Ok(Committed::Yes)) => continue,
                Ok(_) => ResponseError::KafkaStorageError,
                Err(_) => ResponseError::RequestTimedOut,
            };
            let place = &mut response.responses[topic].partition_responses[partition];
            *place = refused(place.index, error, None);
        }
        answer(&header, &response)
    })
}

fn answer(header: &RequestHeader, response: &ProduceResponse) -> Outcome {
    let failed = first_error(response).is_some();
    Response::encode(header, response)
        .map(|encoded| encoded.failed(failed))
        .into()
}

fn first_error(response: &ProduceResponse) -> Option<i16> {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.find_map(|partition| (partition.error_code != 0).then_some(partition.error_code))
}

/// A batch whose commit the answer waits for, and its place in the answer.
struct Waiting {
    topic: usize,
    partition: usize,
    committed: oneshot::Receiver<Committed>,
}

struct Work<'a> {
    context: &'a Context,
    version: i16,
    acks: i16,
    waiting: Vec<Waiting>,
}

impl Work<'_> {
    fn topic(&mut self, place: usize, topic: &ProduceTopic) -> TopicProduceResponse {
        let topics = self.context.node.topics().load();
        let (local, unknown) = if self.version >= TOPIC_IDS_FROM {
            (topics.by_id(topic.id), ResponseError::UnknownTopicId)
        } else {
            (topics.by_name(&topic.name), ResponseError::UnknownTopicOrPartition)
        };
        let mut responses = Vec::with_capacity(topic.partitions.len());
        for produced in &topic.partitions {
            let partition = local.and_then(|local| local.partitions.get(&produced.index));
            let response = match partition {
                Some(partition) => self.partition(partition, produced, (place, responses.len())),
                None if local.is_some() => refused(produced.index, ResponseError::UnknownTopicOrPartition, None),
                None => refused(produced.index, unknown, None),
            };
            responses.push(response);
        }
        TopicProduceResponse::default()
            .with_name(TopicName(topic.name.clone()))
            .with_topic_id(topic.id)
            .with_partition_responses(responses)
    }

    fn partition(
        &mut self,
        partition: &Arc<Partition>,
        produced: &ProducePartition,
        place: (usize, usize),
    ) -> PartitionProduceResponse {
        match self.append(partition, produced) {
            Ok((response, committed)) => {
                if let Some(committed) = committed {
                    self.waiting.push(Waiting {
                        topic: place.0,
                        partition: place.1,
                        committed,
                    });
                }
                response
            }
            Err(Refusal {
                error,
                message,
                records,
            }) => {
                let mut response = refused(produced.index, error, message);
                response.record_errors = records;
                response
            }
        }
    }

    /// Appends a batch; with it comes what to wait for before it may be answered.
    fn append(
        &self,
        partition: &Arc<Partition>,
        produced: &ProducePartition,
    ) -> Result<(PartitionProduceResponse, Option<oneshot::Receiver<Committed>>), Refusal> {
        if !matches!(self.acks, ALL | 0 | 1) {
            return Err(ResponseError::InvalidRequiredAcks.into());
        }
        if is_internal_topic(&partition.topic) {
            // Only the broker itself writes there: a foreign record could not be read back (Kafka:
            // `ReplicaManager.appendRecordsToLeader` without `internalTopicsAllowed`).
            return Err(ResponseError::InvalidTopicException.into());
        }
        let node = &self.context.node;
        let settings = partition.settings();
        if self.acks == ALL && settings.min_insync_replicas > 1 {
            // One replica is in sync: this node's.
            return Err(ResponseError::NotEnoughReplicas.into());
        }
        let records = produced.records.as_ref().ok_or(ResponseError::InvalidRecord)?;
        let batch = if settings.rules.zstd_allowed == (self.version >= ZSTD_FROM) {
            validate_produced(records, &settings.rules, node.clock().wall_ms())
        } else {
            let mut rules = settings.rules.clone();
            rules.zstd_allowed = self.version >= ZSTD_FROM;
            validate_produced(records, &rules, node.clock().wall_ms())
        }?;
        let (base_offset, next_offset, append_time) = match node.append(partition, &batch) {
            Ok(Append::Written(appended)) => (appended.header.base_offset, appended.end.offset, None),
            Ok(Append::Duplicate {
                base_offset,
                last_offset,
                timestamp,
            }) => (base_offset, last_offset + 1, Some(timestamp)),
            Err(error) => {
                let message = Some(error.to_string());
                return Err(Refusal {
                    error: errors::of_append(&error),
                    message,
                    records: Vec::new(),
                });
            }
        };
        let stamped = batch.header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        let log_append_time = if stamped {
            append_time.unwrap_or(batch.header.max_timestamp)
        } else {
            -1
        };
        let waits = self.acks == ALL || append_time.is_some();
        let response = PartitionProduceResponse::default()
            .with_index(produced.index)
            .with_base_offset(base_offset)
            .with_log_append_time_ms(log_append_time)
            .with_log_start_offset(partition.reader().start_offset());
        Ok((response, waits.then(|| partition.committed(next_offset))))
    }
}

/// Why a batch is not in the log.
struct Refusal {
    error: ResponseError,
    message: Option<String>,
    records: Vec<BatchIndexAndErrorMessage>,
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Refusal {
            error,
            message: None,
            records: Vec::new(),
        }
    }
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Self {
        let records = error.rejections().iter().map(|rejection| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(rejection.index)
                .with_batch_index_error_message(Some(StrBytes::from_string(rejection.message.clone())))
        });
        Refusal {
            error: errors::of_batch(&error),
            message: Some(error.to_string()),
            records: records.collect(),
        }
    }
}

fn refused(index: i32, error: ResponseError, message: Option<String>) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(error.code())
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1)
        .with_error_message(message.map(StrBytes::from_string))
}

#[cfg(test)]
mod tests;
