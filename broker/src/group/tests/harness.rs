//! A shard, a log for its appends, and short words for what clients do.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
    SyncGroupRequest, SyncGroupResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::group::*;

pub(super) const GROUP: &str = "orders";
pub(super) const SESSION_MS: i32 = 10_000;
pub(super) const REBALANCE_MS: i32 = 60_000;

/// A record as it stands in the log.
pub(super) type Record = (Bytes, Option<Bytes>);

pub(super) struct Harness {
    pub(super) shard: Shard,
    pub(super) now: Now,
    next_token: u64,
    pub(super) answers: BTreeMap<Token, Response>,
    /// Appends asked for and not yet done.
    pub(super) appends: Vec<(AppendId, Vec<Record>)>,
    /// What is committed.
    pub(super) log: Vec<Record>,
    /// Appends are committed as soon as they are asked for.
    pub(super) commits_at_once: bool,
}

pub(super) fn uuids() -> UuidSource {
    let mut next = 0;
    Box::new(move || {
        next += 1;
        Uuid::from_u128(next)
    })
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn code(error: ResponseError) -> i16 {
    error.code()
}

impl Harness {
    pub(super) fn new() -> Self {
        Self::with_config(GroupConfig::default())
    }

    pub(super) fn with_config(config: GroupConfig) -> Self {
        let mut shard = Shard::new(config, uuids());
        let now = Now {
            monotonic_ms: 1_000,
            wall_ms: 1_700_000_000_000,
        };
        shard.load_finished(now);
        Self {
            shard,
            now,
            next_token: 0,
            answers: BTreeMap::new(),
            appends: Vec::new(),
            log: Vec::new(),
            commits_at_once: true,
        }
    }

    pub(super) fn token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }

    /// Takes what the shard wants, until it wants no more.
    pub(super) fn run(&mut self) {
        while let Some(effect) = self.shard.poll_effect() {
            match effect {
                Effect::Respond { token, response } => {
                    let before = self.answers.insert(token, response);
                    assert!(before.is_none(), "{token:?} was answered twice");
                }
                Effect::Append { id, records } => {
                    self.appends.push((id, records));
                    if self.commits_at_once {
                        self.commit();
                    }
                }
            }
        }
    }

    /// Commits the first append.
    pub(super) fn commit(&mut self) {
        let (id, records) = self.appends.remove(0);
        let offset = self.log.len() as i64;
        self.log.extend(records);
        self.shard.appended(id, Ok(offset), self.now);
        self.run();
    }

    /// Fails the first append.
    pub(super) fn fail(&mut self, error: ResponseError) {
        let (id, _) = self.appends.remove(0);
        self.shard.appended(id, Err(error), self.now);
        self.run();
    }

    /// Lets time pass, with every timer at its time.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now.monotonic_ms + ms;
        while let Some(deadline) = self.shard.next_deadline().filter(|deadline| *deadline <= end) {
            let step = deadline.saturating_sub(self.now.monotonic_ms);
            self.now.monotonic_ms += step;
            self.now.wall_ms += step as i64;
            self.shard.tick(self.now);
            self.run();
        }
        self.now.wall_ms += (end - self.now.monotonic_ms) as i64;
        self.now.monotonic_ms = end;
    }

    pub(super) fn join_request(member: &str, instance: Option<&str>, protocols: &[(&str, &[u8])]) -> JoinGroupRequest {
        let protocols = protocols.iter().map(|(name, metadata)| {
            JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(Bytes::copy_from_slice(metadata))
        });
        JoinGroupRequest::default()
            .with_group_id(text(GROUP).into())
            .with_session_timeout_ms(SESSION_MS)
            .with_rebalance_timeout_ms(REBALANCE_MS)
            .with_member_id(text(member))
            .with_group_instance_id(instance.map(text))
            .with_protocol_type(text("consumer"))
            .with_protocols(protocols.collect())
    }

    pub(super) fn send_join(&mut self, version: i16, request: &JoinGroupRequest) -> Token {
        let token = self.token();
        let client = Client {
            id: "app",
            host: "/127.0.0.1",
            api_version: version,
        };
        self.shard.join_group(token, client, request, self.now);
        self.run();
        token
    }

    /// A dynamic member joins with its id (or without), knowing only `range`.
    pub(super) fn join(&mut self, member: &str) -> Token {
        self.send_join(
            9,
            &Self::join_request(member, None, &[("range", &subscription(&["t"]))]),
        )
    }

    pub(super) fn join_static(&mut self, member: &str, instance: &str) -> Token {
        self.send_join(
            9,
            &Self::join_request(member, Some(instance), &[("range", &subscription(&["t"]))]),
        )
    }

    /// A dynamic member asks for an id, and joins with it.
    pub(super) fn join_anew(&mut self) -> (String, Token) {
        let asked = self.join("");
        let answer = self.joined(asked);
        assert_eq!(answer.error_code, code(ResponseError::MemberIdRequired));
        let member = answer.member_id.to_string();
        let token = self.join(&member);
        (member, token)
    }

    pub(super) fn is_answered(&self, token: Token) -> bool {
        self.answers.contains_key(&token)
    }

    pub(super) fn joined(&self, token: Token) -> JoinGroupResponse {
        match self.answers.get(&token) {
            Some(Response::JoinGroup(response)) => response.clone(),
            other => panic!("a join was answered {other:?}"),
        }
    }

    pub(super) fn send_sync(&mut self, member: &str, generation: i32, given: &[(&str, &str)]) -> Token {
        let assignments = given.iter().map(|(member, assignment)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(member))
                .with_assignment(Bytes::copy_from_slice(assignment.as_bytes()))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(text(GROUP).into())
            .with_generation_id(generation)
            .with_member_id(text(member))
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
            .with_assignments(assignments.collect());
        let token = self.token();
        self.shard.sync_group(token, &request, self.now);
        self.run();
        token
    }

    pub(super) fn synced(&self, token: Token) -> SyncGroupResponse {
        match self.answers.get(&token) {
            Some(Response::SyncGroup(response)) => response.clone(),
            other => panic!("a sync was answered {other:?}"),
        }
    }

    pub(super) fn heartbeat(&mut self, member: &str, instance: Option<&str>, generation: i32) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(text(GROUP).into())
            .with_generation_id(generation)
            .with_member_id(text(member))
            .with_group_instance_id(instance.map(text));
        let token = self.token();
        self.shard.heartbeat(token, &request, self.now);
        self.run();
        match self.answers.get(&token) {
            Some(Response::Heartbeat(response)) => response.error_code,
            other => panic!("a heartbeat was answered {other:?}"),
        }
    }

    /// Members leave, each by id and instance id.
    pub(super) fn leave(&mut self, members: &[(&str, Option<&str>)]) -> Token {
        let members = members.iter().map(|(member, instance)| {
            MemberIdentity::default()
                .with_member_id(text(member))
                .with_group_instance_id(instance.map(text))
        });
        let request = LeaveGroupRequest::default()
            .with_group_id(text(GROUP).into())
            .with_members(members.collect());
        let token = self.token();
        self.shard.leave_group(token, 5, &request, self.now);
        self.run();
        token
    }

    /// The errors of those who left.
    pub(super) fn left(&self, token: Token) -> Vec<i16> {
        match self.answers.get(&token) {
            Some(Response::LeaveGroup(response)) if response.error_code == 0 => {
                response.members.iter().map(|member| member.error_code).collect()
            }
            Some(Response::LeaveGroup(response)) => vec![response.error_code],
            other => panic!("a leave was answered {other:?}"),
        }
    }

    pub(super) fn commit_request(member: &str, generation: i32, offsets: &[(&str, i32, i64)]) -> OffsetCommitRequest {
        let topics = offsets.iter().map(|(topic, partition, offset)| {
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_metadata(Some(text("note")));
            OffsetCommitRequestTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(vec![partition])
        });
        OffsetCommitRequest::default()
            .with_group_id(text(GROUP).into())
            .with_generation_id_or_member_epoch(generation)
            .with_member_id(text(member))
            .with_topics(topics.collect())
    }

    pub(super) fn send_commit(&mut self, request: &OffsetCommitRequest) -> Token {
        let token = self.token();
        self.shard.offset_commit(token, 9, request, self.now);
        self.run();
        token
    }

    /// Commits one offset as nobody in particular, or as a member.
    pub(super) fn commit_offset(&mut self, member: &str, generation: i32, topic: &str, offset: i64) -> Token {
        self.send_commit(&Self::commit_request(member, generation, &[(topic, 0, offset)]))
    }

    /// The error of the first partition.
    pub(super) fn committed(&self, token: Token) -> i16 {
        match self.answers.get(&token) {
            Some(Response::OffsetCommit(response)) => response.topics[0].partitions[0].error_code,
            other => panic!("a commit was answered {other:?}"),
        }
    }

    pub(super) fn send_fetch(&mut self, topic: Option<&str>, require_stable: bool) -> Token {
        let topics = topic.map(|topic| {
            vec![
                OffsetFetchRequestTopics::default()
                    .with_name(topic_name(topic))
                    .with_partition_indexes(vec![0]),
            ]
        });
        let request = OffsetFetchRequestGroup::default()
            .with_group_id(text(GROUP).into())
            .with_topics(topics);
        let token = self.token();
        self.shard.offset_fetch(token, &request, require_stable, self.now);
        self.run();
        token
    }

    /// Topics and offsets of partition 0, or the group's error.
    pub(super) fn fetched(&self, token: Token) -> Result<Vec<(String, i64)>, i16> {
        match self.answers.get(&token) {
            Some(Response::OffsetFetch(response)) if response.error_code != 0 => Err(response.error_code),
            Some(Response::OffsetFetch(response)) => Ok(response
                .topics
                .iter()
                .map(|topic| (topic.name.to_string(), topic.partitions[0].committed_offset))
                .collect()),
            other => panic!("a fetch was answered {other:?}"),
        }
    }

    /// The committed offset of a topic's partition 0.
    pub(super) fn offset_of(&mut self, topic: &str) -> i64 {
        let token = self.send_fetch(Some(topic), false);
        self.fetched(token).expect("the group is fine")[0].1
    }

    pub(super) fn delete_group(&mut self) -> Token {
        let token = self.token();
        self.shard.delete_groups(token, &[GroupId(text(GROUP))], self.now);
        self.run();
        token
    }

    pub(super) fn deleted(&self, token: Token) -> i16 {
        match self.answers.get(&token) {
            Some(Response::DeleteGroups(results)) => results[0].error_code,
            other => panic!("a deletion was answered {other:?}"),
        }
    }

    pub(super) fn state(&self) -> String {
        self.shard.describe_groups(&[GroupId(text(GROUP))], 5)[0]
            .group_state
            .to_string()
    }

    /// Two members, the first one leader, in a Stable group; returns their ids and the generation.
    pub(super) fn stable_pair(&mut self) -> (String, String, i32) {
        let (first, first_join) = self.join_anew();
        let (second, second_join) = self.join_anew();
        self.pass(6_000);
        let answer = self.joined(first_join);
        assert_eq!(answer.leader.as_str(), first);
        let second_sync = self.send_sync(&second, answer.generation_id, &[]);
        let first_sync = self.send_sync(&first, answer.generation_id, &[(&first, "even"), (&second, "odd")]);
        assert_eq!(self.synced(first_sync).assignment, "even");
        assert_eq!(self.synced(second_sync).assignment, "odd");
        assert!(self.is_answered(second_join));
        (first, second, answer.generation_id)
    }

    /// A new shard that has replayed the log.
    pub(super) fn replayed(&self) -> Shard {
        let mut shard = Shard::new(GroupConfig::default(), uuids());
        for (offset, (key, value)) in self.log.iter().enumerate() {
            shard
                .load_record(key, value.as_deref(), offset as i64)
                .expect("our own records can be read");
        }
        shard.load_finished(self.now);
        shard
    }

    /// The broker is killed and started again.
    pub(super) fn restart(&mut self) {
        self.shard = self.replayed();
        self.appends.clear();
    }
}

pub(super) fn topic_name(name: &str) -> TopicName {
    text(name).into()
}

/// A consumer's subscription, version 0.
pub(super) fn subscription(topics: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend((-1_i32).to_be_bytes());
    bytes
}
