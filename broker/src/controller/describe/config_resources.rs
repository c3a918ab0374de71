//! ListConfigResources (api key 74), versions 0 and 1 (KIP-1142).

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

use super::text;
use crate::controller::image::{Image, ResourceType};

/// Kafka's number for the loggers of a broker, which are no resource of the metadata.
pub const BROKER_LOGGER: i8 = 8;

/// Every type, in the order of the answer.
const TYPES: [i8; 5] = [
    ResourceType::Group as i8,
    ResourceType::ClientMetrics as i8,
    BROKER_LOGGER,
    ResourceType::Broker as i8,
    ResourceType::Topic as i8,
];

/// Answers a ListConfigResources request of this version: topics and brokers, whether they have configuration or not, and
/// the groups and subscriptions to client metrics that have some. Version 0 asks for the last alone.
pub fn list_config_resources(
    image: &Image,
    request: &ListConfigResourcesRequest,
    version: i16,
) -> ListConfigResourcesResponse {
    let asked: BTreeSet<i8> = match version {
        0 => BTreeSet::from([ResourceType::ClientMetrics.code()]),
        _ if request.resource_types.is_empty() => TYPES.into(),
        _ => request.resource_types.iter().copied().collect(),
    };
    if !asked.iter().all(|kind| TYPES.contains(kind)) {
        return ListConfigResourcesResponse::default().with_error_code(ResponseError::UnsupportedVersion.code());
    }
    let mut resources = Vec::new();
    for kind in TYPES.into_iter().filter(|kind| asked.contains(kind)) {
        let named = |name: &str| {
            ConfigResource::default()
                .with_resource_name(text(name))
                .with_resource_type(kind)
        };
        match ResourceType::from_code(kind) {
            Some(ResourceType::Topic) => resources.extend(image.topics().map(|topic| named(&topic.name))),
            Some(ResourceType::Broker) | None => {
                resources.extend(image.brokers().map(|broker| named(&broker.id.to_string())));
            }
            Some(kind) => resources.extend(image.resources(kind).map(|(name, _)| named(name))),
        }
    }
    ListConfigResourcesResponse::default().with_config_resources(resources)
}
