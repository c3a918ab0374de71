//! ListPartitionReassignments (api key 46), version 0.

use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use kafka_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use super::{nodes, topic_name};
use crate::controller::image::{Image, Partition, Topic};

/// Answers a ListPartitionReassignments request: the partitions that are being moved, of the topics that are named or of
/// all. What is not moved, or does not exist, is left out.
pub fn list_partition_reassignments(
    image: &Image,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let topics: Vec<_> = match &request.topics {
        Some(topics) => topics
            .iter()
            .filter_map(|asked| reassignments(image.topic(&asked.name)?, asked.partition_indexes.iter().copied()))
            .collect(),
        None => image
            .topics()
            .filter_map(|topic| reassignments(topic, (0i32..).take(topic.partitions.len())))
            .collect(),
    };
    ListPartitionReassignmentsResponse::default()
        .with_error_message(None)
        .with_topics(topics)
}

fn reassignments(topic: &Topic, indexes: impl Iterator<Item = i32>) -> Option<OngoingTopicReassignment> {
    let ongoing = |index: i32| {
        let partition = topic.partition(index).filter(|partition| is_reassigned(partition))?;
        Some(
            OngoingPartitionReassignment::default()
                .with_partition_index(index)
                .with_replicas(nodes(&partition.replicas))
                .with_adding_replicas(nodes(&partition.adding_replicas))
                .with_removing_replicas(nodes(&partition.removing_replicas)),
        )
    };
    let partitions: Vec<_> = indexes.filter_map(ongoing).collect();
    (!partitions.is_empty()).then(|| {
        OngoingTopicReassignment::default()
            .with_name(topic_name(&topic.name))
            .with_partitions(partitions)
    })
}

/// Whether replicas are about to be added or removed.
pub(in crate::controller) fn is_reassigned(partition: &Partition) -> bool {
    !partition.adding_replicas.is_empty() || !partition.removing_replicas.is_empty()
}
