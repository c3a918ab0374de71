//! Answers that are read from the image alone.
//!
//! Invariant: an answer is a function of the request, the image and the leaders it is given; equal ones give equal
//! answers, in the same order.
//!
//! Clients are told a broker's address on the listener that they came by, as it registered it.

mod authorized_operations;
mod client_quotas;
mod config_resources;
mod describe_cluster;
mod describe_topic_partitions;
mod elect_leaders;
mod metadata;
mod partition_reassignments;

#[cfg(test)]
mod tests;

use kafka_protocol::messages::{BrokerId, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::image::{Broker, Image, Partition, Topic};
use super::record::BrokerEndpoint;

pub use client_quotas::describe_client_quotas;
pub use config_resources::{BROKER_LOGGER, list_config_resources};
pub use describe_cluster::describe_cluster;
pub use describe_topic_partitions::describe_topic_partitions;
pub use elect_leaders::elect_leaders;
pub use metadata::{metadata, topics_to_create};
pub(in crate::controller) use partition_reassignments::is_reassigned;
pub use partition_reassignments::list_partition_reassignments;

/// "No broker", where a leader or controller is told.
const NO_BROKER: i32 = -1;

/// Who leads a partition, and since which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderAndEpoch {
    /// The leader's `node.id`, or −1 if there is none.
    pub leader: i32,
    /// Its epoch: the Raft term of the partition's group.
    pub epoch: i32,
}

/// Knows the leaders of the moment. Each partition's Raft group elects its leader by itself, and a new one at each
/// start: no metadata record is written for that.
pub trait PartitionLeaders {
    /// The leader of a partition, if it is known here; else the one in the image is told.
    fn leader(&self, topic: &Topic, partition: i32) -> Option<LeaderAndEpoch>;
}

/// Tells the leaders that the image holds.
pub struct RecordedLeaders;

impl PartitionLeaders for RecordedLeaders {
    fn leader(&self, _topic: &Topic, _partition: i32) -> Option<LeaderAndEpoch> {
        None
    }
}

/// What every answer is read from.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The newest committed image.
    pub image: &'a Image,
    /// The leaders of the moment.
    pub leaders: &'a dyn PartitionLeaders,
    /// Name of the listener that the client came by.
    pub listener: &'a str,
    /// The broker that leads `__cluster_metadata`, or −1. Clients send it what changes the metadata.
    pub controller_id: i32,
}

impl<'a> View<'a> {
    fn leader(&self, topic: &Topic, index: i32, partition: &Partition) -> LeaderAndEpoch {
        let recorded = LeaderAndEpoch {
            leader: partition.leader,
            epoch: partition.leader_epoch,
        };
        self.leaders.leader(topic, index).unwrap_or(recorded)
    }

    /// Whether clients can be sent to that broker.
    fn is_alive(&self, id: i32) -> bool {
        self.image
            .broker(id)
            .is_some_and(|broker| !broker.fenced && broker.endpoint(self.listener).is_some())
    }

    /// The brokers with an address on the listener; fenced ones only if asked for.
    fn brokers(&self, fenced_too: bool) -> impl Iterator<Item = (&'a Broker, &'a BrokerEndpoint)> {
        let listener = self.listener;
        let brokers = self.image.brokers().filter(move |broker| fenced_too || !broker.fenced);
        brokers.filter_map(move |broker| Some((broker, broker.endpoint(listener)?)))
    }

    /// The controller, if clients can be sent to it.
    fn controller(&self) -> BrokerId {
        BrokerId(if self.is_alive(self.controller_id) {
            self.controller_id
        } else {
            NO_BROKER
        })
    }

    fn offline(&self, partition: &Partition) -> Vec<BrokerId> {
        nodes(partition.replicas.iter().filter(|id| !self.is_alive(**id)))
    }
}

fn nodes<'i>(ids: impl IntoIterator<Item = &'i i32>) -> Vec<BrokerId> {
    ids.into_iter().map(|id| BrokerId(*id)).collect()
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
