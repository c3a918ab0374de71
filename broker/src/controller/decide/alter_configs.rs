//! IncrementalAlterConfigs (api key 44), versions 0 and 1, and AlterConfigs (api key 33), versions 0 to 2, which replaces
//! all that a resource has.
//!
//! Each resource is changed whole or not at all; all that are changed are changed in one batch. Broker loggers (type 8)
//! are not kept in the metadata: the request's handler answers them itself and does not pass them on.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource as LegacyResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as LegacyResponse;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::config_room::ConfigRoom;
use super::{ApiError, Context, Decision, MAX_RECORDS_PER_OPERATION};
use crate::controller::image::{Overrides, ResourceType};
use crate::controller::record::{ConfigRecord, MAX_STRING_LEN, Record};
use crate::controller::topic_name::validate_topic_name;

const BROKER: i8 = ResourceType::Broker as i8;
/// The code of the operation that needs no value.
const DELETE: i8 = 1;

/// What is to be done with a property (`AlterConfigOp.OpType`).
#[derive(Clone, Copy)]
enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

impl Operation {
    fn from_code(code: i8) -> Result<Self, ApiError> {
        match code {
            0 => Ok(Self::Set),
            DELETE => Ok(Self::Delete),
            2 => Ok(Self::Append),
            3 => Ok(Self::Subtract),
            // Kafka's controller stumbles over it, and has no words for that.
            _ => Err(ApiError {
                error: ResponseError::UnknownServerError,
                message: None,
            }),
        }
    }
}

/// Decides an IncrementalAlterConfigs request. One answer for each resource, in the request's order.
pub fn incremental_alter_configs(
    context: &Context<'_>,
    request: &IncrementalAlterConfigsRequest,
) -> Decision<IncrementalAlterConfigsResponse> {
    let mut counts: BTreeMap<(i8, &str), usize> = BTreeMap::new();
    for resource in &request.resources {
        *counts
            .entry((resource.resource_type, &resource.resource_name))
            .or_default() += 1;
    }
    let mut room = ConfigRoom::new(context);
    let mut records = Vec::new();
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let result = if counts[&(resource.resource_type, resource.resource_name.as_str())] > 1 {
            Err(ApiError::invalid_request(
                "The request names this resource more than once.",
            ))
        } else {
            alter_resource(context, &mut room, resource)
        };
        let error = match result {
            Ok(changes) => {
                records.extend(changes);
                None
            }
            Err(error) => Some(error),
        };
        responses.push(answer(resource, error));
    }
    if records.len() > MAX_RECORDS_PER_OPERATION {
        let error = ApiError::too_many_records();
        responses = request
            .resources
            .iter()
            .map(|resource| answer(resource, Some(error.clone())))
            .collect();
        records.clear();
    }
    if request.validate_only {
        records.clear();
    }
    Decision {
        records,
        response: IncrementalAlterConfigsResponse::default().with_responses(responses),
    }
}

/// The records that change one resource: one for each property whose value becomes another.
fn alter_resource(
    context: &Context<'_>,
    room: &mut ConfigRoom,
    resource: &AlterConfigsResource,
) -> Result<Vec<Record>, ApiError> {
    let name = resource.resource_name.as_str();
    check_configs(resource)?;
    let kind = kind_of(resource.resource_type)?;
    check_resource_name(context, kind, name)?;

    let current = context.image.overrides(kind, name);
    let mut overrides = current.clone();
    for config in &resource.configs {
        alter_property(context, kind, config, &mut overrides)?;
    }
    let altered = resource.configs.iter().map(|config| config.name.as_str());
    change(context, room, kind, name, &overrides, altered)
}

/// The records that give a resource these overrides, if it may have them. `properties`: those that may become others.
fn change<'a>(
    context: &Context<'_>,
    room: &mut ConfigRoom,
    kind: ResourceType,
    name: &str,
    overrides: &Overrides,
    properties: impl Iterator<Item = &'a str>,
) -> Result<Vec<Record>, ApiError> {
    let current = context.image.overrides(kind, name);
    room.check(kind, name, current, overrides)?;
    context.configs.validate(kind, name, overrides, current)?;
    if kind == ResourceType::Topic && context.image.topic(name).is_none() {
        let message = format!("Topic '{name}' does not exist.");
        return Err(ApiError::new(ResponseError::UnknownTopicOrPartition, message));
    }
    room.take(kind, name, current, overrides);

    let changed = properties.filter(|property| overrides.get(*property) != current.get(*property));
    Ok(changed
        .map(|property| {
            Record::Config(ConfigRecord {
                resource_type: kind.code(),
                resource_name: name.to_owned(),
                name: property.to_owned(),
                value: overrides.get(property).cloned(),
            })
        })
        .collect())
}

/// Decides an AlterConfigs request: what a resource is given is all that it has from then on. One answer for each
/// resource, in the request's order.
pub fn alter_configs(context: &Context<'_>, request: &AlterConfigsRequest) -> Decision<AlterConfigsResponse> {
    let mut counts: BTreeMap<(i8, &str), usize> = BTreeMap::new();
    for resource in &request.resources {
        *counts
            .entry((resource.resource_type, &resource.resource_name))
            .or_default() += 1;
    }
    let mut room = ConfigRoom::new(context);
    let mut records = Vec::new();
    let mut errors = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let result = match counts[&(resource.resource_type, resource.resource_name.as_str())] {
            1 => replace_resource(context, &mut room, resource),
            _ => Err(ApiError::invalid_request(
                "The request names this resource more than once.",
            )),
        };
        errors.push(result.map(|changes| records.extend(changes)).err());
    }
    if records.len() > MAX_RECORDS_PER_OPERATION {
        errors.fill(Some(ApiError::too_many_records()));
        records.clear();
    }
    if request.validate_only {
        records.clear();
    }
    let answers = request.resources.iter().zip(errors).map(|(resource, error)| {
        LegacyResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(error.as_ref().map_or(0, ApiError::code))
            .with_error_message(error.as_ref().and_then(ApiError::text))
    });
    Decision {
        records,
        response: AlterConfigsResponse::default().with_responses(answers.collect()),
    }
}

/// The records that replace all that one resource has.
fn replace_resource(
    context: &Context<'_>,
    room: &mut ConfigRoom,
    resource: &LegacyResource,
) -> Result<Vec<Record>, ApiError> {
    let name = resource.resource_name.as_str();
    let mut overrides = Overrides::new();
    for config in &resource.configs {
        let property = config.name.as_str();
        let Some(value) = config.value.as_deref() else {
            return Err(ApiError::invalid_request(format!(
                "Property '{property}' has no value."
            )));
        };
        check_lengths(property, Some(value))?;
        if overrides.insert(property.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::invalid_request(format!(
                "Property '{property}' is given more than once."
            )));
        }
    }
    let kind = kind_of(resource.resource_type)?;
    check_resource_name(context, kind, name)?;
    let current = context.image.overrides(kind, name);
    let properties: BTreeSet<&str> = current.keys().chain(overrides.keys()).map(String::as_str).collect();
    change(context, room, kind, name, &overrides, properties.into_iter())
}

fn kind_of(code: i8) -> Result<ResourceType, ApiError> {
    ResourceType::from_code(code)
        .ok_or_else(|| ApiError::invalid_request(format!("Resources of type {code} have no configuration here.")))
}

/// Each property at most once, with a value unless it is deleted, and none too long to be stored.
fn check_configs(resource: &AlterConfigsResource) -> Result<(), ApiError> {
    let mut names = BTreeSet::new();
    for config in &resource.configs {
        let name = config.name.as_str();
        if !names.insert(name) {
            return Err(ApiError::invalid_request(format!(
                "Property '{name}' is given more than once."
            )));
        }
        if config.value.is_none() && config.config_operation != DELETE {
            return Err(ApiError::invalid_request(format!("Property '{name}' has no value.")));
        }
        Operation::from_code(config.config_operation).map_err(|error| match resource.resource_type {
            // Those of brokers are checked by the broker first.
            BROKER => ApiError {
                error: ResponseError::InvalidRequest,
                ..error
            },
            _ => error,
        })?;
        check_lengths(name, config.value.as_deref())?;
    }
    Ok(())
}

/// Refuses a property that no metadata record can hold.
pub(super) fn check_lengths(name: &str, value: Option<&str>) -> Result<(), ApiError> {
    if name.len().max(value.map_or(0, str::len)) <= MAX_STRING_LEN {
        return Ok(());
    }
    let message = format!("Names and values of properties can have at most {MAX_STRING_LEN} bytes.");
    Err(ApiError::new(ResponseError::InvalidConfig, message))
}

fn check_resource_name(context: &Context<'_>, kind: ResourceType, name: &str) -> Result<(), ApiError> {
    if name.len() > MAX_STRING_LEN {
        return Err(ApiError::invalid_request(format!(
            "A resource name can have at most {MAX_STRING_LEN} bytes."
        )));
    }
    match kind {
        ResourceType::Topic if name.is_empty() => Err(ApiError::invalid_request("A topic's name must be given.")),
        ResourceType::Topic => validate_topic_name(name)
            .map_err(|invalid| ApiError::new(ResponseError::InvalidTopicException, invalid.to_string())),
        ResourceType::Broker if name.is_empty() => Ok(()),
        ResourceType::Broker => match name.parse::<i32>() {
            Ok(id) if id == context.settings.node_id => Ok(()),
            Ok(_) => {
                let node_id = context.settings.node_id;
                Err(ApiError::invalid_request(format!(
                    "This is broker {node_id}, but broker {name} is to be changed."
                )))
            }
            Err(_) => Err(ApiError::invalid_request(format!(
                "'{name}' is not the id of a broker."
            ))),
        },
        ResourceType::ClientMetrics | ResourceType::Group if name.is_empty() => {
            Err(ApiError::invalid_request("The resource's name must be given."))
        }
        ResourceType::ClientMetrics | ResourceType::Group => Ok(()),
    }
}

fn alter_property(
    context: &Context<'_>,
    kind: ResourceType,
    config: &AlterableConfig,
    overrides: &mut Overrides,
) -> Result<(), ApiError> {
    let name = config.name.as_str();
    let given = config.value.as_deref().unwrap_or_default();
    let value = match Operation::from_code(config.config_operation)? {
        Operation::Delete => {
            overrides.remove(name);
            return Ok(());
        }
        Operation::Set => given.to_owned(),
        operation @ (Operation::Append | Operation::Subtract) => {
            if !context.configs.is_list(kind, name) {
                let message = format!("Nothing can be appended to or subtracted from '{name}': it is not a list.");
                return Err(ApiError::new(ResponseError::InvalidConfig, message));
            }
            let current = overrides
                .get(name)
                .cloned()
                .or_else(|| context.configs.default_value(kind, name))
                .unwrap_or_default();
            let value = changed_list(&current, operation, given);
            check_lengths(name, Some(&value))?;
            value
        }
    };
    overrides.insert(name.to_owned(), value);
    Ok(())
}

/// A list with elements appended that it lacks, or without the first of each that is subtracted. White space belongs to an
/// element, as in Kafka: whether the list is one is seen when it is validated.
fn changed_list(current: &str, operation: Operation, given: &str) -> String {
    let mut list: Vec<&str> = current.split(',').filter(|element| !element.is_empty()).collect();
    for element in elements_of(given) {
        let place = list.iter().position(|other| *other == element);
        match (operation, place) {
            (Operation::Subtract, Some(place)) => drop(list.remove(place)),
            (Operation::Subtract, None) | (_, Some(_)) => {}
            (_, None) => list.push(element),
        }
    }
    list.join(",")
}

/// What Java's `split` makes of a text: without empty elements at the end, but an empty text is one empty element.
fn elements_of(text: &str) -> impl Iterator<Item = &str> {
    let kept = if text.is_empty() {
        text
    } else {
        text.trim_end_matches(',')
    };
    let is_nothing = kept.is_empty() && !text.is_empty();
    kept.split(',').filter(move |_| !is_nothing)
}

fn answer(resource: &AlterConfigsResource, error: Option<ApiError>) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone())
        .with_error_code(error.as_ref().map_or(0, ApiError::code))
        .with_error_message(error.as_ref().and_then(ApiError::text))
}
