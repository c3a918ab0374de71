//! What clients ask before they produce or fetch: ApiVersions 0, Metadata 0 to 7, ListOffsets 1 and 2. The floor is a
//! cluster of one node, which leads every partition.

use std::ops::RangeInclusive;

use super::connection::{Connection, ConnectionError, Header};
use super::topics::Topics;
use crate::wire::{Malformed, Put as _, Reader, begin_answer, end_frame};

/// API number of Produce.
pub(super) const PRODUCE: i16 = 0;
/// API number of Fetch.
pub(super) const FETCH: i16 = 1;
/// API number of ListOffsets.
pub(super) const LIST_OFFSETS: i16 = 2;
/// API number of Metadata.
pub(super) const METADATA: i16 = 3;
/// API number of ApiVersions.
pub(super) const API_VERSIONS: i16 = 18;
/// API number of CreateTopics.
pub(super) const CREATE_TOPICS: i16 = 19;
/// API number of DeleteTopics.
pub(super) const DELETE_TOPICS: i16 = 20;
/// API number of InitProducerId.
pub(super) const INIT_PRODUCER_ID: i16 = 22;

/// Every API that is answered.
const APIS: [i16; 8] = [
    PRODUCE,
    FETCH,
    LIST_OFFSETS,
    METADATA,
    API_VERSIONS,
    CREATE_TOPICS,
    DELETE_TOPICS,
    INIT_PRODUCER_ID,
];
/// Kafka's code for a version that a server has not.
const UNSUPPORTED_VERSION: i16 = 35;
/// The only node.
const NODE_ID: i32 = 1;
/// In a ListOffsets request: the end.
const LATEST: i64 = -1;
/// In a ListOffsets request: the begin.
const EARLIEST: i64 = -2;

/// The versions of an API; none of an unknown one. All are from before the flexible wire.
pub(super) fn supported(key: i16) -> RangeInclusive<i16> {
    match key {
        PRODUCE => 3..=7,
        FETCH => 4..=11,
        LIST_OFFSETS => 1..=2,
        METADATA => 0..=7,
        API_VERSIONS => 0..=0,
        CREATE_TOPICS => 2..=4,
        DELETE_TOPICS => 1..=3,
        INIT_PRODUCER_ID => 0..=1,
        _ => RangeInclusive::new(0, -1),
    }
}

/// The table, in version 0 whatever was asked for: with the error a newer client asks again in a version it finds there.
pub(super) fn api_versions(header: Header, out: &mut Vec<u8>) {
    let begin = begin_answer(out, header.correlation);
    out.i16(if header.version == 0 { 0 } else { UNSUPPORTED_VERSION });
    out.count(APIS.len());
    for key in APIS {
        let versions = supported(key);
        out.i16(key);
        out.i16(*versions.start());
        out.i16(*versions.end());
    }
    end_frame(out, begin, 0);
}

/// The node and the topics asked for, which are made if they are missing.
pub(super) fn metadata(
    header: Header,
    mut request: Reader<'_>,
    connection: &mut Connection,
) -> Result<(), ConnectionError> {
    let version = header.version;
    let address = connection.stream.local_addr()?;
    let Connection { topics, out, .. } = connection;
    let named = match request.nullable_array()? {
        Some(count) if count > 0 || version > 0 => (0..count)
            .map(|_| request.string().map(Box::from))
            .collect::<Result<Vec<Box<[u8]>>, _>>()?,
        _ => topics.names(),
    };
    let begin = begin_answer(out, header.correlation);
    if version >= 3 {
        out.i32(0); // throttle time
    }
    out.count(1);
    out.i32(NODE_ID);
    out.string(address.ip().to_string().as_bytes());
    out.i32(i32::from(address.port()));
    if version >= 1 {
        out.i16(-1); // rack
    }
    if version >= 2 {
        out.i16(-1); // cluster id
    }
    if version >= 1 {
        out.i32(NODE_ID); // controller
    }
    out.count(named.len());
    for name in named {
        put_topic(version, &name, topics, out);
    }
    end_frame(out, begin, 0);
    Ok(())
}

fn put_topic(version: i16, name: &[u8], topics: &Topics, out: &mut Vec<u8>) {
    let (error, partitions) = match topics.partitions_of(name) {
        Ok(partitions) => (0, partitions),
        Err(error) => (error.code(), 0),
    };
    out.i16(error);
    out.string(name);
    if version >= 1 {
        out.i8(0); // not internal
    }
    out.count(partitions);
    for index in 0..partitions {
        out.i16(0);
        out.count(index);
        out.i32(NODE_ID); // leader
        if version >= 7 {
            out.i32(0); // leader epoch
        }
        for _replicas_then_in_sync in 0..2 {
            out.count(1);
            out.i32(NODE_ID);
        }
        if version >= 5 {
            out.count(0); // offline replicas
        }
    }
}

/// The begin or the end of partitions; no offset for any other time.
pub(super) fn list_offsets(
    header: Header,
    mut request: Reader<'_>,
    topics: &Topics,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let begin = begin_answer(out, header.correlation);
    let _replica_id = request.i32()?;
    if header.version >= 2 {
        let _isolation_level = request.i8()?;
        out.i32(0); // throttle time
    }
    let count = request.array()?;
    out.count(count);
    for _ in 0..count {
        let topic = request.string()?;
        out.string(topic);
        let count = request.array()?;
        out.count(count);
        for _ in 0..count {
            let index = request.i32()?;
            let time = request.i64()?;
            let (error, offset) = match topics.partition(topic, index) {
                Ok(partition) if time == LATEST => (0, partition.end_offset()),
                Ok(_) if time == EARLIEST => (0, 0),
                Ok(_) => (0, -1),
                Err(error) => (error.code(), -1),
            };
            out.i32(index);
            out.i16(error);
            out.i64(-1); // timestamp
            out.i64(offset);
        }
    }
    end_frame(out, begin, 0);
    Ok(())
}
