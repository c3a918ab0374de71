//! The seam between configuration, controller and node: what properties mean to each, and how a change takes effect.
//!
//! Invariant: nothing here checks a value that was checked when it was set, and no value that is stored can stop the
//! node: one that no longer passes counts as not set.

mod controller;
mod dynamic;
mod observers;
mod partition;
mod schema;

#[cfg(test)]
mod tests;

pub use controller::controller_settings;
pub use observers::{LiveConfig, Observers};
pub use partition::{ConfiguredTopics, metadata_partition};
pub use schema::BrokerSchema;
