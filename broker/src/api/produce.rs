//! Produce, versions 3 to 13 (0 to 2 are advertised and closed on, as in Kafka).
//!
//! Every batch of a request is checked and appended before this returns, so that requests of one connection append in
//! the order of their arrival; but for those that take long to decompress or recompress: they, and what the connection
//! produces after them, go to a bounded pool ([`heavy`]), in that order. acks=0 is not answered, and an error then closes the connection; acks=1 is answered after
//! the leader's write; acks=all once the high watermark has passed the batch, or with REQUEST_TIMED_OUT after the
//! request's timeout. A repeat of an idempotent batch is answered as the original, once that is committed.

mod heavy;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use consensus::Append;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use storage::record_batch::{BatchError, BatchHeader, TimestampType, check_front, only_batch};
use tokio::time::Instant;

pub(super) use heavy::HeavyBatches;

use super::{Context, errors};
use crate::connection::{Outcome, Request};
use crate::controller::topic_name::is_internal_topic;
use crate::metrics::Limit;
use crate::node::{Commit, Committed, Partition};
use crate::wire::produce::{self, ProducePartition, ProduceTopic};
use crate::wire::{RequestHeader, Response};

const ALL: i16 = -1;

/// From this version on topics come by id.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on zstd is allowed.
const ZSTD_FROM: i16 = 7;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let version = request.header.api_version;
    let mut body = match produce::decode(&request.body, version) {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let front = look_at_fronts(&body.topics);
    settle(&mut body.topics);
    let (connection, timeout_ms) = (request.connection.id, body.timeout_ms);
    let mut work = Work {
        context: context.clone(),
        version,
        acks: body.acks,
        topics: body.topics,
        next: (0, 0),
        responses: Vec::new(),
        waiting: Vec::new(),
    };
    match front {
        Ok(Front::Transactional) if body.transactional_id.is_none() => {
            work.refuse_rest(ResponseError::TransactionalIdAuthorizationFailed, None);
            return finish(request.header, work, timeout_ms);
        }
        Ok(_) => {}
        Err(error) => {
            work.refuse_rest(errors::of_batch(&error), Some(&error.to_string()));
            return finish(request.header, work, timeout_ms);
        }
    }
    let heavy = &context.heavy_batches;
    let mut weight = None;
    // Else behind what this connection has in the pool, so that its batches stay in order.
    if !heavy.is_busy(connection) {
        weight = work.run(Place::Connection);
        if weight.is_none() {
            return finish(request.header, work, timeout_ms);
        }
    }
    if heavy.is_full() {
        // It waits for others, or is told to try again.
        context.limits.reached(Limit::HeavyBatches);
    }
    let Some(room) = heavy.room(request.body.len()) else {
        work.refuse_rest(ResponseError::RequestTimedOut, None);
        return finish(request.header, work, timeout_ms);
    };
    work.hurry();
    let done = heavy.run(connection, room, weight, work, Work::run_in_pool);
    let header = request.header;
    Outcome::later(async move {
        match done.await {
            Ok(work) => match finish(header, work, timeout_ms) {
                Outcome::Later(later) => later.await,
                known => known,
            },
            Err(_) => Outcome::Close("the batches of a produce could not be checked".into()),
        }
    })
}

/// Each topic once, where it is named first, and of a partition that is named twice what is said last; topics without
/// partitions are left out, all as in Kafka.
fn settle(topics: &mut Vec<ProduceTopic>) {
    if let [topic] = topics.as_slice()
        && topic.partitions.len() == 1
    {
        return;
    }
    let mut places = HashMap::new();
    let mut settled: Vec<ProduceTopic> = Vec::with_capacity(topics.len());
    for mut topic in topics.drain(..).filter(|topic| !topic.partitions.is_empty()) {
        let place = *places.entry((topic.name.clone(), topic.id)).or_insert(settled.len());
        match settled.get_mut(place) {
            Some(known) => known.partitions.append(&mut topic.partitions),
            None => settled.push(topic),
        }
    }
    for topic in &mut settled {
        let mut seen = HashSet::with_capacity(topic.partitions.len());
        topic.partitions.reverse();
        topic.partitions.retain(|partition| seen.insert(partition.index));
        topic.partitions.reverse();
    }
    *topics = settled;
}

/// What the batches of a request are.
enum Front {
    Plain,
    /// One of them says that it is part of a transaction.
    Transactional,
}

/// Looks at the first batch of each partition, up to one of a transaction, as Kafka does: where one is not even framed as
/// a batch, the whole request is refused.
fn look_at_fronts(topics: &[ProduceTopic]) -> Result<Front, BatchError> {
    let partitions = topics.iter().flat_map(|topic| &topic.partitions);
    for batch in partitions.filter_map(|partition| partition.records.as_ref()) {
        check_front(batch)?;
        if BatchHeader::parse(batch).is_ok_and(|header| header.attributes.is_transactional()) {
            return Ok(Front::Transactional);
        }
    }
    Ok(Front::Plain)
}

/// Answers, once what is to be committed is.
fn finish(header: RequestHeader, work: Work, timeout_ms: i32) -> Outcome {
    let Work {
        acks,
        responses,
        waiting,
        context,
        ..
    } = work;
    let response = ProduceResponse::default().with_responses(responses);
    if acks == 0 {
        return match first_error(&response) {
            None => Outcome::Silent,
            Some(code) => Outcome::Close(format!("a produce with acks=0 failed with error {code}").into()),
        };
    }
    if waiting.is_empty() {
        return answer(&header, &response);
    }
    let deadline = Instant::now() + Duration::from_millis(timeout_ms.max(0) as u64);
    Outcome::later(async move {
        let mut response = response;
        // Begun in its turn, when all that arrived with it is written, so that one flush takes that all; and what the
        // same flush took is found committed, without a wait of its own.
        for Waiting {
            topic,
            partition,
            commit,
        } in waiting
        {
            if !commit.is_done() {
                context.node.flush_if_fast();
            }
            if commit.is_done() {
                continue;
            }
            let outcome = tokio::time::timeout_at(deadline, commit.done()).await;
            let place = &mut response.responses[topic].partition_responses[partition];
            match outcome {
                Ok(Committed::Yes) => {}
                Ok(Committed::Never) => *place = refused(place.index, ResponseError::KafkaStorageError, None),
                // It is in the log, and says where, as in Kafka.
                Err(_) => place.error_code = ResponseError::RequestTimedOut.code(),
            }
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
    commit: Commit,
}

/// Where batches are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On the connection's task, which must not be kept for long: heavy ones are left.
    Connection,
    /// On a thread of the pool, with room for the batch.
    Pool,
}

/// A request, as far as its batches are appended.
struct Work {
    context: Arc<Context>,
    version: i16,
    acks: i16,
    topics: Vec<ProduceTopic>,
    /// The topic and the partition in it that are next.
    next: (usize, usize),
    responses: Vec<TopicProduceResponse>,
    waiting: Vec<Waiting>,
}

impl Work {
    /// Goes on with the request's batches: the next one at this place, those after it as on the connection's task. Stops
    /// before one that is too heavy for that, with the bytes that it may take.
    fn run(&mut self, mut place: Place) -> Option<usize> {
        let topics = std::mem::take(&mut self.topics);
        let mut stopped = None;
        while stopped.is_none()
            && let Some(topic) = topics.get(self.next.0)
        {
            stopped = self.topic(topic, &mut place);
            if stopped.is_none() {
                self.next = (self.next.0 + 1, 0);
            }
        }
        self.topics = topics;
        stopped
    }

    /// As [`Work::run`], in the pool: the rest may take its time, and nobody may look at the answer for long.
    fn run_in_pool(&mut self, place: Place) -> Option<usize> {
        let stopped = self.run(place);
        self.hurry();
        stopped
    }

    /// Has flushed what it has appended.
    fn hurry(&self) {
        self.waiting.iter().for_each(|waiting| waiting.commit.hurry());
    }

    /// Answers what is not appended yet with an error.
    fn refuse_rest(&mut self, error: ResponseError, message: Option<&str>) {
        for topic in std::mem::take(&mut self.topics).iter().skip(self.next.0) {
            let responses = self.responses_of(topic);
            let rest = topic.partitions.iter().skip(responses.len());
            responses.extend(rest.map(|produced| refused(produced.index, error, message.map(String::from))));
            self.next.0 += 1;
        }
    }

    /// The answers for the topic that is next.
    fn responses_of(&mut self, topic: &ProduceTopic) -> &mut Vec<PartitionProduceResponse> {
        if self.responses.len() == self.next.0 {
            let response = TopicProduceResponse::default()
                .with_name(TopicName(topic.name.clone()))
                .with_topic_id(topic.id)
                .with_partition_responses(Vec::with_capacity(topic.partitions.len()));
            self.responses.push(response);
        }
        &mut self.responses[self.next.0].partition_responses
    }

    fn topic(&mut self, topic: &ProduceTopic, place: &mut Place) -> Option<usize> {
        let topics = self.context.node.topics().load_full();
        let (local, unknown) = if self.version >= TOPIC_IDS_FROM {
            (topics.by_id(topic.id), ResponseError::UnknownTopicId)
        } else {
            (topics.by_name(&topic.name), ResponseError::UnknownTopicOrPartition)
        };
        self.responses_of(topic);
        for produced in &topic.partitions[self.next.1..] {
            let partition = local.and_then(|local| local.partitions.get(&produced.index));
            let response = match partition {
                Some(partition) => match self.partition(partition, produced, *place) {
                    Ok(response) => response,
                    Err(weight) => return Some(weight),
                },
                None if local.is_some() => refused(produced.index, ResponseError::UnknownTopicOrPartition, None),
                None => refused(produced.index, unknown, None),
            };
            *place = Place::Connection;
            self.responses_of(topic).push(response);
            self.next.1 += 1;
        }
        None
    }

    /// The answer for a partition, or the bytes that its batch may take if it is too heavy for this place.
    fn partition(
        &mut self,
        partition: &Arc<Partition>,
        produced: &ProducePartition,
        place: Place,
    ) -> Result<PartitionProduceResponse, usize> {
        match self.append(partition, produced, place) {
            Ok((response, commit)) => {
                if let Some(commit) = commit {
                    self.waiting.push(Waiting {
                        topic: self.next.0,
                        partition: self.next.1,
                        commit,
                    });
                }
                Ok(response)
            }
            Err(Stop::TooHeavy(weight)) => Err(weight),
            Err(Stop::Refused(Refusal {
                error,
                message,
                records,
                limit,
                of_request,
            })) => {
                limit.inspect(|limit| self.context.limits.reached(*limit));
                let mut response = refused(produced.index, error, message);
                response.record_errors = records;
                if !of_request && tells_log_start(error) {
                    response.log_start_offset = partition.reader().start_offset();
                }
                Ok(response)
            }
        }
    }

    /// Appends a batch; with it comes what to wait for before it may be answered.
    fn append(
        &self,
        partition: &Arc<Partition>,
        produced: &ProducePartition,
        place: Place,
    ) -> Result<(PartitionProduceResponse, Option<Commit>), Stop> {
        let node = &self.context.node;
        let settings = partition.settings();
        // `min.insync.replicas` never asks for more replicas than a partition has (Kafka: `Partition.effectiveMinIsr`),
        // and each has one, which is in sync.
        let records = produced.records.as_ref().ok_or(ResponseError::InvalidRecord)?;
        let zstd_allowed = self.version >= ZSTD_FROM;
        let refused = if !matches!(self.acks, ALL | 0 | 1) {
            Some(ResponseError::InvalidRequiredAcks)
        } else if is_internal_topic(&partition.topic) {
            // Only the broker itself writes there: a foreign record could not be read back (Kafka:
            // `ReplicaManager.appendRecordsToLeader` without `internalTopicsAllowed`).
            Some(ResponseError::InvalidTopicException)
        } else {
            None
        };
        if let Some(error) = refused {
            // What the request itself has wrong comes first.
            only_batch(records, zstd_allowed)?;
            return Err(error.into());
        }
        let now_ms = node.clock().wall_ms();
        let batch = heavy::validate(records, &settings.rules, zstd_allowed, now_ms, place)?;
        let appended = match self.acks {
            ALL => node.append_awaited(partition, &batch),
            _ => node.append(partition, &batch),
        };
        let (base_offset, next_offset, append_time) = match appended {
            Ok(Append::Written(appended)) => (appended.header.base_offset, appended.end.offset, None),
            Ok(Append::Duplicate {
                base_offset,
                last_offset,
                timestamp,
            }) => (base_offset, last_offset + 1, Some(timestamp)),
            Err(error) => {
                let message = Some(error.to_string());
                return Err(Stop::Refused(Refusal {
                    error: errors::of_append(&error),
                    message,
                    records: Vec::new(),
                    limit: errors::limit_of_append(&error),
                    of_request: false,
                }));
            }
        };
        let stamped = batch.header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        let log_append_time = match append_time {
            // A repeat is told the first one's timestamp whatever its type, as in Kafka; it is the same batch.
            Some(appended) if stamped => appended,
            None if !stamped => -1,
            _ => batch.header.max_timestamp,
        };
        let waits = self.acks == ALL || append_time.is_some();
        let response = PartitionProduceResponse::default()
            .with_index(produced.index)
            .with_base_offset(base_offset)
            .with_log_append_time_ms(log_append_time)
            .with_log_start_offset(partition.reader().start_offset());
        let commit = || Commit::new(partition.clone(), next_offset);
        Ok((response, waits.then(commit)))
    }
}

/// Why a batch is not appended here.
enum Stop {
    /// It is refused.
    Refused(Refusal),
    /// It is for the pool, and may take so many bytes there.
    TooHeavy(usize),
}

impl<R: Into<Refusal>> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Stop::Refused(refusal.into())
    }
}

/// Why a batch is not in the log.
struct Refusal {
    error: ResponseError,
    message: Option<String>,
    records: Vec<BatchIndexAndErrorMessage>,
    /// The limit that it has reached.
    limit: Option<Limit>,
    /// The request is at fault, before any log is looked at.
    of_request: bool,
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Refusal {
            error,
            message: None,
            records: Vec::new(),
            limit: None,
            of_request: false,
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
            limit: errors::limit_of_batch(&error),
            of_request: error.is_of_request(),
        }
    }
}

/// Whether a refusal says where the log starts: those do in Kafka that it has not expected when it wrote
/// `ReplicaManager.appendToLocalLog`.
fn tells_log_start(error: ResponseError) -> bool {
    !matches!(
        error,
        ResponseError::CorruptMessage
            | ResponseError::UnknownTopicOrPartition
            | ResponseError::NotLeaderOrFollower
            | ResponseError::MessageTooLarge
            | ResponseError::RecordListTooLarge
            | ResponseError::KafkaStorageError
            | ResponseError::InvalidTopicException
            | ResponseError::InvalidRequiredAcks
    )
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
