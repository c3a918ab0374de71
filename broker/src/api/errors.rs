//! The one table from our errors to Kafka's codes.

use consensus::AppendError;
use kafka_protocol::error::ResponseError;
use storage::compression::CompressionError;
use storage::log::LogError;
use storage::producer_state::SequenceError;
use storage::record_batch::{BatchError, ErrorClass};

use crate::metrics::Limit;
use crate::node::MetadataError;

/// Kafka's code for a refused append.
pub(crate) fn of_append(error: &AppendError) -> ResponseError {
    match error {
        AppendError::NotLeader | AppendError::NotReady => ResponseError::NotLeaderOrFollower,
        // Retriable, and true: the replicas are behind.
        AppendError::Backlog { .. } => ResponseError::RequestTimedOut,
        AppendError::Log(error) => of_log(error),
        AppendError::Replica(_) => ResponseError::KafkaStorageError,
    }
}

/// The limit that an append was refused for.
pub(super) fn limit_of_append(error: &AppendError) -> Option<Limit> {
    match error {
        AppendError::Backlog { .. } => Some(Limit::MaxUncommittedBytes),
        AppendError::Log(LogError::Sequence(SequenceError::TooManyProducers { .. })) => Some(Limit::MaxProducerIds),
        AppendError::Log(LogError::Sequence(SequenceError::TooManyProducersOnNode { .. })) => {
            Some(Limit::MaxProducerIdsOfNode)
        }
        _ => None,
    }
}

/// The limit that a batch was refused for.
pub(super) fn limit_of_batch(error: &BatchError) -> Option<Limit> {
    let grew = matches!(error, BatchError::Compression(CompressionError::TooLarge { .. }));
    grew.then_some(Limit::MaxDecompressedBatchBytes)
}

/// The limit that a member or a commit was refused for.
pub(super) fn limit_of_group(error_code: i16) -> Option<Limit> {
    match ResponseError::try_from_code(error_code) {
        Some(ResponseError::GroupMaxSizeReached) => Some(Limit::GroupMaxSize),
        Some(ResponseError::OffsetMetadataTooLarge) => Some(Limit::OffsetMetadataMaxBytes),
        _ => None,
    }
}

/// Kafka's code for an operation on a log that failed.
pub(super) fn of_log(error: &LogError) -> ResponseError {
    match error {
        LogError::OutOfRange { .. } => ResponseError::OffsetOutOfRange,
        LogError::Io { .. } | LogError::Full { .. } | LogError::Poisoned { .. } | LogError::Damaged(_) => {
            ResponseError::KafkaStorageError
        }
        LogError::Sequence(error) => match error {
            SequenceError::OutOfOrderSequence { .. } => ResponseError::OutOfOrderSequenceNumber,
            SequenceError::InvalidProducerEpoch { .. } => ResponseError::InvalidProducerEpoch,
            // Retriable: an idle producer may expire, and no data of this one is in the log.
            SequenceError::TooManyProducers { .. } | SequenceError::TooManyProducersOnNode { .. } => {
                ResponseError::PolicyViolation
            }
        },
    }
}

/// Kafka's code for a batch that is not accepted.
pub(super) fn of_batch(error: &BatchError) -> ResponseError {
    match error.class() {
        ErrorClass::CorruptMessage => ResponseError::CorruptMessage,
        ErrorClass::MessageTooLarge => ResponseError::MessageTooLarge,
        ErrorClass::RecordListTooLarge => ResponseError::RecordListTooLarge,
        ErrorClass::InvalidTimestamp => ResponseError::InvalidTimestamp,
        ErrorClass::UnsupportedCompressionType => ResponseError::UnsupportedCompressionType,
        ErrorClass::InvalidRecord => ResponseError::InvalidRecord,
    }
}

/// Kafka's code for a change of the metadata that could not be appended.
pub(super) fn of_metadata(error: &MetadataError) -> ResponseError {
    match error {
        MetadataError::Append(AppendError::NotLeader | AppendError::NotReady) => ResponseError::NotController,
        MetadataError::Append(error) => of_append(error),
        MetadataError::Log(error) => of_log(error),
        MetadataError::Content { .. } | MetadataError::Record(_) | MetadataError::Image(_) => {
            ResponseError::UnknownServerError
        }
    }
}
