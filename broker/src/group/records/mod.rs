//! The records of `__consumer_offsets`, in Kafka's schemas
//! (`group-coordinator/src/main/resources/common/message/*.json`).
//!
//! A key starts with an i16 that says what it is: 0 and 1 an offset commit, 2 a classic group's metadata. A value starts
//! with its schema's version. A null value is a tombstone. Every version is read; what Kafka 4.3 writes is written.

mod group_metadata;
mod offset_commit;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use group_metadata::{GroupMetadata, MemberMetadata, metadata_key};
pub(crate) use offset_commit::{offset_key, offset_value, read_offset_value};
pub(crate) use reader::Reader;
pub use reader::RecordError;

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The committed offset of a partition in a group.
    Offset {
        group: String,
        topic: String,
        partition: i32,
    },
    /// The members and the generation of a classic group.
    Metadata { group: String },
}

/// Reads a key. `None` where the kind is of a later Kafka; such records are skipped, as Kafka skips them.
///
/// # Errors
/// A known kind whose bytes are not a key.
pub(crate) fn read_key(bytes: &[u8]) -> Result<Option<Key>, RecordError> {
    let mut reader = Reader::new(bytes);
    match reader.int16("key version")? {
        0 | 1 => Ok(Some(Key::Offset {
            group: reader.string("group")?.to_owned(),
            topic: reader.string("topic")?.to_owned(),
            partition: reader.int32("partition")?,
        })),
        2 => Ok(Some(Key::Metadata {
            group: reader.string("group")?.to_owned(),
        })),
        _ => Ok(None),
    }
}
