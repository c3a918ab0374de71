//! The keys of a batch's records, without a copy and without a look at values and headers: for who reads all of a log.

use super::record::MALFORMED_LENGTH;
use super::records::at;
use super::source::{ReadError, SliceSource, Source};
use super::{BatchError, BatchHeader};

/// One record, as far as the cleaner has to know it. Ranges are bytes of the records that were given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedRecord<'a> {
    /// Where its length begins.
    pub(crate) start: usize,
    /// Where its timestamp begins.
    pub(crate) timestamp_at: usize,
    /// What follows its timestamp.
    pub(crate) rest_at: usize,
    /// Where it ends.
    pub(crate) end: usize,
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i32,
    pub(crate) key: Option<&'a [u8]>,
    /// Whether it is no tombstone.
    pub(crate) has_value: bool,
}

/// Iterates over decompressed records. Ends after the first error.
#[derive(Debug)]
pub(crate) struct KeyedRecords<'a> {
    bytes: &'a [u8],
    position: usize,
    next: i32,
    count: i32,
}

impl<'a> KeyedRecords<'a> {
    /// The records of the batch with this header.
    pub(crate) fn new(header: &BatchHeader, bytes: &'a [u8]) -> Self {
        KeyedRecords {
            bytes,
            position: 0,
            next: 0,
            count: header.record_count,
        }
    }

    #[inline]
    fn read(&mut self) -> Result<KeyedRecord<'a>, ReadError> {
        let start = self.position;
        let mut source = SliceSource::new(self.bytes, start);
        let length = usize::try_from(source.varint()?).map_err(|_| MALFORMED_LENGTH)?;
        let body = source.position();
        let end = body.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or(ReadError::Malformed("it is longer than its batch"))?;
        source.byte()?; // attributes
        let timestamp_at = source.position();
        let timestamp_delta = source.varlong()?;
        let rest_at = source.position();
        let offset_delta = source.varint()?;
        let key = match usize::try_from(source.varint()?) {
            Ok(len) => Some(source.take(len)?),
            Err(_) => None,
        };
        let has_value = source.varint()? >= 0;
        if source.position() > end {
            return Err(ReadError::Malformed("it is not as long as it says"));
        }
        self.position = end;
        Ok(KeyedRecord {
            start,
            timestamp_at,
            rest_at,
            end,
            timestamp_delta,
            offset_delta,
            key,
            has_value,
        })
    }
}

impl<'a> Iterator for KeyedRecords<'a> {
    type Item = Result<KeyedRecord<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let record = self.read().map_err(|error| at(self.next, error));
        self.next = if record.is_ok() { self.next + 1 } else { i32::MAX };
        Some(record)
    }
}
