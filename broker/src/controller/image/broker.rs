//! A registered broker.

use uuid::Uuid;

use crate::controller::record::{BrokerEndpoint, Record, RegisterBrokerRecord};

/// A broker of the cluster, as it last registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its `node.id`.
    pub id: i32,
    /// Epoch of its registration.
    pub epoch: i64,
    /// Id of the life of its process at that registration.
    pub incarnation_id: Uuid,
    /// The addresses at which clients reach it, one per listener.
    pub endpoints: Vec<BrokerEndpoint>,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// Whether it is kept from leading partitions and out of clients' sight.
    pub fenced: bool,
}

impl Broker {
    /// Its address on a listener.
    pub fn endpoint(&self, listener: &str) -> Option<&BrokerEndpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == listener)
    }

    /// The record that registers this broker.
    pub(in crate::controller) fn record(&self) -> Record {
        Record::RegisterBroker(RegisterBrokerRecord {
            broker_id: self.id,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            endpoints: self.endpoints.clone(),
            rack: self.rack.clone(),
            fenced: self.fenced,
        })
    }
}

impl From<&RegisterBrokerRecord> for Broker {
    fn from(record: &RegisterBrokerRecord) -> Self {
        Self {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            endpoints: record.endpoints.clone(),
            rack: record.rack.clone(),
            fenced: record.fenced,
        }
    }
}
