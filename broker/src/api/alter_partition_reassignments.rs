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

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
    use kafka_protocol::protocol::Encodable;

    use super::*;
    use crate::api::test_node::{TestNode, name};

    #[tokio::test]
    async fn an_answer_does_not_repeat_the_name_at_every_partition() {
        let node = TestNode::start(&[]);
        let partitions = (0..1_000).map(|index| ReassignablePartition::default().with_partition_index(index));
        let topic = ReassignableTopic::default()
            .with_name(name(&"x".repeat(30_000)))
            .with_partitions(partitions.collect());
        let request = AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]);
        let response = node.call(0, &request).await;
        let results = &response.responses[0].partitions;
        assert!(results.iter().all(|result| result.error_code == 3) && results.len() == 1_000);
        assert!(response.compute_size(0).unwrap() < 100_000);
    }
}
