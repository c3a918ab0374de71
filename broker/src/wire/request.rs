//! Decoding a request's body with the codec crate.
//!
//! Bytes after the last field are ignored, as Kafka ignores them. Decoded strings and bytes are slices of the frame and
//! hold the buffer that it was read into: copy what is kept longer than the request.
//!
//! An empty string takes one byte of a frame and 32 or more when decoded. So fields are counted as they are read: at
//! [`MAX_FIELDS`] the request ends for the codec, whatever its bytes.

use bytes::{Buf, Bytes};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::buf::ByteBuf;

use super::reader::DecodeError;

/// Reads of one request, a length and what follows it apart. A decoded request takes at most some 60 bytes for each.
pub const MAX_FIELDS: usize = 1 << 20;

/// Decodes a body. For OffsetCommit, OffsetFetch and ListOffsets use [`super::codec_gaps`], for Produce
/// [`super::produce`].
pub fn decode<T: Decodable>(body: &Bytes, version: i16) -> Result<T, DecodeError> {
    let mut metered = Metered {
        bytes: body.clone(),
        left: MAX_FIELDS,
    };
    T::decode(&mut metered, version).map_err(|error| match metered.left {
        0 => DecodeError::TooManyFields { limit: MAX_FIELDS },
        _ => DecodeError::Codec(error.to_string()),
    })
}

/// Bytes that are read so many times at most, and then seem to be at their end.
struct Metered {
    bytes: Bytes,
    left: usize,
}

impl Metered {
    fn count(&mut self) {
        self.left = self.left.saturating_sub(1);
    }
}

impl Buf for Metered {
    fn remaining(&self) -> usize {
        if self.left == 0 { 0 } else { self.bytes.len() }
    }

    fn chunk(&self) -> &[u8] {
        if self.left == 0 { &[] } else { &self.bytes }
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.count();
    }
}

impl ByteBuf for Metered {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        let bytes = self.bytes.split_to(size);
        self.count();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::DescribeGroupsRequest;
    use kafka_protocol::protocol::Encodable;

    use super::*;

    fn groups(count: usize) -> Bytes {
        let mut bytes = BytesMut::new();
        DescribeGroupsRequest::default()
            .with_groups(vec![Default::default(); count])
            .encode(&mut bytes, 5)
            .unwrap();
        bytes.freeze()
    }

    #[test]
    fn many_tiny_fields_are_refused() {
        assert_eq!(
            decode::<DescribeGroupsRequest>(&groups(100_000), 5)
                .unwrap()
                .groups
                .len(),
            100_000
        );
        let limit = MAX_FIELDS;
        assert_eq!(
            decode::<DescribeGroupsRequest>(&groups(2 * MAX_FIELDS), 5),
            Err(DecodeError::TooManyFields { limit })
        );
        let cut = groups(10).slice(..5);
        assert!(matches!(
            decode::<DescribeGroupsRequest>(&cut, 5),
            Err(DecodeError::Codec(_))
        ));
    }
}
