//! DescribeLogDirs 5: its request is that of version 4, its response says of each directory whether it is cordoned.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

use crate::wire::reader::DecodeError;
use crate::wire::request;
use crate::wire::writer::Writer;
use crate::wire::{EncodeError, Part, RequestHeader, Response};

/// The newest version that the codec has.
const NEWEST_OF_CODEC: i16 = 4;

/// Decodes a DescribeLogDirs request, versions 1 to 5.
pub fn decode(body: &Bytes, version: i16) -> Result<DescribeLogDirsRequest, DecodeError> {
    request::decode(body, version.min(NEWEST_OF_CODEC))
}

/// Encodes a DescribeLogDirs response, versions 1 to 5. No directory is cordoned.
pub fn encode(header: &RequestHeader, body: &DescribeLogDirsResponse) -> Result<Response, EncodeError> {
    if header.api_version <= NEWEST_OF_CODEC {
        return Response::encode(header, body);
    }
    let mut out = Writer::new(BytesMut::new(), true);
    out.i32(body.throttle_time_ms);
    out.i16(body.error_code);
    out.length(body.results.len());
    for result in &body.results {
        out.i16(result.error_code);
        out.string(&result.log_dir);
        out.length(result.topics.len());
        for topic in &result.topics {
            out.string(&topic.name);
            out.length(topic.partitions.len());
            for partition in &topic.partitions {
                out.i32(partition.partition_index);
                out.i64(partition.partition_size);
                out.i64(partition.offset_lag);
                out.bytes.put_u8(u8::from(partition.is_future_key));
                out.no_tagged_fields();
            }
            out.no_tagged_fields();
        }
        out.i64(result.total_bytes);
        out.i64(result.usable_bytes);
        let is_cordoned = false;
        out.bytes.put_u8(u8::from(is_cordoned));
        out.no_tagged_fields();
    }
    out.no_tagged_fields();
    Response::from_parts(header, vec![Part::Bytes(out.bytes.freeze())])
}
