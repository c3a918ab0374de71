//! Reads the protocol's primitive types out of a frame.
//!
//! Invariant: never panics and never allocates for a length or count that the frame cannot hold. Strings and bytes are
//! slices of the frame, without copying.

use bytes::{Buf, Bytes};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message ends before its last field.
    #[error("{needed} bytes expected where {left} are left")]
    Truncated {
        /// What the next field needs.
        needed: usize,
        /// What there is.
        left: usize,
    },
    /// A length or count below zero where null is not allowed.
    #[error("negative length {0}")]
    NegativeLength(i32),
    /// More elements than their smallest encoding leaves room for, or than a limit allows.
    #[error("{count} elements claimed, at most {limit} are possible")]
    TooManyElements {
        /// Claimed by the message.
        count: usize,
        /// The most that can be.
        limit: usize,
    },
    /// More fields than a request may have, however small they are.
    #[error("more than {limit} fields (fixed.request.fields)")]
    TooManyFields {
        /// The most that are read.
        limit: usize,
    },
    /// A string that is not UTF-8.
    #[error("string is not UTF-8")]
    NotUtf8,
    /// A varint of more than five bytes.
    #[error("varint longer than five bytes")]
    VarintTooLong,
    /// What the codec crate reports.
    #[error("{0}")]
    Codec(String),
}

/// Takes fields off the front of a message.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a mut Bytes,
    flexible: bool,
}

impl<'a> Reader<'a> {
    /// Reads from `bytes`, advancing it. `flexible`: compact types and tagged fields (KIP-482).
    pub fn new(bytes: &'a mut Bytes, flexible: bool) -> Self {
        Self { bytes, flexible }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn need(&self, needed: usize) -> Result<(), DecodeError> {
        let left = self.bytes.len();
        if left < needed {
            Err(DecodeError::Truncated { needed, left })
        } else {
            Ok(())
        }
    }

    /// A boolean: any byte but 0 is true.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        self.need(1)?;
        Ok(self.bytes.get_u8() != 0)
    }

    /// A big-endian 16-bit integer.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.need(2)?;
        Ok(self.bytes.get_i16())
    }

    /// A big-endian 32-bit integer.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.need(4)?;
        Ok(self.bytes.get_i32())
    }

    /// A big-endian 64-bit integer.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.need(8)?;
        Ok(self.bytes.get_i64())
    }

    /// A UUID: 16 bytes.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.need(16)?;
        let mut uuid = [0; 16];
        self.bytes.copy_to_slice(&mut uuid);
        Ok(Uuid::from_bytes(uuid))
    }

    /// An unsigned varint of at most 32 bits.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            self.need(1)?;
            let byte = self.bytes.get_u8();
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong)
    }

    /// The length of a field or array, `None` for null, of which `i16_length` says that it has two bytes when not compact.
    fn length(&mut self, i16_length: bool) -> Result<Option<usize>, DecodeError> {
        let length = if self.flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else if i16_length {
            i64::from(self.i16()?)
        } else {
            i64::from(self.i32()?)
        };
        match length {
            -1 => Ok(None),
            length => usize::try_from(length)
                .map(Some)
                .map_err(|_| DecodeError::NegativeLength(length as i32)),
        }
    }

    /// A string or null.
    pub fn nullable_string(&mut self) -> Result<Option<StrBytes>, DecodeError> {
        let Some(length) = self.length(true)? else {
            return Ok(None);
        };
        self.need(length)?;
        StrBytes::from_utf8(self.bytes.split_to(length))
            .map(Some)
            .map_err(|_| DecodeError::NotUtf8)
    }

    /// A string.
    pub fn string(&mut self) -> Result<StrBytes, DecodeError> {
        self.nullable_string()?.ok_or(DecodeError::NegativeLength(-1))
    }

    /// Bytes or null.
    pub fn nullable_bytes(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let Some(length) = self.length(false)? else {
            return Ok(None);
        };
        self.need(length)?;
        Ok(Some(self.bytes.split_to(length)))
    }

    /// The count of an array or null, each element of which takes `least` bytes or more.
    pub fn nullable_count(&mut self, least: usize) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.length(false)? else {
            return Ok(None);
        };
        let limit = self.remaining() / least.max(1);
        if count > limit {
            return Err(DecodeError::TooManyElements { count, limit });
        }
        Ok(Some(count))
    }

    /// The count of an array, each element of which takes `least` bytes or more.
    pub fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        self.nullable_count(least)?.ok_or(DecodeError::NegativeLength(-1))
    }

    /// Skips the tagged fields at the end of a structure; nothing where the version is not flexible.
    pub fn skip_tagged_fields(&mut self) -> Result<(), DecodeError> {
        if !self.flexible {
            return Ok(());
        }
        // Each field takes two bytes or more, so this loop ends with the frame.
        for _ in 0..self.unsigned_varint()? {
            self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            self.need(length)?;
            self.bytes.advance(length);
        }
        Ok(())
    }
}
