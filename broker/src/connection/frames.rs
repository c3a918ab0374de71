//! Cuts what arrives on a socket into frames.
//!
//! Invariant: memory is taken as bytes arrive, not as a size claims (for a frame above [`EAGER`] the buffer doubles; for
//! one up to it only address space is reserved ahead), and frames are slices of the buffer they were read into.

use std::pin::pin;
use std::task::{Context, Poll};
use std::{io, mem};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::limits::{FREE_BYTES, SMALL_FRAME};

/// Smallest and largest read while no large frame is under way.
const READ_SIZES: (usize, usize) = (4 * 1024, SMALL_FRAME);

/// Largest frame for which the whole buffer is reserved at once.
const EAGER: usize = 4 * 1024 * 1024;

/// Largest buffer that a connection keeps while nothing arrives.
const KEPT: usize = 32 * 1024;

/// A frame that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Its size is negative, or beyond the limit of all frames.
    #[error("a frame of {size} bytes is not within 0 to {limit} (socket.request.max.bytes)")]
    Size {
        /// As sent.
        size: i32,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It is beyond the limit of every API but Produce.
    #[error("a request of {size} bytes for API key {key} is larger than {limit} (weir.max.request.bytes)")]
    Request {
        /// As sent.
        key: i16,
        /// As sent, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The input of one connection.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    max_frame: usize,
    max_request: usize,
    read_size: usize,
    short_reads: u8,
    /// Size of the last frame when that was a large one: the next one is expected to be like it.
    last_large: usize,
    /// At least the size of the allocation that the buffer is a part of.
    allocated: usize,
}

impl FrameReader {
    /// Nothing has arrived yet. Limits in bytes: of every frame, and of those that are no Produce.
    pub fn new(max_frame: usize, max_request: usize) -> Self {
        let read_size = READ_SIZES.0;
        Self {
            buffer: BytesMut::new(),
            max_frame,
            max_request,
            read_size,
            short_reads: 0,
            last_large: 0,
            allocated: 0,
        }
    }

    /// The next frame without its size, if it has arrived whole.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(size) = self.declared()? else { return Ok(None) };
        if self.buffer.len() < 4 + size {
            return Ok(None);
        }
        self.last_large = if size > SMALL_FRAME { size.min(EAGER) } else { 0 };
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(size).freeze()))
    }

    /// The size of the frame that is arriving, once it is known.
    pub fn declared(&self) -> Result<Option<usize>, FrameError> {
        let Some((size, rest)) = self.buffer.split_first_chunk() else {
            return Ok(None);
        };
        let size = i32::from_be_bytes(*size);
        let limit = self.max_frame;
        let len = usize::try_from(size)
            .ok()
            .filter(|len| *len <= limit)
            .ok_or(FrameError::Size { size, limit })?;
        if len > self.max_request
            && let Some(key) = rest.first_chunk()
        {
            let key = i16::from_be_bytes(*key);
            if key != ApiKey::Produce as i16 {
                return Err(FrameError::Request {
                    key,
                    size: len,
                    limit: self.max_request,
                });
            }
        }
        Ok(Some(len))
    }

    /// Bytes that have arrived of a frame that is not whole yet, its size included.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Reads once, at most `limit` bytes; 0 at the end of the stream. `declared` is what [`FrameReader::declared`] says;
    /// `exactly`: no room beyond the frame that is arriving.
    pub fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        declared: Option<usize>,
        limit: usize,
        exactly: bool,
    ) -> Poll<io::Result<usize>> {
        self.make_room(declared, exactly);
        let room = self.buffer.capacity() - self.buffer.len();
        let mut spare = (&mut self.buffer).limit(limit.min(room));
        let result = pin!(stream.read_buf(&mut spare)).poll(cx);
        match &result {
            Poll::Pending if self.allocated > KEPT && declared.is_none_or(|size| size <= SMALL_FRAME) => self.shrink(),
            Poll::Ready(Ok(n)) if declared.is_none_or(|size| size <= SMALL_FRAME) => self.adapt(*n, room),
            _ => {}
        }
        result
    }

    /// Gives the buffer back while it is empty.
    pub(super) fn release(&mut self) {
        if self.buffer.is_empty() {
            drop(mem::take(&mut self.buffer));
            self.allocated = 0;
        }
    }

    /// Gives a large buffer back that holds little: frames that were cut out of it may hold it, too, or it alone does.
    fn shrink(&mut self) {
        if self.buffer.len() <= FREE_BYTES {
            self.buffer = BytesMut::from(&self.buffer[..]);
            self.allocated = self.buffer.len();
        }
    }

    fn make_room(&mut self, declared: Option<usize>, exactly: bool) {
        let have = self.buffer.len();
        let target = match declared {
            Some(size) if exactly && size <= SMALL_FRAME => 4 + size,
            Some(size) if size > SMALL_FRAME => {
                let whole = 4 + size;
                if whole <= EAGER {
                    whole
                } else {
                    (2 * have).clamp(EAGER, whole)
                }
            }
            None if self.last_large > 0 => 4 + self.last_large,
            // Room for a good part of a read will do; more is found by reclaiming the front of the buffer, or anew.
            _ if self.buffer.capacity() - have >= self.read_size / 2 => return,
            _ => have + self.read_size,
        };
        if self.buffer.capacity() < target {
            self.buffer.reserve(target - have);
            self.allocated = self.allocated.max(self.buffer.capacity());
        }
    }

    /// Reads that fill the room make the next one larger; several that leave most of it empty, smaller.
    fn adapt(&mut self, n: usize, room: usize) {
        if n >= room {
            self.read_size = (2 * self.read_size).min(READ_SIZES.1);
            self.short_reads = 0;
        } else if n < self.read_size / 4 {
            self.short_reads += 1;
            if self.short_reads == 8 {
                self.read_size = (self.read_size / 2).max(READ_SIZES.0);
                self.short_reads = 0;
            }
        } else {
            self.short_reads = 0;
        }
    }
}
