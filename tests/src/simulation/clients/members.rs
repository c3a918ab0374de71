//! Members of groups, static ones among them, that join, take part, leave, and come back after the broker was away.
//!
//! What must hold: a generation whose SyncGroup was answered is there after any restart, with its members and what they
//! were assigned, until a client changes the group; generations never go back; offsets of a group with members stay, those
//! of a group that nobody is in go once they have expired.

mod heard;

use std::collections::BTreeMap;

use broker::coordinator::Answer;
use broker::group::{Client, Response};
use broker::node::Clock;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot::error::TryRecvError;

use super::super::report::{Broken, broken};
use super::super::world::World;
use super::groups::{TOPIC, group_id, topic};

const KEPT: &str = "a generation whose SyncGroup was answered is there after a restart";
const FORWARD: &str = "a group's generation never goes back";
const IN_USE: &str = "offsets of a group with members do not expire";
const EXPIRY: &str = "offsets expire when they are due, and not before";

/// Of one group the sessions never end within a run, of the other they do.
const SESSIONS_MS: [i32; 2] = [1_800_000, 6_000];
const REBALANCES_MS: [i32; 2] = [1_800_000, 3_000];
const GROUPS: usize = SESSIONS_MS.len();
/// The last one is static.
const MEMBERS: usize = 3;
/// Nobody is ever a member of it.
const UNUSED_GROUP: &str = "expiring";
/// What commits ask for.
pub(crate) const RETENTION_MS: i64 = 5_000;
/// The newest version with a retention.
const COMMIT_VERSION: i16 = 4;
const JOIN_VERSION: i16 = 5;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Members {
    groups: [GroupState; GROUPS],
    unused: Expiring,
    unused_commits: Vec<(i64, i64, Answer)>,
}

/// What is known of one group.
#[derive(Debug, Default)]
struct GroupState {
    members: [Member; MEMBERS],
    /// The highest generation whose SyncGroup was answered.
    generation: i32,
    /// Its assignments by member id, as long as no client has asked for a change.
    settled: BTreeMap<String, Bytes>,
    /// Who leads, and what it learned of the members of its generation.
    leader: Option<(i32, Vec<String>)>,
    /// The highest offset committed by a member since `settled` has been the same.
    in_use: i64,
    next_offset: i64,
    commits: Vec<(i64, Answer)>,
    fetches: Vec<(i64, Answer)>,
}

#[derive(Debug, Default)]
struct Member {
    id: String,
    generation: i32,
    step: Step,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Out,
    Joining(Answer),
    Joined,
    Syncing(Answer),
    In,
    Leaving(Answer),
}

/// An offset that nobody uses.
#[derive(Debug, Default)]
struct Expiring {
    sent: i64,
    /// Acknowledged, and until when it is kept at least.
    kept: Option<(i64, i64)>,
}

impl Members {
    /// The broker is gone; who waited for an answer does not know.
    pub(crate) fn hang_up(&mut self) {
        self.unused_commits.clear();
        for group in &mut self.groups {
            group.commits.clear();
            group.fetches.clear();
            for member in &mut group.members {
                member.step = match std::mem::take(&mut member.step) {
                    Step::In => Step::In,
                    Step::Joined | Step::Syncing(_) => Step::Joined,
                    Step::Out | Step::Joining(_) | Step::Leaving(_) => Step::Out,
                };
            }
        }
    }
}

impl GroupState {
    /// A client has asked for a change: from now on the group may be another.
    fn changes(&mut self) {
        self.settled.clear();
        self.in_use = 0;
    }

    /// Whoever was asked to leave was perhaps the last: a group without members and offsets is deleted, and begins anew.
    fn may_be_gone(&mut self) {
        if self.members.iter().filter(|member| !member.id.is_empty()).count() <= 1 {
            self.generation = 0;
        }
    }
}

fn name(which: usize) -> String {
    format!("members-{which}")
}

fn instance(member: usize) -> Option<StrBytes> {
    (member == MEMBERS - 1).then(|| StrBytes::from_static_str("instance"))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

impl World {
    /// The next thing that some member does.
    pub(crate) fn act_as_member(&mut self) -> Result<(), Broken> {
        if self.node().is_none_or(|node| node.image().topic(TOPIC).is_none()) {
            return Ok(());
        }
        if self.random.percent(15) {
            return self.use_expiring_group();
        }
        let which = self.random.below(GROUPS as u64) as usize;
        for index in (0..MEMBERS).chain(0..MEMBERS) {
            if self.random.percent(80) && !self.is_stopped() {
                self.act_as(which, index);
                self.hear()?;
            }
        }
        if let Some(running) = &self.running {
            running.coordinators.tick();
        }
        Ok(())
    }

    fn act_as(&mut self, which: usize, index: usize) {
        match &self.members.groups[which].members[index].step {
            Step::Out => self.join(which, index),
            Step::Joined => self.sync(which, index),
            Step::In => match self.random.below(60) {
                0 => self.leave(which, index),
                // It was started anew, or wants a rebalance.
                1 => {
                    if index == MEMBERS - 1 {
                        self.members.groups[which].members[index].id.clear();
                    }
                    self.join(which, index)
                }
                2..=20 => self.commit_as_member(which, index),
                21..=35 => self.fetch_as_member(which),
                _ => self.beat(which, index),
            },
            Step::Joining(_) | Step::Syncing(_) | Step::Leaving(_) => {}
        }
    }

    fn call_group(
        &mut self,
        group: &str,
        handle: impl FnOnce(&mut broker::group::Shard, broker::group::Token, broker::group::Now),
    ) -> Option<Answer> {
        let running = self.running.as_ref()?;
        let coordinator = running.coordinators.find(group).ok()?;
        coordinator.call_for(group, handle).ok()
    }

    fn join(&mut self, which: usize, index: usize) {
        let member = &self.members.groups[which].members[index];
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::from_static(b"metadata"));
        let request = JoinGroupRequest::default()
            .with_group_id(group_id(&name(which)))
            .with_session_timeout_ms(SESSIONS_MS[which])
            .with_rebalance_timeout_ms(REBALANCES_MS[which])
            .with_member_id(text(&member.id))
            .with_group_instance_id(instance(index))
            .with_protocol_type(text("simulated"))
            .with_protocols(vec![protocol]);
        let client = Client {
            id: "client",
            host: "/127.0.0.1",
            api_version: JOIN_VERSION,
        };
        let answer = self.call_group(&name(which), |shard, token, now| {
            shard.join_group(token, client, &request, now);
        });
        if let Some(answer) = answer {
            self.say(format!(
                "member {index} of {} joins as {:?}",
                name(which),
                request.member_id
            ));
            let group = &mut self.members.groups[which];
            group.changes();
            group.members[index].step = Step::Joining(answer);
        }
    }

    fn sync(&mut self, which: usize, index: usize) {
        let group = &self.members.groups[which];
        let member = &group.members[index];
        let generation = member.generation;
        let led = group
            .leader
            .as_ref()
            .filter(|(led, ids)| *led == generation && ids.first() == Some(&member.id));
        let assign = |id: &String| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(id))
                .with_assignment(Bytes::from(format!("{generation} {id}")))
        };
        let assignments = led.map(|(_, ids)| ids.iter().map(assign).collect()).unwrap_or_default();
        let request = SyncGroupRequest::default()
            .with_group_id(group_id(&name(which)))
            .with_generation_id(generation)
            .with_member_id(text(&member.id))
            .with_group_instance_id(instance(index))
            .with_assignments(assignments);
        let answer = self.call_group(&name(which), |shard, token, now| shard.sync_group(token, &request, now));
        if let Some(answer) = answer {
            self.members.groups[which].members[index].step = Step::Syncing(answer);
        }
    }

    fn leave(&mut self, which: usize, index: usize) {
        let identity = MemberIdentity::default()
            .with_member_id(text(&self.members.groups[which].members[index].id))
            .with_group_instance_id(instance(index));
        let request = LeaveGroupRequest::default()
            .with_group_id(group_id(&name(which)))
            .with_members(vec![identity]);
        let answer = self.call_group(&name(which), |shard, token, now| {
            shard.leave_group(token, 5, &request, now)
        });
        if let Some(answer) = answer {
            self.say(format!("member {index} of {} leaves", name(which)));
            let group = &mut self.members.groups[which];
            group.changes();
            group.members[index].step = Step::Leaving(answer);
        }
    }

    /// A heartbeat; its answer comes at once.
    fn beat(&mut self, which: usize, index: usize) {
        let member = &self.members.groups[which].members[index];
        let Some(error) = self.heartbeat_result(which, index, &member.id.clone(), member.generation) else {
            return;
        };
        let member = &mut self.members.groups[which].members[index];
        match ResponseError::try_from_code(error) {
            None | Some(ResponseError::CoordinatorLoadInProgress | ResponseError::NotCoordinator) => {}
            Some(ResponseError::RebalanceInProgress) => member.step = Step::Out,
            Some(_) => {
                member.id.clear();
                member.step = Step::Out;
            }
        }
    }

    fn heartbeat_result(&mut self, which: usize, index: usize, id: &str, generation: i32) -> Option<i16> {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&name(which)))
            .with_generation_id(generation)
            .with_member_id(text(id))
            .with_group_instance_id(instance(index));
        let mut answer = self.call_group(&name(which), |shard, token, now| shard.heartbeat(token, &request, now))?;
        match answer.try_recv() {
            Ok(Response::Heartbeat(response)) => Some(response.error_code),
            _ => None,
        }
    }

    fn commit_as_member(&mut self, which: usize, index: usize) {
        let group = &mut self.members.groups[which];
        group.next_offset += 1;
        let offset = group.next_offset;
        let member = &group.members[index];
        let request = commit(&name(which), offset)
            .with_generation_id_or_member_epoch(member.generation)
            .with_member_id(text(&member.id));
        let answer = self.call_group(&name(which), |shard, token, now| {
            shard.offset_commit(token, COMMIT_VERSION, &request, now);
        });
        self.members.groups[which]
            .commits
            .extend(answer.map(|answer| (offset, answer)));
    }

    fn fetch_as_member(&mut self, which: usize) {
        let least = self.members.groups[which].in_use;
        let request = fetch(&name(which));
        let answer = self.call_group(&name(which), |shard, token, now| {
            shard.offset_fetch(token, &request, false, now);
        });
        self.members.groups[which]
            .fetches
            .extend(answer.map(|answer| (least, answer)));
    }

    fn use_expiring_group(&mut self) -> Result<(), Broken> {
        if self.random.percent(50) {
            return self.check_expiring(false);
        }
        self.members.unused.sent += 1;
        let offset = self.members.unused.sent;
        let until = self.clock.wall_ms() + RETENTION_MS;
        let request = commit(UNUSED_GROUP, offset).with_generation_id_or_member_epoch(-1);
        let answer = self.call_group(UNUSED_GROUP, |shard, token, now| {
            shard.offset_commit(token, COMMIT_VERSION, &request, now);
        });
        self.members
            .unused_commits
            .extend(answer.map(|answer| (offset, until, answer)));
        Ok(())
    }

    /// Looks at the offset that nobody uses. With `is_due` it has to be gone.
    pub(crate) fn check_expiring(&mut self, is_due: bool) -> Result<(), Broken> {
        let request = fetch(UNUSED_GROUP);
        let Some(mut answer) = self.call_group(UNUSED_GROUP, |shard, token, now| {
            shard.offset_fetch(token, &request, false, now);
        }) else {
            return Ok(());
        };
        let Ok(Response::OffsetFetch(response)) = answer.try_recv() else {
            return Ok(());
        };
        if response.error_code != 0 {
            return Ok(());
        }
        let shown = response.topics[0].partitions[0].committed_offset;
        self.report.checked(EXPIRY);
        if is_due && shown >= 0 {
            return broken(EXPIRY, format!("{shown} is shown long after it was due"));
        }
        let now = self.clock.wall_ms();
        if let Some((offset, until)) = self.members.unused.kept {
            if shown < 0 && now < until || shown >= 0 && shown < offset {
                return broken(
                    EXPIRY,
                    format!("{shown} instead of {offset}, kept until {until}, now {now}"),
                );
            }
            if shown < 0 {
                self.report.outcome("offsets expired");
                self.members.unused.kept = None;
            }
        }
        Ok(())
    }
}

fn commit(group: &str, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_metadata(None);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic())
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_retention_time_ms(RETENTION_MS)
        .with_topics(vec![topic])
}

fn fetch(group: &str) -> OffsetFetchRequestGroup {
    let topics = OffsetFetchRequestTopics::default()
        .with_name(topic())
        .with_partition_indexes(vec![0]);
    OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_topics(Some(vec![topics]))
}
