//! The codecs of record batches: none, gzip, snappy, lz4 and zstd, as every Kafka client reads and writes them.
//!
//! Invariant: reading allocates in proportion to what was really decompressed and never more than the caller's limit plus
//! one block; a size that the compressed bytes declare is never trusted. (A zstd frame may reserve its declared window,
//! at most 128 MiB of address space, for as long as it is read; only what is decompressed is ever touched.)
//!
//! gzip and zstd are single streams. Snappy is framed in Java's own way (`snappy`), lz4 in a subset of the LZ4 frame
//! format (`lz4`).

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

mod lz4;
mod snappy;
#[cfg(test)]
mod tests;

/// Bytes that the gzip and zstd readers decompress at a time.
const STREAM_BUFFER: usize = 16 * 1024;
/// What [`decompress`] reserves at first: this many times the compressed size, within the limit.
const EXPECTED_RATIO: usize = 3;
/// The levels that gzip knows.
const GZIP_LEVELS: std::ops::RangeInclusive<i32> = 0..=9;

/// How the records of a batch are compressed: the three lowest bits of its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Not compressed.
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Snappy blocks in the framing of Java's `SnappyOutputStream`.
    Snappy = 2,
    /// LZ4 frames of independent blocks.
    Lz4 = 3,
    /// Zstandard frames (KIP-110).
    Zstd = 4,
}

impl Codec {
    /// Every codec, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with an id as it stands in a batch's attributes, if there is one.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The id in a batch's attributes.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// The name that clients and tools give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why bytes could not be compressed or decompressed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// The bytes are not what the codec writes.
    #[error("the {codec} data cannot be decompressed: {reason}")]
    Corrupt {
        /// The codec that was to read them.
        codec: Codec,
        /// What its reader found.
        reason: String,
    },
    /// There is more in them than the caller allows, a decompression bomb perhaps.
    #[error("the {codec} data decompresses to more than the {limit} bytes allowed")]
    TooLarge {
        /// The codec that read them.
        codec: Codec,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The compressor refused its input.
    #[error("{codec} compression failed: {reason}")]
    Compress {
        /// The codec that was to write.
        codec: Codec,
        /// What its writer said.
        reason: String,
    },
}

/// Compresses `input`. Without a level the codec's own default; a level out of range counts as the nearest in range, and
/// gzip's −1 as its default. Snappy has no levels, and lz4 has one: its higher ones ask for a slower search that the
/// encoder used here does not have, the frames are the same.
pub fn compress(codec: Codec, level: Option<i32>, input: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let written = match codec {
        Codec::None => Ok(input.to_vec()),
        Codec::Gzip => {
            let level = level
                .filter(|level| *level >= 0)
                .map_or(flate2::Compression::default(), |level| {
                    flate2::Compression::new(level.clamp(*GZIP_LEVELS.start(), *GZIP_LEVELS.end()).unsigned_abs())
                });
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(input).and_then(|()| encoder.finish())
        }
        Codec::Snappy => snappy::compress(input),
        Codec::Lz4 => Ok(lz4::compress(input)),
        Codec::Zstd => {
            let range = zstd::compression_level_range();
            let level = level
                .unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL)
                .clamp(*range.start(), *range.end());
            zstd::bulk::compress(input, level)
        }
    };
    written.map_err(|error| CompressionError::Compress {
        codec,
        reason: error.to_string(),
    })
}

/// Decompresses all of `input`, which may yield at most `limit` bytes.
pub fn decompress(codec: Codec, input: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let mut output = Vec::with_capacity(input.len().saturating_mul(EXPECTED_RATIO).min(limit));
    let mut reader = Decompressor::new(codec, input, limit)?;
    loop {
        let chunk = reader.chunk()?;
        if chunk.is_empty() {
            return Ok(output);
        }
        if output.capacity() - output.len() < chunk.len() {
            // Doubled, but not beyond the limit, of which the chunk leaves something.
            output.reserve_exact(chunk.len().max(output.len().min(limit - output.len())));
        }
        output.extend_from_slice(chunk);
        let read = chunk.len();
        reader.consume(read);
    }
}

/// Reads compressed bytes piece by piece, so that a batch can be looked through without holding all of it.
pub struct Decompressor<'a> {
    codec: Codec,
    limit: usize,
    consumed: usize,
    stream: Stream<'a>,
}

/// One reader per codec; an enum and not a box, for a record is read byte by byte.
enum Stream<'a> {
    Plain(&'a [u8]),
    Gzip(BufReader<MultiGzDecoder<&'a [u8]>>),
    Snappy(snappy::Reader<'a>),
    Lz4(lz4::Reader<'a>),
    Zstd(BufReader<zstd::stream::read::Decoder<'static, &'a [u8]>>),
}

impl fmt::Debug for Decompressor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("codec", &self.codec)
            .field("consumed", &self.consumed)
            .finish()
    }
}

impl<'a> Decompressor<'a> {
    /// Reads `input`, which may yield at most `limit` bytes.
    pub fn new(codec: Codec, input: &'a [u8], limit: usize) -> Result<Self, CompressionError> {
        let stream = match codec {
            Codec::None => Ok(Stream::Plain(input)),
            Codec::Gzip => Ok(Stream::Gzip(BufReader::with_capacity(
                STREAM_BUFFER,
                MultiGzDecoder::new(input),
            ))),
            Codec::Snappy => snappy::Reader::new(input, limit).map(Stream::Snappy),
            Codec::Lz4 => lz4::Reader::new(input).map(Stream::Lz4),
            Codec::Zstd => zstd::stream::read::Decoder::with_buffer(input)
                .map(|decoder| Stream::Zstd(BufReader::with_capacity(STREAM_BUFFER, decoder))),
        };
        let stream = stream.map_err(|error| read_error(codec, limit, &error))?;
        Ok(Self {
            codec,
            limit,
            consumed: 0,
            stream,
        })
    }

    /// The next decompressed bytes; none at the end. What is not consumed comes again.
    #[inline]
    pub fn chunk(&mut self) -> Result<&[u8], CompressionError> {
        let (codec, limit) = (self.codec, self.limit);
        let chunk = match &mut self.stream {
            Stream::Plain(rest) => Ok(*rest),
            Stream::Gzip(reader) => reader.fill_buf(),
            Stream::Snappy(reader) => reader.fill_buf(),
            Stream::Lz4(reader) => reader.fill_buf(),
            Stream::Zstd(reader) => reader.fill_buf(),
        };
        let chunk = chunk.map_err(|error| read_error(codec, limit, &error))?;
        if chunk.len() > limit - self.consumed {
            return Err(CompressionError::TooLarge { codec, limit });
        }
        Ok(chunk)
    }

    /// Takes `len` bytes off the front of the last [`Decompressor::chunk`], which has at least as many.
    #[inline]
    pub fn consume(&mut self, len: usize) {
        self.consumed += len;
        match &mut self.stream {
            Stream::Plain(rest) => *rest = &rest[len..],
            Stream::Gzip(reader) => reader.consume(len),
            Stream::Snappy(reader) => reader.consume(len),
            Stream::Lz4(reader) => reader.consume(len),
            Stream::Zstd(reader) => reader.consume(len),
        }
    }

    /// Bytes consumed so far.
    #[inline]
    pub fn consumed(&self) -> usize {
        self.consumed
    }
}

fn read_error(codec: Codec, limit: usize, error: &io::Error) -> CompressionError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => CompressionError::TooLarge { codec, limit },
        _ => CompressionError::Corrupt {
            codec,
            reason: error.to_string(),
        },
    }
}

/// An error of a framing read here, with what is wrong.
fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
