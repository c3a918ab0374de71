//! Consumers that commit offsets, each commit a larger number than the one before, and ask for what is committed.

use std::collections::BTreeMap;

use broker::coordinator::Answer;
use broker::group::Response;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot::error::TryRecvError;

use super::super::report::{Broken, broken};
use super::super::world::World;

const NEVER_BACK: &str = "5 a group's committed offset never goes back";
/// The offsets are those of a topic that is never deleted.
pub(super) const TOPIC: &str = "t0";
const GROUPS: u64 = 4;
const PARTITIONS: u64 = 2;
const COMMIT_VERSION: i16 = 8;

type Key = (u64, i32);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct GroupClients {
    offsets: BTreeMap<Key, Offsets>,
    commits: Vec<(Key, i64, Answer)>,
    fetches: Vec<(Key, i64, Answer)>,
}

/// One group's offset of one partition.
#[derive(Debug, Default, Clone, Copy)]
struct Offsets {
    /// The last that was sent.
    sent: i64,
    /// The highest that was acknowledged, or shown.
    least: i64,
}

impl GroupClients {
    pub(crate) fn hang_up(&mut self) {
        self.commits.clear();
        self.fetches.clear();
    }

    /// Whether nothing waits any more.
    pub(crate) fn are_settled(&self) -> bool {
        self.commits.is_empty() && self.fetches.is_empty()
    }
}

impl World {
    /// Commits the next offset.
    pub(crate) fn commit_offset(&mut self) -> Result<(), Broken> {
        let key = (self.random.below(GROUPS), self.random.below(PARTITIONS) as i32);
        let Some(running) = &self.running else { return Ok(()) };
        // The broker refuses commits for topics that it does not have, and drops what there is of them.
        if running.node.image().topic(TOPIC).is_none() {
            return Ok(());
        }
        let group = format!("group-{}", key.0);
        let Ok(coordinator) = running.coordinators.find(&group) else {
            return Ok(());
        };
        let offsets = self.groups.offsets.entry(key).or_default();
        offsets.sent += 1;
        let offset = offsets.sent;
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(key.1)
            .with_committed_offset(offset)
            .with_committed_metadata(None);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic())
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(&group))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let called = coordinator.call_for(&group, |shard, token, now| {
            shard.offset_commit(token, COMMIT_VERSION, &request, now);
        });
        match called {
            Ok(answer) => self.groups.commits.push((key, offset, answer)),
            Err(error) => self.say(format!("{group} cannot commit: {error:?}")),
        }
        self.say(format!("{group} commits {offset} of partition {}", key.1));
        Ok(())
    }

    /// Asks what is committed.
    pub(crate) fn fetch_offset(&mut self) -> Result<(), Broken> {
        let key = (self.random.below(GROUPS), self.random.below(PARTITIONS) as i32);
        let require_stable = self.random.percent(30);
        self.fetch_offset_of(key, require_stable)
    }

    /// Asks for every offset that was ever committed.
    pub(crate) fn fetch_all_offsets(&mut self) -> Result<(), Broken> {
        let keys: Vec<Key> = self.groups.offsets.keys().copied().collect();
        keys.into_iter().try_for_each(|key| self.fetch_offset_of(key, false))
    }

    fn fetch_offset_of(&mut self, key: Key, require_stable: bool) -> Result<(), Broken> {
        let Some(running) = &self.running else { return Ok(()) };
        let group = format!("group-{}", key.0);
        let Ok(coordinator) = running.coordinators.find(&group) else {
            return Ok(());
        };
        let topics = OffsetFetchRequestTopics::default()
            .with_name(topic())
            .with_partition_indexes(vec![key.1]);
        let request = OffsetFetchRequestGroup::default()
            .with_group_id(group_id(&group))
            .with_topics(Some(vec![topics]));
        let called = coordinator.call(|shard, token, now| shard.offset_fetch(token, &request, require_stable, now));
        if let Ok(answer) = called {
            let least = self.groups.offsets.get(&key).map_or(0, |offsets| offsets.least);
            self.groups.fetches.push((key, least, answer));
        }
        Ok(())
    }

    pub(crate) fn hear_groups(&mut self) -> Result<(), Broken> {
        for (key, offset, mut answer) in std::mem::take(&mut self.groups.commits) {
            match answer.try_recv() {
                Ok(Response::OffsetCommit(response)) => {
                    let error = response.topics[0].partitions[0].error_code;
                    self.say(format!("group-{} is answered {error} to {offset}", key.0));
                    if error == 0 {
                        self.report.outcome("offset commits acknowledged");
                        let offsets = self.groups.offsets.entry(key).or_default();
                        offsets.least = offsets.least.max(offset);
                    } else {
                        self.report.outcome("offset commits refused");
                    }
                }
                Ok(other) => return broken(NEVER_BACK, format!("a commit is answered with {other:?}")),
                Err(TryRecvError::Empty) => self.groups.commits.push((key, offset, answer)),
                Err(TryRecvError::Closed) => self.report.outcome("offset commits left open"),
            }
        }
        for (key, least, mut answer) in std::mem::take(&mut self.groups.fetches) {
            match answer.try_recv() {
                Ok(Response::OffsetFetch(response)) if response.error_code == 0 => {
                    let shown = response.topics[0].partitions[0].committed_offset;
                    self.offset_shown(key, least, shown)?;
                }
                Ok(Response::OffsetFetch(_)) | Err(TryRecvError::Closed) => {}
                Ok(other) => return broken(NEVER_BACK, format!("a fetch is answered with {other:?}")),
                Err(TryRecvError::Empty) => self.groups.fetches.push((key, least, answer)),
            }
        }
        Ok(())
    }

    fn offset_shown(&mut self, key: Key, least: i64, shown: i64) -> Result<(), Broken> {
        self.report.checked(NEVER_BACK);
        let offsets = self.groups.offsets.entry(key).or_default();
        let (group, partition) = key;
        if shown.max(0) < least {
            return broken(
                NEVER_BACK,
                format!("group-{group} partition {partition}: {shown} after {least}"),
            );
        }
        if shown > offsets.sent {
            return broken(
                NEVER_BACK,
                format!("group-{group} partition {partition}: {shown} was never committed"),
            );
        }
        offsets.least = offsets.least.max(shown);
        Ok(())
    }
}

pub(super) fn topic() -> TopicName {
    TopicName(StrBytes::from_static_str(TOPIC))
}

pub(super) fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_string()))
}
