//! ElectLeaders, versions 0 to 2 (KIP-183, KIP-460). One node leads all that it can: elections are not needed.

use std::sync::Arc;

use kafka_protocol::messages::ElectLeadersRequest;

use super::answer_budget::check_names;
use super::{Context, answer, view};
use crate::connection::{Outcome, Request};
use crate::controller::describe::elect_leaders;

/// Before this version an answer has no error of its own.
const ERROR_CODE_FROM: i16 = 1;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: ElectLeadersRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let topics = body.topic_partitions.iter().flatten();
    if let Err(close) = check_names(&context.limits, topics.map(|topic| 1 + topic.partitions.len()).sum()) {
        return close;
    }
    let mut response = view::describe(context, |view| elect_leaders(view, &body));
    let mut partitions = response
        .replica_election_results
        .iter()
        .flat_map(|topic| &topic.partition_result);
    let failed = response.error_code != 0 || partitions.any(|partition| partition.error_code != 0);
    if request.header.api_version < ERROR_CODE_FROM {
        // Its partitions say what is wrong.
        response.error_code = 0;
    }
    answer(&request, &response, failed)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
    use kafka_protocol::protocol::Encodable;

    use super::*;
    use crate::api::test_node::{TestNode, name};

    #[tokio::test]
    async fn a_refusal_is_answered_at_every_version() {
        let node = TestNode::start(&[]);
        for version in 0..=2 {
            let request = ElectLeadersRequest::default().with_timeout_ms(0);
            let response = node.call(version, &request).await;
            assert_eq!(
                response.error_code != 0,
                version >= ERROR_CODE_FROM,
                "version {version}"
            );
        }
    }

    #[tokio::test]
    async fn an_answer_does_not_repeat_the_name_at_every_partition() {
        let node = TestNode::start(&[]);
        let topic = TopicPartitions::default()
            .with_topic(name(&"x".repeat(30_000)))
            .with_partitions((0..1_000).collect());
        let request = ElectLeadersRequest::default()
            .with_timeout_ms(1_000)
            .with_topic_partitions(Some(vec![topic]));
        let response = node.call(2, &request).await;
        let results = &response.replica_election_results[0].partition_result;
        assert!(results.iter().all(|result| result.error_code == 3) && results.len() == 1_000);
        assert!(response.compute_size(2).unwrap() < 100_000);
    }
}
