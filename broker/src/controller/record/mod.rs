//! Records of `__cluster_metadata`, in the schemas that Apache Kafka's KRaft mode writes.
//!
//! Invariant: [`Record::decode`] is total. It gives a record or an error for any bytes, and never more memory than a
//! few times the bytes that it was given. What [`Record::encode`] wrote decodes to an equal record.
//!
//! One record is the value of one log record (the key is null):
//!
//! ```text
//! frame version  unsigned varint   1
//! api key        unsigned varint   which record, see `Record`
//! version        unsigned varint   version of its schema
//! body           fields in the schema's order, flexible encoding (KIP-482), tagged fields last
//! ```
//!
//! Sources: KIP-631, Kafka's `MetadataRecordSerde` and `metadata/src/main/resources/common/metadata/*.json`.

mod broker;
mod config;
mod feature;
mod partition;
mod producer_ids;
mod topic;
mod wire;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use broker::{BrokerEndpoint, RegisterBrokerRecord};
pub use config::ConfigRecord;
pub use feature::FeatureLevelRecord;
pub use partition::{PartitionChangeRecord, PartitionRecord};
pub use producer_ids::ProducerIdsRecord;
pub use topic::{RemoveTopicRecord, TopicRecord};
pub use wire::MAX_STRING_LEN;

use wire::{Reader, Writer};

/// The only frame version there is: its header is api key and version.
const FRAME_VERSION: u32 = 1;

/// One change of the cluster's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A broker came, or its addresses changed (api key 0).
    RegisterBroker(RegisterBrokerRecord),
    /// A topic was created; its partitions follow in the same batch (api key 2).
    Topic(TopicRecord),
    /// A partition was created (api key 3).
    Partition(PartitionRecord),
    /// A configuration value was set or removed (api key 4).
    Config(ConfigRecord),
    /// A partition's replicas or leader changed (api key 5).
    PartitionChange(PartitionChangeRecord),
    /// A topic, its partitions and its configuration were removed (api key 9).
    RemoveTopic(RemoveTopicRecord),
    /// The finalized level of a feature (api key 12).
    FeatureLevel(FeatureLevelRecord),
    /// A block of producer ids was handed out (api key 15).
    ProducerIds(ProducerIdsRecord),
    /// Nothing changed (api key 20).
    NoOp,
}

/// Why bytes are not a record, or a record cannot be bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end inside a field.
    #[error("metadata record ends inside a field: {needed} bytes needed, {left} left")]
    Truncated {
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// An unsigned varint does not fit 32 bits.
    #[error("metadata record holds a varint of more than 32 bits")]
    VarintTooLong,
    /// The frame version is not 1.
    #[error("metadata record has frame version {found}, only {FRAME_VERSION} is known")]
    UnknownFrame {
        /// Frame version that was found.
        found: u32,
    },
    /// No record has this api key, or none that is applied here.
    #[error("metadata record has unknown type {found}")]
    UnknownType {
        /// Api key that was found.
        found: u32,
    },
    /// The record's schema has no such version.
    #[error("metadata record of type {api_key} has unknown version {found}, the highest known is {highest}")]
    UnknownVersion {
        /// Api key of the record.
        api_key: u32,
        /// Version that was found.
        found: u32,
        /// Highest known version.
        highest: u32,
    },
    /// A field that must not be null is null.
    #[error("metadata record holds a null where the schema allows none")]
    UnexpectedNull,
    /// A string longer than [`MAX_STRING_LEN`].
    #[error("metadata record holds a string of {len} bytes, at most {MAX_STRING_LEN} are allowed")]
    StringTooLong {
        /// Length in bytes.
        len: usize,
    },
    /// A string that is not UTF-8.
    #[error("metadata record holds a string that is not UTF-8")]
    NotUtf8,
    /// Bytes follow the last field.
    #[error("metadata record of type {api_key} is followed by {count} bytes that belong to no field")]
    TrailingBytes {
        /// Api key of the record.
        api_key: u32,
        /// How many bytes follow.
        count: usize,
    },
}

/// A record's body: its api key, the version that is written, the highest that is read, and both ways.
trait Body: Sized {
    const API_KEY: u32;
    const WRITE_VERSION: u32;
    const HIGHEST_VERSION: u32;
    fn write(&self, out: &mut Writer) -> Result<(), RecordError>;
    fn read(input: &mut Reader<'_>, version: u32) -> Result<Self, RecordError>;
}

/// The body of a `NoOpRecord`: no field.
struct NoOp;

impl Body for NoOp {
    const API_KEY: u32 = 20;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 0;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, _version: u32) -> Result<Self, RecordError> {
        input.skip_tagged_fields()?;
        Ok(NoOp)
    }
}

impl Record {
    /// The value of the log record. An error means that a string is too long, which the decisions refuse beforehand.
    pub fn encode(&self) -> Result<Bytes, RecordError> {
        let mut out = Writer::default();
        match self {
            Record::RegisterBroker(body) => frame(body, &mut out)?,
            Record::Topic(body) => frame(body, &mut out)?,
            Record::Partition(body) => frame(body, &mut out)?,
            Record::Config(body) => frame(body, &mut out)?,
            Record::PartitionChange(body) => frame(body, &mut out)?,
            Record::RemoveTopic(body) => frame(body, &mut out)?,
            Record::FeatureLevel(body) => frame(body, &mut out)?,
            Record::ProducerIds(body) => frame(body, &mut out)?,
            Record::NoOp => frame(&NoOp, &mut out)?,
        }
        Ok(out.finish())
    }

    /// Reads the value of one log record. Tagged fields that are not applied here are skipped.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(bytes);
        let found = input.unsigned_varint()?;
        if found != FRAME_VERSION {
            return Err(RecordError::UnknownFrame { found });
        }
        let api_key = input.unsigned_varint()?;
        let version = input.unsigned_varint()?;
        let record = match api_key {
            RegisterBrokerRecord::API_KEY => Record::RegisterBroker(body(&mut input, version)?),
            TopicRecord::API_KEY => Record::Topic(body(&mut input, version)?),
            PartitionRecord::API_KEY => Record::Partition(body(&mut input, version)?),
            ConfigRecord::API_KEY => Record::Config(body(&mut input, version)?),
            PartitionChangeRecord::API_KEY => Record::PartitionChange(body(&mut input, version)?),
            RemoveTopicRecord::API_KEY => Record::RemoveTopic(body(&mut input, version)?),
            FeatureLevelRecord::API_KEY => Record::FeatureLevel(body(&mut input, version)?),
            ProducerIdsRecord::API_KEY => Record::ProducerIds(body(&mut input, version)?),
            NoOp::API_KEY => {
                let NoOp = body(&mut input, version)?;
                Record::NoOp
            }
            found => return Err(RecordError::UnknownType { found }),
        };
        match input.left() {
            0 => Ok(record),
            count => Err(RecordError::TrailingBytes { api_key, count }),
        }
    }
}

fn frame<B: Body>(body: &B, out: &mut Writer) -> Result<(), RecordError> {
    out.unsigned_varint(FRAME_VERSION);
    out.unsigned_varint(B::API_KEY);
    out.unsigned_varint(B::WRITE_VERSION);
    body.write(out)
}

fn body<B: Body>(input: &mut Reader<'_>, version: u32) -> Result<B, RecordError> {
    if version > B::HIGHEST_VERSION {
        return Err(RecordError::UnknownVersion {
            api_key: B::API_KEY,
            found: version,
            highest: B::HIGHEST_VERSION,
        });
    }
    B::read(input, version)
}
