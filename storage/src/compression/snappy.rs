//! Snappy as Java's `SnappyOutputStream` frames it, which is what Kafka clients exchange.
//!
//! ```text
//! 82 'S' 'N' 'A' 'P' 'P' 'Y' 00   magic
//! i32 version = 1, i32 oldest compatible version = 1
//! then, until the end: i32 length, that many bytes of one raw snappy block
//! ```
//!
//! All numbers are big endian. Some clients (librdkafka, franz-go) send one raw block without any framing instead, and a
//! reader tells the two apart by the magic. Headers may repeat between blocks: streams can be concatenated.

use std::io;

use super::invalid;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: i32 = 1;
const HEADER_LEN: usize = 16;
/// Uncompressed bytes in a block, as Java writes them.
const BLOCK: usize = 32 * 1024;
/// A snappy element of 3 bytes yields at most 64 bytes: a block that declares more than this per byte lies.
const MAX_RATIO: usize = 22;

/// Compresses in blocks, with the framing.
pub(super) fn compress(input: &[u8]) -> io::Result<Vec<u8>> {
    let mut output = Vec::with_capacity(HEADER_LEN + input.len() / 2);
    output.extend_from_slice(&MAGIC);
    output.extend_from_slice(&VERSION.to_be_bytes());
    output.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    let mut block = vec![0; snap::raw::max_compress_len(BLOCK.min(input.len()))];
    for chunk in input.chunks(BLOCK) {
        let len = encoder.compress(chunk, &mut block)?;
        let declared = i32::try_from(len).map_err(|_| invalid("a compressed block is too long"))?;
        output.extend_from_slice(&declared.to_be_bytes());
        output.extend_from_slice(&block[..len]);
    }
    Ok(output)
}

/// Reads framed and raw snappy, one block at a time.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    framed: bool,
    limit: usize,
    block: Vec<u8>,
    position: usize,
}

impl<'a> Reader<'a> {
    /// Refuses a block of more than `limit` bytes with [`io::ErrorKind::FileTooLarge`].
    pub(super) fn new(input: &'a [u8], limit: usize) -> io::Result<Self> {
        let framed = input.starts_with(&MAGIC);
        let rest = if framed { after_header(input)? } else { input };
        Ok(Self {
            rest,
            framed,
            limit,
            block: Vec::new(),
            position: 0,
        })
    }

    pub(super) fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // A block can be empty, so look further until there are bytes or nothing is left. Each turn takes from `rest`.
        while self.position == self.block.len() && !self.rest.is_empty() {
            let compressed = self.next_block()?;
            let declared = snap::raw::decompress_len(compressed)?;
            if declared > compressed.len().saturating_mul(MAX_RATIO) {
                return Err(invalid("a block declares more bytes than it can hold"));
            }
            if declared > self.limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.position = 0;
            self.block.resize(declared, 0);
            snap::raw::Decoder::new().decompress(compressed, &mut self.block)?;
        }
        Ok(&self.block[self.position..])
    }

    pub(super) fn consume(&mut self, len: usize) {
        self.position += len;
    }

    fn next_block(&mut self) -> io::Result<&'a [u8]> {
        if !self.framed {
            return Ok(std::mem::take(&mut self.rest));
        }
        while self.rest.starts_with(&MAGIC) {
            self.rest = after_header(self.rest)?;
        }
        let (length, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| invalid("the stream ends in a block length"))?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| invalid("a block length is negative"))?;
        let (block, rest) = rest
            .split_at_checked(length)
            .ok_or_else(|| invalid("the stream ends within a block"))?;
        self.rest = rest;
        Ok(block)
    }
}

/// What follows the header at the front of `input`, which begins with the magic.
fn after_header(input: &[u8]) -> io::Result<&[u8]> {
    let (header, rest) = input
        .split_first_chunk::<HEADER_LEN>()
        .ok_or_else(|| invalid("the stream ends within its header"))?;
    let version = i32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    if version < VERSION {
        return Err(invalid("the framing has an unknown version"));
    }
    Ok(rest)
}
