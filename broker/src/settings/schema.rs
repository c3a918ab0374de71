//! What the controller asks about properties, answered from the table.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_response::CreatableTopicConfigs;
use kafka_protocol::protocol::StrBytes;

use crate::config::client_metrics::Subscription;
use crate::config::properties::{self, ConfigType};
use crate::config::topic::{self, TopicKind};
use crate::config::{BrokerConfig, ConfigError, InvalidValue, describe, group};
use crate::controller::decide::{ApiError, ConfigSchema};
use crate::controller::image::{Image, Overrides, ResourceType};

/// The properties of each kind of resource, as this broker knows them.
#[derive(Clone, Copy)]
pub struct BrokerSchema<'a> {
    /// The broker's configuration.
    pub config: &'a BrokerConfig,
    /// The image that is decided on: a broker's values are checked together with those set on all brokers.
    pub image: &'a Image,
}

impl BrokerSchema<'_> {
    fn check(&self, kind: ResourceType, resource: &str, overrides: &Overrides) -> Result<(), ApiError> {
        let checked = match kind {
            ResourceType::Topic => topic::validate(self.config.settings(), overrides),
            ResourceType::Broker => self.check_broker(resource, overrides),
            ResourceType::Group => group::validate(self.config.settings(), overrides),
            ResourceType::ClientMetrics => Subscription::new(overrides).map(drop),
        };
        checked.map_err(|error| ApiError::new(code(kind, &error), error.to_string()))
    }

    fn check_broker(&self, resource: &str, overrides: &Overrides) -> Result<(), ConfigError> {
        let of = |name: &str| self.image.overrides(ResourceType::Broker, name);
        let own = self.config.node_id.to_string();
        let changed = match resource {
            "" => self.config.with_dynamic(overrides, of(&own)),
            _ => self.config.with_dynamic(of(""), overrides),
        };
        changed?.check_change_from(self.config)
    }
}

/// Kafka names bad broker properties by the request's error, not the configuration's; and of those of client metrics
/// the ones that nobody knows, and an interval out of its bounds.
fn code(kind: ResourceType, error: &ConfigError) -> ResponseError {
    let is_request = match kind {
        ResourceType::Topic | ResourceType::Group => false,
        ResourceType::Broker => true,
        ResourceType::ClientMetrics => {
            let is_out_of_range = |problem: &InvalidValue| matches!(problem, InvalidValue::OutOfRange { .. });
            match error {
                ConfigError::Unknown { .. } => true,
                ConfigError::Invalid { problem, .. } => is_out_of_range(problem),
                _ => false,
            }
        }
    };
    match is_request {
        true => ResponseError::InvalidRequest,
        false => ResponseError::InvalidConfig,
    }
}

impl ConfigSchema for BrokerSchema<'_> {
    fn validate(
        &self,
        kind: ResourceType,
        resource: &str,
        overrides: &Overrides,
        current: &Overrides,
    ) -> Result<(), ApiError> {
        let error = match self.check(kind, resource, overrides) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // A stored value that an older release allowed must not stand in the way of changing others.
        let is_left_over = |name: &String, value: &String| {
            let alone = Overrides::from([(name.clone(), value.clone())]);
            current.get(name) == Some(value) && self.check(kind, resource, &alone).is_err()
        };
        let mut sound = overrides.clone();
        sound.retain(|name, value| !is_left_over(name, value));
        if sound.len() == overrides.len() {
            return Err(error);
        }
        self.check(kind, resource, &sound)
    }

    fn is_list(&self, kind: ResourceType, property: &str) -> bool {
        let property = match kind {
            ResourceType::Topic => properties::topic_property(property),
            ResourceType::Broker => properties::broker_property(property),
            // As in Kafka, whose controller does not know the types of these.
            ResourceType::Group | ResourceType::ClientMetrics => None,
        };
        property.is_some_and(|property| property.kind == ConfigType::List)
    }

    fn default_value(&self, kind: ResourceType, property: &str) -> Option<String> {
        let none = Overrides::new();
        let entries = match kind {
            ResourceType::Topic => return describe::default_of_topic(self.config, property),
            ResourceType::Broker => return self.config.settings().value(property).to_text(),
            ResourceType::Group => describe::describe_group(self.config, &none),
            ResourceType::ClientMetrics => describe::describe_client_metrics(&none),
        };
        entries.into_iter().find(|entry| entry.name == property)?.value
    }

    fn effective_topic_configs(&self, overrides: &Overrides) -> Vec<CreatableTopicConfigs> {
        let entries = describe::describe_topic(self.config, overrides, TopicKind::User);
        let shown = entries.into_iter().map(|entry| {
            // As it was given, not as it is understood.
            let value = overrides.get(&entry.name).cloned().or(entry.value);
            CreatableTopicConfigs::default()
                .with_name(StrBytes::from_string(entry.name))
                .with_value(value.map(StrBytes::from_string))
                .with_read_only(entry.read_only)
                .with_config_source(entry.source.id())
                .with_is_sensitive(entry.sensitive)
        });
        shown.collect()
    }
}
