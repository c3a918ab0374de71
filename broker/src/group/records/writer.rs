//! Kafka's primitive types, written to the end of a buffer.

use bytes::{BufMut, BytesMut};

/// A string with an i16 length. Names are checked against `MAX_NAME_BYTES` where a request or a record enters.
pub(crate) fn put_string(buffer: &mut BytesMut, text: &str) {
    let length = i16::try_from(text.len()).expect("names are bounded where they enter");
    buffer.put_i16(length);
    buffer.put_slice(text.as_bytes());
}

/// A string with an i16 length, null as −1.
pub(crate) fn put_nullable_string(buffer: &mut BytesMut, text: Option<&str>) {
    match text {
        Some(text) => put_string(buffer, text),
        None => buffer.put_i16(-1),
    }
}

/// Bytes with an i32 length. They came in a frame, whose length is an i32.
pub(crate) fn put_bytes(buffer: &mut BytesMut, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).expect("no frame is larger than an i32 can say");
    buffer.put_i32(length);
    buffer.put_slice(bytes);
}

/// A string of a flexible version.
pub(crate) fn put_compact_string(buffer: &mut BytesMut, text: &str) {
    let length = u32::try_from(text.len()).expect("no frame is larger than an i32 can say");
    put_unsigned_varint(buffer, length + 1);
    buffer.put_slice(text.as_bytes());
}

/// An unsigned varint.
pub(crate) fn put_unsigned_varint(buffer: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        buffer.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    buffer.put_u8(value as u8);
}
