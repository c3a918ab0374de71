//! ListPartitionReassignments, version 0 (KIP-455). Kafka ignores its timeout, and so do we.

use std::sync::Arc;

use kafka_protocol::messages::ListPartitionReassignmentsRequest;

use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::describe::list_partition_reassignments;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: ListPartitionReassignmentsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let response = list_partition_reassignments(&context.node.image(), &body);
    answer(&request, &response, false)
}
