//! Which brokers hold a partition: placed here, or given by the user and checked.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::BrokerId;

use super::ApiError;
use crate::controller::image::{Image, Partition};
use crate::controller::topic_name::INTERNAL_TOPICS;

/// Places `count` partitions after the first `first` ones on the unfenced brokers, in turns: each partition's preferred
/// leader is the broker after the one before it, its other replicas are the brokers that follow. `start` spreads
/// topics: it is where the first partition begins.
pub(super) fn place(
    image: &Image,
    start: usize,
    first: usize,
    count: usize,
    replication_factor: i16,
) -> Result<Vec<Partition>, ApiError> {
    let refused = |why: String| {
        let message = format!("A partition cannot have {replication_factor} replica(s): {why}");
        Err(ApiError::new(ResponseError::InvalidReplicationFactor, message))
    };
    let Some(replicas) = usize::try_from(replication_factor)
        .ok()
        .filter(|replicas| *replicas > 0)
    else {
        return refused("it must have at least one.".into());
    };
    let brokers: Vec<i32> = image
        .brokers()
        .filter(|broker| !broker.fenced)
        .map(|broker| broker.id)
        .collect();
    if replicas > brokers.len() {
        return refused(format!("{} broker(s) can hold one.", brokers.len()));
    }
    let partitions = (first..first + count).map(|index| {
        let turn = start % brokers.len() + index;
        let nodes: Vec<i32> = (0..replicas)
            .map(|replica| brokers[(turn + replica) % brokers.len()])
            .collect();
        Partition::created(&nodes, &nodes)
    });
    Ok(partitions.collect())
}

/// A partition on the brokers that the user gave, if they can hold it. `replication_factor` is that of the topic's
/// other partitions, where there are some.
pub(super) fn manual(
    image: &Image,
    index: i32,
    brokers: &[BrokerId],
    replication_factor: Option<usize>,
) -> Result<Partition, ApiError> {
    let refused = |why: String| {
        let message = format!("The replica assignment of partition {index} {why}");
        Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message))
    };
    let replicas: Vec<i32> = brokers.iter().map(|broker| broker.0).collect();
    if replicas.is_empty() {
        return refused("names no broker.".into());
    }
    let mut sorted = replicas.clone();
    sorted.sort_unstable();
    if let Some(unknown) = sorted.iter().find(|id| image.broker(**id).is_none()) {
        return refused(format!("names broker {unknown}, which is not registered."));
    }
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return refused(format!("names broker {} more than once.", pair[0]));
    }
    if let Some(expected) = replication_factor.filter(|expected| *expected != replicas.len()) {
        return refused(format!(
            "has {} replica(s), while other partitions have {expected}.",
            replicas.len()
        ));
    }
    let is_active = |id: &i32| image.broker(*id).is_some_and(|broker| !broker.fenced);
    let isr: Vec<i32> = replicas.iter().copied().filter(is_active).collect();
    if isr.is_empty() {
        return refused("names fenced brokers only.".into());
    }
    Ok(Partition::created(&replicas, &isr))
}

/// The partitions that count against how many may exist: those of internal topics do not, so that groups work at any
/// limit.
pub(super) fn limited_partitions(image: &Image) -> usize {
    let internal = INTERNAL_TOPICS
        .iter()
        .filter_map(|name| image.topic(name))
        .map(|topic| topic.partitions.len());
    image.partition_count() - internal.sum::<usize>()
}

/// Refuses partitions that would be more than may exist at once.
pub(super) fn check_room(existing: usize, additional: usize, limit: usize) -> Result<(), ApiError> {
    if additional == 0 || existing.saturating_add(additional) <= limit {
        return Ok(());
    }
    let message = format!(
        "{additional} more partition(s) would exceed weir.max.partitions={limit}: there are {existing} already."
    );
    Err(ApiError::new(ResponseError::InvalidPartitions, message))
}
