//! A small blocking Kafka client that hides nothing: no retries, no batching, no reconnecting. Who uses it decides what an
//! error means, and knows of every request whether its outcome is known.

mod admin;
mod connection;
mod consume;
mod error;
mod group;
mod produce;

pub use admin::{NewTopic, ProducerIdentity, TopicDescription};
pub use connection::Connection;
pub use consume::{EARLIEST, Fetched, LATEST};
pub use error::ClientError;
pub use group::Committed;
pub use produce::{Acks, BATCH_CODECS};

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
