//! IncrementalAlterConfigs (KIP-339) as a function: overrides and operations in, the overrides that follow out.
//!
//! Invariant: nothing is changed where anything is wrong, and what comes out is valid as a whole.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::broker::BrokerConfig;
use super::error::ConfigError;
use super::properties::{self, ConfigType, Property};
use super::settings::{Origin, checked_property};
use super::topic::{self, Effective, Overrides, TopicKind};
use super::value::Value;

/// What is done to one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The value replaces what was there.
    Set,
    /// What was there is dropped; without an effect where nothing was.
    Delete,
    /// The value's elements are added to a list.
    Append,
    /// The value's elements are taken out of a list.
    Subtract,
}

impl Operation {
    /// The operation of this number in a request.
    pub fn from_id(id: i8) -> Option<Self> {
        [
            Operation::Set,
            Operation::Delete,
            Operation::Append,
            Operation::Subtract,
        ]
        .into_iter()
        .nth(id.try_into().ok()?)
    }
}

/// One change of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The property.
    pub name: String,
    /// What is done.
    pub operation: Operation,
    /// With what; needed unless it is a deletion.
    pub value: Option<String>,
}

/// Why a request changes nothing.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AlterError {
    /// One name stands in the request twice (Kafka's INVALID_REQUEST).
    #[error("the property {0} stands in the request twice: send one change of it")]
    Twice(String),
    /// A change has no value (Kafka's INVALID_REQUEST).
    #[error("the change of {0} has no value: send one, or delete it")]
    NoValue(String),
    /// APPEND or SUBTRACT on what is not a list (Kafka's INVALID_CONFIG).
    #[error("{name} is of type {kind}, and only a list can be appended to or subtracted from: set it")]
    NotAList {
        /// The property.
        name: String,
        /// Kafka's word for its type.
        kind: &'static str,
    },
    /// An empty element would stand in a list (Kafka's INVALID_CONFIG).
    #[error("an empty element cannot be appended to {0}")]
    EmptyElement(String),
    /// What would come out is wrong (Kafka's INVALID_CONFIG).
    #[error(transparent)]
    Invalid(#[from] ConfigError),
}

/// The overrides of a topic after these changes.
pub fn alter_topic(broker: &BrokerConfig, current: &Overrides, changes: &[Change]) -> Result<Overrides, AlterError> {
    let effective = Effective {
        broker: broker.settings(),
        overrides: current,
        kind: TopicKind::User,
    };
    let altered = apply(current, changes, properties::topic_property, |property| {
        effective.inherited(property)
    })?;
    topic::validate(broker.settings(), &altered)?;
    Ok(altered)
}

/// The values set by request on all brokers (`for_all`) or on this one, after these changes, and the configuration that
/// then holds on this broker.
pub fn alter_broker(
    broker: &BrokerConfig,
    for_all: bool,
    cluster_wide: &Overrides,
    this_broker: &Overrides,
    changes: &[Change],
) -> Result<(Overrides, BrokerConfig), AlterError> {
    let current = if for_all { cluster_wide } else { this_broker };
    let altered = apply(current, changes, properties::broker_property, |property| {
        broker.settings().value(property.name)
    })?;
    let config = match for_all {
        true => broker.with_dynamic(&altered, this_broker)?,
        false => broker.with_dynamic(cluster_wide, &altered)?,
    };
    Ok((altered, config))
}

/// The overrides of a group after these changes.
pub fn alter_group(current: &Overrides, changes: &[Change]) -> Result<Overrides, AlterError> {
    alter_simple(
        current,
        changes,
        "group",
        properties::group_property,
        properties::group_properties(),
    )
}

/// A subscription to client metrics after these changes.
pub fn alter_client_metrics(current: &Overrides, changes: &[Change]) -> Result<Overrides, AlterError> {
    let known = properties::client_metrics_properties();
    alter_simple(
        current,
        changes,
        "client metrics",
        properties::client_metrics_property,
        known,
    )
}

fn alter_simple(
    current: &Overrides,
    changes: &[Change],
    resource: &'static str,
    find: fn(&str) -> Option<&'static Property>,
    known: impl Iterator<Item = &'static Property>,
) -> Result<Overrides, AlterError> {
    let altered = apply(current, changes, find, Property::default_value)?;
    let origin = Origin::Request(resource);
    for (name, text) in &altered {
        let Some(property) = find(name) else {
            let nearest = properties::nearest(name, known.map(|property| property.name)).to_owned();
            return Err(ConfigError::Unknown {
                origin,
                name: name.clone(),
                nearest,
            }
            .into());
        };
        checked_property(property, name, text, &origin)?;
    }
    Ok(altered)
}

/// Carries out changes, without a look at whether the outcome is valid. `inherited` is what holds without an override.
fn apply(
    current: &Overrides,
    changes: &[Change],
    find: fn(&str) -> Option<&'static Property>,
    inherited: impl Fn(&Property) -> Value,
) -> Result<Overrides, AlterError> {
    let mut altered: BTreeMap<String, String> = current.clone();
    let mut seen = BTreeSet::new();
    for Change { name, operation, value } in changes {
        if !seen.insert(name) {
            return Err(AlterError::Twice(name.clone()));
        }
        if *operation == Operation::Delete {
            altered.remove(name);
            continue;
        }
        let value = value.as_deref().ok_or_else(|| AlterError::NoValue(name.clone()))?;
        let value = match (*operation, find(name)) {
            (Operation::Append | Operation::Subtract, Some(property)) if property.kind != ConfigType::List => {
                return Err(AlterError::NotAList {
                    name: name.clone(),
                    kind: property.kind.word(),
                });
            }
            (Operation::Append | Operation::Subtract, Some(property)) => {
                let before = altered
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| inherited(property).to_string());
                // Kafka splits an empty text into one empty element, and takes it into an empty list alone.
                if *operation == Operation::Append && value.is_empty() && !before.is_empty() {
                    return Err(AlterError::EmptyElement(name.clone()));
                }
                changed_list(&before, value, *operation == Operation::Append)
            }
            // An unknown name is refused when the outcome is checked.
            _ => value.to_owned(),
        };
        altered.insert(name.clone(), value);
    }
    Ok(altered)
}

/// A list with elements added at its end, or taken out. An element that is there already is not added again.
fn changed_list(before: &str, elements: &str, append: bool) -> String {
    let parts = |text: &str| -> Vec<String> {
        text.split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    };
    let mut list = parts(before);
    for element in parts(elements) {
        if !append {
            list.retain(|part| *part != element);
        } else if !list.contains(&element) {
            list.push(element);
        }
    }
    list.join(",")
}
