//! Offsets of a group that has no members.

use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{FindCoordinatorRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest};

use super::error::{check, lacks};
use super::{ClientError, Connection, text, topic_name};

/// What a group has committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The offset, −1 for none.
    pub offset: i64,
    /// The text that was committed with it.
    pub metadata: String,
}

impl Connection {
    /// Asks who coordinates a group: host and port.
    pub fn find_coordinator(&mut self, group: &str) -> Result<(String, i32), ClientError> {
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(group)]);
        let answer = self.call(&request)?;
        let found = (answer.coordinators.iter().find(|found| found.key.as_str() == group))
            .ok_or_else(|| lacks("FindCoordinator", group))?;
        check(
            "FindCoordinator",
            group,
            found.error_code,
            found.error_message.as_deref(),
        )?;
        Ok((found.host.to_string(), found.port))
    }

    /// Commits the same offset and text for all these partitions.
    pub fn commit(
        &mut self,
        group: &str,
        topic: &str,
        partitions: &[i32],
        committed: &Committed,
    ) -> Result<(), ClientError> {
        let one = |partition: &i32| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(committed.offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(text(&committed.metadata)))
        };
        let asked = OffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.iter().map(one).collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![asked]);
        let answer = self.call(&request)?;
        for partition in partitions {
            let subject = format!("{group} for {topic}-{partition}");
            let result = (answer.topics.iter())
                .filter(|result| result.name.as_str() == topic)
                .flat_map(|result| &result.partitions)
                .find(|result| result.partition_index == *partition)
                .ok_or_else(|| lacks("OffsetCommit", &subject))?;
            check("OffsetCommit", &subject, result.error_code, None)?;
        }
        Ok(())
    }

    /// What a group has committed, in the order of the partitions asked for.
    pub fn committed(&mut self, group: &str, topic: &str, partitions: &[i32]) -> Result<Vec<Committed>, ClientError> {
        let asked = OffsetFetchRequestTopics::default()
            .with_name(topic_name(topic))
            .with_partition_indexes(partitions.to_vec());
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text(group)))
            .with_topics(Some(vec![asked]));
        let request = OffsetFetchRequest::default()
            .with_groups(vec![asked])
            .with_require_stable(true);
        let answer = self.call(&request)?;
        let found = (answer.groups.iter().find(|found| found.group_id.as_str() == group))
            .ok_or_else(|| lacks("OffsetFetch", group))?;
        check("OffsetFetch", group, found.error_code, None)?;
        (partitions.iter())
            .map(|partition| {
                let subject = format!("{group} for {topic}-{partition}");
                let found = (found.topics.iter())
                    .filter(|found| found.name.as_str() == topic)
                    .flat_map(|found| &found.partitions)
                    .find(|found| found.partition_index == *partition)
                    .ok_or_else(|| lacks("OffsetFetch", &subject))?;
                check("OffsetFetch", &subject, found.error_code, None)?;
                Ok(Committed {
                    offset: found.committed_offset,
                    metadata: found.metadata.as_deref().unwrap_or_default().to_owned(),
                })
            })
            .collect()
    }
}
