//! Decodes Produce requests, versions 3 to 13.
//!
//! Own code, because this is the hottest request and the one whose frames may be as large as
//! `socket.request.max.bytes`: records stay slices of the frame, and the number of partitions is bounded, so that a
//! frame of many tiny elements cannot become many times its size in memory.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use storage::record_batch::HEADER_LEN;
use uuid::Uuid;

use super::reader::{DecodeError, Reader};

/// Most partitions (and most topics) in one Produce request. A client sends at most one batch for each partition that
/// the broker leads; at this bound the decoded request takes some 10 MB beside its frame.
pub const MAX_PARTITIONS: usize = 100_000;

/// Most of them without a batch. No client sends any, and their answers are larger than themselves.
pub const MAX_WITHOUT_BATCH: usize = 1_000;

/// A Produce request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceRequest {
    /// Set by transactional producers.
    pub transactional_id: Option<StrBytes>,
    /// 0, 1 or −1 (all); not checked here.
    pub acks: i16,
    /// How long to wait for the acknowledgement of replicas, milliseconds.
    pub timeout_ms: i32,
    /// In the order of the request.
    pub topics: Vec<ProduceTopic>,
}

/// The batches for one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceTopic {
    /// Empty from version 13 on.
    pub name: StrBytes,
    /// Nil before version 13.
    pub id: Uuid,
    /// In the order of the request.
    pub partitions: Vec<ProducePartition>,
}

/// The batch for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducePartition {
    /// The partition.
    pub index: i32,
    /// Unchecked; a slice of the frame.
    pub records: Option<Bytes>,
}

/// Decodes the body of a Produce request.
pub fn decode(body: &Bytes, version: i16) -> Result<ProduceRequest, DecodeError> {
    let flexible = version >= 9;
    let mut body = body.clone();
    let mut reader = Reader::new(&mut body, flexible);
    let transactional_id = reader.nullable_string()?;
    let acks = reader.i16()?;
    let timeout_ms = reader.i32()?;
    // The least an element takes: a topic its name or id, a count and the tags; a partition index, length and tags.
    let least_topic = if version >= 13 {
        18
    } else if flexible {
        3
    } else {
        6
    };
    let least_partition = if flexible { 6 } else { 8 };
    let count = bounded(reader.count(least_topic)?, MAX_PARTITIONS)?;
    let (mut left, mut without_batch) = (MAX_PARTITIONS, 0);
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        let (name, id) = if version >= 13 {
            (StrBytes::new(), reader.uuid()?)
        } else {
            (reader.string()?, Uuid::nil())
        };
        let count = bounded(reader.count(least_partition)?, left)?;
        left -= count;
        let mut partitions = Vec::with_capacity(count);
        for _ in 0..count {
            let index = reader.i32()?;
            let records = reader.nullable_bytes()?;
            if records.as_ref().is_none_or(|records| records.len() < HEADER_LEN) {
                without_batch = bounded(without_batch + 1, MAX_WITHOUT_BATCH)?;
            }
            reader.skip_tagged_fields()?;
            partitions.push(ProducePartition { index, records });
        }
        reader.skip_tagged_fields()?;
        topics.push(ProduceTopic { name, id, partitions });
    }
    reader.skip_tagged_fields()?;
    Ok(ProduceRequest {
        transactional_id,
        acks,
        timeout_ms,
        topics,
    })
}

fn bounded(count: usize, limit: usize) -> Result<usize, DecodeError> {
    if count > limit {
        Err(DecodeError::TooManyElements { count, limit })
    } else {
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
