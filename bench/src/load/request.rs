//! Requests, built once and sent with other fields each time: only the few versions that the load uses, none of them flexible.
//!
//! Fields are named in the message schemas of Apache Kafka (`clients/src/main/resources/common/message`).

use crate::wire::Put as _;

/// Where the correlation id stands in a request.
const CORRELATION: usize = 8;

/// Begins a request of an API in a version, with header version 1. [`crate::wire::end_frame`] completes it.
pub(super) fn begin_request((api_key, version): (i16, i16)) -> Vec<u8> {
    let mut request = Vec::new();
    request.i32(0).i16(api_key).i16(version).i32(0).string(b"bench");
    request
}

/// Writes the correlation id into a finished request.
pub(super) fn set_correlation(request: &mut [u8], correlation: i32) {
    set_i32(request, CORRELATION, correlation);
}

/// Writes a field into a finished request.
pub(super) fn set_i32(request: &mut [u8], place: usize, value: i32) {
    request[place..place + 4].copy_from_slice(&value.to_be_bytes());
}

/// Writes a field into a finished request.
pub(super) fn set_i64(request: &mut [u8], place: usize, value: i64) {
    request[place..place + 8].copy_from_slice(&value.to_be_bytes());
}
