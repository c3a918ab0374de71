//! The attributes of a batch: what the bits say.

use std::fmt;

use super::BatchError;
use crate::compression::Codec;

const CODEC_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;
/// Every bit that has a meaning; the others are dropped when the attributes are written anew, as Kafka does.
const KNOWN: i16 = 0x7f;

/// What the timestamps of a batch's records are (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// Each record has its own, given by the producer.
    CreateTime,
    /// All have that of the append, which stands as the batch's max timestamp.
    LogAppendTime,
}

/// Bits 0–2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon (KIP-98, KIP-534).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    /// How the records are compressed. Ids 5 to 7 have no meaning: [`BatchError::UnknownCodec`].
    pub fn codec(self) -> Result<Codec, BatchError> {
        let id = (self.0 & CODEC_MASK) as u8;
        Codec::from_id(id).ok_or(BatchError::UnknownCodec { id })
    }

    /// What the records' timestamps are.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the records belong to a transaction.
    pub fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL != 0
    }

    /// Whether the records are for brokers and clients alone, such as the markers that end a transaction.
    pub fn is_control(self) -> bool {
        self.0 & CONTROL != 0
    }

    /// Whether the base timestamp is the time after which the cleaner may drop the batch's tombstones and markers.
    pub fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON != 0
    }

    /// The same with another codec.
    pub fn with_codec(self, codec: Codec) -> Self {
        Self((self.0 & KNOWN & !CODEC_MASK) | i16::from(codec.id()))
    }

    /// The same with another timestamp type.
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(LOG_APPEND_TIME, timestamp_type == TimestampType::LogAppendTime)
    }

    /// The same, transactional.
    pub fn transactional(self) -> Self {
        self.with(TRANSACTIONAL, true)
    }

    /// The same, for control records.
    pub fn control(self) -> Self {
        self.with(CONTROL, true)
    }

    /// The same, with the base timestamp as the delete horizon.
    pub fn with_delete_horizon(self) -> Self {
        self.with(DELETE_HORIZON, true)
    }

    /// The same without a delete horizon.
    pub fn without_delete_horizon(self) -> Self {
        self.with(DELETE_HORIZON, false)
    }

    fn with(self, bit: i16, set: bool) -> Self {
        Self((self.0 & KNOWN & !bit) | if set { bit } else { 0 })
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attributes({:#06x})", self.0)
    }
}
