//! LeaveGroup, versions 0–5 (Kafka: `classicGroupLeave`).
//!
//! Versions 0–2 name one member at the top; its result is the answer's error, and the answer lists no members. Later
//! ones list members, by id or, for static ones, by instance id, each with its own result. Reasons are ignored. If
//! nobody is left, the answer waits until that is stored.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::appends::Waiter;
use super::classic::{ClassicGroup, State};
use super::group_entry::Kind;
use super::rebalance;
use super::runtime::{Now, Response, Runtime, Token};
use super::shard::Shard;

/// From this version on members are listed.
const MEMBERS_FROM: i16 = 3;

impl Shard {
    /// Handles a LeaveGroup of this version.
    pub fn leave_group(&mut self, token: Token, version: i16, request: &LeaveGroupRequest, now: Now) {
        self.runtime.now = now;
        if request.group_id.is_empty() {
            let response = LeaveGroupResponse::default().with_error_code(ResponseError::InvalidGroupId.code());
            return self.runtime.respond(token, Response::LeaveGroup(response));
        }
        let is_single = version < MEMBERS_FROM;
        let single = [MemberIdentity::default().with_member_id(request.member_id.clone())];
        let identities = if is_single { &single[..] } else { &request.members[..] };

        let group_id: &str = &request.group_id;
        let runtime = &mut self.runtime;
        let mut append = None;
        let members: Vec<MemberResponse> = match self.groups.get_mut(group_id) {
            None => identities
                .iter()
                .map(|identity| answer(identity, Err(ResponseError::UnknownMemberId)))
                .collect(),
            Some(group) => {
                let Kind::Classic(classic) = &mut group.kind;
                let mut leave = |identity| answer(identity, remove(classic, runtime, identity));
                let members: Vec<MemberResponse> = identities.iter().map(&mut leave).collect();
                if members.iter().any(|member| member.error_code == 0) && classic.state() != State::Empty {
                    append = rebalance::prepare_or_complete(classic, runtime, "members left");
                }
                members
            }
        };
        let response = if is_single {
            LeaveGroupResponse::default().with_error_code(members.first().map_or(0, |member| member.error_code))
        } else {
            LeaveGroupResponse::default().with_members(members)
        };
        match append.and_then(|id| runtime.appends.get_mut(id)) {
            Some(append) => append.waiters.push(Waiter::LeaveGroup { token, response }),
            None => runtime.respond(token, Response::LeaveGroup(response)),
        }
        self.drop_if_vacant(group_id);
    }
}

fn remove(group: &mut ClassicGroup, runtime: &mut Runtime, identity: &MemberIdentity) -> Result<(), ResponseError> {
    let instance_id = identity.group_instance_id.as_deref();
    let member_id: Arc<str> = if identity.member_id.is_empty() {
        let current = instance_id.and_then(|instance_id| group.static_member_id(instance_id));
        Arc::clone(current.ok_or(ResponseError::UnknownMemberId)?)
    } else {
        identity.member_id.as_str().into()
    };
    if !group.pending_joins.contains_key(&member_id) {
        group.validate_member(&member_id, instance_id)?;
    }
    rebalance::remove_member(group, runtime, &member_id);
    Ok(())
}

fn answer(identity: &MemberIdentity, result: Result<(), ResponseError>) -> MemberResponse {
    MemberResponse::default()
        .with_member_id(identity.member_id.clone())
        .with_group_instance_id(identity.group_instance_id.clone())
        .with_error_code(result.err().map_or(0, |error| error.code()))
}
