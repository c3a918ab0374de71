//! LeaveGroup, versions 0 to 5. Answered once it is stored that the group is empty, if it is.

use std::sync::Arc;

use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::Context;
use super::group_answer::{check_group_id, detached, respond};
use crate::connection::{Outcome, Request};
use crate::group::Response;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: LeaveGroupRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let version = request.header.api_version;
    let answer = check_group_id(&body.group_id)
        .and_then(|()| context.coordinators.find(&body.group_id))
        .and_then(|coordinator| coordinator.call(|shard, token, now| shard.leave_group(token, version, &body, now)));
    respond(detached(&request.header), answer, |answer| {
        let response = match answer {
            Ok(Response::LeaveGroup(response)) => response,
            Ok(other) => unreachable!("a LeaveGroup is not answered by {other:?}"),
            Err(error) => LeaveGroupResponse::default().with_error_code(error.code()),
        };
        let failed = response.error_code != 0 || response.members.iter().any(|member| member.error_code != 0);
        (response, failed)
    })
}
