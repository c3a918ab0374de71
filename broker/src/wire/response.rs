//! A response as parts: bytes in memory and ranges of files.
//!
//! Invariant: the parts of a [`Response`] together are one whole frame, its 4-byte size included, so a connection only
//! moves them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::Encodable;
use storage::disk::DiskFile;

use super::header::RequestHeader;
use super::writer::Writer;

/// Room for the size in front of a frame.
pub(super) const SIZE_LEN: usize = 4;

/// What most responses fit into.
const USUAL_LEN: usize = 240;

/// A piece of a response.
#[derive(Debug, Clone)]
pub enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of a file, which goes out without passing through our memory. The range must stay readable and unchanged
    /// until the response is written or dropped.
    File {
        /// The file.
        file: Arc<dyn DiskFile>,
        /// Where the range begins.
        position: u64,
        /// Its bytes.
        len: u64,
    },
}

impl Part {
    /// Bytes in this part.
    pub fn len(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::File { len, .. } => *len,
        }
    }

    /// Whether the part has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The codec refuses a value: a field that the version lacks is set.
    #[error("{api} version {version} response cannot be encoded: {reason}")]
    Codec {
        /// Kafka's name of the API.
        api: &'static str,
        /// Of the response.
        version: i16,
        /// The codec's words.
        reason: String,
    },
    /// A frame's size is a signed 32-bit integer.
    #[error("a response of {len} bytes does not fit into a frame")]
    TooLarge {
        /// Bytes of the response.
        len: u64,
    },
}

/// A whole response frame.
#[derive(Debug)]
pub struct Response {
    pub(crate) head: Bytes,
    pub(crate) rest: Vec<Part>,
    pub(crate) failed: bool,
}

impl Response {
    /// Encodes a codec message as the answer to the request with this header.
    pub fn encode(header: &RequestHeader, body: &impl Encodable) -> Result<Self, EncodeError> {
        Self::encode_as(header, body, header.api_version)
    }

    /// As [`Response::encode`], with the body at another version than the request's (ApiVersions; a version that the
    /// codec lacks and that equals one it has).
    pub fn encode_as(header: &RequestHeader, body: &impl Encodable, version: i16) -> Result<Self, EncodeError> {
        let mut bytes = Self::begin(header);
        encode_into(&mut bytes, header, body, version)?;
        Self::finish(bytes, Vec::new())
    }

    /// A frame of the response header and these parts of a body.
    pub fn from_parts(header: &RequestHeader, body: Vec<Part>) -> Result<Self, EncodeError> {
        Self::finish(Self::begin(header), body)
    }

    /// Room for the size, and the response header.
    pub(super) fn begin(header: &RequestHeader) -> BytesMut {
        let mut bytes = BytesMut::with_capacity(USUAL_LEN);
        bytes.put_i32(0);
        header.put_response_header(&mut bytes);
        bytes
    }

    /// Sets the size at the front of `head`, counting `rest` in.
    pub(super) fn finish(mut head: BytesMut, rest: Vec<Part>) -> Result<Self, EncodeError> {
        set_size(&mut head, rest.iter().map(Part::len).sum())?;
        Ok(Self {
            head: head.freeze(),
            rest,
            failed: false,
        })
    }

    /// Marks the response as one that carries an error code at some level, for the metric of failed requests.
    #[must_use]
    pub fn failed(mut self, failed: bool) -> Self {
        self.failed = failed;
        self
    }

    /// Whether it carries an error code at some level.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Bytes of the whole frame.
    pub fn len(&self) -> u64 {
        self.head.len() as u64 + self.rest.iter().map(Part::len).sum::<u64>()
    }

    /// Never: a frame has a size and a header.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The parts in order, the size at the front of the first.
    pub fn into_parts(self) -> impl Iterator<Item = Part> {
        std::iter::once(Part::Bytes(self.head)).chain(self.rest)
    }
}

/// A body that is written piece by piece, for answers of many large items: what an item is made of takes far more than
/// its bytes, and need not outlive them.
#[derive(Debug)]
pub struct BodyWriter<'a> {
    header: &'a RequestHeader,
    /// Whole pieces.
    parts: Vec<Part>,
    last: Writer,
}

/// Bytes after which a piece is whole, so that no large buffer grows.
const PIECE_LEN: usize = 64 * 1024;

impl<'a> BodyWriter<'a> {
    /// An empty body for the answer to this request. `flexible`: whether its version has compact types.
    pub fn new(header: &'a RequestHeader, flexible: bool) -> Self {
        Self {
            header,
            parts: Vec::new(),
            last: Writer::new(BytesMut::new(), flexible),
        }
    }

    /// Writes fields that are not items.
    pub fn fields(&mut self) -> &mut Writer {
        &mut self.last
    }

    /// Writes an item. Its bytes.
    pub fn item(&mut self, item: &impl Encodable) -> Result<usize, EncodeError> {
        let before = self.last.bytes.len();
        encode_into(&mut self.last.bytes, self.header, item, self.header.api_version)?;
        let len = self.last.bytes.len() - before;
        if self.last.bytes.len() >= PIECE_LEN {
            self.parts.push(Part::Bytes(self.last.bytes.split().freeze()));
        }
        Ok(len)
    }

    /// The answer.
    pub fn finish(mut self) -> Result<Response, EncodeError> {
        self.parts.push(Part::Bytes(self.last.bytes.freeze()));
        Response::from_parts(self.header, self.parts)
    }
}

fn encode_into(
    bytes: &mut BytesMut,
    header: &RequestHeader,
    body: &impl Encodable,
    version: i16,
) -> Result<(), EncodeError> {
    let codec = |reason: String| EncodeError::Codec {
        api: header.api.name,
        version,
        reason,
    };
    // A large buffer that grows is held twice meanwhile, and ends with room for as much again.
    let len = body.compute_size(version).map_err(|error| codec(error.to_string()))?;
    bytes.reserve(len);
    body.encode(bytes, version).map_err(|error| codec(error.to_string()))
}

/// Writes the frame's size over the first four bytes of `head`, of which `more` bytes follow.
pub(super) fn set_size(head: &mut BytesMut, more: u64) -> Result<(), EncodeError> {
    let len = (head.len() - SIZE_LEN) as u64 + more;
    let size = i32::try_from(len).map_err(|_| EncodeError::TooLarge { len })?;
    head[..SIZE_LEN].copy_from_slice(&size.to_be_bytes());
    Ok(())
}
