//! Whether the broker serves, for `/readyz`.

use std::sync::Arc;

use crate::admin_http::{QuarantinedPartition, Readiness, ReadinessReport};
use crate::controller::topic_name::CONSUMER_OFFSETS_TOPIC;
use crate::coordinator::{Coordinators, Service};
use crate::node::Node;

/// Ready means that every partition that is not out of service takes batches, and that the groups of every partition of
/// `__consumer_offsets` that is not out of service are loaded.
pub(super) struct NodeReadiness {
    node: Arc<Node>,
    coordinators: Arc<Coordinators>,
}

impl NodeReadiness {
    pub(super) fn new(node: Arc<Node>, coordinators: Arc<Coordinators>) -> Self {
        NodeReadiness { node, coordinators }
    }
}

impl Readiness for NodeReadiness {
    fn report(&self) -> ReadinessReport {
        let mut report = ReadinessReport::default();
        for partition in self.node.topics().load().partitions() {
            if let Some(reason) = partition.out_of_service() {
                let (topic, partition) = (partition.topic.to_string(), partition.id.partition);
                report.quarantined.push(QuarantinedPartition {
                    topic,
                    partition,
                    reason,
                });
            } else if partition.leader_epoch().is_none() {
                report.waiting_for = Some(format!("{partition} has no leader yet"));
            }
        }
        add_groups(&mut report, self.coordinators.not_serving());
        report
    }
}

/// Adds the coordinators that do not serve, by their partition. A partition that is quarantined is named once.
fn add_groups(report: &mut ReadinessReport, not_serving: Vec<(i32, Service)>) {
    for (partition, service) in not_serving {
        let is_listed =
            |known: &QuarantinedPartition| known.topic == CONSUMER_OFFSETS_TOPIC && known.partition == partition;
        match service {
            Service::Serving => {}
            Service::Loading => {
                let what = format!("the groups of {CONSUMER_OFFSETS_TOPIC}-{partition} are being loaded");
                report.waiting_for = Some(what);
            }
            Service::Closed(_) if report.quarantined.iter().any(is_listed) => {}
            Service::Closed(reason) => report.quarantined.push(QuarantinedPartition {
                topic: CONSUMER_OFFSETS_TOPIC.to_owned(),
                partition,
                reason: reason.to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
