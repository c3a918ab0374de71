//! Walks the batch headers of a segment, one after the other.

use std::io;
use std::sync::Arc;

use crate::disk::{DiskFile, read_exact_at};
use crate::record_batch::{BatchHeader, HEADER_LEN};

/// Bytes read at once: several headers of small batches, one page.
const CHUNK: usize = 4096;

/// A cursor over the batches of `file` from `position` to `end`.
pub struct HeaderWalk {
    file: Arc<dyn DiskFile>,
    position: u64,
    end: u64,
    chunk: Vec<u8>,
    chunk_start: u64,
    /// Behind a batch longer than a chunk only the header is read: the next would not be in the chunk either.
    is_sparse: bool,
}

/// One step of a walk.
#[derive(Debug)]
pub enum Step {
    /// A whole batch, as far as its header tells.
    Batch {
        /// Its first byte.
        position: u64,
        /// Its header; the bytes after it are not verified.
        header: BatchHeader,
    },
    /// The end of the walked range.
    End,
    /// What stands here is no whole batch.
    Bad {
        /// The byte where a batch should begin.
        position: u64,
        /// What was expected and found.
        reason: String,
    },
}

impl HeaderWalk {
    /// A walk over `[position, end)`, which must begin at a batch.
    pub fn new(file: Arc<dyn DiskFile>, position: u64, end: u64) -> Self {
        HeaderWalk {
            file,
            position,
            end,
            chunk: Vec::new(),
            chunk_start: 0,
            is_sparse: false,
        }
    }

    /// The same walk to another end.
    pub(super) fn until(self, end: u64) -> Self {
        HeaderWalk { end, ..self }
    }

    /// Where the next step reads.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What the next step answers.
    pub(super) fn peek(&mut self) -> io::Result<Step> {
        let position = self.position;
        let step = self.step();
        self.position = position;
        step
    }

    /// The next batch. After [`Step::Bad`] the walk does not move.
    pub fn step(&mut self) -> io::Result<Step> {
        let position = self.position;
        if position >= self.end {
            return Ok(Step::End);
        }
        let left = self.end - position;
        if left < HEADER_LEN as u64 {
            return Ok(Step::Bad {
                position,
                reason: format!("{left} bytes are left, a header has {HEADER_LEN}"),
            });
        }
        let header = match BatchHeader::parse(self.header_bytes(position)?) {
            Ok(header) => header,
            Err(error) => {
                return Ok(Step::Bad {
                    position,
                    reason: error.to_string(),
                });
            }
        };
        if header.size() as u64 > left {
            let reason = format!("a batch of {} bytes begins where {left} are left", header.size());
            return Ok(Step::Bad { position, reason });
        }
        self.position += header.size() as u64;
        self.is_sparse = header.size() >= CHUNK;
        Ok(Step::Batch { position, header })
    }

    fn header_bytes(&mut self, position: u64) -> io::Result<&[u8]> {
        let inside =
            position >= self.chunk_start && position + HEADER_LEN as u64 <= self.chunk_start + self.chunk.len() as u64;
        if !inside {
            let wanted = if self.is_sparse { HEADER_LEN } else { CHUNK };
            let len = (self.end - position).min(wanted as u64) as usize;
            self.chunk.resize(len, 0);
            self.chunk_start = position;
            read_exact_at(&*self.file, &mut self.chunk, position)?;
        }
        let from = (position - self.chunk_start) as usize;
        Ok(&self.chunk[from..from + HEADER_LEN])
    }
}
