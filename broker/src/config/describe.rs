//! What DescribeConfigs answers, as data: values, where they come from, what else was said about them.
//!
//! Invariant: the names of a resource are those that Kafka reports, and Weir's own; an entry's source is the place that
//! its value is from. Sensitive values never leave.

use super::broker::BrokerConfig;
use super::properties::{self, BrokerName, ConfigType, Property, Update};
use super::settings::Settings;
use super::topic::{BrokerSynonym, Effective, Overrides, TopicKind};
use super::value::Value;

/// Where a value comes from, numbered as in a DescribeConfigs response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    /// Set on the topic.
    DynamicTopic = 1,
    /// Set by request on the broker.
    DynamicBroker = 2,
    /// Set by request on all brokers.
    DynamicDefaultBroker = 3,
    /// Set in the broker's file or on its command line.
    StaticBroker = 4,
    /// Set nowhere.
    Default = 5,
    /// Set on the subscription to client metrics.
    ClientMetrics = 7,
    /// Set on the group.
    Group = 8,
}

impl ConfigSource {
    /// The sources of a broker's values, the strongest first.
    pub const OF_BROKERS: [ConfigSource; 4] = [
        ConfigSource::DynamicBroker,
        ConfigSource::DynamicDefaultBroker,
        ConfigSource::StaticBroker,
        ConfigSource::Default,
    ];

    /// The number of the source in a DescribeConfigs response.
    pub fn id(self) -> i8 {
        self as i8
    }
}

/// One place that says something about a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The name under which it is said.
    pub name: String,
    /// What is said, in that name's units; `None` where it is sensitive.
    pub value: Option<String>,
    /// Where.
    pub source: ConfigSource,
}

/// One property of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` where it has none or is sensitive.
    pub value: Option<String>,
    /// The type of its value.
    pub kind: ConfigType,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it can only be changed by a restart.
    pub read_only: bool,
    /// Whether its value is never shown.
    pub sensitive: bool,
    /// All that is said about it, the strongest first.
    pub synonyms: Vec<ConfigSynonym>,
    /// What it is.
    pub documentation: String,
}

impl ConfigEntry {
    /// Whether it was set nowhere.
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::Default
    }

    fn new(property: &Property, name: &str, value: Option<String>, synonyms: Vec<ConfigSynonym>) -> Self {
        ConfigEntry {
            name: name.to_owned(),
            value: value.filter(|_| !property.is_sensitive()),
            kind: property.kind,
            source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
            read_only: property.update == Update::ReadOnly,
            sensitive: property.is_sensitive(),
            synonyms,
            documentation: property.documentation().into_owned(),
        }
    }
}

/// A topic's properties, ordered by name.
pub fn describe_topic(broker: &BrokerConfig, overrides: &Overrides, kind: TopicKind) -> Vec<ConfigEntry> {
    let effective = Effective {
        broker: broker.settings(),
        overrides,
        kind,
    };
    let entry = |property: &'static Property| {
        let own = effective.overridden(property);
        if !property.is_reported() && own.is_none() {
            return None;
        }
        let mut synonyms = said_by_broker(broker.settings(), effective.synonyms(property.name), false);
        let value = match own {
            Some(value) => {
                let (name, value) = (property.name.to_owned(), Some(value.to_string()));
                synonyms.insert(
                    0,
                    ConfigSynonym {
                        name,
                        value: value.clone(),
                        source: ConfigSource::DynamicTopic,
                    },
                );
                value
            }
            None => effective.inherited(property).to_text(),
        };
        Some(ConfigEntry::new(property, property.name, value, synonyms))
    };
    properties::topic_properties().filter_map(entry).collect()
}

/// The value of a topic's property where nothing is set on the topic.
pub fn default_of_topic(broker: &BrokerConfig, name: &str) -> Option<String> {
    let overrides = &Overrides::new();
    let effective = Effective {
        broker: broker.settings(),
        overrides,
        kind: TopicKind::User,
    };
    let property = properties::topic_property(name)?;
    effective.inherited(property).to_text()
}

/// A broker's properties: all that Kafka reports, and beside them what else was set, ordered by name.
pub fn describe_broker(broker: &BrokerConfig) -> Vec<ConfigEntry> {
    let settings = broker.settings();
    let mut names: Vec<&str> = properties::broker_properties()
        .filter(|p| p.is_reported())
        .map(|p| p.name)
        .collect();
    names.extend(settings.names());
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| broker_entry(broker, name))
        .collect()
}

/// What requests have set on all brokers, ordered by name.
pub fn describe_all_brokers(broker: &BrokerConfig) -> Vec<ConfigEntry> {
    let for_all = |mut entry: ConfigEntry| {
        entry
            .synonyms
            .retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker);
        let said = entry.synonyms.iter().find(|synonym| synonym.name == entry.name)?;
        entry.value = said.value.clone();
        entry.source = said.source;
        Some(entry)
    };
    describe_broker(broker).into_iter().filter_map(for_all).collect()
}

/// A group's properties, ordered by name.
pub fn describe_group(broker: &BrokerConfig, overrides: &Overrides) -> Vec<ConfigEntry> {
    let entry = |property: &'static Property| {
        let of_broker = properties::broker_property(&format!("group.{}", property.name)).map(|broker| broker.name);
        let said = match of_broker {
            Some(name) => said_by_broker(broker.settings(), &[BrokerSynonym { name, unit: 1 }], false),
            // Kafka then names the property itself.
            None => vec![ConfigSynonym {
                name: property.name.to_owned(),
                value: property.default_value().to_text(),
                source: ConfigSource::Default,
            }],
        };
        let inherited = of_broker.map_or_else(|| property.default_value(), |name| broker.settings().value(name));
        simple_entry(property, overrides, ConfigSource::Group, inherited, said)
    };
    properties::group_properties().map(entry).collect()
}

/// The properties of a subscription to client metrics, ordered by name.
pub fn describe_client_metrics(overrides: &Overrides) -> Vec<ConfigEntry> {
    let entry = |property: &'static Property| {
        simple_entry(
            property,
            overrides,
            ConfigSource::ClientMetrics,
            property.default_value(),
            Vec::new(),
        )
    };
    properties::client_metrics_properties().map(entry).collect()
}

fn simple_entry(
    property: &Property,
    overrides: &Overrides,
    source: ConfigSource,
    inherited: Value,
    mut synonyms: Vec<ConfigSynonym>,
) -> ConfigEntry {
    let own = overrides.get(property.name).and_then(|text| property.parse(text).ok());
    if let Some(value) = &own {
        let value = Some(value.to_string());
        synonyms.insert(
            0,
            ConfigSynonym {
                name: property.name.to_owned(),
                value,
                source,
            },
        );
    }
    ConfigEntry::new(property, property.name, own.unwrap_or(inherited).to_text(), synonyms)
}

/// Properties of brokers that no file sets, so that to Kafka they have no default.
const DYNAMIC_ONLY: [&str; 3] = [
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
];

fn broker_entry(broker: &BrokerConfig, name: &str) -> Option<ConfigEntry> {
    let settings = broker.settings();
    let (property, base) = match properties::find_broker_name(name)? {
        BrokerName::Property(property) => (property, None),
        BrokerName::OfListener(property) => (property, Some(property.name)),
        // Only the plug-in knows whether it is a secret.
        BrokerName::OfPlugin(reason) => return Some(plugin_entry(name, reason)),
    };
    let one_setting = super::topic::SYNONYMS.iter().map(|(_, synonyms)| *synonyms);
    let mut one_setting = one_setting.filter(|synonyms| synonyms.len() > 1);
    let names: Vec<&str> = match one_setting.find(|synonyms| synonyms.iter().any(|synonym| synonym.name == name)) {
        // Only of log.flush.interval.ms and the scheduler's interval is the coarser one not explained by the finer.
        Some(_) if name == "log.flush.scheduler.interval.ms" => vec![name],
        Some(synonyms) => synonyms.iter().map(|synonym| synonym.name).collect(),
        None => std::iter::once(name).chain(base).collect(),
    };
    let mut synonyms = said(settings, &names, property.is_sensitive());
    if DYNAMIC_ONLY.contains(&name) {
        synonyms.retain(|synonym| synonym.source != ConfigSource::Default);
    }
    // What is said under another name comes after what is said under this one.
    let first = synonyms
        .iter()
        .position(|synonym| synonym.name == name)
        .unwrap_or(synonyms.len());
    synonyms.drain(..first);
    let value = match name {
        "node.id" | "broker.id" => {
            said_of_id(settings, name, &mut synonyms);
            match synonyms.first() {
                Some(said) if name == "broker.id" => said.value.clone(),
                _ => Some(broker.node_id.to_string()),
            }
        }
        _ => settings.value(name).to_text(),
    };
    Some(ConfigEntry::new(property, name, value, synonyms))
}

/// A node's id that is set is set under its older name, too, and to Kafka it has no default.
fn said_of_id(settings: &Settings, name: &str, synonyms: &mut Vec<ConfigSynonym>) {
    let source = ConfigSource::StaticBroker;
    let Some(id) = settings.at(source, "node.id") else {
        return;
    };
    synonyms.retain(|said| said.source != source && name == "broker.id");
    let (name, value) = (name.to_owned(), Some(id.to_string()));
    synonyms.insert(0, ConfigSynonym { name, value, source });
}

fn plugin_entry(name: &str, reason: properties::Reason) -> ConfigEntry {
    ConfigEntry {
        name: name.to_owned(),
        value: None,
        kind: ConfigType::Password,
        source: ConfigSource::StaticBroker,
        read_only: true,
        sensitive: true,
        synonyms: vec![ConfigSynonym {
            name: name.to_owned(),
            value: None,
            source: ConfigSource::StaticBroker,
        }],
        documentation: format!("Accepted without effect: {}.", reason.text()),
    }
}

/// What the broker's configuration says about a topic's property: nothing, where it is not said under the finest name, and
/// from there on all, as in Kafka (`ConfigHelper.createTopicConfigEntry`).
fn said_by_broker(settings: &Settings, synonyms: &[BrokerSynonym], sensitive: bool) -> Vec<ConfigSynonym> {
    let names: Vec<&str> = synonyms.iter().map(|synonym| synonym.name).collect();
    let mut said = said(settings, &names, sensitive);
    let first = said.iter().position(|said| Some(&said.name.as_str()) == names.first());
    said.drain(..first.unwrap_or(said.len()));
    said
}

/// All that is said under some names, by source, the strongest first, and within a source in the order of the names.
fn said(settings: &Settings, names: &[&str], sensitive: bool) -> Vec<ConfigSynonym> {
    let at = |source: ConfigSource| {
        let said = move |name: &&str| {
            let value = settings.at(source, name)?;
            let value = (!sensitive).then(|| value.to_string());
            Some(ConfigSynonym {
                name: (*name).to_owned(),
                value,
                source,
            })
        };
        names.iter().filter_map(said)
    };
    ConfigSource::OF_BROKERS.into_iter().flat_map(at).collect()
}
