//! OffsetDelete, version 0 (KIP-496; Kafka: `OffsetMetadataManager.deleteOffsets`), and the end of topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::appends::{Appends, Change};
use super::classic::State;
use super::deletion::append_tombstones;
use super::group_entry::{Group, Kind};
use super::runtime::{Now, Response, Token};
use super::shard::Shard;

impl Shard {
    /// Handles an OffsetDelete: topics that a member reads are refused, a group that is no consumer group must be empty.
    pub fn offset_delete(&mut self, token: Token, request: &OffsetDeleteRequest, now: Now) {
        self.runtime.now = now;
        let group_id: &str = &request.group_id;
        let group = match check(self.groups.get(group_id), &self.runtime.appends, group_id) {
            Ok(group) => group,
            Err(error) => {
                let response = OffsetDeleteResponse::default().with_error_code(error.code());
                return self.runtime.respond(token, Response::OffsetDelete(response));
            }
        };
        let Kind::Classic(classic) = &group.kind;
        let live = live_offsets(group, &self.runtime.appends, |_| true);
        let mut tombstones = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let is_read = classic.is_subscribed_to(&topic.name);
            let error_code = if is_read {
                ResponseError::GroupSubscribedToTopic.code()
            } else {
                0
            };
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let key = (Arc::<str>::from(topic.name.as_str()), partition.partition_index);
                if !is_read && live.contains(&key) {
                    tombstones.push(tombstone(&group.id, &key.0, key.1));
                }
                partitions.push(
                    OffsetDeleteResponsePartition::default()
                        .with_partition_index(partition.partition_index)
                        .with_error_code(error_code),
                );
            }
            topics.push(
                OffsetDeleteResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions),
            );
        }
        self.runtime.counters.offset_deletions += tombstones.len() as u64;
        let response = Response::OffsetDelete(OffsetDeleteResponse::default().with_topics(topics));
        let last = append_tombstones(&mut self.runtime, tombstones, Some((token, response)));
        if let (Some(group), Some(last)) = (self.groups.get_mut(group_id), last) {
            group.offsets_append = Some(last);
        }
    }

    /// A topic was deleted: its offsets go, in every group, whatever members are doing. Offsets that are being
    /// committed go as well.
    pub fn topic_deleted(&mut self, topic: &str, now: Now) {
        self.runtime.now = now;
        let mut tombstones = Vec::new();
        let mut touched = Vec::new();
        for group in self.groups.values() {
            let before = tombstones.len();
            for (topic, partition) in live_offsets(group, &self.runtime.appends, |name| name == topic) {
                tombstones.push(tombstone(&group.id, &topic, partition));
            }
            if tombstones.len() > before {
                touched.push(Arc::clone(&group.id));
            }
        }
        let last = append_tombstones(&mut self.runtime, tombstones, None);
        for group_id in touched {
            if let Some(group) = self.groups.get_mut(&group_id) {
                group.offsets_append = last;
            }
        }
    }
}

fn check<'a>(group: Option<&'a Group>, appends: &Appends, group_id: &str) -> Result<&'a Group, ResponseError> {
    if group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let group = group.ok_or(ResponseError::GroupIdNotFound)?;
    let Kind::Classic(classic) = &group.kind;
    if group.is_being_deleted(appends) {
        Err(ResponseError::CoordinatorLoadInProgress)
    } else if classic.state() != State::Empty && !classic.is_consumer_group() {
        Err(ResponseError::NonEmptyGroup)
    } else {
        Ok(group)
    }
}

/// The partitions that have an offset or will have one once the appends under way are committed: those of which a
/// deletion has to write a tombstone.
pub(crate) fn live_offsets(
    group: &Group,
    appends: &Appends,
    is_wanted: impl Fn(&str) -> bool,
) -> BTreeSet<(Arc<str>, i32)> {
    let mut live: BTreeSet<(Arc<str>, i32)> = group
        .offsets
        .iter()
        .filter(|(topic, ..)| is_wanted(topic))
        .map(|(topic, partition, _)| (Arc::clone(topic), partition))
        .collect();
    if appends.is_pending(group.offsets_append) {
        for change in appends.changes() {
            if let Change::Offset {
                group: changed,
                topic,
                partition,
                offset: Some(_),
            } = change
                && *changed == group.id
                && is_wanted(topic)
            {
                live.insert((Arc::clone(topic), *partition));
            }
        }
    }
    live
}

/// Removes a committed offset.
pub(crate) fn tombstone(group: &Arc<str>, topic: &Arc<str>, partition: i32) -> Change {
    Change::Offset {
        group: Arc::clone(group),
        topic: Arc::clone(topic),
        partition,
        offset: None,
    }
}
