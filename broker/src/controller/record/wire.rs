//! Kafka's flexible encoding (KIP-482), as far as metadata records need it.
//!
//! Invariant: the reader reserves memory only for elements whose bytes are there.

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use super::RecordError;

/// The longest string of a record, in bytes: Kafka's readers refuse longer ones.
pub const MAX_STRING_LEN: usize = i16::MAX as usize;

/// Reads fields from the front of a slice.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Bytes not yet read.
    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], RecordError> {
        let Some((front, rest)) = self.bytes.split_at_checked(count) else {
            return Err(RecordError::Truncated {
                needed: count,
                left: self.bytes.len(),
            });
        };
        self.bytes = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let Some((front, rest)) = self.bytes.split_first_chunk::<N>() else {
            return Err(RecordError::Truncated {
                needed: N,
                left: self.bytes.len(),
            });
        };
        self.bytes = rest;
        Ok(*front)
    }

    pub(super) fn i8(&mut self) -> Result<i8, RecordError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub(super) fn bool(&mut self) -> Result<bool, RecordError> {
        Ok(self.i8()? != 0)
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, RecordError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, RecordError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid, RecordError> {
        Ok(Uuid::from_bytes(self.array()?))
    }

    pub(super) fn unsigned_varint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Err(RecordError::VarintTooLong);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::VarintTooLong)
    }

    /// A compact length: stored plus one, 0 for null.
    fn compact_length(&mut self) -> Result<Option<usize>, RecordError> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(|len| len as usize))
    }

    pub(super) fn string(&mut self) -> Result<String, RecordError> {
        self.nullable_string()?.ok_or(RecordError::UnexpectedNull)
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<String>, RecordError> {
        let Some(len) = self.compact_length()? else {
            return Ok(None);
        };
        if len > MAX_STRING_LEN {
            return Err(RecordError::StringTooLong { len });
        }
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| RecordError::NotUtf8)?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn i32_array(&mut self) -> Result<Vec<i32>, RecordError> {
        self.nullable_i32_array()?.ok_or(RecordError::UnexpectedNull)
    }

    pub(super) fn nullable_i32_array(&mut self) -> Result<Option<Vec<i32>>, RecordError> {
        let Some(count) = self.compact_length()? else {
            return Ok(None);
        };
        let bytes = self.take(count.saturating_mul(4))?;
        let (chunks, _) = bytes.as_chunks::<4>();
        Ok(Some(chunks.iter().map(|chunk| i32::from_be_bytes(*chunk)).collect()))
    }

    /// Skips an array of values of `size` bytes each.
    pub(super) fn skip_array_of(&mut self, size: usize) -> Result<(), RecordError> {
        let count = self.compact_length()?.ok_or(RecordError::UnexpectedNull)?;
        self.take(count.saturating_mul(size)).map(drop)
    }

    /// An array of structures, each read by `element`. An element is at least one byte, its tagged fields' count.
    pub(super) fn structures<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = self.compact_length()?.ok_or(RecordError::UnexpectedNull)?;
        if count > self.left() {
            return Err(RecordError::Truncated {
                needed: count,
                left: self.left(),
            });
        }
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(elements)
    }

    /// The tagged fields at the end of a structure, each given to `field` with its tag.
    pub(super) fn tagged_fields(
        &mut self,
        mut field: impl FnMut(u32, &mut Reader<'a>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()? as usize;
            field(tag, &mut Reader::new(self.take(size)?))?;
        }
        Ok(())
    }

    pub(super) fn skip_tagged_fields(&mut self) -> Result<(), RecordError> {
        self.tagged_fields(|_, _| Ok(()))
    }
}

/// Appends fields to a buffer.
#[derive(Default)]
pub(super) struct Writer {
    bytes: BytesMut,
}

impl Writer {
    pub(super) fn finish(self) -> Bytes {
        self.bytes.freeze()
    }

    pub(super) fn i8(&mut self, value: i8) {
        self.bytes.put_i8(value);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.bytes.put_u8(u8::from(value));
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.bytes.put_i16(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes.put_u16(value);
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.bytes.put_i64(value);
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.bytes.put_slice(value.as_bytes());
    }

    pub(super) fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    fn compact_length(&mut self, len: usize) {
        let stored = u32::try_from(len).ok().and_then(|len| len.checked_add(1));
        self.unsigned_varint(stored.expect("strings and replica lists are far below 4 Gi elements"));
    }

    pub(super) fn string(&mut self, value: &str) -> Result<(), RecordError> {
        if value.len() > MAX_STRING_LEN {
            return Err(RecordError::StringTooLong { len: value.len() });
        }
        self.compact_length(value.len());
        self.bytes.put_slice(value.as_bytes());
        Ok(())
    }

    pub(super) fn nullable_string(&mut self, value: Option<&str>) -> Result<(), RecordError> {
        match value {
            Some(value) => self.string(value),
            None => {
                self.unsigned_varint(0);
                Ok(())
            }
        }
    }

    pub(super) fn i32_array(&mut self, values: &[i32]) {
        self.compact_length(values.len());
        for value in values {
            self.bytes.put_i32(*value);
        }
    }

    /// An array of structures, each written by `element`.
    pub(super) fn structures<T>(
        &mut self,
        values: &[T],
        mut element: impl FnMut(&mut Self, &T) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        self.compact_length(values.len());
        values.iter().try_for_each(|value| element(self, value))
    }

    /// The tagged fields of a structure: pairs of tag and encoded value, in ascending order of tags.
    pub(super) fn tagged_fields(&mut self, fields: &[(u32, Bytes)]) {
        self.unsigned_varint(fields.len() as u32);
        for (tag, value) in fields {
            self.unsigned_varint(*tag);
            self.unsigned_varint(value.len() as u32);
            self.bytes.put_slice(value);
        }
    }

    pub(super) fn no_tagged_fields(&mut self) {
        self.unsigned_varint(0);
    }
}
