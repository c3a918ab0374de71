//! The LZ4 frame format as Kafka's clients use it: version 1, independent blocks of at most 4 MiB, no dictionary.
//!
//! ```text
//! 04 22 4D 18             magic
//! FLG, BD                 version, flags; largest block
//! u64 content size        if FLG says so; not needed to read
//! header checksum         second byte of the xxHash32 of FLG to here
//! blocks                  u32 length, highest bit set if stored as is; bytes; u32 xxHash32 if FLG says so
//! 00 00 00 00             end mark
//! u32 content checksum    if FLG says so; not verified, as in Kafka: the batch has a CRC
//! ```
//!
//! All numbers are little endian. A frame without its end mark is refused, for Java consumers fail on it. What follows the
//! frame is left alone, as in Java. The reader stands here because the library's takes a frame that breaks off between two
//! blocks for a whole one, and linked blocks, which Java refuses.

use std::io;

use twox_hash::XxHash32;

use super::invalid;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4D, 0x18];
/// Magic, then version 1 with independent blocks and no checksums, blocks of 64 KiB, and the checksum of these two.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4D, 0x18, FLG_VERSION | FLG_INDEPENDENT, 0x40, 0x82];
const BLOCK: usize = 64 * 1024;

const FLG_VERSION: u8 = 0b0100_0000;
const FLG_VERSION_MASK: u8 = 0b1100_0000;
const FLG_INDEPENDENT: u8 = 0b0010_0000;
const FLG_BLOCK_CHECKSUM: u8 = 0b0001_0000;
const FLG_CONTENT_SIZE: u8 = 0b0000_1000;
const FLG_RESERVED_OR_DICTIONARY: u8 = 0b0000_0011;
const BD_RESERVED: u8 = 0b1000_1111;
const STORED: u32 = 1 << 31;
/// An LZ4 length byte stands for at most 255 bytes.
const MAX_RATIO: usize = 255;

/// Compresses into one frame.
pub(super) fn compress(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(HEADER.len() + input.len() / 2);
    output.extend_from_slice(&HEADER);
    let mut block = vec![0; lz4_flex::block::get_maximum_output_size(BLOCK.min(input.len()))];
    for chunk in input.chunks(BLOCK) {
        match lz4_flex::block::compress_into(chunk, &mut block) {
            Ok(len) if len < chunk.len() => push_block(&mut output, 0, &block[..len]),
            // Not compressible: stored as it is.
            _ => push_block(&mut output, STORED, chunk),
        }
    }
    output.extend_from_slice(&[0; 4]);
    output
}

/// Appends a block of at most [`BLOCK`] bytes.
fn push_block(output: &mut Vec<u8>, flag: u32, bytes: &[u8]) {
    output.extend_from_slice(&(bytes.len() as u32 | flag).to_le_bytes());
    output.extend_from_slice(bytes);
}

/// Reads one frame, one block at a time.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    largest_block: usize,
    block_checksums: bool,
    finished: bool,
    /// Decompressed bytes are `block[position..end]`; it only grows, so that a block costs no clearing.
    block: Vec<u8>,
    position: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> io::Result<Self> {
        let ends_early = || invalid("the frame ends within its header");
        let (magic, descriptor) = input.split_first_chunk::<4>().ok_or_else(ends_early)?;
        if *magic != MAGIC {
            return Err(invalid("the frame has a wrong magic"));
        }
        let [flg, bd, ..] = *descriptor else {
            return Err(ends_early());
        };
        if flg & FLG_VERSION_MASK != FLG_VERSION || flg & FLG_RESERVED_OR_DICTIONARY != 0 || bd & BD_RESERVED != 0 {
            return Err(invalid("the frame has unknown flags"));
        }
        if flg & FLG_INDEPENDENT == 0 {
            return Err(invalid("the frame's blocks depend on each other"));
        }
        let largest_block = match bd >> 4 {
            size @ 4..=7 => 1 << (2 * size + 8),
            _ => return Err(invalid("the frame has an unknown block size")),
        };
        let hashed = if flg & FLG_CONTENT_SIZE == 0 { 2 } else { 10 };
        let (descriptor, rest) = descriptor.split_at_checked(hashed).ok_or_else(ends_early)?;
        let (checksum, rest) = rest.split_first().ok_or_else(ends_early)?;
        if XxHash32::oneshot(0, descriptor).to_le_bytes()[1] != *checksum {
            return Err(invalid("the frame's header has a wrong checksum"));
        }
        let block_checksums = flg & FLG_BLOCK_CHECKSUM != 0;
        Ok(Self {
            rest,
            largest_block,
            block_checksums,
            finished: false,
            block: Vec::new(),
            position: 0,
            end: 0,
        })
    }

    pub(super) fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // A block can be empty, so look further until there are bytes or the end mark. Each turn takes from `rest`.
        while self.position == self.end && !self.finished {
            self.read_block()?;
        }
        Ok(&self.block[self.position..self.end])
    }

    pub(super) fn consume(&mut self, len: usize) {
        self.position += len;
    }

    fn read_block(&mut self) -> io::Result<()> {
        let ends_early = || invalid("the frame ends before its end mark");
        let (length, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        let length = u32::from_le_bytes(*length);
        let size = (length & !STORED) as usize;
        (self.position, self.end) = (0, 0);
        if size == 0 {
            self.finished = true;
            return Ok(());
        }
        if size > self.largest_block {
            return Err(invalid("a block is larger than its frame allows"));
        }
        let (compressed, mut rest) = rest.split_at_checked(size).ok_or_else(ends_early)?;
        if self.block_checksums {
            let (checksum, after) = rest.split_first_chunk().ok_or_else(ends_early)?;
            if XxHash32::oneshot(0, compressed) != u32::from_le_bytes(*checksum) {
                return Err(invalid("a block has a wrong checksum"));
            }
            rest = after;
        }
        self.rest = rest;
        let most = if length & STORED == 0 {
            self.largest_block.min(size.saturating_mul(MAX_RATIO))
        } else {
            size
        };
        if self.block.len() < most {
            self.block.resize(most, 0);
        }
        self.end = if length & STORED == 0 {
            lz4_flex::block::decompress_into(compressed, &mut self.block[..most])
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?
        } else {
            self.block[..size].copy_from_slice(compressed);
            size
        };
        Ok(())
    }
}
