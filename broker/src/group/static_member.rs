//! Static members that come back (KIP-345; Kafka: `updateStaticMemberThenRebalanceOrCompleteJoin`).
//!
//! A static member joins without an id after a restart. It gets a new id in its old place, and the old id is fenced: a
//! client that still uses it is answered FENCED_INSTANCE_ID. In a Stable group whose protocol does not change there is
//! no rebalance: the new id is stored and the member goes on with its old assignment. From version 9 on a leader that
//! came back so is told not to assign anew (KIP-814).

use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::appends::{Completion, StaticMemberStored};
use super::classic::{ClassicGroup, State};
use super::join::{self, Join, generation_answer, millis};
use super::member::str_bytes;
use super::rebalance;
use super::runtime::{Response, Runtime};
use super::sync;

/// The version from which on a leader can be told to skip the assignment (KIP-814).
const SKIP_ASSIGNMENT_VERSION: i16 = 9;

/// Puts a joining static member into the place of `old_id`.
pub(crate) fn replace(
    group: &mut ClassicGroup,
    runtime: &mut Runtime,
    join: Join<'_>,
    old_id: &Arc<str>,
    new_id: &Arc<str>,
) {
    let previous_leader = group.leader.clone();
    fence(group, runtime, old_id);
    let Some(previous) = group.member(old_id).cloned() else {
        return;
    };
    group.rename_member(old_id, new_id);
    let can_skip_assignment = join.client.api_version >= SKIP_ASSIGNMENT_VERSION;
    join::update(
        group,
        runtime,
        new_id,
        join.token,
        join.protocols,
        join.rebalance_timeout_ms,
        join.session_timeout_ms,
    );
    rebalance::restart_session(group, runtime, new_id, millis(join.session_timeout_ms));
    match group.state() {
        State::Stable if group.protocol_name == group.select_protocol() => {
            let assignment = group
                .members()
                .map(|member| (Arc::clone(&member.id), member.assignment.clone()))
                .collect();
            let completion = Completion::StaticMember(Box::new(StaticMemberStored {
                group: Arc::clone(&group.id),
                generation: group.generation,
                token: join.token,
                new_member_id: Arc::clone(new_id),
                previous_leader,
                can_skip_assignment,
                previous,
            }));
            rebalance::store(group, runtime, &assignment, completion);
        }
        // Also while the leader assigns: it may have been given the old id, and what it assigns to that would be lost.
        State::Stable | State::CompletingRebalance => {
            rebalance::prepare(group, runtime, "a static member came back");
        }
        State::PreparingRebalance | State::Empty => {
            rebalance::maybe_complete_join(group, runtime);
        }
    }
}

/// Answers the requests that the old id waits with; it will get no others.
fn fence(group: &mut ClassicGroup, runtime: &mut Runtime, member_id: &str) {
    if let Some(token) = group.set_awaiting_join(member_id, None) {
        join::refuse(runtime, token, member_id, ResponseError::FencedInstanceId);
    }
    if let Some(token) = group
        .member_mut(member_id)
        .and_then(|member| member.awaiting_sync.take())
    {
        sync::refuse(runtime, token, ResponseError::FencedInstanceId);
    }
}

/// The new id was stored: let the member in. Or it was not: the old one is put back, since the log knows only that.
pub(crate) fn stored(
    group: &mut ClassicGroup,
    runtime: &mut Runtime,
    stored: StaticMemberStored,
    result: Result<(), ResponseError>,
) {
    let member_id = &*stored.new_member_id;
    let is_waiting = group
        .member(member_id)
        .is_some_and(|member| member.awaiting_join == Some(stored.token));
    let is_current = group.state() == State::Stable && group.generation == stored.generation;
    if !is_waiting || !is_current {
        // Fenced or removed, and answered, since; or a rebalance began, whose end will answer the join.
        return;
    }
    group.set_awaiting_join(member_id, None);
    let previous_id = Arc::clone(&stored.previous.id);
    let response = match result {
        Ok(()) => {
            let is_leader = group.is_leader(member_id);
            let answer = generation_answer(group, member_id, is_leader && stored.can_skip_assignment);
            if stored.can_skip_assignment {
                answer.with_skip_assignment(is_leader)
            } else {
                // Names the leader of before, so that this member does not take itself for one and assign.
                answer.with_leader(stored.previous_leader.as_deref().map(str_bytes).unwrap_or_default())
            }
        }
        Err(error) => {
            let previous = stored.previous;
            group.set_protocols(member_id, previous.protocols);
            if let Some(member) = group.member_mut(member_id) {
                member.rebalance_timeout_ms = previous.rebalance_timeout_ms;
                member.session_timeout_ms = previous.session_timeout_ms;
            }
            group.rename_member(member_id, &previous.id);
            generation_answer(group, "", false)
                .with_leader(stored.previous_leader.as_deref().map(str_bytes).unwrap_or_default())
                .with_error_code(error.code())
        }
    };
    runtime.respond(stored.token, Response::JoinGroup(response));
    let current_id = if result.is_ok() {
        stored.new_member_id
    } else {
        previous_id
    };
    super::heartbeat::keep_session(group, runtime, &current_id);
}

/// Nobody knows yet whether the new id was stored. The member keeps it; its join is answered with the error, and the
/// client's next one replaces the id again.
pub(crate) fn store_timed_out(
    group: &mut ClassicGroup,
    runtime: &mut Runtime,
    stored: &StaticMemberStored,
    error: ResponseError,
) {
    let member_id = &*stored.new_member_id;
    let is_waiting = group
        .member(member_id)
        .is_some_and(|member| member.awaiting_join == Some(stored.token));
    if is_waiting && group.state() == State::Stable && group.generation == stored.generation {
        group.set_awaiting_join(member_id, None);
        join::refuse(runtime, stored.token, "", error);
        super::heartbeat::keep_session(group, runtime, member_id);
    }
}
