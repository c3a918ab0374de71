//! CreateTopics 2 to 4, DeleteTopics 1 to 3, InitProducerId 0 and 1. A new topic's configurations, replicas and
//! assignments are read and not heeded.

use super::connection::Header;
use super::topics::Topics;
use crate::wire::{Malformed, Put as _, Reader, begin_answer, end_frame};

/// Makes the topics.
pub(super) fn create_topics(
    header: Header,
    mut request: Reader<'_>,
    topics: &Topics,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let begin = begin_answer(out, header.correlation);
    out.i32(0); // throttle time
    let count = request.array()?;
    out.count(count);
    for _ in 0..count {
        let name = request.string()?;
        let partitions = request.i32()?;
        let _replication_factor = request.i16()?;
        for _ in 0..request.array()? {
            let _partition = request.i32()?;
            for _ in 0..request.array()? {
                let _node = request.i32()?;
            }
        }
        for _ in 0..request.array()? {
            let _configuration = (request.string()?, request.nullable_string()?);
        }
        out.string(name);
        out.i16(topics.create(name, partitions).err().map_or(0, |error| error.code()));
        out.i16(-1); // error message
    }
    end_frame(out, begin, 0);
    Ok(())
}

/// Deletes the topics.
pub(super) fn delete_topics(
    header: Header,
    mut request: Reader<'_>,
    topics: &Topics,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let begin = begin_answer(out, header.correlation);
    out.i32(0); // throttle time
    let count = request.array()?;
    out.count(count);
    for _ in 0..count {
        let name = request.string()?;
        out.string(name);
        out.i16(topics.delete(name).err().map_or(0, |error| error.code()));
    }
    end_frame(out, begin, 0);
    Ok(())
}

/// A producer id that nobody has, in epoch 0.
pub(super) fn init_producer_id(header: Header, topics: &Topics, out: &mut Vec<u8>) {
    let begin = begin_answer(out, header.correlation);
    out.i32(0); // throttle time
    out.i16(0); // error
    out.i64(topics.next_producer_id());
    out.i16(0);
    end_frame(out, begin, 0);
}
