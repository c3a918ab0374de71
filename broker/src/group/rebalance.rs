//! From one generation to the next (Kafka: `prepareRebalance`, `completeClassicGroupJoin`, `expirePendingSync`).
//!
//! Join phase: every member comes back within the rebalance timeout or is removed (a static one stays until its session
//! ends). Sync phase: every member asks for its assignment within the rebalance timeout or is removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::appends::{AppendId, Change, Completion};
use super::classic::{ClassicGroup, State};
use super::config::MIN_REBALANCE_RETRY_MS;
use super::join::{generation_answer, millis, refuse};
use super::member::Member;
use super::runtime::{Response, Runtime};
use super::sync;
use super::timers::Timer;

/// Starts a rebalance, or, where one is running, ends its join phase if nobody is missing. Returns the append that
/// stores the group where it became empty.
pub(crate) fn prepare_or_complete(group: &mut ClassicGroup, runtime: &mut Runtime, reason: &str) -> Option<AppendId> {
    if group.state() == State::PreparingRebalance {
        maybe_complete_join(group, runtime)
    } else {
        prepare(group, runtime, reason)
    }
}

/// Starts a rebalance in a group that has none running.
pub(crate) fn prepare(group: &mut ClassicGroup, runtime: &mut Runtime, reason: &str) -> Option<AppendId> {
    if group.state() == State::CompletingRebalance {
        sync::reset_assignment(group, runtime, ResponseError::RebalanceInProgress);
    }
    group.pending_syncs.clear();
    group.assignment_append = None;
    runtime.timers.cancel(group.sync_timer.take());
    tracing::info!(
        group = &*group.id,
        generation = group.generation,
        reason,
        "preparing to rebalance"
    );

    let is_initial = group.state() == State::Empty;
    group.transition(State::PreparingRebalance, runtime.now.wall_ms);
    if is_initial {
        let delay_ms = runtime.config.initial_rebalance_delay_ms;
        let remaining_ms = group.rebalance_timeout_ms().saturating_sub(delay_ms);
        group.new_member_added = false;
        schedule_initial_delay(group, runtime, delay_ms, remaining_ms);
        None
    } else if group.all_joined() {
        complete_join(group, runtime)
    } else {
        let timeout_ms = group.rebalance_timeout_ms();
        schedule_join_phase(group, runtime, timeout_ms);
        None
    }
}

/// Ends the join phase if nobody is missing; the first rebalance always runs its delay.
pub(crate) fn maybe_complete_join(group: &mut ClassicGroup, runtime: &mut Runtime) -> Option<AppendId> {
    let is_complete = group.state() == State::PreparingRebalance && !group.is_initial_rebalance() && group.all_joined();
    if is_complete {
        complete_join(group, runtime)
    } else {
        None
    }
}

/// Ends the join phase with those who have come. Returns the append that stores the group where nobody is left.
pub(crate) fn complete_join(group: &mut ClassicGroup, runtime: &mut Runtime) -> Option<AppendId> {
    runtime.timers.cancel(group.join_timer.take());
    if group.state() != State::PreparingRebalance {
        return None;
    }
    let absent = |member: &&Member| member.awaiting_join.is_none() && !member.is_static();
    let absent: Vec<Arc<str>> = group
        .members()
        .filter(absent)
        .map(|member| Arc::clone(&member.id))
        .collect();
    for member_id in &absent {
        remove_member(group, runtime, member_id);
    }
    if !group.elect_joined_leader() && group.size() > 0 {
        // Only static members, and none came back: wait until one does or their sessions end.
        let timeout_ms = group.rebalance_timeout_ms().max(MIN_REBALANCE_RETRY_MS);
        schedule_join_phase(group, runtime, timeout_ms);
        return None;
    }
    group.begin_generation(runtime.now.wall_ms);
    tracing::info!(
        group = &*group.id,
        generation = group.generation,
        members = group.size(),
        removed = absent.len(),
        "new generation"
    );
    if group.state() == State::Empty {
        return Some(store(group, runtime, &BTreeMap::new(), Completion::Nothing));
    }
    for member_id in group.member_ids() {
        let answer = generation_answer(group, &member_id, group.is_leader(&member_id));
        if let Some(token) = group.set_awaiting_join(&member_id, None) {
            runtime.respond(token, Response::JoinGroup(answer));
        }
        if let Some(member) = group.member_mut(&member_id) {
            member.is_new = false;
            let timeout_ms = millis(member.session_timeout_ms);
            restart_session(group, runtime, &member_id, timeout_ms);
        }
        group.pending_syncs.insert(member_id);
    }
    let timer = Timer::SyncPhase {
        group: Arc::clone(&group.id),
        generation: group.generation,
    };
    group.sync_timer = Some(runtime.schedule(group.rebalance_timeout_ms(), timer));
    None
}

/// Stores the group with this assignment.
pub(crate) fn store(
    group: &ClassicGroup,
    runtime: &mut Runtime,
    assignment: &BTreeMap<Arc<str>, bytes::Bytes>,
    completion: Completion,
) -> AppendId {
    let value = Some(group.to_metadata(assignment).encode());
    runtime.append(
        vec![Change::Metadata {
            group: Arc::clone(&group.id),
            value,
        }],
        completion,
        Vec::new(),
    )
}

/// The initial delay is over: it is extended while members keep coming, up to the rebalance timeout.
pub(crate) fn initial_delay_passed(group: &mut ClassicGroup, runtime: &mut Runtime, delay_ms: u64, remaining_ms: u64) {
    group.join_timer = None;
    if group.new_member_added && remaining_ms > 0 {
        group.new_member_added = false;
        let next_delay_ms = runtime.config.initial_rebalance_delay_ms.min(remaining_ms);
        let next_remaining_ms = remaining_ms.saturating_sub(delay_ms);
        schedule_initial_delay(group, runtime, next_delay_ms, next_remaining_ms);
    } else {
        complete_join(group, runtime);
    }
}

/// Members that did not ask for their assignment in time go, and the others rebalance.
pub(crate) fn sync_phase_expired(group: &mut ClassicGroup, runtime: &mut Runtime, generation: i32) {
    group.sync_timer = None;
    let is_running = matches!(group.state(), State::CompletingRebalance | State::Stable);
    if !is_running || generation != group.generation || group.pending_syncs.is_empty() {
        return;
    }
    for member_id in std::mem::take(&mut group.pending_syncs) {
        remove_member(group, runtime, &member_id);
    }
    prepare(group, runtime, "members did not sync in time");
}

/// Takes a member out of the group, or an id that was handed out. Requests that it waits with are answered
/// UNKNOWN_MEMBER_ID, so that a client that is still there joins anew. The caller decides on a rebalance.
pub(crate) fn remove_member(group: &mut ClassicGroup, runtime: &mut Runtime, member_id: &str) {
    let pending = group.pending_joins.remove(member_id);
    runtime.timers.cancel(pending.map(|pending| pending.timer));
    let Some(member) = group.remove(member_id) else { return };
    runtime.timers.cancel(member.session_timer);
    if let Some(token) = member.awaiting_join {
        refuse(runtime, token, "", ResponseError::UnknownMemberId);
    }
    if let Some(token) = member.awaiting_sync {
        sync::refuse(runtime, token, ResponseError::UnknownMemberId);
    }
}

/// Starts a member's session anew.
pub(crate) fn restart_session(group: &mut ClassicGroup, runtime: &mut Runtime, member_id: &str, timeout_ms: u64) {
    let group_id = Arc::clone(&group.id);
    let Some(member) = group.member_mut(member_id) else {
        return;
    };
    runtime.timers.cancel(member.session_timer.take());
    let timer = Timer::Session {
        group: group_id,
        member: Arc::clone(&member.id),
    };
    member.session_timer = Some(runtime.schedule(timeout_ms, timer));
}

fn schedule_initial_delay(group: &mut ClassicGroup, runtime: &mut Runtime, delay_ms: u64, remaining_ms: u64) {
    let timer = Timer::InitialDelay {
        group: Arc::clone(&group.id),
        delay_ms,
        remaining_ms,
    };
    runtime.timers.cancel(group.join_timer.take());
    group.join_timer = Some(runtime.schedule(delay_ms, timer));
}

fn schedule_join_phase(group: &mut ClassicGroup, runtime: &mut Runtime, timeout_ms: u64) {
    let timer = Timer::JoinPhase {
        group: Arc::clone(&group.id),
    };
    runtime.timers.cancel(group.join_timer.take());
    group.join_timer = Some(runtime.schedule(timeout_ms, timer));
}
