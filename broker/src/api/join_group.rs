//! JoinGroup, versions 0 to 9.
//!
//! The answer waits for the group's next generation. An answer that nobody waits for any more, because the connection is
//! gone, is dropped; the member's session runs all the same.

use std::sync::Arc;

use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use super::Context;
use super::errors::limit_of_group;
use super::group_answer::{check_group_id, respond_detached};
use crate::connection::{Outcome, Request};
use crate::group::{Client, Response};

/// The version from which on the chosen protocol's name may be null.
const NULLABLE_PROTOCOL_VERSION: i16 = 7;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: JoinGroupRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let host = format!("/{}", request.connection.peer.ip());
    let version = request.header.api_version;
    let client = Client {
        id: request.header.client_id.as_deref().unwrap_or_default(),
        host: &host,
        api_version: version,
    };
    let answer = check_group_id(&body.group_id)
        .and_then(|()| context.coordinators.find(&body.group_id))
        .and_then(|coordinator| {
            coordinator.call_for(&body.group_id, |shard, token, now| {
                shard.join_group(token, client, &body, now)
            })
        });
    let limits = context.limits.clone();
    respond_detached(&request.header, answer, move |answer| {
        let mut response = match answer {
            Ok(Response::JoinGroup(response)) => response,
            Ok(other) => unreachable!("a JoinGroup is not answered by {other:?}"),
            Err(error) => JoinGroupResponse::default().with_error_code(error.code()),
        };
        if version < NULLABLE_PROTOCOL_VERSION {
            response.protocol_name.get_or_insert_default();
        } else {
            // Kafka's `JoinGroupResponse`: an empty name is none.
            response.protocol_name = response.protocol_name.filter(|name| !name.is_empty());
        }
        limit_of_group(response.error_code).inspect(|limit| limits.reached(*limit));
        let failed = response.error_code != 0;
        (response, failed)
    })
}
