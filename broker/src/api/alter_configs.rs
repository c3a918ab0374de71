//! AlterConfigs, versions 0 to 2: what a resource is given is all that it has from then on. KIP-339's
//! IncrementalAlterConfigs took its place; old tools still send it.
//!
//! Deviation: Kafka does not answer a request that names a resource twice; here each of the two is refused.

use std::sync::Arc;

use kafka_protocol::messages::AlterConfigsRequest;

use super::answer_budget::check_names;
use super::changes::{DEFAULT_TIMEOUT, propose};
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::alter_configs;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: AlterConfigsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let count = body.resources.iter().map(|resource| 1 + resource.configs.len()).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    let change = propose(context, |decide| alter_configs(decide, &body));
    let context = context.clone();
    Outcome::later(async move {
        let (mut response, result) = change.settled(&context.node, DEFAULT_TIMEOUT).await;
        if let Err(error) = result {
            let changed = response.responses.iter_mut();
            for resource in changed.filter(|resource| resource.error_code == 0) {
                resource.error_code = error.code();
                resource.error_message = error.text();
            }
        }
        for resource in &response.responses {
            context.limits.named_in(resource.error_message.as_deref());
        }
        let failed = response.responses.iter().any(|resource| resource.error_code != 0);
        answer(&request, &response, failed)
    })
}

#[cfg(test)]
mod tests;
