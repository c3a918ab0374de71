//! IncrementalAlterConfigs, versions 0 and 1.
//!
//! What is changed is in force when it is answered: on open partitions, and in the broker's own configuration. The level
//! of what is logged is given at start and cannot be altered (Kafka's broker loggers, type 8): 42.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::protocol::StrBytes;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};

use super::changes::{DEFAULT_TIMEOUT, propose};
use super::describe_configs::BROKER_LOGGER;
use super::{Context, answer};
use crate::config::broker::parse_per_ip_overrides;
use crate::connection::{Outcome, Request};
use crate::controller::decide::incremental_alter_configs;
use crate::controller::image::ResourceType;

const PER_IP_OVERRIDES: &str = "max.connections.per.ip.overrides";
/// How long the look-up of all hosts may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let mut body: IncrementalAlterConfigsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let (loggers, resources): (Vec<_>, Vec<_>) = std::mem::take(&mut body.resources)
        .into_iter()
        .partition(|resource| resource.resource_type == BROKER_LOGGER);
    body.resources = resources;
    if body
        .resources
        .iter()
        .any(|resource| hosts_of(resource).next().is_some())
    {
        let context = context.clone();
        return Outcome::later(async move {
            let refused = take_unknown_hosts(&mut body).await;
            alter(&context, request, body, loggers, refused).await
        });
    }
    let altered = alter(context, request, body, loggers, Vec::new());
    Outcome::later(altered)
}

/// Proposes at once, and answers later, with what was refused before.
fn alter(
    context: &Arc<Context>,
    request: Request,
    body: IncrementalAlterConfigsRequest,
    loggers: Vec<AlterConfigsResource>,
    refused_before: Vec<AlterConfigsResourceResponse>,
) -> impl Future<Output = Outcome> + Send + use<> {
    let change = propose(context, |decide| incremental_alter_configs(decide, &body));
    let context = context.clone();
    async move {
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
        response.responses.extend(refused_before);
        response.responses.extend(loggers.iter().map(refused));
        let failed = response.responses.iter().any(|resource| resource.error_code != 0);
        answer(&request, &response, failed)
    }
}

/// The hosts that a change names by name, whose addresses are needed.
fn hosts_of(resource: &AlterConfigsResource) -> impl Iterator<Item = String> {
    let values = resource
        .configs
        .iter()
        .filter(|config| resource.resource_type == ResourceType::Broker.code() && *config.name == *PER_IP_OVERRIDES)
        .filter_map(|config| parse_per_ip_overrides(config.value.as_deref()?));
    values
        .flat_map(BTreeMap::into_keys)
        .filter(|host| host.parse::<IpAddr>().is_err())
}

/// Takes out the resources that name a host without an address, and answers them. A host for which the system's answer
/// takes too long passes: it has no limit of its own until it is found.
async fn take_unknown_hosts(body: &mut IncrementalAlterConfigsRequest) -> Vec<AlterConfigsResourceResponse> {
    let deadline = Instant::now() + LOOKUP_TIMEOUT;
    let mut refused = Vec::new();
    for resource in std::mem::take(&mut body.resources) {
        let mut problem = None;
        // After the deadline nothing more is asked.
        for host in hosts_of(&resource).take_while(|_| Instant::now() < deadline) {
            match timeout_at(deadline, lookup_host((host.as_str(), 0))).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => problem = Some(format!("{PER_IP_OVERRIDES} names {host:?}: {error}")),
                Err(_) => tracing::warn!(
                    host,
                    "a host of {PER_IP_OVERRIDES} was not found in time: it is set all the same"
                ),
            }
        }
        match problem {
            None => body.resources.push(resource),
            Some(problem) => refused.push(
                AlterConfigsResourceResponse::default()
                    .with_error_code(ResponseError::InvalidConfig.code())
                    .with_error_message(Some(StrBytes::from_string(problem)))
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name),
            ),
        }
    }
    refused
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
