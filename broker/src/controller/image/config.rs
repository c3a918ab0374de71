//! Which resources have configuration, and what a resource's overrides are.

use std::collections::BTreeMap;
use std::fmt;

/// The values that were set on a resource, by property name.
pub type Overrides = BTreeMap<String, String>;

/// About the bytes that a resource with overrides takes in memory, beside its name: the map of them.
const RESOURCE_BYTES: usize = 600;
/// The same for one override beside its texts.
const OVERRIDE_BYTES: usize = 64;

/// What the overrides of a resource take in memory, about; nothing where it has none.
pub fn config_bytes(resource: &str, overrides: &Overrides) -> usize {
    let all = overrides.iter().map(|(name, value)| override_bytes(name, value));
    match overrides.is_empty() {
        true => 0,
        false => resource_bytes(resource) + all.sum::<usize>(),
    }
}

pub(super) fn resource_bytes(resource: &str) -> usize {
    RESOURCE_BYTES + resource.len()
}

pub(super) fn override_bytes(name: &str, value: &str) -> usize {
    OVERRIDE_BYTES + name.len() + value.len()
}

/// A kind of resource whose configuration is kept in the metadata, with Kafka's numbers (`ConfigResource.Type`).
/// Broker loggers (8) are not among them: they are a broker's own, and forgotten when it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ResourceType {
    /// A topic, by name.
    Topic = 2,
    /// A broker, by its id in decimal; the empty name stands for all brokers.
    Broker = 4,
    /// A subscription of client metrics, by name.
    ClientMetrics = 16,
    /// A group, by id.
    Group = 32,
}

impl ResourceType {
    /// The kind with that number, if it is one that is kept.
    pub fn from_code(code: i8) -> Option<Self> {
        [Self::Topic, Self::Broker, Self::ClientMetrics, Self::Group]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    /// Kafka's number.
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// Its kind.
    pub kind: ResourceType,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ResourceType::Topic => "topic",
            ResourceType::Broker if self.name.is_empty() => return f.write_str("default of all brokers"),
            ResourceType::Broker => "broker",
            ResourceType::ClientMetrics => "client metrics",
            ResourceType::Group => "group",
        };
        write!(f, "{kind} '{}'", self.name)
    }
}
