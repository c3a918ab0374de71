//! A broker's registration when it starts.

use uuid::Uuid;

use super::Decision;
use crate::controller::features::SUPPORTED;
use crate::controller::image::{Broker, Image};
use crate::controller::record::{BrokerEndpoint, FeatureLevelRecord, Record};

/// What a broker says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its `node.id`.
    pub node_id: i32,
    /// A random id of the life of its process.
    pub incarnation_id: Uuid,
    /// The addresses at which clients reach it, one per listener, ports as they were bound.
    pub endpoints: Vec<BrokerEndpoint>,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// Registers a broker, unfenced, and answers the epoch of its registration. Nothing is written if it stands there as it
/// is already: an ordinary restart adds no record. A new cluster begins with every feature at its highest level. The record's epoch is the offset that it will get.
pub fn register_broker(image: &Image, registration: &Registration) -> Decision<i64> {
    let known = image
        .broker(registration.node_id)
        .filter(|known| known.endpoints == registration.endpoints && known.rack == registration.rack && !known.fenced);
    if let Some(known) = known {
        return Decision {
            records: unset_features(image).collect(),
            response: known.epoch,
        };
    }
    let broker = Broker {
        id: registration.node_id,
        epoch: image.offset() + 1,
        incarnation_id: registration.incarnation_id,
        endpoints: registration.endpoints.clone(),
        rack: registration.rack.clone(),
        fenced: false,
    };
    let mut records = vec![broker.record()];
    records.extend(unset_features(image));
    Decision {
        records,
        response: broker.epoch,
    }
}

/// The records that give a level to the features that have none yet.
fn unset_features(image: &Image) -> impl Iterator<Item = Record> + '_ {
    let is_set = |name: &str| image.features().any(|(known, _)| known == name);
    let unset = SUPPORTED.iter().filter(move |feature| !is_set(feature.name));
    unset.map(|feature| {
        Record::FeatureLevel(FeatureLevelRecord {
            name: feature.name.to_owned(),
            feature_level: feature.max,
        })
    })
}
