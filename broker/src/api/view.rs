//! The cluster as this node shows it: the committed image, and the leaders that its partitions know.
//!
//! Invariant: the epoch of a leader is the Raft term of its group, known before the first batch of that term is written.

use std::sync::Arc;

use super::Context;
use crate::controller::describe::{LeaderAndEpoch, PartitionLeaders, View};
use crate::controller::image::Topic;
use crate::node::Topics;

/// No broker leads. Clients take this epoch for "not known", and so do not hold it against a later one.
const NO_LEADER: LeaderAndEpoch = LeaderAndEpoch { leader: -1, epoch: -1 };

/// Describes the cluster of this moment.
pub(super) fn describe<R>(context: &Context, describe: impl FnOnce(&View<'_>) -> R) -> R {
    let config = context.config.load();
    let image = context.node.image();
    let leaders = LocalLeaders {
        topics: context.node.topics().load_full(),
        node_id: config.node_id,
    };
    let leads_metadata = context.node.metadata_partition().leader_epoch().is_some();
    describe(&View {
        image: &image,
        leaders: &leaders,
        listener: &config.listeners.name,
        controller_id: if leads_metadata { config.node_id } else { -1 },
    })
}

struct LocalLeaders {
    topics: Arc<Topics>,
    node_id: i32,
}

impl PartitionLeaders for LocalLeaders {
    fn leader(&self, topic: &Topic, index: i32) -> Option<LeaderAndEpoch> {
        let held = topic
            .partition(index)
            .is_some_and(|partition| partition.replicas.contains(&self.node_id));
        if !held {
            return None;
        }
        let local = self
            .topics
            .by_id(topic.id)
            .and_then(|topic| topic.partitions.get(&index));
        // A partition that is out of service can still be read: its clients are to come here, for what is below the damage
        // and for the error on the rest.
        let leader = local.and_then(|partition| {
            let is_readable = || {
                partition
                    .out_of_service()
                    .map(|_| partition.reader().latest_epoch().unwrap_or(0))
            };
            partition.leader_epoch().or_else(is_readable)
        });
        Some(leader.map_or(NO_LEADER, |epoch| LeaderAndEpoch {
            leader: self.node_id,
            epoch,
        }))
    }
}
