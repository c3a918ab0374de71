//! Decoding a request's body with the codec crate.
//!
//! Bytes after the last field are ignored, as Kafka ignores them. Decoded strings and bytes are slices of the frame and
//! hold the buffer that it was read into: copy what is kept longer than the request.

use bytes::Bytes;
use kafka_protocol::protocol::Decodable;

use super::reader::DecodeError;

/// Decodes a body. For OffsetCommit, OffsetFetch and ListOffsets use [`super::codec_gaps`], for Produce
/// [`super::produce`].
pub fn decode<T: Decodable>(body: &Bytes, version: i16) -> Result<T, DecodeError> {
    let mut body = body.clone();
    T::decode(&mut body, version).map_err(|error| DecodeError::Codec(error.to_string()))
}
