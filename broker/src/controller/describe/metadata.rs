//! Metadata (api key 3), versions 0 to 13.
//!
//! No topics (null; in version 0, an empty list) asks for all. From version 12 on topics may be asked for by id; a
//! request that has an id is answered by ids only, as Kafka does. Version 0 leaves out replicas that are not alive and
//! answers error 9 for their partitions; up to version 5 a leader without the client's listener is error 5, then 72.
//! Deviation: the topics come in the request's order, or by name.

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use uuid::Uuid;

use super::authorized_operations::{NOT_ASKED, ON_CLUSTER, ON_TOPIC};
use super::{NO_BROKER, View, nodes, text, topic_name};
use crate::controller::image::{Image, Partition, Topic};
use crate::controller::topic_name::{SHARE_GROUP_STATE_TOPIC, is_internal_topic, validate_topic_name};

/// Which topics a request asks for.
enum Asked<'r> {
    All,
    Names(Vec<&'r TopicName>),
    Ids(Vec<Uuid>),
    /// A null name, or an id, at a version that has none.
    Malformed(&'r [MetadataRequestTopic]),
}

fn asked(request: &MetadataRequest, version: i16) -> Asked<'_> {
    let topics = match &request.topics {
        None => return Asked::All,
        Some(topics) if topics.is_empty() && version == 0 => return Asked::All,
        Some(topics) => topics,
    };
    let first_with_ids = 12;
    let by_id = |topic: &MetadataRequestTopic| !topic.topic_id.is_nil();
    let is_malformed = |topic: &MetadataRequestTopic| match version < first_with_ids {
        true => topic.name.is_none() || by_id(topic),
        false => topic.name.is_none() && !by_id(topic),
    };
    if topics.iter().any(is_malformed) {
        return Asked::Malformed(topics);
    }
    if topics.iter().any(by_id) {
        let mut seen = BTreeSet::new();
        return Asked::Ids(
            topics
                .iter()
                .map(|topic| topic.topic_id)
                .filter(|id| !id.is_nil() && seen.insert(*id))
                .collect(),
        );
    }
    let mut seen = BTreeSet::new();
    Asked::Names(
        topics
            .iter()
            .filter_map(|topic| topic.name.as_ref())
            .filter(|name| seen.insert(*name))
            .collect(),
    )
}

/// The topics that a request names, that do not exist, and that it allows to be created. Those that have no valid name
/// are not among them, nor is the one of share groups, which nobody here would write.
pub fn topics_to_create(image: &Image, request: &MetadataRequest, version: i16) -> Vec<String> {
    let Asked::Names(names) = asked(request, version) else {
        return Vec::new();
    };
    if !request.allow_auto_topic_creation {
        return Vec::new();
    }
    let is_missing = |name: &&str| {
        image.topic(name).is_none() && validate_topic_name(name).is_ok() && *name != SHARE_GROUP_STATE_TOPIC
    };
    names
        .into_iter()
        .map(|name| name.as_str())
        .filter(is_missing)
        .map(str::to_owned)
        .collect()
}

/// Answers a Metadata request. Topics that were to be created are in the image by now, or answered with error 3.
pub fn metadata(view: &View<'_>, request: &MetadataRequest, version: i16) -> MetadataResponse {
    let topics: Vec<MetadataResponseTopic> = match asked(request, version) {
        Asked::All => view
            .image
            .topics()
            .map(|topic| known_topic(view, topic, version))
            .collect(),
        Asked::Names(names) => names
            .into_iter()
            .map(|name| topic_by_name(view, name, version))
            .collect(),
        Asked::Ids(ids) => ids.into_iter().map(|id| topic_by_id(view, id, version)).collect(),
        Asked::Malformed(topics) => {
            return MetadataResponse::default().with_topics(topics.iter().map(malformed).collect());
        }
    };
    let operations = if request.include_topic_authorized_operations {
        ON_TOPIC
    } else {
        NOT_ASKED
    };
    // Of a name that no topic has, too, as Kafka answers; of an id that none has, nothing is known.
    let topics = topics.into_iter().map(|topic| match topic.name {
        Some(_) => topic.with_topic_authorized_operations(operations),
        None => topic,
    });
    let brokers = view.brokers(false).map(|(broker, endpoint)| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(broker.id))
            .with_host(text(&endpoint.host))
            .with_port(i32::from(endpoint.port))
            .with_rack(broker.rack.as_deref().map(text))
    });
    let cluster_operations = if request.include_cluster_authorized_operations {
        ON_CLUSTER
    } else {
        NOT_ASKED
    };
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text(view.image.cluster_id())))
        .with_controller_id(view.controller())
        .with_topics(topics.collect())
        .with_cluster_authorized_operations(cluster_operations)
}

fn topic_by_name(view: &View<'_>, name: &TopicName, version: i16) -> MetadataResponseTopic {
    if let Some(topic) = view.image.topic(name) {
        return known_topic(view, topic, version);
    }
    let error = match validate_topic_name(name) {
        Ok(()) => ResponseError::UnknownTopicOrPartition,
        Err(_) => ResponseError::InvalidTopicException,
    };
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(name.clone()))
        .with_is_internal(is_internal_topic(name))
}

fn topic_by_id(view: &View<'_>, id: Uuid, version: i16) -> MetadataResponseTopic {
    match view.image.topic_by_id(id) {
        Some(topic) => known_topic(view, topic, version),
        None => MetadataResponseTopic::default()
            .with_error_code(ResponseError::UnknownTopicId.code())
            .with_name(None)
            .with_topic_id(id),
    }
}

/// Kafka answers each topic of a malformed request with error 42, a null name as the empty one.
fn malformed(topic: &MetadataRequestTopic) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(ResponseError::InvalidRequest.code())
        .with_name(Some(topic.name.clone().unwrap_or_default()))
        .with_topic_id(topic.topic_id)
}

fn known_topic(view: &View<'_>, topic: &Topic, version: i16) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().zip(0i32..);
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id)
        .with_is_internal(is_internal_topic(&topic.name))
        .with_partitions(
            partitions
                .map(|(known, index)| partition(view, topic, index, known, version))
                .collect(),
        )
}

fn partition(
    view: &View<'_>,
    topic: &Topic,
    index: i32,
    partition: &Partition,
    version: i16,
) -> MetadataResponsePartition {
    let alive_only = version == 0;
    let shown = |ids: &[i32]| nodes(ids.iter().filter(|id| !alive_only || view.is_alive(**id)));
    let (replicas, isr) = (shown(&partition.replicas), shown(&partition.isr));
    let leadership = view.leader(topic, index, partition);
    let first_with_listener_error = 6;
    let error = match view.image.broker(leadership.leader) {
        None => Some(ResponseError::LeaderNotAvailable),
        Some(broker) if broker.endpoint(view.listener).is_none() => Some(if version < first_with_listener_error {
            ResponseError::LeaderNotAvailable
        } else {
            ResponseError::ListenerNotFound
        }),
        Some(_) => None,
    };
    let leader = if error.is_some() { NO_BROKER } else { leadership.leader };
    let some_left_out = replicas.len() < partition.replicas.len() || isr.len() < partition.isr.len();
    let error = error.or(some_left_out.then_some(ResponseError::ReplicaNotAvailable));
    MetadataResponsePartition::default()
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_partition_index(index)
        .with_leader_id(BrokerId(leader))
        .with_leader_epoch(leadership.epoch)
        .with_replica_nodes(replicas)
        .with_isr_nodes(isr)
        .with_offline_replicas(view.offline(partition))
}
