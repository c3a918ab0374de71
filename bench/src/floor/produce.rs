//! Produce, versions 3 to 7. Any acks but 0 is answered as soon as the page cache has the batches.

use super::connection::Header;
use super::partition::AppendError;
use super::topics::Topics;
use crate::wire::{Malformed, Put as _, Reader, begin_answer, end_frame};

/// Kafka's code for a batch that is not what its CRC says.
const CORRUPT_MESSAGE: i16 = 2;
/// Kafka's code for a disk that does not take a write.
const STORAGE_ERROR: i16 = 56;

/// Appends what the request has and puts the answer into `out`.
pub(super) fn produce(
    header: Header,
    mut request: Reader<'_>,
    topics: &Topics,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let begin = begin_answer(out, header.correlation);
    let _transactional_id = request.nullable_string()?;
    let acks = request.i16()?;
    let _timeout_ms = request.i32()?;
    let count = request.array()?;
    out.count(count);
    for _ in 0..count {
        let topic = request.string()?;
        out.string(topic);
        let count = request.array()?;
        out.count(count);
        for _ in 0..count {
            let index = request.i32()?;
            let (error, base_offset) = append(topics, topic, index, request.bytes()?);
            out.i32(index);
            out.i16(error);
            out.i64(base_offset);
            out.i64(-1); // log append time
            if header.version >= 5 {
                out.i64(0); // log start offset
            }
        }
    }
    out.i32(0); // throttle time
    if acks == 0 {
        out.truncate(begin);
    } else {
        end_frame(out, begin, 0);
    }
    Ok(())
}

/// The error code and the base offset.
fn append(topics: &Topics, topic: &[u8], index: i32, records: &mut [u8]) -> (i16, i64) {
    let partition = match topics.partition(topic, index) {
        Ok(partition) => partition,
        Err(error) => return (error.code(), -1),
    };
    match partition.append(records) {
        Ok(base_offset) => (0, base_offset),
        Err(AppendError::Corrupt) => (CORRUPT_MESSAGE, -1),
        Err(AppendError::Io(_)) => (STORAGE_ERROR, -1),
    }
}
