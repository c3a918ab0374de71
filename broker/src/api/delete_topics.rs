//! DeleteTopics, versions 1 to 6.

use std::sync::Arc;

use kafka_protocol::messages::DeleteTopicsRequest;

use super::changes::{propose, timeout_of};
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::delete_topics;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DeleteTopicsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let version = request.header.api_version;
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

#[cfg(test)]
mod tests;
