//! The features whose levels a cluster agrees on (KIP-584), as this release has them.
//!
//! A feature switches on protocols in clients and brokers: only what is served whole is listed. `metadata.version` says
//! in which schemas the metadata's records are written; the others of Kafka (`group.version`, `transaction.version`, …)
//! come with what they switch on.

/// A feature, and the levels of it that are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// Lowest level.
    pub min: i16,
    /// Highest level, at which a new cluster begins.
    pub max: i16,
}

/// Every feature of this release, ordered by name. Level 30 is Kafka's 4.3-IV0.
pub const SUPPORTED: [Feature; 1] = [Feature {
    name: "metadata.version",
    min: 30,
    max: 30,
}];
