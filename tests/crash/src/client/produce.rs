//! Produce: several requests may be under way, their answers come in order.

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use storage::compression::Codec;

use super::error::{check, lacks};
use super::{ClientError, Connection, topic_name};

const TIMEOUT_MS: i32 = 30_000;

/// The codecs of the load, with how often each comes; most of it stays uncompressed, so that files grow and roll.
pub const BATCH_CODECS: [(Codec, u32); 3] = [(Codec::None, 8), (Codec::Lz4, 1), (Codec::Zstd, 1)];

/// When a Produce is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acks {
    /// Once the leader has written it.
    Leader,
    /// Once it is as durable as the topic promises.
    All,
}

impl Acks {
    fn wire(self) -> i16 {
        match self {
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

impl Connection {
    /// Sends a batch to a partition; [`Connection::receive_produced`] takes the answer.
    pub fn send_produce(&mut self, topic: &str, partition: i32, batch: Bytes, acks: Acks) -> Result<(), ClientError> {
        let partition = PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(topic_name(topic))
            .with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_acks(acks.wire())
            .with_timeout_ms(TIMEOUT_MS)
            .with_topic_data(vec![topic]);
        self.send(&request)
    }

    /// The answer to the oldest request that has none: the batch's base offset.
    pub fn receive_produced(&mut self, topic: &str, partition: i32) -> Result<i64, ClientError> {
        let answer = self.receive::<ProduceRequest>()?;
        let subject = format!("{topic}-{partition}");
        let result = (answer.responses.iter())
            .filter(|result| result.name.as_str() == topic)
            .flat_map(|result| &result.partition_responses)
            .find(|result| result.index == partition)
            .ok_or_else(|| lacks("Produce", &subject))?;
        check("Produce", &subject, result.error_code, result.error_message.as_deref())?;
        Ok(result.base_offset)
    }

    /// Sends a batch and waits for its base offset.
    pub fn produce(&mut self, topic: &str, partition: i32, batch: Bytes, acks: Acks) -> Result<i64, ClientError> {
        self.send_produce(topic, partition, batch, acks)?;
        self.receive_produced(topic, partition)
    }
}
