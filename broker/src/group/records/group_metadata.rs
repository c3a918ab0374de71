//! GroupMetadataKey and GroupMetadataValue.
//!
//! ```text
//! key    i16 2 · group string
//! value  i16 version · protocol type string · generation i32 · protocol nullable string · leader nullable string
//!        [v2+ state timestamp i64] · members [
//!          member id string · [v3+ instance id nullable string] · client id string · client host string
//!          [v1+ rebalance timeout i32] · session timeout i32 · subscription bytes · assignment bytes ]
//!   v4   the same, flexible
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::{Reader, RecordError, name};
use super::writer::{put_bytes, put_nullable_string, put_string};

const RECORD: &str = "GroupMetadataValue";
/// The newest version that is not flexible: what Kafka 4.3 writes, so that older ones can read it.
const WRITTEN_VERSION: i16 = 3;
const NO_TIMESTAMP: i64 = -1;
/// No member is smaller than this in any version, which bounds how many a value can hold.
const MIN_MEMBER_BYTES: usize = 9;

/// A classic group as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupMetadata {
    /// Empty where the group has never had a member.
    pub(crate) protocol_type: String,
    pub(crate) generation: i32,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: Option<String>,
    /// When the group came into the stored state, wall clock; absent in records of Kafka before 2.1.
    pub(crate) state_timestamp_ms: Option<i64>,
    pub(crate) members: Vec<MemberMetadata>,
}

/// A member as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberMetadata {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

/// The key of a classic group's metadata.
pub(crate) fn metadata_key(group: &str) -> Bytes {
    let mut buffer = BytesMut::with_capacity(4 + group.len());
    buffer.put_i16(2);
    put_string(&mut buffer, group);
    buffer.freeze()
}

impl GroupMetadata {
    /// The value as Kafka 4.3 writes it. Every name is bounded by `MAX_NAME_BYTES`.
    pub(crate) fn encode(&self) -> Bytes {
        let mut buffer = BytesMut::new();
        buffer.put_i16(WRITTEN_VERSION);
        put_string(&mut buffer, &self.protocol_type);
        buffer.put_i32(self.generation);
        put_nullable_string(&mut buffer, self.protocol.as_deref());
        put_nullable_string(&mut buffer, self.leader.as_deref());
        buffer.put_i64(self.state_timestamp_ms.unwrap_or(NO_TIMESTAMP));
        buffer.put_i32(i32::try_from(self.members.len()).expect("group.max.size is an i32"));
        for member in &self.members {
            put_string(&mut buffer, &member.member_id);
            put_nullable_string(&mut buffer, member.instance_id.as_deref());
            put_string(&mut buffer, &member.client_id);
            put_string(&mut buffer, &member.client_host);
            buffer.put_i32(member.rebalance_timeout_ms);
            buffer.put_i32(member.session_timeout_ms);
            put_bytes(&mut buffer, &member.subscription);
            put_bytes(&mut buffer, &member.assignment);
        }
        buffer.freeze()
    }

    /// Reads a value of any version.
    ///
    /// # Errors
    /// The bytes are not a value of a known version.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut fields = Fields {
            version: 0,
            reader: Reader::new(bytes),
            size: bytes.len(),
        };
        fields.version = fields.reader.int16("version")?;
        if !(0..=4).contains(&fields.version) {
            return Err(RecordError::Version {
                record: RECORD,
                version: fields.version,
            });
        }
        let protocol_type = fields.string("protocol type")?;
        let generation = fields.reader.int32("generation")?;
        let protocol = fields.nullable_string("protocol")?;
        let leader = fields.nullable_string("leader")?;
        let state_timestamp_ms = if fields.version >= 2 {
            fields.reader.int64("state timestamp")?
        } else {
            NO_TIMESTAMP
        };
        let count = fields.member_count()?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            members.push(fields.member()?);
        }
        fields.skip_tags()?;
        Ok(Self {
            protocol_type,
            generation,
            protocol,
            leader,
            state_timestamp_ms: (state_timestamp_ms != NO_TIMESTAMP).then_some(state_timestamp_ms),
            members,
        })
    }
}

/// Reads fields in the encoding of one version.
struct Fields<'a> {
    version: i16,
    reader: Reader<'a>,
    size: usize,
}

impl Fields<'_> {
    fn flexible(&self) -> bool {
        self.version >= 4
    }

    fn string(&mut self, field: &'static str) -> Result<String, RecordError> {
        let text = if self.flexible() {
            self.reader.compact_string(field)
        } else {
            self.reader.string(field)
        }?;
        Ok(name(field, text)?.to_owned())
    }

    fn nullable_string(&mut self, field: &'static str) -> Result<Option<String>, RecordError> {
        let text = if self.flexible() {
            self.reader.nullable_compact_string(field)
        } else {
            self.reader.nullable_string(field)
        }?;
        text.map(|text| Ok(name(field, text)?.to_owned())).transpose()
    }

    fn bytes(&mut self, field: &'static str) -> Result<Bytes, RecordError> {
        let bytes = if self.flexible() {
            self.reader.compact_bytes(field)
        } else {
            self.reader.bytes(field)
        }?;
        Ok(Bytes::copy_from_slice(bytes))
    }

    fn member_count(&mut self) -> Result<usize, RecordError> {
        let count = if self.flexible() {
            i64::from(self.reader.unsigned_varint("members")?) - 1
        } else {
            self.reader.int32("members")?.into()
        };
        match usize::try_from(count) {
            Ok(members) if members <= self.size / MIN_MEMBER_BYTES => Ok(members),
            _ => Err(RecordError::Length {
                field: "members",
                length: count,
            }),
        }
    }

    fn member(&mut self) -> Result<MemberMetadata, RecordError> {
        let member_id = self.string("member id")?;
        let instance_id = if self.version >= 3 {
            self.nullable_string("instance id")?
        } else {
            None
        };
        let client_id = self.string("client id")?;
        let client_host = self.string("client host")?;
        let rebalance_timeout_ms = if self.version >= 1 {
            self.reader.int32("rebalance timeout")?
        } else {
            -1
        };
        let session_timeout_ms = self.reader.int32("session timeout")?;
        let member = MemberMetadata {
            member_id,
            instance_id,
            client_id,
            client_host,
            rebalance_timeout_ms: if rebalance_timeout_ms < 0 {
                session_timeout_ms
            } else {
                rebalance_timeout_ms
            },
            session_timeout_ms,
            subscription: self.bytes("subscription")?,
            assignment: self.bytes("assignment")?,
        };
        self.skip_tags()?;
        Ok(member)
    }

    fn skip_tags(&mut self) -> Result<(), RecordError> {
        if self.flexible() {
            self.reader.tagged_fields(|_, _| Ok(()))
        } else {
            Ok(())
        }
    }
}
