//! IncrementalAlterConfigs, versions 0 and 1.
//!
//! What is changed is in force when it is answered: on open partitions, in the broker's own configuration, and in what is
//! logged (Kafka's broker loggers, type 8: [`crate::loggers`]), which is a matter of this process and not stored.

use std::collections::{BTreeMap, BTreeSet};
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

use super::answer_budget::check_names;
use super::changes::{DEFAULT_TIMEOUT, propose};
use super::{Context, answer};
use crate::config::broker::parse_per_ip_overrides;
use crate::connection::{Outcome, Request};
use crate::controller::decide::{ApiError, incremental_alter_configs};
use crate::controller::describe::BROKER_LOGGER;
use crate::controller::image::ResourceType;
use crate::loggers::{Change, LoggerError};

/// What is done with a property (`AlterConfigOp.OpType`).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

const PER_IP_OVERRIDES: &str = "max.connections.per.ip.overrides";
/// How long the look-up of all hosts may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let mut body: IncrementalAlterConfigsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let count = body.resources.iter().map(|resource| 1 + resource.configs.len()).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    let order = Order::of(&body);
    let (loggers, resources): (Vec<_>, Vec<_>) = std::mem::take(&mut body.resources)
        .into_iter()
        .partition(|resource| resource.resource_type == BROKER_LOGGER);
    body.resources = resources;
    let altered_loggers = alter_loggers(context, &loggers, body.validate_only);
    if body
        .resources
        .iter()
        .any(|resource| hosts_of(resource).next().is_some())
    {
        let context = context.clone();
        return Outcome::later(async move {
            let mut answered = take_unknown_hosts(&mut body).await;
            answered.extend(altered_loggers);
            alter(&context, request, body, order, answered).await
        });
    }
    let altered = alter(context, request, body, order, altered_loggers);
    Outcome::later(altered)
}

/// Proposes at once, and answers later, with what was answered before.
fn alter(
    context: &Arc<Context>,
    request: Request,
    body: IncrementalAlterConfigsRequest,
    order: Order,
    answered: Vec<AlterConfigsResourceResponse>,
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
        for resource in &response.responses {
            context.limits.named_in(resource.error_message.as_deref());
        }
        response.responses.extend(answered);
        order.restore(&mut response.responses);
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

/// The order of a request's resources, in which Kafka answers them.
struct Order(BTreeMap<(i8, StrBytes), usize>);

impl Order {
    fn of(request: &IncrementalAlterConfigsRequest) -> Self {
        let mut places = BTreeMap::new();
        for (place, resource) in request.resources.iter().enumerate() {
            let key = (resource.resource_type, resource.resource_name.clone());
            places.entry(key).or_insert(place);
        }
        Order(places)
    }

    fn restore(&self, responses: &mut [AlterConfigsResourceResponse]) {
        responses.sort_by_cached_key(|response| {
            let key = (response.resource_type, response.resource_name.clone());
            self.0.get(&key).copied()
        });
    }
}

/// Alters the loggers of this process, and answers.
fn alter_loggers(
    context: &Context,
    loggers: &[AlterConfigsResource],
    validate_only: bool,
) -> Vec<AlterConfigsResourceResponse> {
    let mut counts: BTreeMap<&StrBytes, usize> = BTreeMap::new();
    for resource in loggers {
        *counts.entry(&resource.resource_name).or_default() += 1;
    }
    let answer = |resource: &AlterConfigsResource| {
        let altered = match counts[&resource.resource_name] {
            1 => alter_logger(context, resource, validate_only),
            _ => Err(invalid("The request names this resource more than once.")),
        };
        let error = altered.err();
        AlterConfigsResourceResponse::default()
            .with_error_code(error.as_ref().map_or(0, ApiError::code))
            .with_error_message(error.as_ref().and_then(ApiError::text))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    };
    loggers.iter().map(answer).collect()
}

fn alter_logger(context: &Context, resource: &AlterConfigsResource, validate_only: bool) -> Result<(), ApiError> {
    let mut names = BTreeSet::new();
    for config in &resource.configs {
        if !names.insert(&config.name) {
            return Err(invalid(&format!("Logger {} is given more than once.", &*config.name)));
        }
        if config.value.is_none() && config.config_operation != DELETE {
            return Err(invalid(&format!("Logger {} has no value.", &*config.name)));
        }
    }
    let own = context.config.load().node_id;
    if resource.resource_name.parse::<i32>() != Ok(own) {
        return Err(invalid(&format!(
            "This is broker {own}, and the loggers of broker '{}' are to be changed.",
            &*resource.resource_name
        )));
    }
    let changes = resource.configs.iter().map(|config| {
        let change = match config.config_operation {
            SET => Change::Set(config.value.as_deref().unwrap_or_default()),
            DELETE => Change::Unset,
            APPEND | SUBTRACT => Change::OfList,
            // Kafka stumbles over it, and has no words for that.
            _ => {
                return Err(ApiError {
                    error: ResponseError::UnknownServerError,
                    message: None,
                });
            }
        };
        Ok((config.name.as_str(), change))
    });
    let changes: Vec<_> = changes.collect::<Result<_, _>>()?;
    let altered = context.loggers.alter(&changes, validate_only);
    altered.map_err(|error| {
        let code = match error {
            LoggerError::Unknown(_) | LoggerError::NotALevel { .. } => ResponseError::InvalidConfig,
            LoggerError::Root | LoggerError::NotAList => ResponseError::InvalidRequest,
        };
        ApiError::new(code, error.to_string())
    })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(ResponseError::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
