//! The non-flexible wire: big-endian numbers, strings behind an `i16` length, arrays behind an `i32` count. A read never
//! passes the end of its frame.

#[cfg(test)]
mod tests;

/// A frame that ends early, or a length that cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a malformed frame")]
pub(crate) struct Malformed;

/// Reads a frame from front to back. What it hands out stays writable, so that a batch is stamped where it was received.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a mut [u8],
}

impl<'a> Reader<'a> {
    /// Over the bytes of a frame, without its length.
    pub(crate) fn new(frame: &'a mut [u8]) -> Self {
        Self { rest: frame }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// All that is left.
    pub(crate) fn into_rest(self) -> &'a mut [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a mut [u8], Malformed> {
        let (taken, rest) = std::mem::take(&mut self.rest)
            .split_at_mut_checked(count)
            .ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)
            .map(|bytes| <[u8; N]>::try_from(&*bytes).expect("N bytes were taken"))
    }

    /// An `i8`; a boolean is one too.
    pub(crate) fn i8(&mut self) -> Result<i8, Malformed> {
        self.array_of().map(i8::from_be_bytes)
    }

    /// An `i16`.
    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array_of().map(i16::from_be_bytes)
    }

    /// An `i32`.
    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array_of().map(i32::from_be_bytes)
    }

    /// An `i64`.
    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array_of().map(i64::from_be_bytes)
    }

    /// A string; null is no string.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        self.nullable_string()?.ok_or(Malformed)
    }

    /// A string that may be null.
    pub(crate) fn nullable_string(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.i16()? {
            -1 => Ok(None),
            length => Ok(Some(self.take(usize::try_from(length).map_err(|_| Malformed)?)?)),
        }
    }

    /// A count of bytes and the bytes; null is none.
    pub(crate) fn bytes(&mut self) -> Result<&'a mut [u8], Malformed> {
        match self.i32()? {
            -1 => Ok(&mut []),
            length => self.take(usize::try_from(length).map_err(|_| Malformed)?),
        }
    }

    /// The count of an array, `None` for null; never more than the bytes that are left, so that a loop over it is bounded.
    pub(crate) fn nullable_array(&mut self) -> Result<Option<usize>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            count => usize::try_from(count)
                .ok()
                .filter(|&count| count <= self.rest.len())
                .map(Some)
                .ok_or(Malformed),
        }
    }

    /// The count of an array; null is empty.
    pub(crate) fn array(&mut self) -> Result<usize, Malformed> {
        Ok(self.nullable_array()?.unwrap_or(0))
    }
}

/// What frames are made of, appended to a buffer.
pub(crate) trait Put {
    /// Bytes as they are.
    fn raw(&mut self, bytes: &[u8]) -> &mut Self;

    /// An `i8`; a boolean is one too.
    fn i8(&mut self, value: i8) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// An `i16`.
    fn i16(&mut self, value: i16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// An `i32`.
    fn i32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// An `i64`.
    fn i64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// A string of at most 32,767 bytes.
    fn string(&mut self, value: &[u8]) -> &mut Self {
        self.i16(i16::try_from(value.len()).expect("names are short, and come from an i16 length"));
        self.raw(value)
    }

    /// The count of an array.
    fn count(&mut self, value: usize) -> &mut Self {
        self.i32(i32::try_from(value).expect("counts are bounded by a frame's bytes"))
    }
}

impl Put for Vec<u8> {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.extend_from_slice(bytes);
        self
    }
}

/// Begins an answer in `out`: room for its length, and the request's correlation id. Returns where it begins.
pub(crate) fn begin_answer(out: &mut Vec<u8>, correlation: i32) -> usize {
    let begin = out.len();
    out.i32(0).i32(correlation);
    begin
}

/// Ends the frame that begins at `begin`: fills in its length, to which `elsewhere` bytes belong that are not in `out`.
pub(crate) fn end_frame(out: &mut [u8], begin: usize, elsewhere: usize) {
    let length = u32::try_from(out.len() - begin - 4 + elsewhere).expect("a frame's parts are bounded by i32 fields");
    out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
}
