//! Why a batch is refused, and which of Kafka's errors its producer is told.

use thiserror::Error;

use crate::compression::CompressionError;

/// Kafka's error for a refused batch. The protocol's numbers are given at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// `CORRUPT_MESSAGE` (2): the bytes are not those that the producer meant; clients try again.
    CorruptMessage,
    /// `MESSAGE_TOO_LARGE` (10): clients split the batch if it has several records.
    MessageTooLarge,
    /// `RECORD_LIST_TOO_LARGE` (18): larger than a segment.
    RecordListTooLarge,
    /// `INVALID_TIMESTAMP` (32).
    InvalidTimestamp,
    /// `UNSUPPORTED_COMPRESSION_TYPE` (76).
    UnsupportedCompressionType,
    /// `INVALID_RECORD` (87): whole, but not allowed here; clients give up.
    InvalidRecord,
}

/// A record for which its batch is refused (KIP-467; `record_errors` in a ProduceResponse from v8 on).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRejection {
    /// The record's place in the batch, from 0.
    pub index: i32,
    /// What is wrong with it, for people.
    pub message: String,
}

/// Why bytes are not a batch, or not one that may be appended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// No batch is there as a whole.
    #[error("there is no whole record batch in the {found} bytes given, and exactly one is needed")]
    NoBatch {
        /// Bytes given.
        found: usize,
    },
    /// More than one.
    #[error("there is more than one record batch, and exactly one is allowed")]
    SeveralBatches,
    /// A declared length that no batch can have.
    #[error("the batch length is {found}, and at least {least} is needed")]
    InvalidLength {
        /// The declared length, in bytes after the length field.
        found: i32,
        /// The least possible.
        least: i32,
    },
    /// The bytes end before the batch does.
    #[error("the batch has {expected} bytes, and only {found} are there")]
    Truncated {
        /// The batch's size by its header.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A message format before v2. Kafka no longer takes those.
    #[error("message format v{magic} is not supported, only v2 is")]
    OldMagic {
        /// 0 or 1.
        magic: i8,
    },
    /// A magic that no format has.
    #[error("the magic byte is {magic}, and it can only be 2")]
    UnknownMagic {
        /// As found.
        magic: i8,
    },
    /// The bytes are damaged.
    #[error("the batch is corrupt: its CRC32C is {computed:08x}, and its header says {stored:08x}")]
    CrcMismatch {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// A producer numbers its records from 0; the log gives them their offsets.
    #[error("the base offset is {found}, and a produced batch begins at 0")]
    BaseOffset {
        /// As found.
        found: i64,
    },
    /// Larger than `max.message.bytes`.
    #[error("the batch has {size} bytes, more than the {limit} of max.message.bytes")]
    TooLarge {
        /// The batch's size, in bytes.
        size: usize,
        /// The topic's limit.
        limit: usize,
    },
    /// Larger than `segment.bytes`.
    #[error("the batch has {size} bytes, more than the {limit} of segment.bytes")]
    LargerThanSegment {
        /// The batch's size, in bytes.
        size: usize,
        /// The topic's limit.
        limit: usize,
    },
    /// A codec that there is not. (Kafka answers with an unknown server error; the nearest true one is given.)
    #[error("the codec {id} is unknown")]
    UnknownCodec {
        /// As found.
        id: u8,
    },
    /// zstd needs Produce v7 (KIP-110).
    #[error("zstd needs a newer version of the Produce request")]
    ZstdNotAllowed,
    /// The record count is not positive, or does not fit the last offset.
    #[error("the batch declares {record_count} records and a last offset delta of {last_offset_delta}")]
    InvalidCount {
        /// As declared.
        record_count: i32,
        /// As declared.
        last_offset_delta: i32,
    },
    /// Only brokers write control records.
    #[error("clients may not write control records")]
    Control,
    /// Transactions are not served.
    #[error("transactional records are not supported")]
    Transactional,
    /// An idempotent producer numbers its batches.
    #[error("the batch of producer {producer_id} has the sequence number {base_sequence}")]
    InvalidSequence {
        /// Whose batch.
        producer_id: i64,
        /// As found, negative.
        base_sequence: i32,
    },
    /// A record's bytes make no record.
    #[error("record {index} is malformed: {reason}")]
    MalformedRecord {
        /// The record's place in the batch, from 0.
        index: i32,
        /// What is wrong.
        reason: &'static str,
    },
    /// More bytes than the declared records take.
    #[error("bytes follow the {record_count} records that the batch declares")]
    TrailingBytes {
        /// As declared.
        record_count: i32,
    },
    /// The records of a compressed batch do not count up by one.
    #[error("the offsets of the records in the compressed batch do not count up by one")]
    OffsetsInCompressed,
    /// The records cannot be decompressed within the limit, or not be compressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// Records break the topic's rules.
    #[error("{total} records break the topic's rules; the first: {}", .rejections.first().map_or("", |r| &r.message))]
    Rejected {
        /// Whether any of them has a timestamp out of bounds.
        timestamp: bool,
        /// How many there are.
        total: u64,
        /// The first of them ([`super::MAX_REJECTIONS`]).
        rejections: Vec<RecordRejection>,
    },
    /// A batch cannot be built: no records, or 2 GiB of them.
    #[error("a batch cannot be built of {record_count} records in {size} bytes")]
    NotABatch {
        /// Records given.
        record_count: usize,
        /// Their size, in bytes.
        size: usize,
    },
}

impl BatchError {
    /// Whether what was sent is not one batch of a format that the request may hold, which is seen before a log is looked
    /// at (Kafka: `ProduceRequest.validateRecords`).
    pub fn is_of_request(&self) -> bool {
        matches!(
            self,
            Self::NoBatch { .. } | Self::SeveralBatches | Self::OldMagic { .. } | Self::ZstdNotAllowed
        )
    }

    /// Which of Kafka's errors this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidLength { .. }
            | Self::Truncated { .. }
            | Self::UnknownMagic { .. }
            | Self::CrcMismatch { .. } => ErrorClass::CorruptMessage,
            Self::TooLarge { .. } | Self::Compression(CompressionError::TooLarge { .. }) => ErrorClass::MessageTooLarge,
            Self::LargerThanSegment { .. } => ErrorClass::RecordListTooLarge,
            Self::UnknownCodec { .. } | Self::ZstdNotAllowed => ErrorClass::UnsupportedCompressionType,
            Self::Rejected { timestamp: true, .. } => ErrorClass::InvalidTimestamp,
            Self::NoBatch { .. }
            | Self::SeveralBatches
            | Self::OldMagic { .. }
            | Self::BaseOffset { .. }
            | Self::InvalidCount { .. }
            | Self::Control
            | Self::Transactional
            | Self::InvalidSequence { .. }
            | Self::MalformedRecord { .. }
            | Self::TrailingBytes { .. }
            | Self::OffsetsInCompressed
            | Self::Compression(_)
            | Self::Rejected { timestamp: false, .. }
            | Self::NotABatch { .. } => ErrorClass::InvalidRecord,
        }
    }

    /// The records at fault, where single ones are.
    pub fn rejections(&self) -> &[RecordRejection] {
        match self {
            Self::Rejected { rejections, .. } => rejections,
            _ => &[],
        }
    }
}
