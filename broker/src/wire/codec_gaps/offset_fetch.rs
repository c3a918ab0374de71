//! OffsetFetch requests, versions 1 to 10.

use bytes::Bytes;
use kafka_protocol::messages::OffsetFetchRequest;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};

use crate::wire::reader::{DecodeError, Reader};
use crate::wire::request;

/// Decodes an OffsetFetch request. Version 10 names topics by id: `name` is empty, `topic_id` set.
pub fn decode(body: &Bytes, version: i16) -> Result<OffsetFetchRequest, DecodeError> {
    if version < 10 {
        return request::decode(body, version);
    }
    let mut body = body.clone();
    let mut reader = Reader::new(&mut body, true);
    let mut request = OffsetFetchRequest::default();
    for _ in 0..reader.count(8)? {
        request.groups.push(group(&mut reader)?);
    }
    request.require_stable = reader.bool()?;
    reader.skip_tagged_fields()?;
    Ok(request)
}

fn group(reader: &mut Reader<'_>) -> Result<OffsetFetchRequestGroup, DecodeError> {
    let mut group = OffsetFetchRequestGroup::default();
    group.group_id = reader.string()?.into();
    group.member_id = reader.nullable_string()?;
    group.member_epoch = reader.i32()?;
    group.topics = match reader.nullable_count(18)? {
        None => None,
        Some(count) => {
            let mut topics = Vec::with_capacity(count);
            for _ in 0..count {
                topics.push(topic(reader)?);
            }
            Some(topics)
        }
    };
    reader.skip_tagged_fields()?;
    Ok(group)
}

fn topic(reader: &mut Reader<'_>) -> Result<OffsetFetchRequestTopics, DecodeError> {
    let mut topic = OffsetFetchRequestTopics::default();
    topic.topic_id = reader.uuid()?;
    for _ in 0..reader.count(4)? {
        topic.partition_indexes.push(reader.i32()?);
    }
    reader.skip_tagged_fields()?;
    Ok(topic)
}
