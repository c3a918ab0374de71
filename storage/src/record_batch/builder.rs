//! Builds batches of our own: records of internal topics, of tests and tools.

use bytes::Bytes;

use super::record::write_record;
use super::{Attributes, BatchError, BatchHeader, MAGIC, TimestampType};
use crate::compression::{Codec, compress};

/// Collects records and makes a batch of them, of base offset 0 and leader epoch −1 unless told otherwise.
///
/// ```
/// use storage::compression::Codec;
/// use storage::record_batch::BatchBuilder;
/// let mut batch = BatchBuilder::new(Codec::Lz4).producer(1, 0, 0);
/// batch.push(1_700_000_000_000, Some(b"key"), None, &[]);
/// let bytes = batch.build();
/// # assert!(bytes.len() > 61);
/// ```
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    header: BatchHeader,
    codec: Codec,
    level: Option<i32>,
    log_append_time: Option<i64>,
    records: Vec<u8>,
    count: usize,
}

impl BatchBuilder {
    /// An empty batch; records are compressed when it is built.
    pub fn new(codec: Codec) -> Self {
        let header = BatchHeader {
            base_offset: 0,
            batch_length: 0,
            leader_epoch: -1,
            magic: MAGIC,
            crc: 0,
            attributes: Attributes::default().with_codec(codec),
            last_offset_delta: 0,
            base_timestamp: -1,
            max_timestamp: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 0,
        };
        Self {
            header,
            codec,
            level: None,
            log_append_time: None,
            records: Vec::new(),
            count: 0,
        }
    }

    /// Compression level, as [`compress`] takes it.
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    /// Offset of the first record.
    pub fn base_offset(mut self, offset: i64) -> Self {
        self.header.base_offset = offset;
        self
    }

    /// The leader's epoch.
    pub fn leader_epoch(mut self, epoch: i32) -> Self {
        self.header.leader_epoch = epoch;
        self
    }

    /// The idempotent producer: its id and epoch, and the sequence number of the first record.
    pub fn producer(mut self, id: i64, epoch: i16, sequence: i32) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = sequence;
        self
    }

    /// Marks the records as part of the producer's transaction.
    pub fn transactional(mut self) -> Self {
        self.header.attributes = self.header.attributes.transactional();
        self
    }

    /// Marks the records as control records.
    pub fn control(mut self) -> Self {
        self.header.attributes = self.header.attributes.control();
        self
    }

    /// Gives all records the time of the append, ms since the epoch.
    pub fn log_append_time(mut self, now_ms: i64) -> Self {
        self.header.attributes = self.header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        self.log_append_time = Some(now_ms);
        self
    }

    /// Adds a record; timestamp in ms since the epoch, −1 for none.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> &mut Self {
        let headers = headers.iter().map(|(key, value)| (key.as_bytes(), *value));
        self.push_raw(timestamp, key, value, headers);
        self
    }

    pub(super) fn push_raw<'a>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
    ) {
        if self.count == 0 {
            self.header.base_timestamp = timestamp;
        }
        self.header.max_timestamp = self.header.max_timestamp.max(timestamp);
        let delta = timestamp.wrapping_sub(self.header.base_timestamp);
        // An offset delta beyond 2³¹ wraps here, and `try_build` refuses so many records.
        write_record(&mut self.records, delta, self.count as i32, key, value, headers);
        self.count += 1;
    }

    /// The base timestamp, and the records before compression.
    pub(super) fn into_records(self) -> (i64, Bytes) {
        (self.header.base_timestamp, self.records.into())
    }

    /// Records so far.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the records so far, before compression.
    pub fn size(&self) -> usize {
        self.records.len()
    }

    /// The batch. Panics without records, or with 2 GiB of them: use [`BatchBuilder::try_build`] where either can be.
    pub fn build(&self) -> Bytes {
        self.try_build()
            .expect("there are records, and less than 2 GiB of them")
    }

    /// The batch, or [`BatchError::NotABatch`] without records or with 2 GiB of them.
    pub fn try_build(&self) -> Result<Bytes, BatchError> {
        let mut header = self.header;
        let refused = BatchError::NotABatch {
            record_count: self.count,
            size: self.records.len(),
        };
        match i32::try_from(self.count) {
            Ok(count) if count > 0 && i32::try_from(self.records.len()).is_ok() => header.record_count = count,
            _ => return Err(refused),
        }
        header.last_offset_delta = header.record_count - 1;
        if let Some(now_ms) = self.log_append_time {
            header.max_timestamp = now_ms;
        }
        let batch = match self.codec {
            Codec::None => header.with_records(&self.records)?,
            codec => header.with_records(&compress(codec, self.level, &self.records)?)?,
        };
        Ok(batch.1)
    }
}
