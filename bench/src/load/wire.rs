//! Requests as bytes, and answers read back: only the few versions that the load uses, none of them flexible.
//!
//! Fields are named in the message schemas of Apache Kafka (`clients/src/main/resources/common/message`).

/// A request with its size in front.
#[derive(Debug, Clone)]
pub(super) struct Request {
    bytes: Vec<u8>,
}

/// Where the correlation id stands in a request.
const CORRELATION: usize = 8;

impl Request {
    /// Begins one, with header version 1.
    pub(super) fn new(api_key: i16, version: i16) -> Self {
        let mut request = Request { bytes: vec![0; 4] };
        request.i16(api_key).i16(version).i32(0).string("bench");
        request
    }

    pub(super) fn i8(&mut self, value: i8) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i16(&mut self, value: i16) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(super) fn string(&mut self, text: &str) -> &mut Self {
        self.i16(text.len() as i16);
        self.bytes.extend(text.as_bytes());
        self
    }

    /// The absent string.
    pub(super) fn null(&mut self) -> &mut Self {
        self.i16(-1)
    }

    /// Where the next field will stand.
    pub(super) fn place(&self) -> usize {
        self.bytes.len()
    }

    /// Its bytes, when `following` more bytes come after them.
    pub(super) fn finish(mut self, following: usize) -> Vec<u8> {
        let size = (self.bytes.len() - 4 + following) as u32;
        self.bytes[..4].copy_from_slice(&size.to_be_bytes());
        self.bytes
    }
}

/// Writes the correlation id into a finished request.
pub(super) fn set_correlation(request: &mut [u8], correlation: i32) {
    set_i32(request, CORRELATION, correlation);
}

/// Writes a field into a finished request.
pub(super) fn set_i32(request: &mut [u8], place: usize, value: i32) {
    request[place..place + 4].copy_from_slice(&value.to_be_bytes());
}

/// Writes a field into a finished request.
pub(super) fn set_i64(request: &mut [u8], place: usize, value: i64) {
    request[place..place + 8].copy_from_slice(&value.to_be_bytes());
}

/// An answer, read field by field.
#[derive(Debug)]
pub(super) struct Answer<'a>(&'a [u8]);

/// The answer is shorter than its fields.
#[derive(Debug, thiserror::Error)]
#[error("the broker's answer ends too early")]
pub(crate) struct TooShort;

impl<'a> Answer<'a> {
    /// Of an answer's bytes, size excluded.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Answer(bytes)
    }

    /// Bytes that were not read yet.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    /// The next bytes.
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TooShort> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TooShort)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn i16(&mut self) -> Result<i16, TooShort> {
        self.take().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, TooShort> {
        self.take().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, TooShort> {
        self.take().map(i64::from_be_bytes)
    }

    /// Passes over a string.
    pub(super) fn skip_string(&mut self) -> Result<(), TooShort> {
        let length = self.i16()?.max(0) as usize;
        self.0 = self.0.get(length..).ok_or(TooShort)?;
        Ok(())
    }

    /// A string; the absent one is empty.
    pub(super) fn string(&mut self) -> Result<String, TooShort> {
        let length = self.i16()?.max(0) as usize;
        let (text, rest) = self.0.split_at_checked(length).ok_or(TooShort)?;
        self.0 = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}
