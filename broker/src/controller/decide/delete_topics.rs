//! DeleteTopics (api key 20), versions 1 to 6.
//!
//! Versions 1 to 5 name topics; version 6 gives a name or an id for each. The brokers' own topics may be deleted, as
//! in Kafka. Answers come in the order of the request, one for each topic, as it is named (Kafka shuffles them).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use uuid::Uuid;

use super::{ApiError, Context, Decision, MAX_RECORDS_PER_OPERATION};
use crate::controller::record::{Record, RemoveTopicRecord};

/// One way in which a request names a topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Name(TopicName),
    Id(Uuid),
    Neither,
    Both(TopicName, Uuid),
}

/// Decides a DeleteTopics request.
pub fn delete_topics(
    context: &Context<'_>,
    request: &DeleteTopicsRequest,
    version: i16,
) -> Decision<DeleteTopicsResponse> {
    let named = topics_of(request);
    let mut counts: BTreeMap<&Named, usize> = BTreeMap::new();
    for topic in &named {
        *counts.entry(topic).or_default() += 1;
    }
    let named_twice = named_by_name_and_id(context, &named);

    let mut records = Vec::new();
    let mut responses = Vec::new();
    let mut answered = BTreeSet::new();
    for topic in &named {
        // What names no topic, or names it in two ways, is answered each time; a repetition once.
        let is_malformed = matches!(topic, Named::Neither | Named::Both(..));
        if !answered.insert(topic) && !is_malformed {
            continue;
        }
        // Answered with the name that it has besides.
        if matches!(topic, Named::Id(id) if named_twice.contains(id)) {
            continue;
        }
        let result = if !context.settings.delete_topic_enable {
            Err(deletion_disabled(version))
        } else if counts[topic] > 1 && !is_malformed {
            Err(ApiError::invalid_request(
                "The request names this topic more than once.",
            ))
        } else {
            delete_topic(context, topic, &named_twice)
        };
        responses.push(match result {
            Ok((name, id)) => {
                records.push(Record::RemoveTopic(RemoveTopicRecord { topic_id: id }));
                DeletableTopicResult::default().with_name(Some(name)).with_topic_id(id)
            }
            Err(error) => {
                let failed = failed(topic, &error);
                match id_of(context, topic).filter(|id| named_twice.contains(id)) {
                    Some(id) => failed.with_topic_id(id),
                    None => failed,
                }
            }
        });
    }
    if records.len() > MAX_RECORDS_PER_OPERATION {
        let error = ApiError::too_many_records();
        responses = answered.iter().map(|topic| failed(topic, &error)).collect();
        records.clear();
    }
    Decision {
        records,
        response: DeleteTopicsResponse::default().with_responses(responses),
    }
}

fn topics_of(request: &DeleteTopicsRequest) -> Vec<Named> {
    let names = request.topic_names.iter().cloned().map(Named::Name);
    let topics = request.topics.iter().map(|topic| match (&topic.name, topic.topic_id) {
        (None, id) if id.is_nil() => Named::Neither,
        (None, id) => Named::Id(id),
        (Some(name), id) if id.is_nil() => Named::Name(name.clone()),
        (Some(name), id) => Named::Both(name.clone(), id),
    });
    names.chain(topics).collect()
}

/// Topics that the request names both by their name and by their id. Neither is obeyed.
fn named_by_name_and_id(context: &Context<'_>, named: &[Named]) -> BTreeSet<Uuid> {
    let ids: BTreeSet<Uuid> = named
        .iter()
        .filter_map(|topic| if let Named::Id(id) = topic { Some(*id) } else { None })
        .collect();
    let names = named.iter().filter_map(|topic| {
        if let Named::Name(name) = topic {
            Some(name)
        } else {
            None
        }
    });
    names
        .filter_map(|name| Some(context.image.topic(name)?.id))
        .filter(|id| ids.contains(id))
        .collect()
}

/// The id of a topic that is named by its name.
fn id_of(context: &Context<'_>, topic: &Named) -> Option<Uuid> {
    match topic {
        Named::Name(name) => Some(context.image.topic(name)?.id),
        _ => None,
    }
}

fn delete_topic(
    context: &Context<'_>,
    topic: &Named,
    named_twice: &BTreeSet<Uuid>,
) -> Result<(TopicName, Uuid), ApiError> {
    let existing = match topic {
        Named::Name(name) => context.image.topic(name).ok_or_else(|| {
            let message = format!("Topic '{}' does not exist.", name.as_str());
            ApiError::new(ResponseError::UnknownTopicOrPartition, message)
        })?,
        Named::Id(id) => context
            .image
            .topic_by_id(*id)
            .ok_or_else(|| ApiError::new(ResponseError::UnknownTopicId, format!("No topic has the id {id}.")))?,
        Named::Neither => {
            return Err(ApiError::invalid_request(
                "Neither a topic name nor a topic id was given.",
            ));
        }
        Named::Both(..) => {
            return Err(ApiError::invalid_request(
                "Both a topic name and a topic id were given.",
            ));
        }
    };
    if named_twice.contains(&existing.id) {
        return Err(ApiError::invalid_request(
            "The request names this topic both by its name and by its id.",
        ));
    }
    Ok((TopicName(existing.name.to_string().into()), existing.id))
}

fn deletion_disabled(version: i16) -> ApiError {
    let first_with_own_error = 3;
    let error = if version < first_with_own_error {
        ResponseError::InvalidRequest
    } else {
        ResponseError::TopicDeletionDisabled
    };
    ApiError::new(error, "Topics cannot be deleted: delete.topic.enable is false.")
}

fn failed(topic: &Named, error: &ApiError) -> DeletableTopicResult {
    let (name, id) = match topic {
        Named::Name(name) => (Some(name.clone()), Uuid::nil()),
        Named::Id(id) => (None, *id),
        Named::Neither => (None, Uuid::nil()),
        Named::Both(name, id) => (Some(name.clone()), *id),
    };
    DeletableTopicResult::default()
        .with_name(name)
        .with_topic_id(id)
        .with_error_code(error.code())
        .with_error_message(error.text())
}
