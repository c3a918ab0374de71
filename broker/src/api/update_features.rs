//! UpdateFeatures, versions 0 to 2 (KIP-584). Kafka does not look at its timeout; we answer within our own.

use std::sync::Arc;

use kafka_protocol::messages::UpdateFeaturesRequest;

use super::answer_budget::check_names;
use super::changes::{DEFAULT_TIMEOUT, propose};
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::update_features;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: UpdateFeaturesRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    if let Err(close) = check_names(&context.limits, body.feature_updates.len()) {
        return close;
    }
    let version = request.header.api_version;
    let change = propose(context, |decide| update_features(decide.image, &body, version));
    let context = context.clone();
    Outcome::later(async move {
        let (mut response, result) = change.settled(&context.node, DEFAULT_TIMEOUT).await;
        if let Err(error) = result {
            response = response
                .with_error_code(error.code())
                .with_error_message(error.text())
                .with_results(Vec::new());
        }
        let failed = response.error_code != 0;
        answer(&request, &response, failed)
    })
}
