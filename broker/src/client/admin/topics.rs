//! CreateTopics 2–7, DeleteTopics 1–6, CreatePartitions 0–3, and topics as Metadata tells them.

use std::collections::BTreeSet;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, metadata_response,
};
use uuid::Uuid;

use super::offsets::TopicPartition;
use crate::client::cluster::{Cluster, Effect};
use crate::client::error::{ClientError, ErrorCode, check, lacks};
use crate::client::{text, topic_name};

/// A topic to be created.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; the cluster's default, if not given.
    pub partitions: Option<i32>,
    /// How many replicas of each; the cluster's default, if not given.
    pub replication_factor: Option<i16>,
    /// Settings that are not the cluster's defaults.
    pub configs: Vec<(String, String)>,
}

/// A topic as it was created, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; nil if the broker does not tell.
    pub id: Uuid,
    /// Its partitions, if the broker tells.
    pub partitions: Option<i32>,
    /// Replicas of each, if the broker tells.
    pub replication_factor: Option<i16>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id; nil if the broker does not tell.
    pub id: Uuid,
    /// Whether it is the broker's own.
    pub is_internal: bool,
    /// Its partitions in order.
    pub partitions: Vec<Partition>,
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// The broker that leads it.
    pub leader: Option<i32>,
    /// How often the lead has changed, if the broker tells.
    pub leader_epoch: Option<i32>,
    /// The brokers that have it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those that are in sync.
    pub isr: Vec<i32>,
    /// Those that are out of service.
    pub offline: Vec<i32>,
}

impl Cluster {
    /// Creates a topic, or only says whether it could be.
    pub async fn create_topic(&self, topic: &NewTopic, validate_only: bool) -> Result<CreatedTopic, ClientError> {
        let config = |(name, value): &(String, String)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        };
        let asked = CreatableTopic::default()
            .with_name(topic_name(&topic.name))
            .with_num_partitions(topic.partitions.unwrap_or(-1))
            .with_replication_factor(topic.replication_factor.unwrap_or(-1))
            .with_configs(topic.configs.iter().map(config).collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![asked])
            .with_timeout_ms(self.timeout_ms())
            .with_validate_only(validate_only);
        let effect = if validate_only { Effect::None } else { Effect::Change };
        self.retry(effect, async || {
            let connection = self.controller().await?;
            let answer = connection.call(&request).await?;
            let result = answer
                .topics
                .first()
                .ok_or_else(|| lacks(connection.peer(), &topic.name))?;
            check(result.error_code, result.error_message.as_deref(), || {
                format!("topic {}", topic.name)
            })?;
            Ok(CreatedTopic {
                id: result.topic_id,
                partitions: Some(result.num_partitions).filter(|count| *count > 0),
                replication_factor: Some(result.replication_factor).filter(|count| *count > 0),
            })
        })
        .await
    }

    /// Deletes topics; the outcome of each, in the order given.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<Vec<Result<(), ClientError>>, ClientError> {
        let mut outcomes = Vec::with_capacity(names.len());
        for name in names {
            outcomes.push(self.delete_topic(name).await);
        }
        Ok(outcomes)
    }

    async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        self.retry(Effect::Change, async || {
            let connection = self.controller().await?;
            let request = DeleteTopicsRequest::default().with_timeout_ms(self.timeout_ms());
            let request = match connection.version::<DeleteTopicsRequest>()? {
                6.. => request.with_topics(vec![DeleteTopicState::default().with_name(Some(topic_name(name)))]),
                _ => request.with_topic_names(vec![topic_name(name)]),
            };
            let answer = connection.call(&request).await?;
            let result = answer.responses.first().ok_or_else(|| lacks(connection.peer(), name))?;
            check(result.error_code, result.error_message.as_deref(), || {
                format!("topic {name}")
            })
        })
        .await
    }

    /// Gives a topic so many partitions in all, or only says whether that could be.
    pub async fn create_partitions(&self, name: &str, count: i32, validate_only: bool) -> Result<(), ClientError> {
        let asked = CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(count)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![asked])
            .with_timeout_ms(self.timeout_ms())
            .with_validate_only(validate_only);
        self.retry(Effect::Change, async || {
            let connection = self.controller().await?;
            let answer = connection.call(&request).await?;
            let result = answer.results.first().ok_or_else(|| lacks(connection.peer(), name))?;
            check(result.error_code, result.error_message.as_deref(), || {
                format!("topic {name}")
            })
        })
        .await
    }

    /// All topics, by name.
    pub async fn topics(&self) -> Result<Vec<Topic>, ClientError> {
        let answer = self
            .retry(Effect::None, async || self.metadata(None, false).await)
            .await?;
        let mut topics: Vec<Topic> = answer
            .topics
            .into_iter()
            .filter(|topic| topic.name.is_some())
            .map(topic)
            .collect();
        topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// All partitions of all topics.
    pub async fn partitions(&self) -> Result<BTreeSet<TopicPartition>, ClientError> {
        let topics = self.topics().await?;
        let partitions = topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|it| (topic.name.clone(), it.index)));
        Ok(partitions.collect())
    }

    /// One topic. It is not created by asking.
    pub async fn topic(&self, name: &str) -> Result<Topic, ClientError> {
        self.look_up(name, false).await
    }

    /// One topic, which the broker may create where it is set to do so.
    pub async fn topic_or_create(&self, name: &str) -> Result<Topic, ClientError> {
        self.look_up(name, true).await
    }

    async fn look_up(&self, name: &str, create: bool) -> Result<Topic, ClientError> {
        self.retry(Effect::None, async || {
            let answer = self.metadata(Some(&[name]), create).await?;
            let found = answer.topics.into_iter().next();
            let found = found.ok_or_else(|| lacks("the broker", name))?;
            check(found.error_code, None, || format!("topic {name}"))?;
            Ok(Topic {
                name: name.to_owned(),
                ..topic(found)
            })
        })
        .await
    }

    /// Waits until every partition of a new topic has a leader that answers; not an error if that takes too long.
    pub async fn await_leaders(&self, name: &str, partitions: usize) -> Result<(), ClientError> {
        let unknown = |problem: &ClientError| problem.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        self.retry(Effect::None, async || match self.topic(name).await {
            Ok(topic)
                if topic.partitions.len() >= partitions && topic.partitions.iter().all(|it| it.leader.is_some()) =>
            {
                Ok(())
            }
            Err(problem) if !unknown(&problem) => Err(problem),
            _ => Err(ClientError::NoLeader {
                subject: format!("topic {name}"),
            }),
        })
        .await
    }
}

fn topic(found: metadata_response::MetadataResponseTopic) -> Topic {
    let ids = |nodes: &[BrokerId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    let mut partitions: Vec<Partition> = (found.partitions.iter())
        .map(|partition| Partition {
            index: partition.partition_index,
            leader: Some(partition.leader_id.0).filter(|id| *id >= 0),
            leader_epoch: Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
            replicas: ids(&partition.replica_nodes),
            isr: ids(&partition.isr_nodes),
            offline: ids(&partition.offline_replicas),
        })
        .collect();
    partitions.sort_unstable_by_key(|partition| partition.index);
    Topic {
        name: found.name.as_ref().map(|name| name.to_string()).unwrap_or_default(),
        id: found.topic_id,
        is_internal: found.is_internal,
        partitions,
    }
}
