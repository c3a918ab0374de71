//! ListOffsets 1–10 of many partitions at once, each asked of its leader.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};

use crate::client::cluster::{Cluster, Effect};
use crate::client::error::{ClientError, check, lacks};
use crate::client::topic_name;

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// Which offset is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// That of the first record that is there.
    Earliest,
    /// The one behind the last record.
    Latest,
    /// That of the first record that is not older, ms since the epoch; `None` if there is none.
    Time(i64),
}

impl OffsetSpec {
    fn wire(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::Time(timestamp) => timestamp.max(0),
        }
    }
}

impl Cluster {
    /// The offsets asked for; with `committed`, only what transactions have committed counts for the latest.
    pub async fn offsets(
        &self,
        asked: &[(TopicPartition, OffsetSpec)],
        committed: bool,
    ) -> Result<BTreeMap<TopicPartition, Option<i64>>, ClientError> {
        let mut found = BTreeMap::new();
        self.retry(Effect::None, async || {
            let left: Vec<_> = asked
                .iter()
                .filter(|(partition, _)| !found.contains_key(partition))
                .collect();
            for (leader, asked) in self.by_leader(&left).await? {
                for (partition, offset) in self.offsets_of(leader, &asked, committed).await? {
                    found.insert(partition, offset?);
                }
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }

    /// As [`Cluster::offsets`], asked once: a partition that is out of service keeps nobody from those that are not.
    pub async fn offsets_at_hand(
        &self,
        asked: &[(TopicPartition, OffsetSpec)],
    ) -> Result<BTreeMap<TopicPartition, Result<Option<i64>, ClientError>>, ClientError> {
        let mut found = BTreeMap::new();
        let all: Vec<_> = asked.iter().collect();
        let leaders = self
            .retry(Effect::None, async || self.leaders(&topics_of(&all)).await)
            .await?;
        let mut by_leader: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        for (partition, spec) in asked {
            match leaders.get(partition) {
                Some(leader) => by_leader.entry(*leader).or_default().push((partition.clone(), *spec)),
                None => {
                    found.insert(partition.clone(), Err(no_leader(partition)));
                }
            }
        }
        for (leader, asked) in by_leader {
            found.extend(self.offsets_of(leader, &asked, false).await?);
        }
        Ok(found)
    }

    /// The leader of each partition of these topics.
    pub async fn leaders(&self, topics: &[&str]) -> Result<BTreeMap<TopicPartition, i32>, ClientError> {
        let answer = self.metadata(Some(topics), false).await?;
        let mut leaders = BTreeMap::new();
        for topic in &answer.topics {
            let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
            check(topic.error_code, None, || format!("topic {name}"))?;
            for partition in topic.partitions.iter().filter(|partition| partition.leader_id.0 >= 0) {
                leaders.insert((name.clone(), partition.partition_index), partition.leader_id.0);
            }
        }
        Ok(leaders)
    }

    async fn by_leader(
        &self,
        asked: &[&(TopicPartition, OffsetSpec)],
    ) -> Result<BTreeMap<i32, Vec<(TopicPartition, OffsetSpec)>>, ClientError> {
        let leaders = self.leaders(&topics_of(asked)).await?;
        let mut by_leader: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        for (partition, spec) in asked {
            let leader = leaders.get(partition).ok_or_else(|| no_leader(partition))?;
            by_leader.entry(*leader).or_default().push((partition.clone(), *spec));
        }
        Ok(by_leader)
    }

    async fn offsets_of(
        &self,
        leader: i32,
        asked: &[(TopicPartition, OffsetSpec)],
        committed: bool,
    ) -> Result<BTreeMap<TopicPartition, Result<Option<i64>, ClientError>>, ClientError> {
        let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for ((topic, partition), spec) in asked {
            let one = ListOffsetsPartition::default()
                .with_partition_index(*partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(spec.wire());
            topics.entry(topic).or_default().push(one);
        }
        let topic = |(name, partitions)| {
            ListOffsetsTopic::default()
                .with_name(topic_name(name))
                .with_partitions(partitions)
        };
        let connection = self.broker(leader).await?;
        let mut request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(topics.into_iter().map(topic).collect());
        let version = connection.version::<ListOffsetsRequest>()?;
        if version >= 2 {
            request = request.with_isolation_level(i8::from(committed));
        }
        if version >= 10 {
            request = request.with_timeout_ms(self.timeout_ms());
        }
        let answer = connection.call(&request).await?;
        let mut found = BTreeMap::new();
        for topic in &answer.topics {
            for partition in &topic.partitions {
                let name = topic.name.to_string();
                let checked = check(partition.error_code, None, || {
                    format!("{name}-{}", partition.partition_index)
                });
                let offset = checked.map(|()| Some(partition.offset).filter(|offset| *offset >= 0));
                found.insert((name, partition.partition_index), offset);
            }
        }
        for (partition, _) in asked {
            if !found.contains_key(partition) {
                return Err(lacks(connection.peer(), &format!("{}-{}", partition.0, partition.1)));
            }
        }
        Ok(found)
    }
}

/// The topics of partitions, each once.
fn topics_of<'a>(asked: &[&'a (TopicPartition, OffsetSpec)]) -> Vec<&'a str> {
    let mut topics: Vec<&str> = asked.iter().map(|((topic, _), _)| topic.as_str()).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

fn no_leader(partition: &TopicPartition) -> ClientError {
    ClientError::NoLeader {
        subject: format!("{}-{}", partition.0, partition.1),
    }
}
