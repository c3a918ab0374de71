//! AlterPartitionReassignments (api key 45), versions 0 and 1.
//!
//! A cluster of one broker has one place for every replica: what can be asked for is what there is already. So no record
//! is made; what is answered is checked as Kafka checks it. Replicas are not moved between brokers yet.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_partition_reassignments_request::ReassignablePartition;
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};
use kafka_protocol::protocol::StrBytes;

use super::{ApiError, assignment};
use crate::controller::describe::is_reassigned;
use crate::controller::image::Image;

/// Answers an AlterPartitionReassignments request.
pub fn alter_partition_reassignments(
    image: &Image,
    request: &AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let is_late = request.timeout_ms <= 0;
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|target| {
            let result = match is_late {
                true => Err(bare(ResponseError::RequestTimedOut)),
                false => reassign(image, &topic.name, target, request.allow_replication_factor_change),
            };
            let error = result.err();
            ReassignablePartitionResponse::default()
                .with_partition_index(target.partition_index)
                .with_error_code(error.as_ref().map_or(0, ApiError::code))
                .with_error_message(error.as_ref().and_then(ApiError::text))
        });
        ReassignableTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    // Kafka answers a request for nothing with an empty message in place of none.
    let message = request.topics.is_empty().then(StrBytes::default);
    AlterPartitionReassignmentsResponse::default()
        .with_allow_replication_factor_change(request.allow_replication_factor_change)
        .with_error_code(if is_late {
            ResponseError::RequestTimedOut.code()
        } else {
            0
        })
        .with_error_message(message.filter(|_| !is_late))
        .with_responses(topics.collect())
}

fn reassign(
    image: &Image,
    topic: &str,
    target: &ReassignablePartition,
    may_change_factor: bool,
) -> Result<(), ApiError> {
    let index = target.partition_index;
    // Its name may be as long as a request, and stand at each of its partitions.
    let unknown = || ApiError::new(ResponseError::UnknownTopicOrPartition, "There is no such partition.");
    let partition = image
        .topic(topic)
        .and_then(|topic| topic.partition(index))
        .ok_or_else(unknown)?;
    let Some(replicas) = &target.replicas else {
        return match is_reassigned(partition) {
            true => Err(not_moved("the reassignment cannot be cancelled")),
            false => Err(bare(ResponseError::NoReassignmentInProgress)),
        };
    };
    let wanted = assignment::manual(image, index, replicas, None)?;
    if !may_change_factor && wanted.replicas.len() != partition.replicas.len() {
        let message = format!(
            "The partition has {} replica(s), and {} are given.",
            partition.replicas.len(),
            wanted.replicas.len()
        );
        return Err(ApiError::new(ResponseError::InvalidReplicationFactor, message));
    }
    match wanted.replicas == partition.replicas {
        true => Ok(()),
        false => Err(not_moved("the replicas stay where they are")),
    }
}

fn not_moved(what: &str) -> ApiError {
    let message = format!("Replicas are not moved between brokers by this release: {what}.");
    ApiError::new(ResponseError::InvalidReplicaAssignment, message)
}

fn bare(error: ResponseError) -> ApiError {
    ApiError { error, message: None }
}
