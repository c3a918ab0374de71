//! CreatePartitions (api key 37), versions 0 to 3.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};

use super::assignment::{check_room, limited_partitions, manual, place};
use super::create_topics::{start_of, too_many_partitions};
use super::{ApiError, Context, Decision, MAX_PARTITIONS_PER_OPERATION};
use crate::controller::record::Record;
use crate::controller::topic_name::is_internal_topic;

/// Decides a CreatePartitions request. A topic that is named twice is refused once.
pub fn create_partitions(
    context: &Context<'_>,
    request: &CreatePartitionsRequest,
) -> Decision<CreatePartitionsResponse> {
    let mut counts: BTreeMap<&TopicName, usize> = BTreeMap::new();
    for topic in &request.topics {
        *counts.entry(&topic.name).or_default() += 1;
    }
    let mut records = Vec::new();
    let mut results = Vec::with_capacity(counts.len());
    let mut answered = BTreeSet::new();
    for topic in &request.topics {
        if !answered.insert(&topic.name) {
            continue;
        }
        let result = if counts[&topic.name] > 1 {
            Err(ApiError::invalid_request(
                "The request names this topic more than once.",
            ))
        } else {
            add_partitions(context, topic, &mut records)
        };
        results.push(answer(&topic.name, result.err()));
    }
    if request.validate_only {
        records.clear();
    }
    Decision {
        records,
        response: CreatePartitionsResponse::default().with_results(results),
    }
}

fn add_partitions(
    context: &Context<'_>,
    topic: &CreatePartitionsTopic,
    records: &mut Vec<Record>,
) -> Result<(), ApiError> {
    let name = topic.name.as_str();
    let Some(existing) = context.image.topic(name) else {
        let message = format!("Topic '{name}' does not exist.");
        return Err(ApiError::new(ResponseError::UnknownTopicOrPartition, message));
    };
    let present = existing.partitions.len();
    let wanted = usize::try_from(topic.count).unwrap_or(0);
    if wanted <= present {
        let message = format!(
            "Topic '{name}' has {present} partition(s) already: {} are no more.",
            topic.count
        );
        return Err(ApiError::new(ResponseError::InvalidPartitions, message));
    }
    let additional = wanted - present;
    if let Some(assignments) = topic.assignments.as_ref().filter(|given| given.len() != additional) {
        let message = format!(
            "{additional} partition(s) are to be added, but {} are assigned.",
            assignments.len()
        );
        return Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message));
    }
    if records.len().saturating_add(additional) > MAX_PARTITIONS_PER_OPERATION {
        return Err(too_many_partitions());
    }
    let counted = if is_internal_topic(name) {
        // Their growth has an end, too.
        context.image.partition_count()
    } else {
        limited_partitions(context.image)
    };
    check_room(counted + records.len(), additional, context.settings.max_partitions)?;

    let replication_factor = existing
        .partitions
        .first()
        .map_or(1, |partition| partition.replicas.len());
    let partitions = match &topic.assignments {
        Some(assignments) => assignments
            .iter()
            .zip(present as i32..)
            .map(|(assignment, index)| manual(context.image, index, &assignment.broker_ids, Some(replication_factor)))
            .collect::<Result<Vec<_>, _>>()?,
        None => {
            let replication_factor = i16::try_from(replication_factor).unwrap_or(i16::MAX);
            place(
                context.image,
                start_of(existing.id),
                present,
                additional,
                replication_factor,
            )?
        }
    };
    let indexed = partitions.iter().zip(present as i32..);
    records.extend(indexed.map(|(partition, index)| Record::Partition(partition.record(existing.id, index))));
    Ok(())
}

fn answer(name: &TopicName, error: Option<ApiError>) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult::default()
        .with_name(name.clone())
        .with_error_code(error.as_ref().map_or(0, ApiError::code))
        .with_error_message(error.as_ref().and_then(ApiError::text))
}
