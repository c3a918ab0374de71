//! What decisions ask about configuration properties.

use kafka_protocol::messages::create_topics_response::CreatableTopicConfigs;

use super::ApiError;
use crate::controller::image::{Overrides, ResourceType};

/// Knows the properties of each kind of resource. Implemented by the broker's property table.
pub trait ConfigSchema {
    /// Whether a resource may have these overrides, which are all that it would have. `resource` is its name: the empty
    /// broker name stands for all brokers. `current` is what it has now: what stays as it is need not be refused.
    /// An error is Kafka's for what is wrong.
    fn validate(
        &self,
        kind: ResourceType,
        resource: &str,
        overrides: &Overrides,
        current: &Overrides,
    ) -> Result<(), ApiError>;

    /// Whether the property is a list, so that values can be appended and subtracted.
    fn is_list(&self, kind: ResourceType, property: &str) -> bool;

    /// The property's value where the resource has no override; the start of an append.
    fn default_value(&self, kind: ResourceType, property: &str) -> Option<String>;

    /// All properties of a topic with these overrides, as CreateTopics answers them (version 5 and later), by name.
    fn effective_topic_configs(&self, overrides: &Overrides) -> Vec<CreatableTopicConfigs>;
}
