//! What Kafka's group coordinator checks of a group's configuration beyond each property's own check.
//!
//! The broker bounds them: `consumer.session.timeout.ms` by `group.consumer.min.session.timeout.ms` and `.max.`, and so on
//! for every property and family that has such bounds (Kafka: `GroupConfig.validate`).

use super::error::ConfigError;
use super::properties::{self, Property};
use super::settings::{Origin, Settings, checked_property};
use super::topic::Overrides;
use super::value::Value;

/// The protocols that groups speak, the first words of their properties.
const FAMILIES: [&str; 3] = ["consumer", "share", "streams"];

/// Checks all that a group would have.
pub fn validate(broker: &Settings, overrides: &Overrides) -> Result<(), ConfigError> {
    let origin = Origin::Request("group");
    for (name, text) in overrides {
        let Some(property) = properties::group_property(name) else {
            let known = properties::group_properties().map(|property| property.name);
            return Err(ConfigError::Unknown {
                origin,
                name: name.clone(),
                nearest: properties::nearest(name, known).to_owned(),
            });
        };
        let value = checked_property(property, name, text, &origin)?;
        if let Value::Int(value) = value {
            check_bounds(broker, name, value, &origin)?;
        }
    }
    FAMILIES
        .iter()
        .try_for_each(|family| check_session(broker, family, overrides, &origin))
}

fn check_bounds(broker: &Settings, name: &str, value: i64, origin: &Origin) -> Result<(), ConfigError> {
    let conflict = |problem| {
        let origin = origin.clone();
        Err(ConfigError::Conflict { origin, problem })
    };
    let bound = |which: &str| {
        let (family, rest) = name.split_once('.')?;
        let rest = rest.strip_prefix("num.").unwrap_or(rest);
        let bound = properties::broker_property(&format!("group.{family}.{which}.{rest}"))?;
        Some((bound.name, number(broker.value(bound.name))?))
    };
    if let Some((bound, least)) = bound("min").filter(|(_, least)| value < *least) {
        return conflict(format!("{name} must be at least {least}, by {bound}"));
    }
    if let Some((bound, most)) = bound("max").filter(|(_, most)| value > *most) {
        return conflict(format!("{name} must be at most {most}, by {bound}"));
    }
    Ok(())
}

/// A session is longer than the interval of its heartbeats.
fn check_session(broker: &Settings, family: &str, overrides: &Overrides, origin: &Origin) -> Result<(), ConfigError> {
    let [session, heartbeat] = ["session.timeout.ms", "heartbeat.interval.ms"].map(|rest| format!("{family}.{rest}"));
    let in_force = |name: &str| {
        let property = properties::group_property(name)?;
        effective(broker, property, overrides)
    };
    match (in_force(&session), in_force(&heartbeat)) {
        (Some(timeout), Some(interval)) if timeout <= interval => Err(ConfigError::Conflict {
            origin: origin.clone(),
            problem: format!("{session} ({timeout}) must be greater than {heartbeat} ({interval})"),
        }),
        _ => Ok(()),
    }
}

fn effective(broker: &Settings, property: &'static Property, overrides: &Overrides) -> Option<i64> {
    if let Some(text) = overrides.get(property.name) {
        return text.trim().parse().ok();
    }
    let of_broker = properties::broker_property(&format!("group.{}", property.name));
    number(of_broker.map_or_else(|| property.default_value(), |of_broker| broker.value(of_broker.name)))
}

fn number(value: Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(value),
        _ => None,
    }
}
