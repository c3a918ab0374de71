//! DescribeTopicPartitions, version 0.

use std::sync::Arc;

use kafka_protocol::messages::DescribeTopicPartitionsRequest;

use super::{Context, answer, view};
use crate::connection::{Outcome, Request};
use crate::controller::describe::describe_topic_partitions;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DescribeTopicPartitionsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let limit = context.config.load().network.max_request_partition_size_limit;
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let response = view::describe(context, |view| describe_topic_partitions(view, &body, limit));
    let failed = response.topics.iter().any(|topic| topic.error_code != 0);
    answer(&request, &response, failed)
}

#[cfg(test)]
mod tests;
