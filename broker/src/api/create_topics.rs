//! CreateTopics, versions 2 to 7.
//!
//! A topic that is answered as created takes batches at once; Kafka answers a moment before. What is not in force when
//! `timeout_ms` is over is answered with 7, and may still take place.

use std::sync::Arc;

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use uuid::Uuid;

use super::changes::{late, propose, timeout_of};
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::{ApiError, create_topics};

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: CreateTopicsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    if let Some(error) = late(body.timeout_ms) {
        let named = |topic: &CreatableTopic| CreatableTopicResult::default().with_name(topic.name.clone());
        let mut response = CreateTopicsResponse::default().with_topics(body.topics.iter().map(named).collect());
        fail(&mut response, &error);
        return answer(&request, &response, true);
    }
    let change = propose(context, |decide| create_topics(decide, &body, &mut Uuid::new_v4));
    let context = context.clone();
    Outcome::later(async move {
        let (mut response, result) = change.settled(&context.node, timeout_of(body.timeout_ms)).await;
        if let Err(error) = result {
            fail(&mut response, &error);
        }
        for topic in &response.topics {
            context.limits.named_in(topic.error_message.as_deref());
        }
        let failed = response.topics.iter().any(|topic| topic.error_code != 0);
        answer(&request, &response, failed)
    })
}

/// Turns what was to be answered as created into an error.
fn fail(response: &mut CreateTopicsResponse, error: &ApiError) {
    for topic in response.topics.iter_mut().filter(|topic| topic.error_code == 0) {
        *topic = CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(error.code())
            .with_error_message(error.text())
            .with_configs(Some(Vec::new()));
    }
}

#[cfg(test)]
mod tests;
