//! ListOffsets, versions 1 to 11.
//!
//! Special timestamps: −1 latest (the high watermark; the last stable offset for read_committed), −2 earliest, −3 the
//! record with the largest timestamp (KIP-734), −4 earliest local (KIP-405), −5 latest tiered, −6 earliest pending upload.
//! Nothing is tiered here, so −4 is the log start and −5 and −6 answer offset −1 without an error, as Kafka does. One that
//! is newer than the request's version: UNSUPPORTED_VERSION. A partition that is named twice: INVALID_REQUEST, once.
//!
//! What was answered with acks=1 is below the high watermark only when it is synced. Who asks for the end then is answered
//! after that, at most [`SYNC_TIMEOUT`] later, so that a client finds what it has written, as in Kafka with one replica.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use storage::log::{LogReader, TimestampedOffset};

use super::epochs::check_current_epoch;
use super::{Context, errors};
use crate::connection::{Outcome, Request};
use crate::node::Partition;
use crate::wire::codec_gaps::list_offsets;

/// From this version on the answer has the leader epoch.
const LEADER_EPOCH_FROM: i16 = 4;

/// How long an answer waits for records that are written and not synced.
const SYNC_TIMEOUT: Duration = Duration::from_secs(1);

const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body = match list_offsets::decode(&request.body, request.header.api_version) {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let unsynced = unsynced(context, &body);
    // A look-up by time reads from the disk: not on the connection's task.
    let by_time = asked(&body).any(|(_, asked)| needs_reading(asked));
    let context = context.clone();
    if !by_time && unsynced.is_empty() {
        return answer(&context, &request, body);
    }
    Outcome::later(async move {
        let synced = async {
            for (partition, end) in unsynced {
                // One that fails meanwhile is answered as it is.
                let _ = partition.committed(end).await;
            }
        };
        let _ = tokio::time::timeout(SYNC_TIMEOUT, synced).await;
        if !by_time {
            return answer(&context, &request, body);
        }
        let work = tokio::task::spawn_blocking(move || answer(&context, &request, body));
        work.await
            .unwrap_or_else(|error| Outcome::Close(error.to_string().into()))
    })
}

fn asked(request: &ListOffsetsRequest) -> impl Iterator<Item = (&str, &ListOffsetsPartition)> {
    request.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|asked| (topic.name.as_str(), asked))
    })
}

/// The partitions whose end is asked for and is not synced, each with its end.
fn unsynced(context: &Context, request: &ListOffsetsRequest) -> Vec<(Arc<Partition>, i64)> {
    let of_end = asked(request).filter(|(_, asked)| asked.timestamp == LATEST || needs_reading(asked));
    let partitions = of_end.filter_map(|(topic, asked)| {
        let partition = context.node.topics().partition(topic, asked.partition_index)?;
        let end = partition.uncommitted_end()?;
        Some((Arc::as_ptr(&partition), (partition, end)))
    });
    let partitions: HashMap<_, _> = partitions.collect();
    partitions.into_values().collect()
}

fn needs_reading(partition: &ListOffsetsPartition) -> bool {
    partition.timestamp >= 0 || partition.timestamp == MAX_TIMESTAMP
}

fn answer(context: &Context, request: &Request, body: ListOffsetsRequest) -> Outcome {
    let mut response = ListOffsetsResponse::default();
    let mut failed = false;
    let repeated = repeated(&body);
    let mut refused = HashSet::new();
    for topic in &body.topics {
        let mut answers = ListOffsetsTopicResponse::default().with_name(topic.name.clone());
        for asked in &topic.partitions {
            let key = (topic.name.as_str(), asked.partition_index);
            let found = if !matches!(body.isolation_level, READ_UNCOMMITTED | READ_COMMITTED) {
                Err(ResponseError::UnknownServerError)
            } else if !repeated.contains(&key) {
                find(context, key, asked, request.header.api_version)
            } else if refused.insert(key) {
                Err(ResponseError::InvalidRequest)
            } else {
                continue;
            };
            failed |= found.is_err();
            let mut partition = partition_answer(asked.partition_index, found);
            if request.header.api_version < LEADER_EPOCH_FROM {
                partition.leader_epoch = -1;
            }
            answers.partitions.push(partition);
        }
        if !answers.partitions.is_empty() {
            response.topics.push(answers);
        }
    }
    list_offsets::encode(&request.header, &response)
        .map(|response| response.failed(failed))
        .into()
}

/// The partitions that a request names more than once.
fn repeated(request: &ListOffsetsRequest) -> HashSet<(&str, i32)> {
    let keys = asked(request).map(|(topic, asked)| (topic, asked.partition_index));
    let mut seen = HashSet::new();
    keys.filter(|key| !seen.insert(*key)).collect()
}

fn find(
    context: &Context,
    (topic, partition): (&str, i32),
    asked: &ListOffsetsPartition,
    version: i16,
) -> Result<Option<TimestampedOffset>, ResponseError> {
    if !is_supported(asked.timestamp, version) {
        return Err(ResponseError::UnsupportedVersion);
    }
    let partition = context.node.topics().partition(topic, partition);
    look_up(
        context,
        &partition.ok_or(ResponseError::UnknownTopicOrPartition)?,
        asked,
    )
}

/// Whether a request of this version may ask for this timestamp (Kafka: `ReplicaManager.timestampMinSupportedVersion`).
fn is_supported(timestamp: i64, version: i16) -> bool {
    let least = match timestamp {
        0.. | LATEST | EARLIEST => 1,
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        _ => return false,
    };
    version >= least
}

fn partition_answer(
    index: i32,
    found: Result<Option<TimestampedOffset>, ResponseError>,
) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default().with_partition_index(index);
    match found {
        Ok(Some(found)) => answer
            .with_timestamp(found.timestamp)
            .with_offset(found.offset)
            .with_leader_epoch(found.leader_epoch),
        Ok(None) => answer.with_timestamp(-1).with_offset(-1).with_leader_epoch(-1),
        Err(error) => answer
            .with_error_code(error.code())
            .with_timestamp(-1)
            .with_offset(-1)
            .with_leader_epoch(-1),
    }
}

fn look_up(
    context: &Context,
    partition: &Arc<Partition>,
    asked: &ListOffsetsPartition,
) -> Result<Option<TimestampedOffset>, ResponseError> {
    check_current_epoch(partition, asked.current_leader_epoch)?;
    let reader = partition.reader();
    // Without open transactions the last stable offset is the high watermark.
    let limit = reader.high_watermark();
    let bound = context.config.load().log.max_decompressed_batch_bytes;
    let found = match asked.timestamp {
        LATEST => at(reader, partition, limit.offset),
        EARLIEST | EARLIEST_LOCAL => at(reader, partition, reader.start_offset()),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(None),
        MAX_TIMESTAMP => reader
            .max_timestamp(limit, bound)
            .map_err(|error| errors::of_log(&error))?,
        timestamp if timestamp >= 0 => reader
            .offset_for_timestamp(timestamp, limit, bound)
            .map_err(|error| errors::of_log(&error))?,
        _ => return Err(ResponseError::UnsupportedVersion),
    };
    if let Some(damage) = reader.damage() {
        // What lies behind the damage may be newer, and is not known.
        let is_behind = found.is_none_or(|found| found.offset >= damage.offset);
        if is_behind || asked.timestamp == MAX_TIMESTAMP {
            return Err(ResponseError::KafkaStorageError);
        }
    }
    Ok(found)
}

/// An end of the log; it has no timestamp. The epoch is the one in which the record there was written, or will be.
fn at(reader: &LogReader, partition: &Partition, offset: i64) -> Option<TimestampedOffset> {
    let is_end = offset >= reader.end_offset();
    let epoch = if is_end {
        partition.leader_epoch()
    } else {
        reader.epoch_of(offset)
    };
    let leader_epoch = epoch.or_else(|| reader.latest_epoch()).unwrap_or(-1);
    Some(TimestampedOffset {
        timestamp: -1,
        offset,
        leader_epoch,
    })
}

#[cfg(test)]
mod tests;
