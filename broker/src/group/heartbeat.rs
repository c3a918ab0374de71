//! Heartbeat, versions 0–4, and what happens without (Kafka: `classicGroupHeartbeat`,
//! `expireClassicGroupMemberHeartbeat`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::classic::{ClassicGroup, State};
use super::group_entry::Kind;
use super::join::millis;
use super::rebalance;
use super::runtime::{Now, Response, Runtime, Token};
use super::shard::Shard;

impl Shard {
    /// Handles a Heartbeat; answered at once.
    pub fn heartbeat(&mut self, token: Token, request: &HeartbeatRequest, now: Now) {
        self.runtime.now = now;
        let error_code = self.heartbeat_result(request).err().map_or(0, |error| error.code());
        let response = HeartbeatResponse::default().with_error_code(error_code);
        self.runtime.respond(token, Response::Heartbeat(response));
    }

    fn heartbeat_result(&mut self, request: &HeartbeatRequest) -> Result<(), ResponseError> {
        if request.group_id.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        let group_id: &str = &request.group_id;
        let group = self.groups.get_mut(group_id).ok_or(ResponseError::UnknownMemberId)?;
        let Kind::Classic(classic) = &mut group.kind;
        classic.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != classic.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        keep_session(classic, &mut self.runtime, &request.member_id);
        match classic.state() {
            State::Empty => Err(ResponseError::UnknownMemberId),
            State::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }
}

/// A member has shown that it lives.
pub(crate) fn keep_session(group: &mut ClassicGroup, runtime: &mut Runtime, member_id: &str) {
    if let Some(member) = group.member(member_id) {
        let timeout_ms = millis(member.session_timeout_ms);
        rebalance::restart_session(group, runtime, member_id, timeout_ms);
    }
}

/// A member was silent for too long. One that waits for us is excused: its session starts anew with its answer.
pub(crate) fn session_expired(group: &mut ClassicGroup, runtime: &mut Runtime, member_id: &str) {
    if group.pending_joins.remove(member_id).is_some() {
        if group.state() == State::PreparingRebalance && group.all_joined() {
            rebalance::complete_join(group, runtime);
        }
        return;
    }
    let Some(member) = group.member_mut(member_id) else {
        return;
    };
    member.session_timer = None;
    if member.is_excused() {
        return;
    }
    tracing::info!(group = &*group.id, member = member_id, "session expired");
    rebalance::remove_member(group, runtime, member_id);
    match group.state() {
        State::Stable | State::CompletingRebalance => {
            rebalance::prepare(group, runtime, "a session expired");
        }
        State::PreparingRebalance if group.all_joined() => {
            rebalance::complete_join(group, runtime);
        }
        State::PreparingRebalance | State::Empty => {}
    }
}
