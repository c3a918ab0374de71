//! OffsetCommit, versions 2–10 (Kafka: `OffsetMetadataManager.commitOffset`).
//!
//! Members commit with their generation; anyone may commit to a group that is empty, with generation −1, and makes a
//! simple group by it. The answer waits until the records are committed; before, nobody is shown the offsets. A commit
//! keeps the member's session.
//!
//! Topics come with their names; in version 10 whoever calls adds them to the ids.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use storage::planted::{Bug, is_planted};
use uuid::Uuid;

use super::appends::{Change, Completion, Waiter};
use super::classic::{ClassicGroup, State};
use super::config::{MAX_NAME_BYTES, MAX_PENDING_APPENDS};
use super::group_entry::{Kind, names_bytes};
use super::heartbeat;
use super::offsets::{CommittedOffset, topic_bytes};
use super::runtime::{Now, Response, Runtime, Token};
use super::shard::{Shard, are_storable};

/// The version from which on a missing group is said to be missing.
const GROUP_NOT_FOUND_VERSION: i16 = 9;
const NO_LEADER_EPOCH: i32 = -1;
/// OffsetCommit without a retention of its own.
const DEFAULT_RETENTION: i64 = -1;

impl Shard {
    /// Handles an OffsetCommit that came in this version of the API.
    pub fn offset_commit(&mut self, token: Token, api_version: i16, request: &OffsetCommitRequest, now: Now) {
        self.runtime.now = now;
        let (changes, response) = match self.check_commit(api_version, request) {
            Ok(()) => self.changes(request),
            Err(error) => {
                let response = error_answer(empty_answer(request), error);
                return self.runtime.respond(token, Response::OffsetCommit(response));
            }
        };
        if changes.is_empty() {
            return self.runtime.respond(token, Response::OffsetCommit(response));
        }
        self.runtime.counters.offset_commits += changes.len() as u64;
        let waiters = if is_planted(Bug::OffsetCommitAnsweredEarly) {
            self.runtime.respond(token, Response::OffsetCommit(response));
            Vec::new()
        } else {
            vec![Waiter::OffsetCommit { token, response }]
        };
        let append = self.runtime.append(changes, Completion::Nothing, waiters);
        self.group_or_new(&request.group_id).offsets_append = Some(append);
    }

    fn check_commit(&mut self, api_version: i16, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
        let names = request.topics.iter().map(|topic| &*topic.name.0);
        if !are_storable(names.chain([&*request.group_id.0])) {
            return Err(ResponseError::InvalidRequest);
        }
        if self.runtime.appends.len() >= MAX_PENDING_APPENDS {
            return Err(ResponseError::CoordinatorLoadInProgress);
        }
        let group_id: &str = &request.group_id;
        let Some(group) = self.groups.get_mut(group_id) else {
            return match request.generation_id_or_member_epoch {
                generation if generation < 0 => Ok(()),
                _ if api_version >= GROUP_NOT_FOUND_VERSION => Err(ResponseError::GroupIdNotFound),
                _ => Err(ResponseError::IllegalGeneration),
            };
        };
        if group.is_being_deleted(&self.runtime.appends) {
            return Err(ResponseError::CoordinatorLoadInProgress);
        }
        let Kind::Classic(classic) = &mut group.kind;
        check_member(classic, request)?;
        if matches!(classic.state(), State::Stable | State::PreparingRebalance) {
            heartbeat::keep_session(classic, &mut self.runtime, &request.member_id);
        }
        Ok(())
    }

    fn changes(&self, request: &OffsetCommitRequest) -> (Vec<Change>, OffsetCommitResponse) {
        let now_ms = self.runtime.now.wall_ms;
        let expire_timestamp_ms = match request.retention_time_ms {
            DEFAULT_RETENTION => None,
            retention_ms => Some(now_ms.saturating_add(retention_ms)),
        };
        let group: Arc<str> = self
            .groups
            .get(&*request.group_id.0)
            .map_or_else(|| request.group_id.as_str().into(), |group| Arc::clone(&group.id));
        let has_expiry = expire_timestamp_ms.is_some();
        let mut changes = Vec::new();
        let mut response = empty_answer(request);
        let known = self.groups.get(&*group);
        let mut more = if known.is_some() { 0 } else { names_bytes(&group, "") };
        for (topic, answered) in request.topics.iter().zip(&mut response.topics) {
            let name: Arc<str> = topic.name.as_str().into();
            for (partition, answered) in topic.partitions.iter().zip(&mut answered.partitions) {
                if is_metadata_too_large(&self.runtime, partition, has_expiry) {
                    answered.error_code = ResponseError::OffsetMetadataTooLarge.code();
                    continue;
                }
                let offset = CommittedOffset {
                    offset: partition.committed_offset,
                    // A record with an expiry has no room for these two; nor have the requests that bring one.
                    leader_epoch: if has_expiry {
                        NO_LEADER_EPOCH
                    } else {
                        partition.committed_leader_epoch
                    },
                    metadata: partition.committed_metadata.as_deref().unwrap_or_default().into(),
                    commit_timestamp_ms: now_ms,
                    expire_timestamp_ms,
                    topic_id: if has_expiry { Uuid::nil() } else { topic.topic_id },
                    record_offset: -1,
                };
                let additional = known.map_or_else(
                    || topic_bytes(&name) + offset.bytes(),
                    |group| group.offsets.more_with(&name, partition.partition_index, &offset),
                );
                if additional > 0 && !self.runtime.config.offset_memory.has_room(more + additional) {
                    answered.error_code = ResponseError::PolicyViolation.code();
                    continue;
                }
                more += additional;
                changes.push(Change::Offset {
                    group: Arc::clone(&group),
                    topic: Arc::clone(&name),
                    partition: partition.partition_index,
                    offset: Some(offset),
                });
            }
        }
        (changes, response)
    }
}

fn check_member(group: &ClassicGroup, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    let generation = request.generation_id_or_member_epoch;
    let is_empty = group.state() == State::Empty;
    if generation < 0 && is_empty {
        return Ok(());
    }
    if generation < 0 && request.member_id.is_empty() && request.group_instance_id.is_none() {
        return Err(ResponseError::UnknownMemberId);
    }
    group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
    if generation != group.generation {
        Err(ResponseError::IllegalGeneration)
    } else if group.state() == State::CompletingRebalance {
        Err(ResponseError::RebalanceInProgress)
    } else {
        Ok(())
    }
}

fn is_metadata_too_large(runtime: &Runtime, partition: &OffsetCommitRequestPartition, has_expiry: bool) -> bool {
    let Some(metadata) = &partition.committed_metadata else {
        return false;
    };
    // A record with an expiry is of version 1, whose strings are shorter.
    metadata.encode_utf16().count() > runtime.config.offset_metadata_max_size
        || (has_expiry && metadata.len() > MAX_NAME_BYTES)
}

/// The answer for success.
fn empty_answer(request: &OffsetCommitRequest) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic
            .partitions
            .iter()
            .map(|partition| OffsetCommitResponsePartition::default().with_partition_index(partition.partition_index));
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// The same answer, with every partition failed.
pub(crate) fn error_answer(mut response: OffsetCommitResponse, error: ResponseError) -> OffsetCommitResponse {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        partition.error_code = error.code();
    }
    response
}
