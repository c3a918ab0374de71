//! Where records are read from: a slice, or a stream that is decompressed on the way.

use crate::compression::{CompressionError, Decompressor};

/// Why a record cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// Its bytes make no record.
    Malformed(&'static str),
    /// The bytes cannot be had.
    Compression(CompressionError),
}

impl From<CompressionError> for ReadError {
    fn from(error: CompressionError) -> Self {
        Self::Compression(error)
    }
}

const ENDS_EARLY: ReadError = ReadError::Malformed("the bytes end before the record does");

/// Bytes of records, taken from the front.
pub(super) trait Source {
    /// What is given for the bytes of a key or value.
    type Field;
    /// Takes one byte.
    fn byte(&mut self) -> Result<u8, ReadError>;
    /// Takes `len` bytes.
    fn take(&mut self, len: usize) -> Result<Self::Field, ReadError>;
    /// Bytes taken so far.
    fn position(&self) -> usize;
    /// Whether nothing is left.
    fn at_end(&mut self) -> Result<bool, ReadError>;

    /// A zigzag number of at most 5 bytes. Bits beyond 32 are dropped, as Java does.
    #[inline]
    fn varint(&mut self) -> Result<i32, ReadError> {
        let mut value = 0u32;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i32 ^ -((value & 1) as i32));
            }
        }
        Err(ReadError::Malformed("a varint has more than 5 bytes"))
    }

    /// A zigzag number of at most 10 bytes. Bits beyond 64 are dropped, as Java does.
    #[inline]
    fn varlong(&mut self) -> Result<i64, ReadError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(ReadError::Malformed("a varlong has more than 10 bytes"))
    }
}

/// Records in memory; fields are slices of them.
pub(super) struct SliceSource<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> SliceSource<'a> {
    /// Reads from `position` on.
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }
}

impl<'a> Source for SliceSource<'a> {
    type Field = &'a [u8];

    #[inline]
    fn byte(&mut self) -> Result<u8, ReadError> {
        let byte = *self.bytes.get(self.position).ok_or(ENDS_EARLY)?;
        self.position += 1;
        Ok(byte)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let field = rest.get(..len).ok_or(ENDS_EARLY)?;
        self.position += len;
        Ok(field)
    }

    fn position(&self) -> usize {
        self.position
    }

    fn at_end(&mut self) -> Result<bool, ReadError> {
        Ok(self.position >= self.bytes.len())
    }
}

/// Records that are decompressed while they are read; fields are passed over.
pub(super) struct StreamSource<'a>(pub(super) Decompressor<'a>);

impl Source for StreamSource<'_> {
    type Field = ();

    #[inline]
    fn byte(&mut self) -> Result<u8, ReadError> {
        let byte = *self.0.chunk()?.first().ok_or(ENDS_EARLY)?;
        self.0.consume(1);
        Ok(byte)
    }

    fn take(&mut self, mut len: usize) -> Result<(), ReadError> {
        while len > 0 {
            let read = self.0.chunk()?.len().min(len);
            if read == 0 {
                return Err(ENDS_EARLY);
            }
            self.0.consume(read);
            len -= read;
        }
        Ok(())
    }

    fn position(&self) -> usize {
        self.0.consumed()
    }

    fn at_end(&mut self) -> Result<bool, ReadError> {
        Ok(self.0.chunk()?.is_empty())
    }
}
