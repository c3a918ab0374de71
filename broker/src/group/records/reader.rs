//! A cursor over Kafka's primitive types that never reads past the end.

use thiserror::Error;

use crate::group::config::MAX_NAME_BYTES;

/// Why bytes are not the record they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The record ends inside a field.
    #[error("{field}: {needed} bytes needed, {left} left")]
    Truncated {
        /// The field that was read.
        field: &'static str,
        /// How many bytes it needs.
        needed: usize,
        /// How many bytes there are.
        left: usize,
    },
    /// A length or count that cannot be.
    #[error("{field}: impossible length {length}")]
    Length {
        /// The field that was read.
        field: &'static str,
        /// The length found.
        length: i64,
    },
    /// A string that is not UTF-8.
    #[error("{field}: not UTF-8")]
    Utf8 {
        /// The field that was read.
        field: &'static str,
    },
    /// A value in a schema version that is not known.
    #[error("{record}: unknown version {version}")]
    Version {
        /// The kind of record.
        record: &'static str,
        /// The version found.
        version: i16,
    },
}

/// Reads fields from the front of a slice.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], RecordError> {
        match self.bytes.split_at_checked(count) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => Err(RecordError::Truncated {
                field,
                needed: count,
                left: self.bytes.len(),
            }),
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], RecordError> {
        match self.bytes.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(*taken)
            }
            None => Err(RecordError::Truncated {
                field,
                needed: N,
                left: self.bytes.len(),
            }),
        }
    }

    pub(crate) fn int16(&mut self, field: &'static str) -> Result<i16, RecordError> {
        Ok(i16::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn int32(&mut self, field: &'static str) -> Result<i32, RecordError> {
        Ok(i32::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn int64(&mut self, field: &'static str) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn uuid(&mut self, field: &'static str) -> Result<uuid::Uuid, RecordError> {
        Ok(uuid::Uuid::from_bytes(self.array(field)?))
    }

    /// A string with an i16 length.
    pub(crate) fn string(&mut self, field: &'static str) -> Result<&'a str, RecordError> {
        self.nullable_string(field)?
            .ok_or(RecordError::Length { field, length: -1 })
    }

    /// A string with an i16 length, where −1 is null.
    pub(crate) fn nullable_string(&mut self, field: &'static str) -> Result<Option<&'a str>, RecordError> {
        let length = self.int16(field)?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| RecordError::Length {
            field,
            length: length.into(),
        })?;
        self.utf8(field, length).map(Some)
    }

    /// Bytes with an i32 length.
    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], RecordError> {
        let length = self.int32(field)?;
        let length = usize::try_from(length).map_err(|_| RecordError::Length {
            field,
            length: length.into(),
        })?;
        self.take(field, length)
    }

    /// A string of a flexible version: its length plus one as a varint; 0 is null.
    pub(crate) fn nullable_compact_string(&mut self, field: &'static str) -> Result<Option<&'a str>, RecordError> {
        match self.unsigned_varint(field)?.checked_sub(1) {
            None => Ok(None),
            Some(length) => self.utf8(field, length as usize).map(Some),
        }
    }

    /// A string of a flexible version that is not null.
    pub(crate) fn compact_string(&mut self, field: &'static str) -> Result<&'a str, RecordError> {
        self.nullable_compact_string(field)?
            .ok_or(RecordError::Length { field, length: -1 })
    }

    /// Bytes of a flexible version.
    pub(crate) fn compact_bytes(&mut self, field: &'static str) -> Result<&'a [u8], RecordError> {
        let length = self
            .unsigned_varint(field)?
            .checked_sub(1)
            .ok_or(RecordError::Length { field, length: -1 })?;
        self.take(field, length as usize)
    }

    /// An unsigned varint of at most 32 bits.
    pub(crate) fn unsigned_varint(&mut self, field: &'static str) -> Result<u32, RecordError> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array(field)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| RecordError::Length {
                    field,
                    length: value as i64,
                });
            }
        }
        Err(RecordError::Length {
            field,
            length: value as i64,
        })
    }

    /// The tagged fields at the end of a flexible structure, each given to `visit`, which ignores what it does not know.
    pub(crate) fn tagged_fields(
        &mut self,
        mut visit: impl FnMut(u32, &'a [u8]) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        for _ in 0..self.unsigned_varint("tagged fields")? {
            let tag = self.unsigned_varint("tag")?;
            let size = self.unsigned_varint("tag size")?;
            visit(tag, self.take("tagged field", size as usize)?)?;
        }
        Ok(())
    }

    fn utf8(&mut self, field: &'static str, length: usize) -> Result<&'a str, RecordError> {
        std::str::from_utf8(self.take(field, length)?).map_err(|_| RecordError::Utf8 { field })
    }
}

/// A name that will be written again, so it must fit into the string of a record.
pub(crate) fn name<'a>(field: &'static str, text: &'a str) -> Result<&'a str, RecordError> {
    if text.len() > MAX_NAME_BYTES {
        return Err(RecordError::Length {
            field,
            length: text.len() as i64,
        });
    }
    Ok(text)
}
