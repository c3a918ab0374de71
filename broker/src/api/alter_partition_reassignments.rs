//! AlterPartitionReassignments, versions 0 and 1 (KIP-455): checked as by Kafka; on one node nothing is moved.

use std::sync::Arc;

use kafka_protocol::messages::AlterPartitionReassignmentsRequest;

use super::answer_budget::check_names;
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::alter_partition_reassignments;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: AlterPartitionReassignmentsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let count = body.topics.iter().map(|topic| 1 + topic.partitions.len()).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    let response = alter_partition_reassignments(&context.node.image(), &body);
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    let failed = response.error_code != 0 || partitions.any(|partition| partition.error_code != 0);
    answer(&request, &response, failed)
}
