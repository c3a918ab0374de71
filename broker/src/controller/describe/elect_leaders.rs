//! ElectLeaders (api key 43), versions 0 to 2.
//!
//! Each partition's Raft group elects its leader by itself: a request finds the leader it asks for, or none that can be
//! elected. So there is nothing to be written, and this is an answer read from the image and the leaders of the moment.
//! A message stands at each partition that is named: none repeats the topic's name, which may be as long as a request.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{NO_BROKER, View, topic_name};

/// The kinds of elections.
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// Answers an ElectLeaders request. Without a list of partitions only those are told for which something went wrong, but
/// every topic is, as in Kafka.
pub fn elect_leaders(view: &View<'_>, request: &ElectLeadersRequest) -> ElectLeadersResponse {
    if request.timeout_ms <= 0 {
        return refused(request, ResponseError::RequestTimedOut, None);
    }
    if !matches!(request.election_type, PREFERRED | UNCLEAN) {
        let message = format!("Elections of type {} are unknown.", request.election_type);
        return refused(request, ResponseError::InvalidRequest, Some(message));
    }
    let elect = |topic: &str, index: i32| elect_leader(view, request.election_type, topic, index);
    let results = match &request.topic_partitions {
        Some(topics) => topics
            .iter()
            .map(|topic| {
                let partitions = topic.partitions.iter().map(|&index| elect(&topic.topic, index));
                result_of(topic.topic.clone(), partitions.collect())
            })
            .collect(),
        None => view
            .image
            .topics()
            .map(|topic| {
                let partitions = (0i32..).take(topic.partitions.len());
                let wrong = partitions
                    .map(|index| elect(&topic.name, index))
                    .filter(|result| result.error_code != ResponseError::ElectionNotNeeded.code());
                result_of(topic_name(&topic.name), wrong.collect())
            })
            .collect(),
    };
    ElectLeadersResponse::default().with_replica_election_results(results)
}

fn elect_leader(view: &View<'_>, election: i8, topic: &str, index: i32) -> PartitionResult {
    let found = view
        .image
        .topic(topic)
        .and_then(|topic| Some((topic, topic.partition(index)?)));
    let (error, message) = match found {
        None => (
            ResponseError::UnknownTopicOrPartition,
            "There is no such partition.".to_owned(),
        ),
        Some((topic, partition)) => {
            let leader = view.leader(topic, index, partition).leader;
            let preferred = partition.replicas.first().copied().unwrap_or(NO_BROKER);
            match election {
                PREFERRED if leader != preferred => (
                    ResponseError::PreferredLeaderNotAvailable,
                    format!("Broker {preferred}, the preferred leader, cannot lead it."),
                ),
                UNCLEAN if leader == NO_BROKER => (
                    ResponseError::EligibleLeadersNotAvailable,
                    "No replica can lead it.".to_owned(),
                ),
                _ => (
                    ResponseError::ElectionNotNeeded,
                    format!("Broker {leader} leads it already."),
                ),
            }
        }
    };
    partition_result(index, error, Some(message))
}

/// The whole request is refused: each partition that it names is told so as well.
fn refused(request: &ElectLeadersRequest, error: ResponseError, message: Option<String>) -> ElectLeadersResponse {
    let topics = request.topic_partitions.iter().flatten().map(|topic| {
        let partitions = topic.partitions.iter();
        let results = partitions.map(|&index| partition_result(index, error, message.clone()));
        result_of(topic.topic.clone(), results.collect())
    });
    ElectLeadersResponse::default()
        .with_error_code(error.code())
        .with_replica_election_results(topics.collect())
}

fn result_of(topic: TopicName, partitions: Vec<PartitionResult>) -> ReplicaElectionResult {
    ReplicaElectionResult::default()
        .with_topic(topic)
        .with_partition_result(partitions)
}

fn partition_result(index: i32, error: ResponseError, message: Option<String>) -> PartitionResult {
    PartitionResult::default()
        .with_partition_id(index)
        .with_error_code(error.code())
        .with_error_message(message.map(StrBytes::from_string))
}
