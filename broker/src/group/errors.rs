//! From the error of an append to the error that a client sees.

use kafka_protocol::ResponseError;

/// What a group's member is told when the record behind its request could not be written, or not in time: errors that
/// make it look for the coordinator again and retry. Kafka: `CoordinatorOperationExceptionHelper`,
/// `GroupMetadataManager.appendGroupMetadataErrorToResponseError`.
pub(crate) fn append_error(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::UnknownTopicOrPartition
        | ResponseError::NotEnoughReplicas
        | ResponseError::NotEnoughReplicasAfterAppend
        | ResponseError::RequestTimedOut => ResponseError::CoordinatorNotAvailable,
        ResponseError::NotLeaderOrFollower | ResponseError::KafkaStorageError => ResponseError::NotCoordinator,
        ResponseError::NetworkException => ResponseError::CoordinatorLoadInProgress,
        ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge | ResponseError::InvalidFetchSize => {
            ResponseError::UnknownServerError
        }
        other => other,
    }
}

/// The same for OffsetFetch, whose clients before Kafka 3.9 do not know COORDINATOR_NOT_AVAILABLE there.
pub(crate) fn fetch_error(error: ResponseError) -> ResponseError {
    match append_error(error) {
        ResponseError::CoordinatorNotAvailable => ResponseError::NotCoordinator,
        other => other,
    }
}
