//! Whether the broker serves, for `/readyz`.

use std::sync::Arc;

use crate::admin_http::{QuarantinedPartition, Readiness, ReadinessReport};
use crate::node::Node;

/// Ready means that every partition that is not out of service takes batches.
pub(super) struct NodeReadiness {
    node: Arc<Node>,
}

impl NodeReadiness {
    pub(super) fn new(node: Arc<Node>) -> Self {
        NodeReadiness { node }
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
        report
    }
}
