//! The header of a batch: read, checked, stamped.

use bytes::Bytes;

use super::{Attributes, BatchError, HEADER_LEN, LOG_OVERHEAD, PREFIX_LEN};

/// Magic of the only format there is.
pub const MAGIC: i8 = 2;
/// Of the magic byte, in every format there ever was.
pub(super) const MAGIC_AT: usize = 16;
pub(super) const CRC_AT: usize = 17;
/// The CRC covers everything from here.
pub(super) const ATTRIBUTES_AT: usize = 21;
pub(super) const MAX_TIMESTAMP_AT: usize = 35;
/// The least batch length: a header without records.
pub(super) const LEAST_LENGTH: i32 = (HEADER_LEN - LOG_OVERHEAD) as i32;

/// The 61 bytes before a batch's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; 0 as produced, given by the log.
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    /// The leader's epoch when it was appended.
    pub leader_epoch: i32,
    /// 2.
    pub magic: i8,
    /// CRC32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type and the other bits.
    pub attributes: Attributes,
    /// Offset of the last record, from `base_offset`. It stays when compaction drops that record.
    pub last_offset_delta: i32,
    /// Timestamp from which the records' are counted, ms since the epoch; the delete horizon if the attributes say so.
    pub base_timestamp: i64,
    /// Largest timestamp of the records, or the time of the append ([`super::TimestampType`]); −1 if there is none.
    pub max_timestamp: i64,
    /// The producer, −1 if it has no id.
    pub producer_id: i64,
    /// Its epoch, −1 without an id.
    pub producer_epoch: i16,
    /// Sequence number of the first record, −1 without an id.
    pub base_sequence: i32,
    /// Records in the batch; compaction can leave none.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads a header: needs its 61 bytes, magic 2 and a batch length of at least 49. Neither the CRC nor anything that
    /// it covers is checked.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(BatchError::Truncated {
                expected: HEADER_LEN,
                found: bytes.len(),
            });
        };
        let mut fields = Fields(header);
        let header = Self {
            base_offset: i64::from_be_bytes(fields.next()),
            batch_length: i32::from_be_bytes(fields.next()),
            leader_epoch: i32::from_be_bytes(fields.next()),
            magic: i8::from_be_bytes(fields.next()),
            crc: u32::from_be_bytes(fields.next()),
            attributes: Attributes(i16::from_be_bytes(fields.next())),
            last_offset_delta: i32::from_be_bytes(fields.next()),
            base_timestamp: i64::from_be_bytes(fields.next()),
            max_timestamp: i64::from_be_bytes(fields.next()),
            producer_id: i64::from_be_bytes(fields.next()),
            producer_epoch: i16::from_be_bytes(fields.next()),
            base_sequence: i32::from_be_bytes(fields.next()),
            record_count: i32::from_be_bytes(fields.next()),
        };
        check_magic(header.magic)?;
        if header.batch_length < LEAST_LENGTH {
            return Err(BatchError::InvalidLength {
                found: header.batch_length,
                least: LEAST_LENGTH,
            });
        }
        Ok(header)
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset of the record that would follow.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Whether an idempotent or transactional producer wrote it.
    pub fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// Sequence number of the last record: after `i32::MAX` comes 0. −1 without one.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        // Modulo 2³¹, which is what is left without the sign bit.
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }

    /// Puts this header before compressed or plain records, with the length and CRC that these give.
    pub(super) fn with_records(mut self, records: &[u8]) -> Result<(Self, Bytes), BatchError> {
        let size = HEADER_LEN + records.len();
        self.batch_length = i32::try_from(size - LOG_OVERHEAD).map_err(|_| BatchError::NotABatch {
            record_count: self.record_count.unsigned_abs() as usize,
            size,
        })?;
        let mut batch = Vec::with_capacity(size);
        batch.extend_from_slice(&self.encode());
        batch.extend_from_slice(records);
        self.crc = stamp_crc(&mut batch);
        Ok((self, batch.into()))
    }

    /// Its bytes.
    fn encode(&self) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            header[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&prefix(self.base_offset, self.batch_length, self.leader_epoch));
        put(&self.magic.to_be_bytes());
        put(&self.crc.to_be_bytes());
        put(&self.attributes.0.to_be_bytes());
        put(&self.last_offset_delta.to_be_bytes());
        put(&self.base_timestamp.to_be_bytes());
        put(&self.max_timestamp.to_be_bytes());
        put(&self.producer_id.to_be_bytes());
        put(&self.producer_epoch.to_be_bytes());
        put(&self.base_sequence.to_be_bytes());
        put(&self.record_count.to_be_bytes());
        header
    }

    /// Writes this header, with the length and CRC that the records give, before those: `batch` has room for the header and
    /// then the records, as they are to stand there. Answers the header as written.
    pub(crate) fn put_before_records(mut self, batch: &mut [u8]) -> Result<Self, BatchError> {
        let refused = BatchError::NotABatch {
            record_count: self.record_count.unsigned_abs() as usize,
            size: batch.len(),
        };
        self.batch_length = i32::try_from(batch.len() - LOG_OVERHEAD).map_err(|_| refused)?;
        batch[..HEADER_LEN].copy_from_slice(&self.encode());
        self.crc = stamp_crc(batch);
        Ok(self)
    }
}

/// The fields of a header, one after the other; the header's length is the sum of theirs.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .expect("the fields are as long as the header");
        self.0 = rest;
        *field
    }
}

/// Whether a magic byte is one that is served.
pub(super) fn check_magic(magic: i8) -> Result<(), BatchError> {
    match magic {
        MAGIC => Ok(()),
        0 | 1 => Err(BatchError::OldMagic { magic }),
        _ => Err(BatchError::UnknownMagic { magic }),
    }
}

/// Checks the bytes of the batch at the front of `batch` against the CRC in its header.
pub fn verify_crc(batch: &[u8], header: &BatchHeader) -> Result<(), BatchError> {
    let size = header.size();
    let Some(covered) = batch.get(ATTRIBUTES_AT..size) else {
        return Err(BatchError::Truncated {
            expected: size,
            found: batch.len(),
        });
    };
    let computed = crc32c::crc32c(covered);
    if computed == header.crc {
        Ok(())
    } else {
        Err(BatchError::CrcMismatch {
            stored: header.crc,
            computed,
        })
    }
}

/// Writes the CRC of a whole batch into it.
pub(super) fn stamp_crc(batch: &mut [u8]) -> u32 {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    crc
}

/// The bytes of a batch that the CRC does not cover, which the log stamps.
pub fn prefix(base_offset: i64, batch_length: i32, leader_epoch: i32) -> [u8; PREFIX_LEN] {
    let mut prefix = [0; PREFIX_LEN];
    prefix[..8].copy_from_slice(&base_offset.to_be_bytes());
    prefix[8..12].copy_from_slice(&batch_length.to_be_bytes());
    prefix[12..].copy_from_slice(&leader_epoch.to_be_bytes());
    prefix
}
