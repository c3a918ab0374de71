//! IncrementalAlterConfigs, versions 0 and 1.
//!
//! What is changed is in force when it is answered: on open partitions, and in the broker's own configuration. The level
//! of what is logged is given at start and cannot be altered (Kafka's broker loggers, type 8): 42.

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::protocol::StrBytes;

use super::changes::{DEFAULT_TIMEOUT, propose};
use super::describe_configs::BROKER_LOGGER;
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::decide::incremental_alter_configs;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let mut body: IncrementalAlterConfigsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let (loggers, resources): (Vec<_>, Vec<_>) = std::mem::take(&mut body.resources)
        .into_iter()
        .partition(|resource| resource.resource_type == BROKER_LOGGER);
    body.resources = resources;
    let change = propose(context, |decide| incremental_alter_configs(decide, &body));
    let context = context.clone();
    Outcome::later(async move {
        let (mut response, result) = change.settled(&context.node, DEFAULT_TIMEOUT).await;
        if let Err(error) = result {
            for resource in response
                .responses
                .iter_mut()
                .filter(|resource| resource.error_code == 0)
            {
                resource.error_code = error.code();
                resource.error_message = error.text();
            }
        }
        response.responses.extend(loggers.iter().map(refused));
        let failed = response.responses.iter().any(|resource| resource.error_code != 0);
        answer(&request, &response, failed)
    })
}

fn refused(logger: &AlterConfigsResource) -> AlterConfigsResourceResponse {
    let message = "What is logged is said at start, by --log or WEIR_LOG: it cannot be altered.";
    AlterConfigsResourceResponse::default()
        .with_error_code(ResponseError::InvalidRequest.code())
        .with_error_message(Some(StrBytes::from_static_str(message)))
        .with_resource_type(logger.resource_type)
        .with_resource_name(logger.resource_name.clone())
}

#[cfg(test)]
mod tests;
