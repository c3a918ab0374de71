//! The records of a batch, one after the other.

use bytes::Bytes;

use super::record::read_record;
use super::source::{ReadError, SliceSource, Source};
use super::{BatchError, BatchHeader, HEADER_LEN, TimestampType};
use crate::compression::{Codec, decompress};

/// A record with what its batch says of it. Keys and values share the memory of the batch, or of its decompressed records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// ms since the epoch; of the append if the batch's type is that. −1 if there is none.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; null in a tombstone.
    pub value: Option<Bytes>,
    /// Its headers, in order; keys may repeat.
    pub headers: Vec<RecordHeader>,
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// Its key: UTF-8 by convention, which nobody checks.
    pub key: Bytes,
    /// Its value.
    pub value: Option<Bytes>,
}

/// Iterates over the records of a batch. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    bytes: Bytes,
    position: usize,
    next: i32,
}

impl Records {
    /// Reads the batch at the front of `batch`, which must be there as a whole; what follows it is left alone. Compressed
    /// records are decompressed at once, to `max_decompressed_bytes` at most. The CRC is not checked.
    pub fn new(batch: &Bytes, max_decompressed_bytes: usize) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(batch)?;
        let size = header.size();
        if batch.len() < size {
            return Err(BatchError::Truncated {
                expected: size,
                found: batch.len(),
            });
        }
        let records = batch.slice(HEADER_LEN..size);
        let bytes = match header.attributes.codec()? {
            Codec::None => records,
            // A batch that compaction emptied may hold nothing, not even an empty stream.
            _ if header.record_count == 0 => Bytes::new(),
            codec => decompress(codec, &records, max_decompressed_bytes)?.into(),
        };
        Ok(Self {
            header,
            bytes,
            position: 0,
            next: 0,
        })
    }

    /// The header of the batch.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    fn read(&mut self) -> Result<Record, BatchError> {
        let mut source = SliceSource::new(&self.bytes, self.position);
        let mut headers = Vec::new();
        let record = read_record(&mut source, |key, value| {
            let value = value.map(|value| self.bytes.slice_ref(value));
            headers.push(RecordHeader {
                key: self.bytes.slice_ref(key),
                value,
            });
        })
        .map_err(|error| at(self.next, error))?;
        self.position = source.position();
        if self.next == self.header.record_count - 1 && self.position < self.bytes.len() {
            return Err(BatchError::TrailingBytes {
                record_count: self.header.record_count,
            });
        }
        Ok(Record {
            offset: self.header.base_offset.saturating_add(i64::from(record.offset_delta)),
            timestamp: timestamp(&self.header, record.timestamp_delta),
            key: record.key.map(|key| self.bytes.slice_ref(key)),
            value: record.value.map(|value| self.bytes.slice_ref(value)),
            headers,
        })
    }
}

impl Iterator for Records {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.header.record_count {
            return None;
        }
        let record = self.read();
        self.next = if record.is_ok() { self.next + 1 } else { i32::MAX };
        Some(record)
    }
}

impl std::iter::FusedIterator for Records {}

/// The timestamp that a record has for its readers.
pub(super) fn timestamp(header: &BatchHeader, delta: i64) -> i64 {
    match header.attributes.timestamp_type() {
        TimestampType::CreateTime => header.base_timestamp.wrapping_add(delta),
        TimestampType::LogAppendTime => header.max_timestamp,
    }
}

/// The error of a batch for one of its records.
pub(super) fn at(index: i32, error: ReadError) -> BatchError {
    match error {
        ReadError::Malformed(reason) => BatchError::MalformedRecord { index, reason },
        ReadError::Compression(error) => BatchError::Compression(error),
    }
}
