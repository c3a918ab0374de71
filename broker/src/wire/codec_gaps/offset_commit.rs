//! OffsetCommit requests, versions 2 to 10.

use bytes::Bytes;
use kafka_protocol::messages::OffsetCommitRequest;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};

use crate::wire::reader::{DecodeError, Reader};
use crate::wire::request;

/// Decodes an OffsetCommit request. Version 10 names topics by id: `name` is empty, `topic_id` set.
pub fn decode(body: &Bytes, version: i16) -> Result<OffsetCommitRequest, DecodeError> {
    if version < 10 {
        return request::decode(body, version);
    }
    let mut body = body.clone();
    let mut reader = Reader::new(&mut body, true);
    let mut request = OffsetCommitRequest::default();
    request.group_id = reader.string()?.into();
    request.generation_id_or_member_epoch = reader.i32()?;
    request.member_id = reader.string()?;
    request.group_instance_id = reader.nullable_string()?;
    for _ in 0..reader.count(18)? {
        request.topics.push(topic(&mut reader)?);
    }
    reader.skip_tagged_fields()?;
    Ok(request)
}

fn topic(reader: &mut Reader<'_>) -> Result<OffsetCommitRequestTopic, DecodeError> {
    let mut topic = OffsetCommitRequestTopic::default();
    topic.topic_id = reader.uuid()?;
    for _ in 0..reader.count(18)? {
        let mut partition = OffsetCommitRequestPartition::default();
        partition.partition_index = reader.i32()?;
        partition.committed_offset = reader.i64()?;
        partition.committed_leader_epoch = reader.i32()?;
        partition.committed_metadata = reader.nullable_string()?;
        reader.skip_tagged_fields()?;
        topic.partitions.push(partition);
    }
    reader.skip_tagged_fields()?;
    Ok(topic)
}
