//! A Kafka client for the command line's tools: a cluster of any number of brokers, Weir or Apache Kafka.
//!
//! Invariant: no bytes from a broker panic here, or are held beyond a named limit: an answer is at most
//! [`MAX_ANSWER_BYTES`] long, and read as it comes; a batch decompresses to at most [`MAX_DECOMPRESSED_BYTES`]. (The codec
//! crate reserves whatever count an answer claims; the binary's allocator makes of that address space, not memory.)
//!
//! [`connection`] sends requests over one socket and matches the answers; [`cluster`] knows the brokers and asks again what
//! may be asked again; [`admin`], [`produce`] and [`consume`] say what is asked.

pub mod admin;
pub mod cluster;
pub mod connection;
pub mod consume;
pub mod error;
pub mod produce;
mod versions;

#[cfg(test)]
mod tests;

pub use cluster::{Cluster, Effect, Options};
pub use connection::{Connection, MAX_ANSWER_BYTES};
pub use error::{ClientError, ErrorCode};

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use tokio::task::JoinError;

/// The most that the records of one batch may take when they are decompressed.
pub const MAX_DECOMPRESSED_BYTES: usize = 256 << 20;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// What a task came to; `None` where the runtime ended it. Its panic goes on here: what it had in hand is not lost unseen.
fn joined<T>(result: Result<T, JoinError>) -> Option<T> {
    match result.map_err(JoinError::try_into_panic) {
        Ok(outcome) => Some(outcome),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => None,
    }
}
