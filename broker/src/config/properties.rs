//! The table of properties: Kafka 4.3's, as its brokers report and check them, and Weir's own.
//!
//! Invariant: every row of `properties.tsv` parses and its default passes its own check (tested), so that nothing that
//! reads the table can fail at run time.

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use super::property::{Check, Class, ConfigType, Property, Reason, Scope, Update};
use super::topic::SYNONYMS;

/// What the name of a broker's property stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BrokerName {
    /// A property.
    Property(&'static Property),
    /// A property for one listener (`listener.name.<listener>.…`), possibly for one SASL mechanism of it.
    OfListener(&'static Property),
    /// A name below a prefix that belongs to a plug-in, whose names nobody lists.
    OfPlugin(Reason),
}

struct Table {
    broker: BTreeMap<&'static str, Property>,
    topic: BTreeMap<&'static str, Property>,
    group: BTreeMap<&'static str, Property>,
    client_metrics: BTreeMap<&'static str, Property>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        broker: BTreeMap::new(),
        topic: BTreeMap::new(),
        group: BTreeMap::new(),
        client_metrics: BTreeMap::new(),
    };
    for row in include_str!("properties.tsv")
        .lines()
        .filter(|row| !row.starts_with('#'))
    {
        let property = Property::from_row(row).expect("every row of properties.tsv parses, a test reads them all");
        let section = match property.scope {
            Scope::Broker | Scope::BrokerInternal | Scope::Retired => &mut table.broker,
            Scope::Topic | Scope::TopicInternal => &mut table.topic,
            Scope::Group => &mut table.group,
            Scope::ClientMetrics => &mut table.client_metrics,
        };
        section.insert(property.name, property);
    }
    table
});

/// Prefixes below which plug-ins have their own names, with the reason why those have no effect.
const PLUGIN_PREFIXES: [(&str, Reason); 6] = [
    ("config.providers.", Reason::ConfigProvider),
    ("log4j.", Reason::Logging),
    ("log4j2.", Reason::Logging),
    ("metrics.jmx.", Reason::Metrics),
    ("rlmm.config.", Reason::RemoteStorage),
    ("rsm.config.", Reason::RemoteStorage),
];

/// Beside `ssl.*` and `sasl.*`, what can be set for one listener.
const LISTENER_PROPERTIES: [&str; 5] = [
    "connections.max.reauth.ms",
    "max.connection.creation.rate",
    "max.connections",
    "num.network.threads",
    "principal.builder.class",
];

/// Every property of a broker, ordered by name, the unreported ones included.
pub fn broker_properties() -> impl Iterator<Item = &'static Property> {
    TABLE.broker.values()
}

/// Every property of a topic, ordered by name, the unreported ones included.
pub fn topic_properties() -> impl Iterator<Item = &'static Property> {
    TABLE.topic.values()
}

/// Every property of a group, ordered by name.
pub fn group_properties() -> impl Iterator<Item = &'static Property> {
    TABLE.group.values()
}

/// Every property of a subscription to client metrics, ordered by name.
pub fn client_metrics_properties() -> impl Iterator<Item = &'static Property> {
    TABLE.client_metrics.values()
}

/// The broker's property of exactly this name.
pub fn broker_property(name: &str) -> Option<&'static Property> {
    TABLE.broker.get(name)
}

/// The topic's property of exactly this name.
pub fn topic_property(name: &str) -> Option<&'static Property> {
    TABLE.topic.get(name)
}

/// The group's property of exactly this name.
pub fn group_property(name: &str) -> Option<&'static Property> {
    TABLE.group.get(name)
}

/// The property of this name of a subscription to client metrics.
pub fn client_metrics_property(name: &str) -> Option<&'static Property> {
    TABLE.client_metrics.get(name)
}

/// What a name in `server.properties` stands for; `None` where nobody knows it.
pub fn find_broker_name(name: &str) -> Option<BrokerName> {
    if let Some(property) = broker_property(name) {
        return Some(BrokerName::Property(property));
    }
    if let Some(rest) = name.strip_prefix("listener.name.") {
        let (_listener, rest) = rest.split_once('.')?;
        return listener_property(rest).map(BrokerName::OfListener);
    }
    let (_, reason) = PLUGIN_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    Some(BrokerName::OfPlugin(*reason))
}

/// The property behind `listener.name.<listener>.`; a SASL property may stand behind its mechanism.
fn listener_property(rest: &str) -> Option<&'static Property> {
    let of_listener =
        |name: &str| name.starts_with("ssl.") || name.starts_with("sasl.") || LISTENER_PROPERTIES.contains(&name);
    if of_listener(rest) {
        return broker_property(rest);
    }
    let (_mechanism, sasl) = rest.split_once('.')?;
    if sasl.starts_with("sasl.") {
        broker_property(sasl)
    } else {
        None
    }
}

/// The known name that a user most likely meant; empty where none is near. A topic's name leads to the broker's name for the same thing.
pub fn nearest_broker_name(name: &str) -> String {
    if let Some((_, brokers)) = SYNONYMS.iter().find(|(topic, _)| *topic == name) {
        return brokers[0].name.to_owned();
    }
    if let Some((listener, rest)) = name
        .strip_prefix("listener.name.")
        .and_then(|rest| rest.split_once('.'))
    {
        let names = broker_properties().map(|property| property.name);
        let nearest = nearest(rest, names.filter(|name| listener_property(name).is_some()));
        return match nearest {
            "" => String::new(),
            nearest => format!("listener.name.{listener}.{nearest}"),
        };
    }
    nearest(
        name,
        broker_properties()
            .filter(|property| property.scope != Scope::Retired)
            .map(|property| property.name),
    )
    .to_owned()
}

/// The known topic property that a user most likely meant.
pub fn nearest_topic_name(name: &str) -> &'static str {
    nearest(name, topic_properties().map(|property| property.name))
}

/// The name nearest to one that is not known; empty where half of it would have to change.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> &'static str {
    // A hostile name can be long, and the distance costs the product of both lengths.
    let name: String = name.chars().take(128).collect();
    known
        .map(|known| (strsim::damerau_levenshtein(&name, known), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| 2 * distance < name.chars().count())
        .map_or("", |(_, known)| known)
}
