//! Every Kafka property, what Weir does with it, and the typed configuration.
//!
//! Invariant: a name that a user sets is served, or ignored with a warning, or refused with a reason; none is dropped
//! without a word. One table (`properties.tsv`, read by [`properties`]) says which, with type, default and check.
//!
//! Everything here is pure: files, the host's name and the command line are read elsewhere (`crate::cli`) and come in
//! as arguments. The way of a value: [`java_properties`] or the command line → [`Assignment`]s → [`Settings`] (checked,
//! the strongest layer wins, each with its source) → [`BrokerConfig`] → with a topic's overrides, [`TopicConfig`].
//! [`describe`] tells clients what holds and why.

pub mod broker;
mod change;
pub mod client_metrics;
pub mod describe;
mod error;
pub mod group;
pub mod java_properties;
pub mod listeners;
pub mod properties;
mod property;
mod settings;
pub mod topic;
mod value;

#[cfg(test)]
mod tests;

pub use broker::{BrokerConfig, CleanerConfig};
pub use describe::{ConfigEntry, ConfigSource};
pub use error::{ConfigError, InvalidValue};
pub use listeners::HostPort;
pub use settings::{Assignment, Origin, Settings};
pub use topic::TopicConfig;
pub use value::Value;
