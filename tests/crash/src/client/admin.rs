//! Topics and producer ids.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, InitProducerIdRequest, MetadataRequest,
    ProducerId,
};
use uuid::Uuid;

use super::error::{check, lacks};
use super::{ClientError, Connection, text, topic_name};

/// How long the broker may take.
const TIMEOUT_MS: i32 = 30_000;

/// A topic to be created.
#[derive(Debug, Clone)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions.
    pub partitions: i32,
    /// Names and values that are not the broker's default.
    pub configs: &'a [(&'a str, &'a str)],
}

/// A topic as Metadata describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id, nil if the broker's Metadata is too old to tell.
    pub id: Uuid,
    /// Its partitions in order, each with its error code and its leader, or −1.
    pub partitions: Vec<(i32, i16, i32)>,
}

/// Who an idempotent producer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProducerIdentity {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
}

impl Connection {
    /// Creates a topic; its id, nil if the broker's CreateTopics is too old to tell.
    pub fn create_topic(&mut self, topic: &NewTopic<'_>) -> Result<Uuid, ClientError> {
        let configs = topic.configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        });
        let topic_request = CreatableTopic::default()
            .with_name(topic_name(topic.name))
            .with_num_partitions(topic.partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic_request])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.call(&request)?;
        let result = (answer.topics.iter().find(|result| result.name.as_str() == topic.name))
            .ok_or_else(|| lacks("CreateTopics", topic.name))?;
        check(
            "CreateTopics",
            topic.name,
            result.error_code,
            result.error_message.as_deref(),
        )?;
        Ok(result.topic_id)
    }

    /// Deletes a topic by its name.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), ClientError> {
        let state = DeleteTopicState::default().with_name(Some(topic_name(name)));
        let request = DeleteTopicsRequest::default()
            .with_topics(vec![state])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.call(&request)?;
        let result = answer.responses.first().ok_or_else(|| lacks("DeleteTopics", name))?;
        check("DeleteTopics", name, result.error_code, result.error_message.as_deref())
    }

    /// Gives a topic so many partitions.
    pub fn create_partitions(&mut self, name: &str, count: i32) -> Result<(), ClientError> {
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(count)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT_MS);
        let answer = self.call(&request)?;
        let result = answer.results.first().ok_or_else(|| lacks("CreatePartitions", name))?;
        check(
            "CreatePartitions",
            name,
            result.error_code,
            result.error_message.as_deref(),
        )
    }

    /// All topics, or those named; none is created by asking. A topic that is not there is left out.
    pub fn describe_topics(&mut self, names: Option<&[&str]>) -> Result<Vec<TopicDescription>, ClientError> {
        const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
        let topics = names.map(|names| {
            let one = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
            names.iter().map(one).collect()
        });
        let request = MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(false);
        let answer = self.call(&request)?;
        let mut described = Vec::new();
        for topic in answer.topics {
            let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
            if topic.error_code == UNKNOWN_TOPIC_OR_PARTITION {
                continue;
            }
            check("Metadata", &name, topic.error_code, None)?;
            let mut partitions: Vec<_> = (topic.partitions.iter())
                .map(|partition| (partition.partition_index, partition.error_code, partition.leader_id.0))
                .collect();
            partitions.sort_unstable();
            described.push(TopicDescription {
                name,
                id: topic.topic_id,
                partitions,
            });
        }
        Ok(described)
    }

    /// An identity for a new idempotent producer.
    pub fn init_producer_id(&mut self) -> Result<ProducerIdentity, ClientError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(TIMEOUT_MS)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let answer = self.call(&request)?;
        check("InitProducerId", "a new producer", answer.error_code, None)?;
        Ok(ProducerIdentity {
            id: answer.producer_id.0,
            epoch: answer.producer_epoch,
        })
    }
}
