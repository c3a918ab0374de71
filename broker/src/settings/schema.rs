//! What the controller asks about properties, answered from the table.

use kafka_protocol::messages::create_topics_response::CreatableTopicConfigs;
use kafka_protocol::protocol::StrBytes;

use crate::config::alter::{alter_client_metrics, alter_group};
use crate::config::properties::{self, ConfigType};
use crate::config::topic::{self, TopicKind};
use crate::config::{BrokerConfig, describe};
use crate::controller::decide::ConfigSchema;
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
    fn check(&self, kind: ResourceType, resource: &str, overrides: &Overrides) -> Result<(), String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        match kind {
            ResourceType::Topic => topic::validate(self.config.settings(), overrides).map_err(|error| text(&error)),
            ResourceType::Broker => self.check_broker(resource, overrides),
            ResourceType::Group => alter_group(overrides, &[]).map(drop).map_err(|error| text(&error)),
            ResourceType::ClientMetrics => alter_client_metrics(overrides, &[])
                .map(drop)
                .map_err(|error| text(&error)),
        }
    }

    fn check_broker(&self, resource: &str, overrides: &Overrides) -> Result<(), String> {
        let of = |name: &str| self.image.overrides(ResourceType::Broker, name);
        let own = self.config.node_id.to_string();
        let result = match resource {
            "" => self.config.with_dynamic(overrides, of(&own)),
            _ => self.config.with_dynamic(of(""), overrides),
        };
        result.map(drop).map_err(|error| error.to_string())
    }
}

impl ConfigSchema for BrokerSchema<'_> {
    fn validate(
        &self,
        kind: ResourceType,
        resource: &str,
        overrides: &Overrides,
        current: &Overrides,
    ) -> Result<(), String> {
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
            ResourceType::Group => properties::group_property(property),
            ResourceType::ClientMetrics => properties::client_metrics_property(property),
        };
        property.is_some_and(|property| property.kind == ConfigType::List)
    }

    fn default_value(&self, kind: ResourceType, property: &str) -> Option<String> {
        let none = Overrides::new();
        let entries = match kind {
            ResourceType::Topic => describe::describe_topic(self.config, &none, TopicKind::User),
            ResourceType::Broker => return self.config.settings().value(property).to_text(),
            ResourceType::Group => describe::describe_group(self.config, &none),
            ResourceType::ClientMetrics => describe::describe_client_metrics(&none),
        };
        entries.into_iter().find(|entry| entry.name == property)?.value
    }

    fn effective_topic_configs(&self, overrides: &Overrides) -> Vec<CreatableTopicConfigs> {
        let entries = describe::describe_topic(self.config, overrides, TopicKind::User);
        let shown = entries.into_iter().map(|entry| {
            CreatableTopicConfigs::default()
                .with_name(StrBytes::from_string(entry.name))
                .with_value(entry.value.map(StrBytes::from_string))
                .with_read_only(entry.read_only)
                .with_config_source(entry.source.id())
                .with_is_sensitive(entry.sensitive)
        });
        shown.collect()
    }
}
