//! DeleteTopics, versions 1 to 6.

use std::sync::Arc;

use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use uuid::Uuid;

use super::changes::{late, propose, timeout_of};
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::{ApiError, delete_topics};

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DeleteTopicsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let version = request.header.api_version;
    if let Some(error) = late(body.timeout_ms) {
        let response = all_failed(&body, &error);
        return answer(&request, &response, true);
    }
    let change = propose(context, |decide| delete_topics(decide, &body, version));
    let context = context.clone();
    Outcome::later(async move {
        let (mut response, result) = change.settled(&context.node, timeout_of(body.timeout_ms)).await;
        if let Err(error) = result {
            for topic in response.responses.iter_mut().filter(|topic| topic.error_code == 0) {
                topic.error_code = error.code();
                topic.error_message = error.text();
            }
        }
        let failed = response.responses.iter().any(|topic| topic.error_code != 0);
        answer(&request, &response, failed)
    })
}

/// The same error for every topic of the request.
fn all_failed(body: &DeleteTopicsRequest, error: &ApiError) -> DeleteTopicsResponse {
    let failed = |name: Option<TopicName>, id: Uuid| {
        DeletableTopicResult::default()
            .with_name(name)
            .with_topic_id(id)
            .with_error_code(error.code())
            .with_error_message(error.text())
    };
    let names = body
        .topic_names
        .iter()
        .map(|name| failed(Some(name.clone()), Uuid::nil()));
    let topics = body
        .topics
        .iter()
        .map(|topic| failed(topic.name.clone(), topic.topic_id));
    DeleteTopicsResponse::default().with_responses(names.chain(topics).collect())
}

#[cfg(test)]
mod tests;
