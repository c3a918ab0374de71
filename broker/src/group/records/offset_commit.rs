//! OffsetCommitKey and OffsetCommitValue.
//!
//! ```text
//! key    i16 0 or 1 · group string · topic string · partition i32
//! value  i16 version
//!   v0   offset i64 · metadata string · commit timestamp i64
//!   v1   … · expire timestamp i64                        (a commit with its own retention, OffsetCommit v2–4)
//!   v2   as v0
//!   v3   offset i64 · leader epoch i32 · metadata string · commit timestamp i64
//!   v4   as v3, flexible · tag 0: topic id uuid, where it is known
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use super::reader::{Reader, RecordError};
use super::writer::{put_compact_string, put_string, put_unsigned_varint};
use crate::group::offsets::CommittedOffset;

const RECORD: &str = "OffsetCommitValue";
const NO_TIMESTAMP: i64 = -1;
const TAG_TOPIC_ID: u32 = 0;

/// The key of a partition's committed offset. The names are bounded by `MAX_NAME_BYTES`.
pub(crate) fn offset_key(group: &str, topic: &str, partition: i32) -> Bytes {
    let mut buffer = BytesMut::with_capacity(10 + group.len() + topic.len());
    buffer.put_i16(1);
    put_string(&mut buffer, group);
    put_string(&mut buffer, topic);
    buffer.put_i32(partition);
    buffer.freeze()
}

/// The value as Kafka 4.3 writes it: version 4, or 1 where the commit has its own expiry. In version 1 the metadata must
/// be at most `MAX_NAME_BYTES` long.
pub(crate) fn offset_value(offset: &CommittedOffset) -> Bytes {
    let mut buffer = BytesMut::with_capacity(48 + offset.metadata.len());
    match offset.expire_timestamp_ms {
        Some(expire_timestamp_ms) => {
            buffer.put_i16(1);
            buffer.put_i64(offset.offset);
            put_string(&mut buffer, &offset.metadata);
            buffer.put_i64(offset.commit_timestamp_ms);
            buffer.put_i64(expire_timestamp_ms);
        }
        None => {
            buffer.put_i16(4);
            buffer.put_i64(offset.offset);
            buffer.put_i32(offset.leader_epoch);
            put_compact_string(&mut buffer, &offset.metadata);
            buffer.put_i64(offset.commit_timestamp_ms);
            if offset.topic_id.is_nil() {
                put_unsigned_varint(&mut buffer, 0);
            } else {
                put_unsigned_varint(&mut buffer, 1);
                put_unsigned_varint(&mut buffer, TAG_TOPIC_ID);
                put_unsigned_varint(&mut buffer, 16);
                buffer.put_slice(offset.topic_id.as_bytes());
            }
        }
    }
    buffer.freeze()
}

/// Reads a value of any version; `record_offset` is where it stands in the log.
///
/// # Errors
/// The bytes are not a value of a known version.
pub(crate) fn read_offset_value(bytes: &[u8], record_offset: i64) -> Result<CommittedOffset, RecordError> {
    let mut reader = Reader::new(bytes);
    let version = reader.int16("version")?;
    if !(0..=4).contains(&version) {
        return Err(RecordError::Version {
            record: RECORD,
            version,
        });
    }
    let offset = reader.int64("offset")?;
    let leader_epoch = if version >= 3 {
        reader.int32("leader epoch")?
    } else {
        -1
    };
    let metadata = if version >= 4 {
        reader.compact_string("metadata")?
    } else {
        reader.string("metadata")?
    };
    let commit_timestamp_ms = reader.int64("commit timestamp")?;
    let expire_timestamp_ms = if version == 1 {
        reader.int64("expire timestamp")?
    } else {
        NO_TIMESTAMP
    };
    let mut topic_id = Uuid::nil();
    if version >= 4 {
        reader.tagged_fields(|tag, field| {
            if tag == TAG_TOPIC_ID {
                topic_id = Reader::new(field).uuid("topic id")?;
            }
            Ok(())
        })?;
    }
    Ok(CommittedOffset {
        offset,
        leader_epoch,
        metadata: metadata.into(),
        commit_timestamp_ms,
        expire_timestamp_ms: (expire_timestamp_ms != NO_TIMESTAMP).then_some(expire_timestamp_ms),
        topic_id,
        record_offset,
    })
}
