//! SyncGroup, versions 0–5 (Kafka: `GroupMetadataManager.classicGroupSync`).
//!
//! The leader brings the assignment; it is stored, and only when that is committed does everyone get theirs. If it
//! cannot be stored, they are told so and rebalance.
//!
//! Deviation: while the leader's assignment is being stored, a second one of the same generation is not stored as well,
//! so that the log never holds an assignment other than the one handed out.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::appends::Completion;
use super::classic::{ClassicGroup, State};
use super::group_entry::Kind;
use super::join::millis;
use super::member::str_bytes;
use super::rebalance;
use super::runtime::{Now, Response, Runtime, Token};
use super::shard::Shard;

impl Shard {
    /// Handles a SyncGroup. Answered when the generation's assignment is stored, or at once.
    pub fn sync_group(&mut self, token: Token, request: &SyncGroupRequest, now: Now) {
        self.runtime.now = now;
        let runtime = &mut self.runtime;
        if request.group_id.is_empty() {
            return refuse(runtime, token, ResponseError::InvalidGroupId);
        }
        let group_id: &str = &request.group_id;
        let Some(group) = self.groups.get_mut(group_id) else {
            return refuse(runtime, token, ResponseError::UnknownMemberId);
        };
        let Kind::Classic(classic) = &mut group.kind;
        if let Err(error) = check(classic, request) {
            return refuse(runtime, token, error);
        }
        let member_id: &str = &request.member_id;
        match classic.state() {
            State::Empty => refuse(runtime, token, ResponseError::UnknownMemberId),
            State::PreparingRebalance => refuse(runtime, token, ResponseError::RebalanceInProgress),
            State::CompletingRebalance if !has_room(classic, runtime, request) => {
                refuse(runtime, token, ResponseError::PolicyViolation);
            }
            State::CompletingRebalance => {
                synced(classic, runtime, member_id);
                if let Some(replaced) = wait(classic, member_id, token) {
                    refuse(runtime, replaced, ResponseError::RebalanceInProgress);
                }
                if classic.is_leader(member_id) && classic.assignment_append.is_none() {
                    store_assignment(classic, runtime, &request.assignments);
                }
            }
            State::Stable => {
                synced(classic, runtime, member_id);
                let assignment = classic.member(member_id).map(|member| member.assignment.clone());
                let response = answer(classic, assignment.unwrap_or_default());
                runtime.respond(token, Response::SyncGroup(response));
            }
        }
    }
}

/// Whether the assignment that a leader brings can be kept (`weir.max.group.memory.bytes`).
fn has_room(group: &ClassicGroup, runtime: &Runtime, request: &SyncGroupRequest) -> bool {
    let bytes = request.assignments.iter().map(|part| part.assignment.len()).sum();
    !group.is_leader(&request.member_id) || runtime.config.member_memory.has_room(bytes)
}

fn check(group: &ClassicGroup, request: &SyncGroupRequest) -> Result<(), ResponseError> {
    group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
    let differs = |asked: Option<&str>, current: Option<&str>| asked.is_some() && current.is_some() && asked != current;
    if request.generation_id != group.generation {
        Err(ResponseError::IllegalGeneration)
    } else if differs(request.protocol_type.as_deref(), group.protocol_type.as_deref())
        || differs(request.protocol_name.as_deref(), group.protocol_name.as_deref())
    {
        Err(ResponseError::InconsistentGroupProtocol)
    } else {
        Ok(())
    }
}

fn synced(group: &mut ClassicGroup, runtime: &mut Runtime, member_id: &str) {
    group.pending_syncs.remove(member_id);
    if group.pending_syncs.is_empty() {
        runtime.timers.cancel(group.sync_timer.take());
    }
}

fn wait(group: &mut ClassicGroup, member_id: &str, token: Token) -> Option<Token> {
    group.member_mut(member_id)?.awaiting_sync.replace(token)
}

fn store_assignment(group: &mut ClassicGroup, runtime: &mut Runtime, given: &[SyncGroupRequestAssignment]) {
    let mut assignment: BTreeMap<Arc<str>, Bytes> = group
        .members()
        .map(|member| (Arc::clone(&member.id), Bytes::new()))
        .collect();
    for part in given {
        if let Some(slot) = assignment.get_mut(part.member_id.as_str()) {
            *slot = Bytes::copy_from_slice(&part.assignment);
        }
    }
    let completion = Completion::Assignment {
        group: Arc::clone(&group.id),
        generation: group.generation,
        assignment: assignment.clone(),
    };
    group.assignment_append = Some(rebalance::store(group, runtime, &assignment, completion));
}

/// The assignment of a generation was stored, or not. If the group has moved on since, neither matters.
pub(crate) fn assignment_stored(
    group: &mut ClassicGroup,
    runtime: &mut Runtime,
    generation: i32,
    mut assignment: BTreeMap<Arc<str>, Bytes>,
    result: Result<(), ResponseError>,
) {
    if group.state() != State::CompletingRebalance || group.generation != generation {
        return;
    }
    match result {
        Err(error) => {
            reset_assignment(group, runtime, error);
            rebalance::prepare(group, runtime, "the assignment could not be stored");
        }
        Ok(()) => {
            for member_id in group.member_ids() {
                if let Some(member) = group.member_mut(&member_id) {
                    member.assignment = assignment.remove(&member_id).unwrap_or_default();
                    member.recharge();
                }
                let assigned = group.member(&member_id).map(|member| member.assignment.clone());
                let response = answer(group, assigned.unwrap_or_default());
                answer_waiting(group, runtime, &member_id, response);
            }
            group.transition(State::Stable, runtime.now.wall_ms);
            runtime.counters.completed_rebalances += 1;
        }
    }
}

/// Takes the assignment back, and tells the members that wait for it why.
pub(crate) fn reset_assignment(group: &mut ClassicGroup, runtime: &mut Runtime, error: ResponseError) {
    for member_id in group.member_ids() {
        if let Some(member) = group.member_mut(&member_id) {
            member.assignment = Bytes::new();
            member.recharge();
        }
        answer_waiting(group, runtime, &member_id, error_answer(error));
    }
}

/// Answers a member's sync, if it waits with one. Its session starts anew: what expired while it waited was ignored.
fn answer_waiting(group: &mut ClassicGroup, runtime: &mut Runtime, member_id: &str, response: SyncGroupResponse) {
    let Some(member) = group.member_mut(member_id) else {
        return;
    };
    let Some(token) = member.awaiting_sync.take() else {
        return;
    };
    let timeout_ms = millis(member.session_timeout_ms);
    runtime.respond(token, Response::SyncGroup(response));
    rebalance::restart_session(group, runtime, member_id, timeout_ms);
}

fn answer(group: &ClassicGroup, assignment: Bytes) -> SyncGroupResponse {
    SyncGroupResponse::default()
        .with_protocol_type(group.protocol_type.as_deref().map(str_bytes))
        .with_protocol_name(group.protocol_name.as_deref().map(str_bytes))
        .with_assignment(assignment)
}

fn error_answer(error: ResponseError) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.code())
}

/// Answers a sync with an error.
pub(crate) fn refuse(runtime: &mut Runtime, token: Token, error: ResponseError) {
    runtime.respond(token, Response::SyncGroup(error_answer(error)));
}
