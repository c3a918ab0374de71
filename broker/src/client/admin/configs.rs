//! DescribeConfigs 1–4 and IncrementalAlterConfigs 0–1.

use std::fmt;
use std::sync::Arc;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

use crate::client::cluster::{Cluster, Effect};
use crate::client::connection::Connection;
use crate::client::error::{ClientError, check, lacks};
use crate::client::text;

/// What has settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A topic.
    Topic = 2,
    /// A broker, by its id; without a name the defaults of all.
    Broker = 4,
    /// The log levels of a broker.
    BrokerLogger = 8,
    /// A subscription to clients' metrics.
    ClientMetrics = 16,
    /// A consumer group.
    Group = 32,
}

/// Something with settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its name, or a broker's id.
    pub name: String,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ResourceKind::Topic => "topic",
            ResourceKind::Broker if self.name.is_empty() => return f.write_str("all brokers"),
            ResourceKind::Broker => "broker",
            ResourceKind::BrokerLogger => "loggers of broker",
            ResourceKind::ClientMetrics => "client metrics",
            ResourceKind::Group => "group",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// Where a value comes from: Kafka's code for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigSource(pub i8);

impl ConfigSource {
    /// Set on the topic, group or subscription itself.
    pub const TOPIC: Self = Self(1);
    /// Nobody has set it.
    pub const DEFAULT: Self = Self(5);

    /// Whether somebody set it on the resource itself, or, of a broker, at all.
    pub fn is_set(self, kind: ResourceKind) -> bool {
        match kind {
            ResourceKind::Broker => (2..=4).contains(&self.0),
            ResourceKind::Topic => self == Self::TOPIC,
            ResourceKind::BrokerLogger => self.0 == 6,
            ResourceKind::ClientMetrics => self.0 == 7,
            ResourceKind::Group => self.0 == 8,
        }
    }

    /// A name for people and programs.
    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "topic",
            2 => "broker",
            3 => "all brokers",
            4 => "file",
            5 => "default",
            6 => "logger",
            7 => "client-metrics",
            8 => "group",
            _ => "unknown",
        }
    }
}

/// A setting and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; not told where it is a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it is set at a start alone.
    pub read_only: bool,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// What it means, where that was asked for and the broker tells.
    pub documentation: Option<String>,
}

/// A change of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Sets a value.
    Set(String, String),
    /// Goes back to the default.
    Unset(String),
    /// Adds to a list.
    Append(String, String),
    /// Takes from a list.
    Subtract(String, String),
}

impl ConfigChange {
    /// The setting.
    pub fn name(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Unset(name) | Self::Append(name, _) | Self::Subtract(name, _) => name,
        }
    }

    fn wire(&self) -> AlterableConfig {
        let (operation, value) = match self {
            Self::Set(_, value) => (0, Some(value)),
            Self::Unset(_) => (1, None),
            Self::Append(_, value) => (2, Some(value)),
            Self::Subtract(_, value) => (3, Some(value)),
        };
        AlterableConfig::default()
            .with_name(text(self.name()))
            .with_config_operation(operation)
            .with_value(value.map(|value| text(value)))
    }
}

impl Cluster {
    /// The settings of something, by name.
    pub async fn configs(&self, resource: &Resource, documentation: bool) -> Result<Vec<ConfigEntry>, ClientError> {
        let asked = DescribeConfigsResource::default()
            .with_resource_type(resource.kind as i8)
            .with_resource_name(text(&resource.name))
            .with_configuration_keys(None);
        self.retry(Effect::None, async || {
            let connection = self.keeper(resource).await?;
            let request = DescribeConfigsRequest::default()
                .with_resources(vec![asked.clone()])
                .with_include_documentation(documentation && connection.version::<DescribeConfigsRequest>()? >= 3);
            let answer = connection.call(&request).await?;
            let result = answer.results.first();
            let result = result.ok_or_else(|| lacks(connection.peer(), &resource.to_string()))?;
            check(result.error_code, result.error_message.as_deref(), || {
                resource.to_string()
            })?;
            let mut entries: Vec<ConfigEntry> = (result.configs.iter())
                .map(|config| ConfigEntry {
                    name: config.name.to_string(),
                    value: config.value.as_ref().map(|value| value.to_string()),
                    source: ConfigSource(config.config_source),
                    read_only: config.read_only,
                    sensitive: config.is_sensitive,
                    documentation: config.documentation.as_ref().map(|text| text.to_string()),
                })
                .collect();
            entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
        .await
    }

    /// Changes settings, all or none, or only says whether they could be changed.
    pub async fn alter_configs(
        &self,
        resource: &Resource,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let asked = AlterConfigsResource::default()
            .with_resource_type(resource.kind as i8)
            .with_resource_name(text(&resource.name))
            .with_configs(changes.iter().map(ConfigChange::wire).collect());
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(vec![asked])
            .with_validate_only(validate_only);
        self.retry(Effect::Change, async || {
            let connection = self.keeper(resource).await?;
            let answer = connection.call(&request).await?;
            let result = answer.responses.first();
            let result = result.ok_or_else(|| lacks(connection.peer(), &resource.to_string()))?;
            check(result.error_code, result.error_message.as_deref(), || {
                resource.to_string()
            })
        })
        .await
    }

    /// Who answers for it: a broker for its own settings, any broker for all else.
    async fn keeper(&self, resource: &Resource) -> Result<Arc<Connection>, ClientError> {
        let is_broker = matches!(resource.kind, ResourceKind::Broker | ResourceKind::BrokerLogger);
        match resource.name.parse().ok().filter(|_| is_broker) {
            Some(id) => {
                self.metadata(Some(&[]), false).await?;
                let nodes = self.nodes().await;
                if !nodes.iter().any(|node| node.id == id) {
                    let known: Vec<String> = nodes.iter().map(|node| node.id.to_string()).collect();
                    return Err(ClientError::UnknownBroker {
                        id,
                        known: known.join(", "),
                    });
                }
                self.broker(id).await
            }
            None => self.any().await,
        }
    }
}
