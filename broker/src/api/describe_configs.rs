//! DescribeConfigs, versions 1 to 4.
//!
//! Topics, this broker, all brokers (the empty name), groups, subscriptions to client metrics, and the broker's loggers. Errors as in Kafka's `ConfigHelper`: a topic that does not exist is 3, another broker 42.

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::answer_budget::{AnswerBudget, NO_ROOM, NO_ROOM_TEXT, check_names};
use crate::config::describe::{
    describe_all_brokers, describe_broker, describe_client_metrics, describe_group, describe_topic,
};
use crate::config::topic::TopicKind;
use crate::config::{BrokerConfig, ConfigEntry};
use crate::connection::{Outcome, Request};
use crate::controller::decide::ApiError;
use crate::controller::describe::BROKER_LOGGER;
use crate::controller::image::{Image, ResourceType};
use crate::controller::topic_name::{is_internal_topic, validate_topic_name};
use crate::loggers::{Level, Loggers};
use crate::wire::{BodyWriter, EncodeError, Response};

/// So many resources are described on the connection's task; more take long.
const AT_ONCE: usize = 4;

/// The first version with compact types.
const FIRST_FLEXIBLE: i16 = 4;

/// The source of a logger's level (`DYNAMIC_BROKER_LOGGER_CONFIG`).
const LOGGER_SOURCE: i8 = 6;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DescribeConfigsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let keys = |resource: &DescribeConfigsResource| resource.configuration_keys.as_ref().map_or(0, Vec::len);
    let count = body.resources.iter().map(|resource| 1 + keys(resource)).sum();
    if let Err(close) = check_names(&context.limits, count) {
        return close;
    }
    if body.resources.len() <= AT_ONCE {
        return respond(context, &request, &body);
    }
    let context = context.clone();
    Outcome::large(move || respond(&context, &request, &body))
}

fn respond(context: &Context, request: &Request, body: &DescribeConfigsRequest) -> Outcome {
    encode(context, request, body).into()
}

fn encode(context: &Context, request: &Request, body: &DescribeConfigsRequest) -> Result<Response, EncodeError> {
    let (config, image) = (context.config.load(), context.node.image());
    let mut budget = AnswerBudget::new(&context.limits);
    let mut out = BodyWriter::new(&request.header, request.header.api_version >= FIRST_FLEXIBLE);
    let no_throttle = 0;
    out.fields().i32(no_throttle);
    out.fields().length(body.resources.len());
    let mut failed = false;
    for resource in &body.resources {
        let entries = if budget.is_spent() {
            Err(refused(NO_ROOM, NO_ROOM_TEXT.to_owned()))
        } else {
            describe(&config, &image, &context.loggers, resource)
        };
        failed |= entries.is_err();
        let result = match entries {
            Ok(entries) => described(resource, entries, body),
            Err(error) => of_resource(resource)
                .with_error_code(error.code())
                .with_error_message(error.text()),
        };
        budget.take(out.item(&result)?);
    }
    out.fields().no_tagged_fields();
    Ok(out.finish()?.failed(failed))
}

/// The properties of a resource.
fn describe(
    config: &BrokerConfig,
    image: &Image,
    loggers: &Loggers,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, ApiError> {
    let name = resource.resource_name.as_str();
    if resource.resource_type == BROKER_LOGGER {
        check_broker(config, name)?;
        return Ok(loggers.levels().into_iter().map(logger).collect());
    }
    let Some(kind) = ResourceType::from_code(resource.resource_type) else {
        return Err(invalid(format!(
            "Resources of type {} have no configuration.",
            resource.resource_type
        )));
    };
    let overrides = image.overrides(kind, name);
    let entries = match kind {
        ResourceType::Topic => {
            validate_topic_name(name)
                .map_err(|error| refused(ResponseError::InvalidTopicException, error.to_string()))?;
            if image.topic(name).is_none() {
                let message = format!("Topic '{name}' does not exist.");
                return Err(refused(ResponseError::UnknownTopicOrPartition, message));
            }
            let kind = if is_internal_topic(name) {
                TopicKind::Internal
            } else {
                TopicKind::User
            };
            describe_topic(config, overrides, kind)
        }
        ResourceType::Broker if name.is_empty() => describe_all_brokers(config),
        ResourceType::Broker => {
            check_broker(config, name)?;
            describe_broker(config)
        }
        ResourceType::Group | ResourceType::ClientMetrics if name.is_empty() => {
            return Err(invalid("The resource's name must be given.".to_owned()));
        }
        ResourceType::Group => describe_group(config, overrides),
        ResourceType::ClientMetrics => describe_client_metrics(overrides),
    };
    Ok(entries.into_iter().map(result_of).collect())
}

fn check_broker(config: &BrokerConfig, name: &str) -> Result<(), ApiError> {
    match name.parse::<i32>() {
        Ok(id) if id == config.node_id => Ok(()),
        _ => Err(invalid(format!(
            "This is broker {}, and broker '{name}' was asked for.",
            config.node_id
        ))),
    }
}

fn result_of(entry: ConfigEntry) -> DescribeConfigsResourceResult {
    let text = StrBytes::from_string;
    let synonyms = entry.synonyms.into_iter().map(|synonym| {
        DescribeConfigsSynonym::default()
            .with_name(text(synonym.name))
            .with_value(synonym.value.map(text))
            .with_source(synonym.source.id())
    });
    DescribeConfigsResourceResult::default()
        .with_name(text(entry.name))
        .with_value(entry.value.map(text))
        .with_read_only(entry.read_only)
        .with_config_source(entry.source.id())
        .with_is_sensitive(entry.sensitive)
        .with_synonyms(synonyms.collect())
        .with_config_type(entry.kind.id())
        .with_documentation(Some(text(entry.documentation)))
}

fn logger((name, level): (String, Level)) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_string(name))
        .with_value(Some(StrBytes::from_static_str(level.name())))
        .with_config_source(LOGGER_SOURCE)
        // Kafka has no words on loggers, and sends them whether it is asked for some or not.
        .with_documentation(Some(StrBytes::default()))
}

/// The answer, as much of it as was asked for.
fn described(
    resource: &DescribeConfigsResource,
    mut entries: Vec<DescribeConfigsResourceResult>,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResult {
    if let Some(names) = resource.configuration_keys.as_ref().filter(|names| !names.is_empty()) {
        let names: BTreeSet<&str> = names.iter().map(StrBytes::as_str).collect();
        entries.retain(|entry| names.contains(entry.name.as_str()));
    }
    for entry in &mut entries {
        if !request.include_synonyms {
            entry.synonyms.clear();
        }
        if !request.include_documentation && resource.resource_type != BROKER_LOGGER {
            entry.documentation = None;
        }
    }
    // Where all is well Kafka sends an empty message.
    of_resource(resource)
        .with_error_message(Some(StrBytes::default()))
        .with_configs(entries)
}

fn of_resource(resource: &DescribeConfigsResource) -> DescribeConfigsResult {
    DescribeConfigsResult::default()
        .with_error_message(Some(StrBytes::new()))
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone())
}

fn invalid(message: String) -> ApiError {
    refused(ResponseError::InvalidRequest, message)
}

fn refused(error: ResponseError, message: String) -> ApiError {
    ApiError {
        error,
        message: Some(message),
    }
}

#[cfg(test)]
mod tests;
