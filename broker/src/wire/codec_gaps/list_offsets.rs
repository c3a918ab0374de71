//! ListOffsets 11 is version 10 with one more special timestamp (−6, earliest pending upload).

use bytes::Bytes;
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use crate::wire::reader::DecodeError;
use crate::wire::request;
use crate::wire::{EncodeError, RequestHeader, Response};

/// The newest version that the codec has.
const NEWEST_OF_CODEC: i16 = 10;

/// Decodes a ListOffsets request, versions 1 to 11.
pub fn decode(body: &Bytes, version: i16) -> Result<ListOffsetsRequest, DecodeError> {
    request::decode(body, version.min(NEWEST_OF_CODEC))
}

/// Encodes a ListOffsets response, versions 1 to 11.
pub fn encode(header: &RequestHeader, body: &ListOffsetsResponse) -> Result<Response, EncodeError> {
    Response::encode_as(header, body, header.api_version.min(NEWEST_OF_CODEC))
}
