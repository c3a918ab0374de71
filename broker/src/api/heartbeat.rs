//! Heartbeat, versions 0 to 4. While the group is loaded, all is well, as in Kafka: the session starts anew then.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::Context;
use super::group_answer::{check_group_id, detached, respond};
use crate::connection::{Outcome, Request};
use crate::group::Response;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: HeartbeatRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let answer = check_group_id(&body.group_id)
        .and_then(|()| context.coordinators.find(&body.group_id))
        .and_then(|coordinator| coordinator.call(|shard, token, now| shard.heartbeat(token, &body, now)));
    respond(detached(&request.header), answer, |answer| {
        let response = match answer {
            Ok(Response::Heartbeat(response)) => response,
            Ok(other) => unreachable!("a Heartbeat is not answered by {other:?}"),
            Err(ResponseError::CoordinatorLoadInProgress) => HeartbeatResponse::default(),
            Err(error) => HeartbeatResponse::default().with_error_code(error.code()),
        };
        let failed = response.error_code != 0;
        (response, failed)
    })
}
