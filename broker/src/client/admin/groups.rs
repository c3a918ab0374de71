//! ListGroups 0–5, DescribeGroups 0–6, ConsumerGroupDescribe 0–1, OffsetFetch 1–9, OffsetCommit 2–9, DeleteGroups 0–2.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DeleteGroupsRequest, DescribeGroupsRequest,
    GroupId, ListGroupsRequest, OffsetCommitRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::Decodable;

use super::offsets::TopicPartition;
use crate::client::cluster::{Cluster, Effect};
use crate::client::error::{ClientError, ErrorCode, check, lacks};
use crate::client::{text, topic_name};

/// A group in the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub name: String,
    /// Its state, if the broker tells.
    pub state: Option<String>,
    /// `classic`, `consumer` and so on, if the broker tells.
    pub kind: Option<String>,
    /// What its members do: `consumer`, `connect`; empty for one that only commits.
    pub protocol_type: String,
    /// The broker that coordinates it.
    pub coordinator: i32,
}

/// A group and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its state.
    pub state: String,
    /// `classic` or `consumer`.
    pub kind: &'static str,
    /// How partitions are assigned.
    pub assignor: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// Its static name, if it has one.
    pub instance: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// What it is to read.
    pub partitions: Vec<TopicPartition>,
}

/// What a group has committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to read.
    pub offset: i64,
    /// The text committed with it.
    pub metadata: String,
}

impl Cluster {
    /// The groups of all brokers, by name.
    pub async fn groups(&self) -> Result<Vec<ListedGroup>, ClientError> {
        self.metadata(Some(&[]), false).await?;
        let mut groups = Vec::new();
        for node in self.nodes().await {
            let answer = self.retry(Effect::None, async || {
                let connection = self.broker(node.id).await?;
                let answer = connection.call(&ListGroupsRequest::default()).await?;
                check(answer.error_code, None, || format!("the groups of broker {}", node.id))?;
                Ok(answer)
            });
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            groups.extend(answer.await?.groups.iter().map(|group| ListedGroup {
                name: group.group_id.to_string(),
                state: some(&group.group_state),
                kind: some(&group.group_type),
                protocol_type: group.protocol_type.to_string(),
                coordinator: node.id,
            }));
        }
        groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// A group and its members; `GROUP_ID_NOT_FOUND` where there is none.
    pub async fn group(&self, name: &str) -> Result<GroupDescription, ClientError> {
        self.retry(Effect::None, async || {
            let connection = self.coordinator(name).await?;
            if connection.serves(ApiKey::ConsumerGroupDescribe).is_some() {
                match self.consumer_group(name).await {
                    Err(problem) if problem.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {}
                    answer => return answer,
                }
            }
            let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(name))]);
            let answer = connection.call(&request).await?;
            let found = answer
                .groups
                .into_iter()
                .next()
                .ok_or_else(|| lacks(connection.peer(), name))?;
            check(found.error_code, found.error_message.as_deref(), || {
                format!("group {name}")
            })?;
            if found.group_state.as_str() == "Dead" {
                return Err(ClientError::Refused {
                    subject: format!("group {name}"),
                    code: ErrorCode::GROUP_ID_NOT_FOUND,
                    message: None,
                });
            }
            let members = found.members.iter().map(|member| GroupMember {
                id: member.member_id.to_string(),
                instance: member.group_instance_id.as_ref().map(|name| name.to_string()),
                client_id: member.client_id.to_string(),
                host: member.client_host.trim_start_matches('/').to_owned(),
                // The assignment is the members' own affair; what is no consumer's is not shown.
                partitions: assignment(&member.member_assignment).unwrap_or_default(),
            });
            Ok(GroupDescription {
                state: found.group_state.to_string(),
                kind: "classic",
                assignor: found.protocol_data.to_string(),
                members: members.collect(),
            })
        })
        .await
    }

    async fn consumer_group(&self, name: &str) -> Result<GroupDescription, ClientError> {
        let connection = self.coordinator(name).await?;
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(text(name))]);
        let answer = connection.call(&request).await?;
        let found = answer
            .groups
            .into_iter()
            .next()
            .ok_or_else(|| lacks(connection.peer(), name))?;
        check(found.error_code, found.error_message.as_deref(), || {
            format!("group {name}")
        })?;
        let members = found.members.iter().map(|member| {
            let topics = member.assignment.topic_partitions.iter();
            let partitions = topics.flat_map(|topic| {
                let name = topic.topic_name.to_string();
                topic.partitions.iter().map(move |partition| (name.clone(), *partition))
            });
            GroupMember {
                id: member.member_id.to_string(),
                instance: member.instance_id.as_ref().map(|name| name.to_string()),
                client_id: member.client_id.to_string(),
                host: member.client_host.trim_start_matches('/').to_owned(),
                partitions: partitions.collect(),
            }
        });
        Ok(GroupDescription {
            state: found.group_state.to_string(),
            kind: "consumer",
            assignor: found.assignor_name.to_string(),
            members: members.collect(),
        })
    }

    /// All that a group has committed.
    pub async fn committed(&self, group: &str) -> Result<BTreeMap<TopicPartition, Committed>, ClientError> {
        self.retry(Effect::None, async || {
            let connection = self.coordinator(group).await?;
            let request = match connection.version::<OffsetFetchRequest>()? {
                8.. => {
                    let asked = OffsetFetchRequestGroup::default()
                        .with_group_id(GroupId(text(group)))
                        .with_topics(None);
                    OffsetFetchRequest::default().with_groups(vec![asked])
                }
                _ => OffsetFetchRequest::default()
                    .with_group_id(GroupId(text(group)))
                    .with_topics(None),
            };
            let answer = connection.call(&request).await?;
            let mut committed = BTreeMap::new();
            let mut note = |topic: &str, partition: i32, offset: i64, metadata: Option<String>, code: i16| {
                check(code, None, || {
                    format!("the offset of group {group} for {topic}-{partition}")
                })?;
                if offset >= 0 {
                    let metadata = metadata.unwrap_or_default();
                    committed.insert((topic.to_owned(), partition), Committed { offset, metadata });
                }
                Ok::<(), ClientError>(())
            };
            check(answer.error_code, None, || format!("the offsets of group {group}"))?;
            for topic in &answer.topics {
                for it in &topic.partitions {
                    let metadata = it.metadata.as_ref().map(|text| text.to_string());
                    note(
                        &topic.name,
                        it.partition_index,
                        it.committed_offset,
                        metadata,
                        it.error_code,
                    )?;
                }
            }
            for found in &answer.groups {
                check(found.error_code, None, || format!("the offsets of group {group}"))?;
                for topic in &found.topics {
                    for it in &topic.partitions {
                        let metadata = it.metadata.as_ref().map(|text| text.to_string());
                        note(
                            &topic.name,
                            it.partition_index,
                            it.committed_offset,
                            metadata,
                            it.error_code,
                        )?;
                    }
                }
            }
            Ok(committed)
        })
        .await
    }

    /// Commits offsets for a group that has no members; the outcome of each partition.
    pub async fn commit(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), ErrorCode>>, ClientError> {
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for ((topic, partition), offset) in offsets {
            let one = OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(text("")));
            topics.entry(topic).or_default().push(one);
        }
        let topic = |(name, partitions)| {
            OffsetCommitRequestTopic::default()
                .with_name(topic_name(name))
                .with_partitions(partitions)
        };
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(topics.into_iter().map(topic).collect());
        // The same offsets again are the same.
        self.retry(Effect::None, async || {
            let connection = self.coordinator(group).await?;
            let answer = connection.call(&request).await?;
            let mut outcomes = BTreeMap::new();
            for topic in &answer.topics {
                for partition in &topic.partitions {
                    let code = ErrorCode(partition.error_code);
                    if code.is_refused_for_now() {
                        check(partition.error_code, None, || format!("group {group}"))?;
                    }
                    let outcome = if code.0 == 0 { Ok(()) } else { Err(code) };
                    outcomes.insert((topic.name.to_string(), partition.partition_index), outcome);
                }
            }
            Ok(outcomes)
        })
        .await
    }

    /// Deletes a group that has no members, and all it has committed.
    pub async fn delete_group(&self, name: &str) -> Result<(), ClientError> {
        self.retry(Effect::Change, async || {
            let connection = self.coordinator(name).await?;
            let request = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text(name))]);
            let answer = connection.call(&request).await?;
            let result = answer.results.first().ok_or_else(|| lacks(connection.peer(), name))?;
            check(result.error_code, None, || format!("group {name}"))
        })
        .await
    }
}

/// A consumer's assignment: a version, then ConsumerProtocolAssignment.
fn assignment(bytes: &Bytes) -> Option<Vec<TopicPartition>> {
    const NEWEST: i16 = 3;
    let mut bytes = bytes.clone();
    let version = bytes.try_get_i16().ok()?;
    let decoded = ConsumerProtocolAssignment::decode(&mut bytes, version.clamp(0, NEWEST)).ok()?;
    let topics = decoded.assigned_partitions.iter();
    let partitions = topics.flat_map(|topic| {
        let name = topic.topic.to_string();
        topic.partitions.iter().map(move |partition| (name.clone(), *partition))
    });
    Some(partitions.collect())
}
