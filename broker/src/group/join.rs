//! JoinGroup, versions 0–9 (Kafka: `GroupMetadataManager.classicGroupJoin`).
//!
//! A member without an id gets one: from version 4 on it is told the id first and has to come back with it (KIP-394),
//! unless it is static. Whoever joins or comes back with other metadata starts a rebalance; a member of a running
//! generation that only missed its answer gets it again.
//!
//! Deviations: a join that is repeated while it still waits replaces the waiting one, and that one is answered
//! REBALANCE_IN_PROGRESS (Kafka leaves it without an answer). A new group is not written to the log before it has
//! something to be kept. Names longer than a record can hold: INVALID_REQUEST.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use super::classic::{ClassicGroup, PendingJoin, State};
use super::config::{MAX_NAME_BYTES, MAX_PENDING_JOINS, NEW_MEMBER_JOIN_TIMEOUT_MS};
use super::group_entry::{Kind, names_bytes};
use super::member::{Member, Protocol, protocols_of, str_bytes};
use super::rebalance;
use super::runtime::{Client, Now, Response, Runtime, Token};
use super::shard::{Shard, are_storable};
use super::static_member;
use super::timers::Timer;

/// The version from which on a member has to come with an id (KIP-394).
const MEMBER_ID_REQUIRED_VERSION: i16 = 4;
/// Room in a member id for what follows the client id.
const MEMBER_ID_SUFFIX_BYTES: usize = 37;

/// A join request, copied out of its frame.
#[derive(Debug)]
pub(crate) struct Join<'a> {
    pub(crate) token: Token,
    pub(crate) client: Client<'a>,
    pub(crate) member_id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    pub(crate) session_timeout_ms: i32,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) protocol_type: &'a str,
    pub(crate) protocols: Vec<Protocol>,
}

impl Shard {
    /// Handles a JoinGroup. Answered when the group's next generation begins, or at once.
    pub fn join_group(&mut self, token: Token, client: Client<'_>, request: &JoinGroupRequest, now: Now) {
        self.runtime.now = now;
        if let Some(error) = check(&self.runtime, client, request) {
            return refuse(&mut self.runtime, token, &request.member_id, error);
        }
        let group_id: &str = &request.group_id;
        if !request.member_id.is_empty() && !self.groups.contains_key(group_id) {
            return refuse(
                &mut self.runtime,
                token,
                &request.member_id,
                ResponseError::UnknownMemberId,
            );
        }
        if let Err(error) = self.admit(request) {
            return refuse(&mut self.runtime, token, &request.member_id, error);
        }
        let join = Join {
            token,
            client,
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_deref(),
            session_timeout_ms: request.session_timeout_ms,
            // Version 0 has none (−1): the session timeout stands for it.
            rebalance_timeout_ms: match request.rebalance_timeout_ms {
                timeout if timeout < 0 => request.session_timeout_ms,
                timeout => timeout,
            },
            protocol_type: &request.protocol_type,
            protocols: protocols_of(&request.protocols),
        };
        self.group_or_new(group_id);
        let group = self.groups.get_mut(group_id).expect("it has just been made sure of");
        if group.is_being_deleted(&self.runtime.appends) {
            return refuse(
                &mut self.runtime,
                token,
                join.member_id,
                ResponseError::CoordinatorLoadInProgress,
            );
        }
        let Kind::Classic(classic) = &mut group.kind;
        let runtime = &mut self.runtime;
        if !has_room(classic, runtime, join.member_id) {
            rebalance::remove_member(classic, runtime, join.member_id);
            refuse(runtime, token, "", ResponseError::GroupMaxSizeReached);
            rebalance::maybe_complete_join(classic, runtime);
        } else if !classic.supports(join.protocol_type, &join.protocols) {
            refuse(runtime, token, join.member_id, ResponseError::InconsistentGroupProtocol);
        } else if join.member_id.is_empty() {
            new_member(classic, runtime, join);
        } else {
            known_member(classic, runtime, join);
        }
        self.drop_if_vacant(group_id);
    }
}

impl Shard {
    /// Whether what a member brings fits into the memory that there is for all.
    fn admit(&self, request: &JoinGroupRequest) -> Result<(), ResponseError> {
        let protocols = request.protocols.iter();
        let bytes: usize = protocols
            .map(|protocol| protocol.name.len() + protocol.metadata.len())
            .sum();
        let before = self.groups.get(&*request.group_id.0).and_then(|group| {
            let Kind::Classic(classic) = &group.kind;
            let instance_id = request.group_instance_id.as_deref();
            let replaced = instance_id.and_then(|id| classic.static_member_id(id));
            classic.member(replaced.map_or(&*request.member_id, |id| id))
        });
        let before = before.map_or(0, Member::protocol_bytes);
        let config = &self.runtime.config;
        let names = names_bytes(&request.group_id, &request.protocol_type);
        if !self.groups.contains_key(&*request.group_id.0) && !config.offset_memory.has_room(names) {
            return Err(ResponseError::PolicyViolation);
        }
        config.member_memory.admit(bytes, before)
    }
}

fn check(runtime: &Runtime, client: Client<'_>, request: &JoinGroupRequest) -> Option<ResponseError> {
    let sessions = runtime.config.min_session_timeout_ms..=runtime.config.max_session_timeout_ms;
    let names = [
        &*request.group_id.0,
        &*request.member_id,
        &*request.protocol_type,
        client.host,
    ];
    let prefix = request
        .group_instance_id
        .as_deref()
        .unwrap_or_default()
        .len()
        .max(client.id.len());
    if request.group_id.is_empty() {
        Some(ResponseError::InvalidGroupId)
    } else if !sessions.contains(&request.session_timeout_ms) {
        Some(ResponseError::InvalidSessionTimeout)
    } else if !are_storable(
        names
            .into_iter()
            .chain(request.protocols.iter().map(|protocol| &*protocol.name)),
    ) || prefix + MEMBER_ID_SUFFIX_BYTES > MAX_NAME_BYTES
    {
        Some(ResponseError::InvalidRequest)
    } else {
        None
    }
}

/// Whether the group can take the member (`group.max.size`). While it gathers, those who are waiting count, so that the
/// last to come back are left out where the limit was lowered.
fn has_room(group: &ClassicGroup, runtime: &Runtime, member_id: &str) -> bool {
    let max_size = runtime.config.max_size;
    match group.state() {
        State::Empty => true,
        State::PreparingRebalance => {
            group.awaiting_join() < max_size
                || group
                    .member(member_id)
                    .is_some_and(|member| member.awaiting_join.is_some())
        }
        State::CompletingRebalance | State::Stable => group.has_member(member_id) || group.size() < max_size,
    }
}

fn new_member(group: &mut ClassicGroup, runtime: &mut Runtime, join: Join<'_>) {
    let member_id = runtime.new_member_id(join.instance_id.unwrap_or(join.client.id));
    if let Some(instance_id) = join.instance_id {
        match group.static_member_id(instance_id).cloned() {
            Some(current) => static_member::replace(group, runtime, join, &current, &member_id.into()),
            None => add(group, runtime, join, member_id.into()),
        }
    } else if join.client.api_version < MEMBER_ID_REQUIRED_VERSION {
        add(group, runtime, join, member_id.into());
    } else if group.pending_joins.len() >= MAX_PENDING_JOINS {
        refuse(runtime, join.token, "", ResponseError::GroupMaxSizeReached);
    } else if !runtime.config.member_memory.has_room(member_id.len()) {
        refuse(runtime, join.token, "", ResponseError::PolicyViolation);
    } else {
        refuse(runtime, join.token, &member_id, ResponseError::MemberIdRequired);
        let member: Arc<str> = member_id.into();
        let timer = Timer::Session {
            group: Arc::clone(&group.id),
            member: Arc::clone(&member),
        };
        let key = runtime.schedule(millis(join.session_timeout_ms), timer);
        let pending = PendingJoin::new(key, member.len(), &runtime.config.member_memory);
        group.pending_joins.insert(member, pending);
    }
}

fn known_member(group: &mut ClassicGroup, runtime: &mut Runtime, join: Join<'_>) {
    if group.pending_joins.contains_key(join.member_id) && join.instance_id.is_some() {
        // Only dynamic members are given an id to come back with.
        return refuse(runtime, join.token, join.member_id, ResponseError::InvalidRequest);
    }
    if let Some((member_id, pending)) = group.pending_joins.remove_entry(join.member_id) {
        runtime.timers.cancel(Some(pending.timer));
        return add(group, runtime, join, member_id);
    }
    if let Err(error) = group.validate_member(join.member_id, join.instance_id) {
        return refuse(runtime, join.token, join.member_id, error);
    }
    let is_leader = group.is_leader(join.member_id);
    let is_unchanged = group
        .member(join.member_id)
        .is_some_and(|member| member.protocols == join.protocols);
    match group.state() {
        State::PreparingRebalance => rejoin(group, runtime, join, "a member rejoined"),
        // The member missed the answer to its join.
        State::CompletingRebalance if is_unchanged => repeat_answer(group, runtime, &join, is_leader),
        State::CompletingRebalance => rejoin(group, runtime, join, "a member's metadata changed"),
        // The leader asks for a rebalance that way, when topics change, say.
        State::Stable if is_leader => rejoin(group, runtime, join, "the leader rejoined"),
        State::Stable if is_unchanged => repeat_answer(group, runtime, &join, false),
        State::Stable => rejoin(group, runtime, join, "a member's metadata changed"),
        State::Empty => refuse(runtime, join.token, join.member_id, ResponseError::UnknownMemberId),
    }
}

/// Takes in a member that is not in the group, and has it wait for the next generation.
fn add(group: &mut ClassicGroup, runtime: &mut Runtime, join: Join<'_>, member_id: Arc<str>) {
    if group.size() == 0 {
        group.protocol_type = Some(join.protocol_type.into());
    }
    if group.is_initial_rebalance() {
        group.new_member_added = true;
    }
    group.add(Member {
        id: Arc::clone(&member_id),
        instance_id: join.instance_id.map(Into::into),
        client_id: join.client.id.into(),
        client_host: join.client.host.into(),
        rebalance_timeout_ms: join.rebalance_timeout_ms,
        session_timeout_ms: join.session_timeout_ms,
        protocols: join.protocols,
        assignment: Bytes::new(),
        awaiting_join: Some(join.token),
        awaiting_sync: None,
        is_new: true,
        session_timer: None,
        charge: runtime.config.member_memory.charge(),
    });
    // It cannot send heartbeats before its answer; but a client that went away must not stay for ever either.
    rebalance::restart_session(group, runtime, &member_id, NEW_MEMBER_JOIN_TIMEOUT_MS);
    rebalance::prepare_or_complete(group, runtime, "a member joined");
}

/// Has a member wait for the next generation.
fn rejoin(group: &mut ClassicGroup, runtime: &mut Runtime, join: Join<'_>, reason: &str) {
    let member_id = join.member_id;
    update(
        group,
        runtime,
        member_id,
        join.token,
        join.protocols,
        join.rebalance_timeout_ms,
        join.session_timeout_ms,
    );
    rebalance::prepare_or_complete(group, runtime, reason);
}

/// Takes over what a join request of a member says.
pub(crate) fn update(
    group: &mut ClassicGroup,
    runtime: &mut Runtime,
    member_id: &str,
    token: Token,
    protocols: Vec<Protocol>,
    rebalance_timeout_ms: i32,
    session_timeout_ms: i32,
) {
    group.set_protocols(member_id, protocols);
    if let Some(member) = group.member_mut(member_id) {
        member.rebalance_timeout_ms = rebalance_timeout_ms;
        member.session_timeout_ms = session_timeout_ms;
    }
    if let Some(replaced) = group.set_awaiting_join(member_id, Some(token)) {
        refuse(runtime, replaced, member_id, ResponseError::RebalanceInProgress);
    }
}

fn repeat_answer(group: &ClassicGroup, runtime: &mut Runtime, join: &Join<'_>, with_members: bool) {
    let response = generation_answer(group, join.member_id, with_members);
    runtime.respond(join.token, Response::JoinGroup(response));
}

/// The answer that a member of the running generation gets.
pub(crate) fn generation_answer(group: &ClassicGroup, member_id: &str, with_members: bool) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_generation_id(group.generation)
        .with_protocol_type(group.protocol_type.as_deref().map(str_bytes))
        .with_protocol_name(group.protocol_name.as_deref().map(str_bytes))
        .with_leader(group.leader.as_deref().map(str_bytes).unwrap_or_default())
        .with_member_id(str_bytes(member_id))
        .with_members(if with_members { member_list(group) } else { Vec::new() })
}

fn member_list(group: &ClassicGroup) -> Vec<JoinGroupResponseMember> {
    let describe = |member: &Member| {
        JoinGroupResponseMember::default()
            .with_member_id(str_bytes(&member.id))
            .with_group_instance_id(member.instance_id())
            .with_metadata(member.metadata(group.protocol_name.as_deref()))
    };
    group.members().map(describe).collect()
}

/// Answers a join with an error.
pub(crate) fn refuse(runtime: &mut Runtime, token: Token, member_id: &str, error: ResponseError) {
    let response = JoinGroupResponse::default()
        .with_member_id(str_bytes(member_id))
        .with_error_code(error.code());
    runtime.respond(token, Response::JoinGroup(response));
}

/// A timeout that a client set, which is not negative where it is used.
pub(crate) fn millis(timeout_ms: i32) -> u64 {
    u64::try_from(timeout_ms).unwrap_or(0)
}
