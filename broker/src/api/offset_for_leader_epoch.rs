//! OffsetForLeaderEpoch, versions 2 to 4: where a leader epoch ends (KIP-320).

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::Context;
use super::epochs::check_current_epoch;
use super::errors;
use crate::connection::{Outcome, Request};
use crate::wire::Response;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: OffsetForLeaderEpochRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let mut response = OffsetForLeaderEpochResponse::default();
    let mut failed = false;
    for topic in &body.topics {
        let mut result = OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone());
        for asked in &topic.partitions {
            let found = end_offset(context, &topic.topic, asked);
            failed |= found.is_err();
            result.partitions.push(match found {
                Ok((epoch, offset)) => EpochEndOffset::default()
                    .with_partition(asked.partition)
                    .with_leader_epoch(epoch)
                    .with_end_offset(offset),
                Err(error) => EpochEndOffset::default()
                    .with_partition(asked.partition)
                    .with_error_code(error.code())
                    .with_leader_epoch(-1)
                    .with_end_offset(-1),
            });
        }
        response.topics.push(result);
    }
    Response::encode(&request.header, &response)
        .map(|response| response.failed(failed))
        .into()
}

fn end_offset(context: &Context, topic: &str, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ResponseError> {
    let partition = context
        .node
        .topics()
        .partition(topic, asked.partition)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let current = check_current_epoch(&partition, asked.current_leader_epoch)?;
    let reader = partition.reader();
    let (epoch, end) = match asked.leader_epoch == current {
        true => (current, reader.end_offset()),
        false => reader.end_offset_for_epoch(asked.leader_epoch),
    };
    // A log that is damaged does not end where the damage begins: who believed that would cut off its own.
    reader.check_damage(end).map_err(|error| errors::of_log(&error))?;
    Ok((epoch, end))
}
