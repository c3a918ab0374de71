//! ListGroups, versions 0 to 5: the groups of all coordinators here, in the states and of the types that are asked for.
//! Partitions without a coordinator here are left out; one that is loading makes the whole answer
//! COORDINATOR_LOAD_IN_PROGRESS.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};

use super::Context;
use super::group_answer::encode;
use crate::connection::{Outcome, Request};

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: ListGroupsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let mut response = ListGroupsResponse::default();
    for coordinator in context.coordinators.all() {
        match coordinator.read(|shard| shard.list_groups(&body.states_filter, &body.types_filter)) {
            Ok(groups) => response.groups.extend(groups),
            Err(ResponseError::NotCoordinator) => {}
            Err(error) => {
                response = ListGroupsResponse::default().with_error_code(error.code());
                break;
            }
        }
    }
    encode(&request.header, &response, response.error_code != 0)
}
