//! Writes the protocol's primitive types.

use bytes::{BufMut, BytesMut};
use uuid::Uuid;

/// Appends fields to a message.
#[derive(Debug)]
pub struct Writer {
    /// What has been written.
    pub bytes: BytesMut,
    flexible: bool,
}

impl Writer {
    /// Appends to `bytes`. `flexible`: compact types and tagged fields (KIP-482).
    pub fn new(bytes: BytesMut, flexible: bool) -> Self {
        Self { bytes, flexible }
    }

    /// A big-endian 16-bit integer.
    pub fn i16(&mut self, value: i16) {
        self.bytes.put_i16(value);
    }

    /// A big-endian 32-bit integer.
    pub fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    /// A big-endian 64-bit integer.
    pub fn i64(&mut self, value: i64) {
        self.bytes.put_i64(value);
    }

    /// A UUID: 16 bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.bytes.put_slice(value.as_bytes());
    }

    /// An unsigned varint.
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// The length of bytes, or the count of an array; the caller has checked that it is below `i32::MAX`.
    pub fn length(&mut self, length: usize) {
        debug_assert!(length < i32::MAX as usize);
        if self.flexible {
            self.unsigned_varint(length as u32 + 1);
        } else {
            self.bytes.put_i32(length as i32);
        }
    }

    /// The count of an array that is null.
    pub fn null_array(&mut self) {
        if self.flexible {
            self.bytes.put_u8(0);
        } else {
            self.bytes.put_i32(-1);
        }
    }

    /// A string; bytes beyond what the format can say (32,767) are cut at a character.
    pub fn string(&mut self, value: &str) {
        let mut end = value.len().min(i16::MAX as usize);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        if self.flexible {
            self.unsigned_varint(end as u32 + 1);
        } else {
            self.bytes.put_i16(end as i16);
        }
        self.bytes.put_slice(&value.as_bytes()[..end]);
    }

    /// A string or null.
    pub fn nullable_string(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.string(value),
            None if self.flexible => self.bytes.put_u8(0),
            None => self.bytes.put_i16(-1),
        }
    }

    /// The end of a structure without tagged fields; nothing where the version is not flexible.
    pub fn no_tagged_fields(&mut self) {
        if self.flexible {
            self.bytes.put_u8(0);
        }
    }
}
