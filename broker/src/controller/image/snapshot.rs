//! The shortest list of records that makes an image again.
//!
//! Invariant: applied to an empty image of the same cluster id, the records give an equal image. Their order is fixed:
//! features, brokers by id, topics by name (each with its partitions), configuration by resource, producer ids.

use super::Image;
use crate::controller::record::{ConfigRecord, FeatureLevelRecord, ProducerIdsRecord, Record};

/// The broker in a snapshot's `ProducerIdsRecord`: whoever got the last block no longer matters.
const NO_BROKER: i32 = -1;

impl Image {
    /// The records that make this image, in their fixed order.
    pub fn snapshot(&self) -> impl Iterator<Item = Record> {
        let features = self.features().map(|(name, feature_level)| {
            Record::FeatureLevel(FeatureLevelRecord {
                name: name.to_owned(),
                feature_level,
            })
        });
        let brokers = self.brokers().map(|broker| broker.record());
        let topics = self.topics().flat_map(|topic| topic.records());
        let configs = self.configs.iter().flat_map(|(kind, resources)| {
            let overrides = resources
                .iter()
                .flat_map(|(resource, overrides)| overrides.iter().map(move |(name, value)| (resource, name, value)));
            overrides.map(|(resource, name, value)| {
                Record::Config(ConfigRecord {
                    resource_type: kind.code(),
                    resource_name: resource.to_string(),
                    name: name.clone(),
                    value: Some(value.clone()),
                })
            })
        });
        let next_producer_id = Some(self.next_producer_id).filter(|next| *next > 0);
        let producer_ids = next_producer_id.map(|next_producer_id| {
            Record::ProducerIds(ProducerIdsRecord {
                broker_id: NO_BROKER,
                broker_epoch: -1,
                next_producer_id,
            })
        });
        features.chain(brokers).chain(topics).chain(configs).chain(producer_ids)
    }
}
