//! CreateTopics (api key 19), versions 2 to 7.
//!
//! Each topic is decided on its own; those that can be created are created in one batch, the others are answered with
//! their error. As in Kafka, a request for too many partitions or records fails as a whole (44), a name given twice is
//! refused once (42), and only validating gives the same answer without the records, topic ids included.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};
use uuid::Uuid;

use super::alter_configs::check_lengths;
use super::assignment::{check_room, limited_partitions, manual, place};
use super::config_room::ConfigRoom;
use super::{ApiError, Context, Decision, MAX_PARTITIONS_PER_OPERATION, MAX_RECORDS_PER_OPERATION, TopicIds};
use crate::controller::image::{Overrides, Partition, ResourceType};
use crate::controller::record::{ConfigRecord, Record, TopicRecord};
use crate::controller::topic_name::{CLUSTER_METADATA_TOPIC, is_internal_topic, validate_topic_name};

/// Decides a CreateTopics request. `new_topic_id` gives random ids.
pub fn create_topics(
    context: &Context<'_>,
    request: &CreateTopicsRequest,
    new_topic_id: &mut dyn FnMut() -> Uuid,
) -> Decision<CreateTopicsResponse> {
    let mut counts: BTreeMap<&TopicName, usize> = BTreeMap::new();
    for topic in &request.topics {
        *counts.entry(&topic.name).or_default() += 1;
    }
    let mut ids = TopicIds::new(context.image, new_topic_id);
    let mut records = Vec::new();
    let mut room = ConfigRoom::new(context);
    let mut partitions = limited_partitions(context.image);
    let mut results = Vec::with_capacity(counts.len());
    let too_large = partitions_asked(context, request) > MAX_PARTITIONS_PER_OPERATION;
    let mut answered = BTreeSet::new();
    for topic in &request.topics {
        if !answered.insert(&topic.name) {
            continue;
        }
        let result = if too_large {
            Err(too_many_partitions())
        } else if counts[&topic.name] > 1 {
            Err(ApiError::invalid_request(
                "The request names this topic more than once.",
            ))
        } else {
            create_topic(context, topic, partitions, &mut room, &mut ids)
        };
        results.push(match result {
            Ok(created) => {
                partitions += created.limited_partitions;
                records.extend(created.records);
                created.result
            }
            Err(error) => failed(&topic.name, &error),
        });
    }
    if records.len() > MAX_RECORDS_PER_OPERATION {
        let error = ApiError::too_many_records();
        results = answered.iter().map(|name| failed(name, &error)).collect();
        records.clear();
    }
    if request.validate_only {
        records.clear();
    }
    Decision {
        records,
        response: CreateTopicsResponse::default().with_topics(results),
    }
}

/// How many partitions the request asks for, those that will be refused included.
fn partitions_asked(context: &Context<'_>, request: &CreateTopicsRequest) -> usize {
    let asked = request.topics.iter().map(|topic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len(),
        -1 => usize::try_from(context.settings.num_partitions).unwrap_or(0),
        count => usize::try_from(count).unwrap_or(0),
    });
    asked.fold(0, usize::saturating_add)
}

pub(super) fn too_many_partitions() -> ApiError {
    ApiError::new(
        ResponseError::PolicyViolation,
        format!("One request may create at most {MAX_PARTITIONS_PER_OPERATION} partitions."),
    )
}

/// A topic that can be created.
pub(super) struct NewTopic {
    /// The topic, its configuration, its partitions.
    pub(super) records: Vec<Record>,
    /// How many of its partitions count against the limit.
    pub(super) limited_partitions: usize,
    result: CreatableTopicResult,
}

/// Decides one topic, where there are `existing` partitions that count against the limit.
pub(super) fn create_topic(
    context: &Context<'_>,
    topic: &CreatableTopic,
    existing: usize,
    room: &mut ConfigRoom,
    ids: &mut TopicIds<'_>,
) -> Result<NewTopic, ApiError> {
    let name = topic.name.as_str();
    check_name(context, name)?;
    let (overrides, none) = (overrides_of(&topic.configs)?, Overrides::new());
    // The brokers' own topics are made whatever others have taken.
    let is_limited = !is_internal_topic(name);
    if is_limited {
        room.check(ResourceType::Topic, name, &none, &overrides)?;
    }
    context.configs.validate(ResourceType::Topic, name, &overrides, &none)?;

    let topic_id = ids.next()?;
    let partitions = partitions_of(context, topic, topic_id)?;
    let limited = if is_internal_topic(name) { 0 } else { partitions.len() };
    check_room(existing, limited, context.settings.max_partitions)?;
    room.take(ResourceType::Topic, name, &none, &overrides);

    let mut records = vec![Record::Topic(TopicRecord {
        name: name.to_owned(),
        topic_id,
    })];
    records.extend(overrides.iter().map(|(property, value)| {
        Record::Config(ConfigRecord {
            resource_type: ResourceType::Topic.code(),
            resource_name: name.to_owned(),
            name: property.clone(),
            value: Some(value.clone()),
        })
    }));
    let indexed = partitions.iter().zip(0i32..);
    records.extend(indexed.map(|(partition, index)| Record::Partition(partition.record(topic_id, index))));

    let replication_factor = partitions.first().map_or(0, |partition| partition.replicas.len());
    let result = CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic_id)
        .with_error_message(None)
        .with_num_partitions(partitions.len() as i32)
        .with_replication_factor(replication_factor as i16)
        .with_configs(Some(context.configs.effective_topic_configs(&overrides)));
    Ok(NewTopic {
        records,
        limited_partitions: limited,
        result,
    })
}

fn check_name(context: &Context<'_>, name: &str) -> Result<(), ApiError> {
    if name == CLUSTER_METADATA_TOPIC {
        return Err(ApiError::invalid_request(format!(
            "{CLUSTER_METADATA_TOPIC} cannot be created: it is no topic."
        )));
    }
    validate_topic_name(name)
        .map_err(|invalid| ApiError::new(ResponseError::InvalidTopicException, invalid.to_string()))?;
    if context.image.topic(name).is_some() {
        let message = format!("Topic '{name}' exists already.");
        return Err(ApiError::new(ResponseError::TopicAlreadyExists, message));
    }
    if let Some(existing) = context.image.colliding_topic(name) {
        let message = format!("Topic '{name}' would have the same metric names as the existing topic '{existing}'.");
        return Err(ApiError::new(ResponseError::InvalidTopicException, message));
    }
    Ok(())
}

fn overrides_of(configs: &[CreatableTopicConfig]) -> Result<Overrides, ApiError> {
    let invalid = |message: String| Err(ApiError::new(ResponseError::InvalidConfig, message));
    let mut overrides = Overrides::new();
    for config in configs {
        let Some(value) = &config.value else {
            return invalid(format!("Property '{}' has no value.", config.name));
        };
        check_lengths(&config.name, Some(value))?;
        // Of a property given twice the last value counts, as in Kafka.
        overrides.insert(config.name.to_string(), value.to_string());
    }
    Ok(overrides)
}

fn partitions_of(context: &Context<'_>, topic: &CreatableTopic, id: Uuid) -> Result<Vec<Partition>, ApiError> {
    if !topic.assignments.is_empty() {
        return assigned_partitions(context, topic);
    }
    let replication_factor = match topic.replication_factor {
        -1 => context.settings.default_replication_factor,
        factor if factor <= 0 => {
            let message = "The replication factor must be at least 1, or -1 for the default.";
            return Err(ApiError::new(ResponseError::InvalidReplicationFactor, message));
        }
        factor => factor,
    };
    let count = match topic.num_partitions {
        -1 => context.settings.num_partitions,
        count => count,
    };
    let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) else {
        let message = "The number of partitions must be at least 1, or -1 for the default.";
        return Err(ApiError::new(ResponseError::InvalidPartitions, message));
    };
    if count > MAX_PARTITIONS_PER_OPERATION {
        return Err(too_many_partitions());
    }
    let first = 0;
    place(context.image, start_of(id), first, count, replication_factor)
}

/// Where the placement of a topic's partitions begins: its id is random, so topics spread over the brokers.
pub(super) fn start_of(topic_id: Uuid) -> usize {
    topic_id.as_u64_pair().1 as u32 as usize
}

fn assigned_partitions(context: &Context<'_>, topic: &CreatableTopic) -> Result<Vec<Partition>, ApiError> {
    if topic.replication_factor != -1 || topic.num_partitions != -1 {
        let message = "With a replica assignment, replication factor and number of partitions must both be -1.";
        return Err(ApiError::invalid_request(message));
    }
    let mut partitions: BTreeMap<i32, Partition> = BTreeMap::new();
    let mut replication_factor = None;
    for assignment in &topic.assignments {
        let index = assignment.partition_index;
        let partition = manual(context.image, index, &assignment.broker_ids, replication_factor)?;
        replication_factor = Some(partition.replicas.len());
        if partitions.insert(index, partition).is_some() {
            let message = format!("Partition {index} has more than one replica assignment.");
            return Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message));
        }
    }
    if !partitions.keys().copied().eq(0..partitions.len() as i32) {
        let message = "The assigned partitions must be numbered from 0 without a gap.";
        return Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message));
    }
    Ok(partitions.into_values().collect())
}

fn failed(name: &TopicName, error: &ApiError) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(name.clone())
        .with_error_code(error.code())
        .with_error_message(error.text())
        .with_configs(Some(Vec::new()))
}
