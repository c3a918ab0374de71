//! CreatePartitions, versions 0 to 3. As with CreateTopics, what is answered as created takes batches at once.

use std::sync::Arc;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use super::changes::{late, propose, timeout_of};
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::create_partitions;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: CreatePartitionsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    if let Some(error) = late(body.timeout_ms) {
        let failed = |topic: &CreatePartitionsTopic| {
            CreatePartitionsTopicResult::default()
                .with_name(topic.name.clone())
                .with_error_code(error.code())
                .with_error_message(error.text())
        };
        let results = body.topics.iter().map(failed).collect();
        let response = CreatePartitionsResponse::default().with_results(results);
        return answer(&request, &response, true);
    }
    let change = propose(context, |decide| create_partitions(decide, &body));
    let context = context.clone();
    Outcome::later(async move {
        let (mut response, result) = change.settled(&context.node, timeout_of(body.timeout_ms)).await;
        if let Err(error) = result {
            for topic in response.results.iter_mut().filter(|topic| topic.error_code == 0) {
                topic.error_code = error.code();
                topic.error_message = error.text();
            }
        }
        for topic in &response.results {
            context.limits.named_in(topic.error_message.as_deref());
        }
        let failed = response.results.iter().any(|topic| topic.error_code != 0);
        answer(&request, &response, failed)
    })
}

#[cfg(test)]
mod tests;
