//! Bytes of the Kafka protocol: the versions that we serve, headers, decoding, and responses as parts.
//!
//! Invariant: no bytes from the network panic here, or make more memory resident than a bounded multiple of the frame
//! that carried them. Messages are the `kafka-protocol` crate's, except where a request is on the hot path
//! ([`produce`]), a response stands around file ranges ([`fetch_response`]) or the crate stops short of Kafka 4.3
//! ([`codec_gaps`]). Its decoder reserves whatever element count a client claims before it reads the elements; the
//! binary's allocator (mimalloc) makes of that address space, not memory.

pub mod codec_gaps;
pub mod fetch_response;
pub mod header;
pub mod produce;
pub mod reader;
pub mod request;
pub mod response;
pub mod versions;
pub mod writer;

pub use header::{HeaderError, RequestHeader};
pub use reader::DecodeError;
pub use response::{BodyWriter, EncodeError, Part, Response};
pub use versions::ApiSpec;

/// As in the binary: see above.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
