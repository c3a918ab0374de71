//! Subscriptions to clients' metrics (KIP-714): the configuration of the resources of type client metrics.
//!
//! Patterns of clients are regular expressions. Kafka's are Java's; these know no look-around and no back-references, so
//! that a match takes time in proportion to the text: such a pattern is refused. As in Java, `\w` and its like are of ASCII.

use regex::bytes::{Regex, RegexBuilder};

use super::error::{ConfigError, InvalidValue};
use super::properties;
use super::settings::{Origin, checked_property};
use super::topic::Overrides;
use super::value::Value;

/// How often a client pushes, in milliseconds, where nothing is said.
pub const DEFAULT_INTERVAL_MS: i32 = 300_000;
/// The bounds of what can be said.
const INTERVALS_MS: std::ops::RangeInclusive<i64> = 100..=3_600_000;
/// Prefixes in one subscription: a client is told them all whenever it asks.
const MAX_METRICS: usize = 256;
/// Bytes of a pattern's text.
const MAX_PATTERN_LEN: usize = 1024;
/// Bytes that a compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 64 << 10;
/// Patterns of one subscription: there are six fields.
const MAX_PATTERNS: usize = 16;

const INTERVAL: &str = "interval.ms";
const METRICS: &str = "metrics";
const MATCH: &str = "match";

/// What of a client a pattern is matched with, by Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientField {
    /// `client_instance_id`.
    InstanceId,
    /// `client_id`.
    Id,
    /// `client_software_name`.
    SoftwareName,
    /// `client_software_version`.
    SoftwareVersion,
    /// `client_source_address`.
    SourceAddress,
    /// `client_source_port`.
    SourcePort,
}

impl ClientField {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "client_instance_id" => Self::InstanceId,
            "client_id" => Self::Id,
            "client_software_name" => Self::SoftwareName,
            "client_software_version" => Self::SoftwareVersion,
            "client_source_address" => Self::SourceAddress,
            "client_source_port" => Self::SourcePort,
            _ => return None,
        })
    }
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// How often clients push, in milliseconds.
    pub interval_ms: i32,
    /// Prefixes of the names of the metrics; `*` alone stands for all.
    pub metrics: Vec<String>,
    /// All of these match the clients that are meant, from beginning to end.
    pub patterns: Vec<(ClientField, Regex)>,
}

impl Subscription {
    /// Reads what was set on a subscription.
    pub fn new(overrides: &Overrides) -> Result<Self, ConfigError> {
        let origin = Origin::Request("client metrics");
        let mut subscription = Subscription {
            interval_ms: DEFAULT_INTERVAL_MS,
            metrics: Vec::new(),
            patterns: Vec::new(),
        };
        for (name, text) in overrides {
            let Some(property) = properties::client_metrics_property(name) else {
                let known = properties::client_metrics_properties().map(|property| property.name);
                return Err(ConfigError::Unknown {
                    origin,
                    name: name.clone(),
                    nearest: properties::nearest(name, known).to_owned(),
                });
            };
            let value = checked_property(property, name, text, &origin)?;
            match (name.as_str(), value) {
                (INTERVAL, Value::Int(value)) if INTERVALS_MS.contains(&value) => {
                    subscription.interval_ms = i32::try_from(value).unwrap_or(DEFAULT_INTERVAL_MS);
                }
                (INTERVAL, _) => {
                    let problem = InvalidValue::OutOfRange {
                        least: *INTERVALS_MS.start() as f64,
                        most: *INTERVALS_MS.end() as f64,
                        exception: None,
                    };
                    return Err(invalid(name, text, problem));
                }
                (METRICS, _) => {
                    if elements(text).nth(MAX_METRICS).is_some() {
                        let expected = "prefixes of metrics' names, at most 256 of them";
                        return Err(invalid(name, text, InvalidValue::Malformed { expected }));
                    }
                    subscription.metrics = elements(text).map(str::to_owned).collect();
                }
                (MATCH, _) => subscription.patterns = patterns(text)?,
                _ => {}
            }
        }
        Ok(subscription)
    }
}

fn patterns(text: &str) -> Result<Vec<(ClientField, Regex)>, ConfigError> {
    let malformed = || {
        let expected = "CLIENT_FIELD=REGULAR_EXPRESSION, at most 16 of them, each of at most 1024 bytes";
        invalid(MATCH, text, InvalidValue::Malformed { expected })
    };
    let mut patterns: Vec<(ClientField, Regex)> = Vec::new();
    for (place, element) in elements(text).enumerate() {
        let Some((name, pattern)) = element.split_once('=') else {
            return Err(malformed());
        };
        let field = ClientField::from_name(name.trim()).ok_or_else(malformed)?;
        let pattern = pattern.trim();
        if pattern.is_empty() || pattern.contains('=') || pattern.len() > MAX_PATTERN_LEN || place == MAX_PATTERNS {
            return Err(malformed());
        }
        // Without Unicode some that Java knows are none, such as \p{L}.
        let regex = compile(pattern, false)
            .or_else(|_| compile(pattern, true))
            .map_err(|_| malformed())?;
        // The last one for a field counts.
        patterns.retain(|(known, _)| *known != field);
        patterns.push((field, regex));
    }
    Ok(patterns)
}

fn compile(pattern: &str, unicode: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .unicode(unicode)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .build()
}

fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty())
}

fn invalid(name: &str, value: &str, problem: InvalidValue) -> ConfigError {
    ConfigError::Invalid {
        origin: Origin::Request("client metrics"),
        name: name.to_owned(),
        value: value.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests;
