//! One record of a batch: read and written.

use super::source::{ReadError, Source};

/// A record as it stands in its batch, without its headers.
pub(super) struct RawRecord<F> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<F>,
    pub(super) value: Option<F>,
}

/// Why a record cannot be read whose length is below 0.
pub(super) const MALFORMED_LENGTH: ReadError = ReadError::Malformed("its length is negative");

/// Reads the next record. Its headers go to `on_header` as they come. The record must be exactly as long as it says.
pub(super) fn read_record<S: Source>(
    source: &mut S,
    mut on_header: impl FnMut(S::Field, Option<S::Field>),
) -> Result<RawRecord<S::Field>, ReadError> {
    let length = source.varint()?;
    let length = usize::try_from(length).map_err(|_| MALFORMED_LENGTH)?;
    let start = source.position();
    source.byte()?; // attributes, without a meaning so far
    let timestamp_delta = source.varlong()?;
    let offset_delta = source.varint()?;
    let key = nullable(source)?;
    let value = nullable(source)?;
    let headers = source.varint()?;
    if headers < 0 {
        return Err(ReadError::Malformed("its header count is negative"));
    }
    // Not bounded by the count but by the bytes: each turn takes at least two.
    for _ in 0..headers {
        let key = nullable(source)?.ok_or(ReadError::Malformed("a header key is null"))?;
        on_header(key, nullable(source)?);
    }
    if source.position() - start != length {
        return Err(ReadError::Malformed("it is not as long as it says"));
    }
    Ok(RawRecord {
        timestamp_delta,
        offset_delta,
        key,
        value,
    })
}

/// A length and that many bytes; any negative length is null, as Java reads it.
fn nullable<S: Source>(source: &mut S) -> Result<Option<S::Field>, ReadError> {
    match usize::try_from(source.varint()?) {
        Ok(len) => source.take(len).map(Some),
        Err(_) => Ok(None),
    }
}

/// Appends a record. Keys, values and headers are below 2 GiB.
pub(super) fn write_record<'a>(
    out: &mut Vec<u8>,
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
) {
    let header_count = headers.len() as i64;
    let length = 1
        + varlong_len(timestamp_delta)
        + varlong_len(i64::from(offset_delta))
        + nullable_len(key)
        + nullable_len(value)
        + varlong_len(header_count)
        + headers
            .clone()
            .map(|(key, value)| nullable_len(Some(key)) + nullable_len(value))
            .sum::<usize>();
    out.reserve(varlong_len(length as i64) + length);
    put_varlong(out, length as i64);
    out.push(0);
    put_varlong(out, timestamp_delta);
    put_varlong(out, i64::from(offset_delta));
    put_nullable(out, key);
    put_nullable(out, value);
    put_varlong(out, header_count);
    for (key, value) in headers {
        put_nullable(out, Some(key));
        put_nullable(out, value);
    }
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_varlong(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
        None => put_varlong(out, -1),
    }
}

fn nullable_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varlong_len(bytes.len() as i64) + bytes.len())
}

/// Zigzag; for a number that fits 32 bits the same bytes as a varint.
pub(crate) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(crate) fn varlong_len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}
