//! SyncGroup, versions 0 to 5.
//!
//! The answer waits until the leader's assignment is stored. From version 5 on the protocol must be named (KIP-559):
//! INCONSISTENT_GROUP_PROTOCOL.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::Context;
use super::group_answer::{check_group_id, respond_detached};
use crate::connection::{Outcome, Request};
use crate::group::Response;

/// The version from which on type and name of the protocol are mandatory.
const NAMED_PROTOCOL_VERSION: i16 = 5;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: SyncGroupRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let is_named = body.protocol_type.is_some() && body.protocol_name.is_some();
    let answer = if request.header.api_version >= NAMED_PROTOCOL_VERSION && !is_named {
        Err(ResponseError::InconsistentGroupProtocol)
    } else {
        check_group_id(&body.group_id)
            .and_then(|()| context.coordinators.find(&body.group_id))
            .and_then(|coordinator| coordinator.call(|shard, token, now| shard.sync_group(token, &body, now)))
    };
    respond_detached(&request.header, answer, |answer| {
        let response = match answer {
            Ok(Response::SyncGroup(response)) => response,
            Ok(other) => unreachable!("a SyncGroup is not answered by {other:?}"),
            Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
        };
        let failed = response.error_code != 0;
        (response, failed)
    })
}
