//! Fetch and ListOffsets, one partition at a time.

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, ListOffsetsRequest};
use storage::record_batch::{BatchHeader, HEADER_LEN, Record, Records, verify_crc};

use super::error::{check, lacks};
use super::{ClientError, Connection, topic_name};

const MAX_BYTES: i32 = 4 << 20;
/// A batch of the load is far smaller.
const MAX_DECOMPRESSED_BYTES: usize = 16 << 20;

/// The timestamp that stands for the first offset.
pub const EARLIEST: i64 = -2;
/// The timestamp that stands for the offset after the last.
pub const LATEST: i64 = -1;

/// What a Fetch brought.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// All offsets below it may be read.
    pub high_watermark: i64,
    /// The first offset that is there.
    pub log_start: i64,
    /// The batches that came whole.
    pub batches: Vec<FetchedBatch>,
}

/// A batch with its records.
#[derive(Debug, Clone)]
pub struct FetchedBatch {
    /// Its header.
    pub header: BatchHeader,
    /// Its records, also those before the offset that was asked for.
    pub records: Vec<Record>,
}

impl Connection {
    /// The batches from an offset on, waiting up to `max_wait_ms` for the first; every CRC is checked.
    pub fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        max_wait_ms: i32,
    ) -> Result<Fetched, ClientError> {
        let subject = format!("{topic}-{partition} at {offset}");
        let fetch_partition = FetchPartition::default()
            .with_partition(partition)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(offset)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(MAX_BYTES);
        let fetch_topic = FetchTopic::default()
            .with_topic(topic_name(topic))
            .with_partitions(vec![fetch_partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(max_wait_ms)
            .with_min_bytes(1)
            .with_max_bytes(MAX_BYTES)
            .with_session_epoch(-1)
            .with_topics(vec![fetch_topic]);
        let answer = self.call(&request)?;
        check("Fetch", &subject, answer.error_code, None)?;
        let data = (answer.responses.into_iter())
            .filter(|response| response.topic.as_str() == topic)
            .flat_map(|response| response.partitions)
            .find(|data| data.partition_index == partition)
            .ok_or_else(|| lacks("Fetch", &subject))?;
        check("Fetch", &subject, data.error_code, None)?;
        let records = data
            .records
            .ok_or_else(|| ClientError::Protocol(format!("Fetch of {subject}: null instead of records")))?;
        Ok(Fetched {
            high_watermark: data.high_watermark,
            log_start: data.log_start_offset,
            batches: whole_batches(&records)
                .map_err(|problem| ClientError::Protocol(format!("Fetch of {subject}: {problem}")))?,
        })
    }

    /// The offset for a timestamp: [`EARLIEST`], [`LATEST`], or of the first record at or after it, or −1.
    pub fn list_offset(&mut self, topic: &str, partition: i32, timestamp: i64) -> Result<i64, ClientError> {
        let subject = format!("{topic}-{partition}");
        let asked = ListOffsetsPartition::default()
            .with_partition_index(partition)
            .with_current_leader_epoch(-1)
            .with_timestamp(timestamp);
        let asked = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![asked]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![asked]);
        let answer = self.call(&request)?;
        let found = (answer.topics.iter())
            .filter(|answer| answer.name.as_str() == topic)
            .flat_map(|answer| &answer.partitions)
            .find(|answer| answer.partition_index == partition)
            .ok_or_else(|| lacks("ListOffsets", &subject))?;
        check("ListOffsets", &subject, found.error_code, None)?;
        Ok(found.offset)
    }
}

/// The batches of an answer; the last may be cut off, and is left out.
fn whole_batches(records: &Bytes) -> Result<Vec<FetchedBatch>, String> {
    let mut batches = Vec::new();
    let mut rest = records.clone();
    while rest.len() >= HEADER_LEN {
        let header = BatchHeader::parse(&rest).map_err(|problem| problem.to_string())?;
        if rest.len() < header.size() {
            break;
        }
        let batch = rest.split_to(header.size());
        let at = |problem: storage::record_batch::BatchError| format!("batch at {}: {problem}", header.base_offset);
        verify_crc(&batch, &header).map_err(at)?;
        let records = Records::new(&batch, MAX_DECOMPRESSED_BYTES).map_err(at)?;
        let records = records.collect::<Result<_, _>>().map_err(at)?;
        batches.push(FetchedBatch { header, records });
    }
    Ok(batches)
}
