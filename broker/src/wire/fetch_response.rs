//! Frames Fetch responses, versions 4 to 18, around records that stay where they are.
//!
//! Invariant: the records of a partition are never null (librdkafka fails on length −1), and no byte of them is copied
//! here: the frame alternates between one buffer of header bytes and the parts that hold records.

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::header::RequestHeader;
use super::response::{EncodeError, Part, Response, set_size};
use super::writer::Writer;

/// A Fetch response. What a version lacks is left out.
#[derive(Debug, Default)]
pub struct FetchResponse {
    /// Milliseconds.
    pub throttle_time_ms: i32,
    /// Of the request as a whole (fetch session errors); version 7 on.
    pub error_code: i16,
    /// 0 where there is no session; version 7 on.
    pub session_id: i32,
    /// Topics in the order of the response.
    pub topics: Vec<FetchTopic>,
    /// Where the leaders named in partitions are; version 16 on (KIP-951).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// One topic of a Fetch response.
#[derive(Debug, Default)]
pub struct FetchTopic {
    /// Sent up to version 12.
    pub name: StrBytes,
    /// Sent from version 13 on.
    pub id: Uuid,
    /// Partitions in the order of the response.
    pub partitions: Vec<FetchPartition>,
}

/// One partition of a Fetch response.
#[derive(Debug)]
pub struct FetchPartition {
    /// The partition.
    pub index: i32,
    /// 0 or an error.
    pub error_code: i16,
    /// −1 with an error.
    pub high_watermark: i64,
    /// −1 with an error.
    pub last_stable_offset: i64,
    /// −1 with an error; version 5 on.
    pub log_start_offset: i64,
    /// The largest epoch, and its end offset, before the fetcher's log diverges from ours; version 12 on.
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The leader, for a client that asked the wrong broker; version 12 on.
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// `None` for read_uncommitted, and where nothing was read; not for a partition that does not exist.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// −1 for none; version 11 on.
    pub preferred_read_replica: i32,
    /// Whole batches; may be empty.
    pub records: Vec<Part>,
}

impl FetchPartition {
    /// A partition that has nothing but an error.
    pub fn error(index: i32, error_code: i16) -> Self {
        Self {
            index,
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: None,
            current_leader: None,
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: Vec::new(),
        }
    }
}

/// An epoch and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// Leader epoch.
    pub epoch: i32,
    /// Offset after its last record.
    pub end_offset: i64,
}

/// A leader and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// Broker id.
    pub leader_id: i32,
    /// Leader epoch.
    pub leader_epoch: i32,
}

/// A transaction that was aborted within the records sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: i64,
    /// Its first offset in the partition.
    pub first_offset: i64,
}

/// Where a broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// Broker id.
    pub node_id: i32,
    /// Host name.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// `broker.rack`.
    pub rack: Option<StrBytes>,
}

impl FetchResponse {
    /// The frame that answers the request with this header.
    pub fn into_response(self, header: &RequestHeader) -> Result<Response, EncodeError> {
        let version = header.api_version;
        let failed = self.error_code != 0
            || self
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .any(|partition| partition.error_code != 0);
        let mut frame = Frame {
            writer: Writer::new(Response::begin(header), version >= 12),
            cuts: Vec::new(),
            len: 0,
        };
        frame.writer.i32(self.throttle_time_ms);
        if version >= 7 {
            frame.writer.i16(self.error_code);
            frame.writer.i32(self.session_id);
        }
        frame.writer.length(self.topics.len());
        for topic in self.topics {
            if version >= 13 {
                frame.writer.uuid(topic.id);
            } else {
                frame.writer.string(&topic.name);
            }
            frame.writer.length(topic.partitions.len());
            for partition in topic.partitions {
                frame.partition(partition, version)?;
            }
            frame.writer.no_tagged_fields();
        }
        if version >= 16 && !self.node_endpoints.is_empty() {
            frame.node_endpoints(&self.node_endpoints);
        } else {
            frame.writer.no_tagged_fields();
        }
        Ok(frame.finish()?.failed(failed))
    }
}

/// Header bytes, and where records stand between them.
struct Frame {
    writer: Writer,
    cuts: Vec<(usize, Vec<Part>)>,
    len: u64,
}

impl Frame {
    fn partition(&mut self, partition: FetchPartition, version: i16) -> Result<(), EncodeError> {
        let writer = &mut self.writer;
        writer.i32(partition.index);
        writer.i16(partition.error_code);
        writer.i64(partition.high_watermark);
        writer.i64(partition.last_stable_offset);
        if version >= 5 {
            writer.i64(partition.log_start_offset);
        }
        match &partition.aborted_transactions {
            None => writer.null_array(),
            Some(aborted) => {
                writer.length(aborted.len());
                for transaction in aborted {
                    writer.i64(transaction.producer_id);
                    writer.i64(transaction.first_offset);
                    writer.no_tagged_fields();
                }
            }
        }
        if version >= 11 {
            writer.i32(partition.preferred_read_replica);
        }
        let len: u64 = partition.records.iter().map(Part::len).sum();
        self.len += len;
        if self.len >= i32::MAX as u64 {
            return Err(EncodeError::TooLarge { len: self.len });
        }
        writer.length(len as usize);
        if len > 0 {
            self.cuts.push((writer.bytes.len(), partition.records));
        }
        if version >= 12 {
            writer.unsigned_varint(
                u32::from(partition.diverging_epoch.is_some()) + u32::from(partition.current_leader.is_some()),
            );
            // Tag, size, fields, no further tags.
            if let Some(diverging) = partition.diverging_epoch {
                writer.unsigned_varint(0);
                writer.unsigned_varint(13);
                writer.i32(diverging.epoch);
                writer.i64(diverging.end_offset);
                writer.no_tagged_fields();
            }
            if let Some(leader) = partition.current_leader {
                writer.unsigned_varint(1);
                writer.unsigned_varint(9);
                writer.i32(leader.leader_id);
                writer.i32(leader.leader_epoch);
                writer.no_tagged_fields();
            }
        }
        Ok(())
    }

    fn node_endpoints(&mut self, endpoints: &[NodeEndpoint]) {
        let mut field = Writer::new(BytesMut::new(), true);
        field.length(endpoints.len());
        for endpoint in endpoints {
            field.i32(endpoint.node_id);
            field.string(&endpoint.host);
            field.i32(endpoint.port);
            field.nullable_string(endpoint.rack.as_deref());
            field.no_tagged_fields();
        }
        self.writer.unsigned_varint(1);
        self.writer.unsigned_varint(0);
        self.writer.unsigned_varint(field.bytes.len() as u32);
        self.writer.bytes.extend_from_slice(&field.bytes);
    }

    fn finish(self) -> Result<Response, EncodeError> {
        let mut bytes = self.writer.bytes;
        set_size(&mut bytes, self.len)?;
        let bytes = bytes.freeze();
        let mut from = self.cuts.first().map_or(bytes.len(), |(cut, _)| *cut);
        let head = bytes.slice(..from);
        let mut rest = Vec::with_capacity(self.cuts.len() * 2);
        for (cut, records) in self.cuts {
            if cut > from {
                rest.push(Part::Bytes(bytes.slice(from..cut)));
            }
            rest.extend(records.into_iter().filter(|part| !part.is_empty()));
            from = cut;
        }
        if from < bytes.len() {
            rest.push(Part::Bytes(bytes.slice(from..)));
        }
        Ok(Response {
            head,
            rest,
            failed: false,
        })
    }
}

#[cfg(test)]
mod tests;
