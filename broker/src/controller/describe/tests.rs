use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    CreateTopicsRequest, DescribeClusterRequest, DescribeTopicPartitionsRequest, MetadataRequest,
};
use kafka_protocol::protocol::Encodable;
use uuid::Uuid;

use super::*;
use crate::controller::decide::create_topics;
use crate::controller::fixture::{Cluster, LISTENER, name, topic};
use crate::controller::record::{PartitionChangeRecord, Record, RegisterBrokerRecord};

fn cluster() -> Cluster {
    let mut cluster = Cluster::of(2);
    let topics = vec![topic("b", 3, 2), topic("a", 2, 2), topic("__consumer_offsets", 1, 1)];
    let request = CreateTopicsRequest::default().with_topics(topics);
    cluster.decide(|context, ids| create_topics(context, &request, ids));
    cluster
}

fn view(cluster: &Cluster) -> View<'_> {
    View {
        image: &cluster.image,
        leaders: &RecordedLeaders,
        listener: LISTENER,
        controller_id: 1,
    }
}

fn named(names: &[&str]) -> MetadataRequest {
    let topics = names
        .iter()
        .map(|topic| MetadataRequestTopic::default().with_name(Some(name(topic))));
    MetadataRequest::default().with_topics(Some(topics.collect()))
}

fn all() -> MetadataRequest {
    MetadataRequest::default().with_topics(None)
}

fn ids(request: &[(Option<&str>, u128)]) -> MetadataRequest {
    let topics = request.iter().map(|(topic, id)| {
        MetadataRequestTopic::default()
            .with_name(topic.map(name))
            .with_topic_id(Uuid::from_u128(*id))
    });
    MetadataRequest::default().with_topics(Some(topics.collect()))
}

/// Fences a broker.
fn fence(cluster: &mut Cluster, id: i32) {
    let broker = cluster.image.broker(id).unwrap().clone();
    let record = Record::RegisterBroker(RegisterBrokerRecord {
        broker_id: id,
        incarnation_id: broker.incarnation_id,
        broker_epoch: broker.epoch,
        endpoints: broker.endpoints,
        rack: None,
        fenced: true,
    });
    cluster.image = cluster.image.after(&[record], cluster.image.offset() + 1, 1).unwrap();
}

fn topic_codes(response: &kafka_protocol::messages::MetadataResponse) -> Vec<(Option<&str>, i16)> {
    response
        .topics
        .iter()
        .map(|topic| (topic.name.as_ref().map(|name| name.as_str()), topic.error_code))
        .collect()
}

#[test]
fn no_list_asks_for_all_topics_and_an_empty_one_for_none() {
    let cluster = cluster();
    let count = |request: &MetadataRequest, version| metadata(&view(&cluster), request, version).topics.len();
    assert_eq!(count(&all(), 1), 3);
    assert_eq!(count(&named(&[]), 0), 3);
    assert_eq!(count(&named(&[]), 1), 0);
    let response = metadata(&view(&cluster), &all(), 13);
    assert_eq!(
        topic_codes(&response),
        [(Some("__consumer_offsets"), 0), (Some("a"), 0), (Some("b"), 0)]
    );
    let internal: Vec<bool> = response.topics.iter().map(|topic| topic.is_internal).collect();
    assert_eq!(internal, [true, false, false]);
}

#[test]
fn brokers_cluster_and_controller_are_told() {
    let mut cluster = cluster();
    let response = metadata(&view(&cluster), &all(), 13);
    let brokers: Vec<(i32, &str, i32)> = response
        .brokers
        .iter()
        .map(|b| (b.node_id.0, &*b.host, b.port))
        .collect();
    assert_eq!(brokers, [(1, "host-1", 9092), (2, "host-2", 9092)]);
    assert_eq!(
        (response.controller_id.0, response.cluster_id.as_deref()),
        (1, Some("cluster"))
    );
    fence(&mut cluster, 1);
    let response = metadata(&view(&cluster), &all(), 13);
    assert_eq!((response.controller_id.0, response.brokers.len()), (-1, 1));
}

#[test]
fn every_version_can_be_encoded() {
    let cluster = cluster();
    for version in 0..=13 {
        let mut request = named(&["a", "nowhere", "not valid"]);
        request.include_topic_authorized_operations = version >= 8;
        request.include_cluster_authorized_operations = (8..=10).contains(&version);
        metadata(&view(&cluster), &request, version)
            .encode(&mut bytes::BytesMut::new(), version)
            .unwrap();
        metadata(&view(&cluster), &all(), version)
            .encode(&mut bytes::BytesMut::new(), version)
            .unwrap();
    }
    for version in 12..=13 {
        let response = metadata(&view(&cluster), &ids(&[(None, 7)]), version);
        response.encode(&mut bytes::BytesMut::new(), version).unwrap();
    }
    for version in 0..=2 {
        for endpoint_type in 1..=3 {
            let request = DescribeClusterRequest::default().with_endpoint_type(endpoint_type);
            let response = describe_cluster(&view(&cluster), &request);
            response.encode(&mut bytes::BytesMut::new(), version).unwrap();
        }
    }
    let response = describe_topic_partitions(&view(&cluster), &DescribeTopicPartitionsRequest::default(), 2);
    response.encode(&mut bytes::BytesMut::new(), 0).unwrap();
}

#[test]
fn unknown_names_are_3_and_invalid_ones_17() {
    let cluster = cluster();
    let request = named(&["a", "nowhere", "not valid", "a"]);
    let response = metadata(&view(&cluster), &request, 9);
    assert_eq!(
        topic_codes(&response),
        [(Some("a"), 0), (Some("nowhere"), 3), (Some("not valid"), 17)]
    );
}

#[test]
fn operations_are_told_of_names_that_no_topic_has() {
    let cluster = cluster();
    let operations = |request: MetadataRequest, version| {
        let request = request.with_include_topic_authorized_operations(true);
        let response = metadata(&view(&cluster), &request, version);
        let topics = response.topics.iter();
        topics
            .map(|topic| (topic.error_code, topic.topic_authorized_operations))
            .collect::<Vec<_>>()
    };
    let all = 3576;
    assert_eq!(
        operations(named(&["a", "nowhere", "not valid"]), 9),
        [(0, all), (3, all), (17, all)]
    );
    assert_eq!(operations(ids(&[(None, 7)]), 12), [(100, i32::MIN)]);
}

#[test]
fn topics_are_asked_for_by_id() {
    let cluster = cluster();
    let a = cluster.image.topic("a").unwrap().id;
    let request = ids(&[(None, a.as_u128()), (None, 7), (Some("b"), 0)]);
    let response = metadata(&view(&cluster), &request, 12);
    assert_eq!(topic_codes(&response), [(Some("a"), 0), (None, 100)]);
    assert_eq!(response.topics[1].topic_id, Uuid::from_u128(7));
    // Below version 12 there are names only.
    assert_eq!(
        topic_codes(&metadata(&view(&cluster), &request, 11)),
        [(Some(""), 42), (Some(""), 42), (Some("b"), 42)]
    );
    assert_eq!(
        topic_codes(&metadata(&view(&cluster), &ids(&[(None, 0)]), 12)),
        [(Some(""), 42)]
    );
}

#[test]
fn missing_topics_are_created_where_the_request_allows_it() {
    let cluster = cluster();
    let mut request = named(&[
        "a",
        "new",
        "not valid",
        "new",
        "__transaction_state",
        "__share_group_state",
    ]);
    assert_eq!(
        topics_to_create(&cluster.image, &request, 9),
        ["new", "__transaction_state"]
    );
    request.allow_auto_topic_creation = false;
    assert!(topics_to_create(&cluster.image, &request, 9).is_empty());
    assert!(topics_to_create(&cluster.image, &all(), 9).is_empty());
    assert!(topics_to_create(&cluster.image, &ids(&[(None, 7)]), 12).is_empty());
}

#[test]
fn the_leaders_of_the_moment_win_over_the_recorded_ones() {
    struct Elected;
    impl PartitionLeaders for Elected {
        fn leader(&self, topic: &Topic, partition: i32) -> Option<LeaderAndEpoch> {
            (&*topic.name == "a" && partition == 1).then_some(LeaderAndEpoch { leader: 2, epoch: 7 })
        }
    }
    let cluster = cluster();
    let view = View {
        leaders: &Elected,
        ..view(&cluster)
    };
    let partitions = metadata(&view, &named(&["a"]), 9).topics.remove(0).partitions;
    assert_eq!(
        (
            partitions[1].leader_id.0,
            partitions[1].leader_epoch,
            partitions[1].error_code
        ),
        (2, 7, 0)
    );
    assert_eq!(partitions[0].leader_epoch, 0);
    let request = DescribeTopicPartitionsRequest::default();
    let topics = describe_topic_partitions(&view, &request, 2000).topics;
    assert_eq!(
        (
            topics[1].partitions[1].leader_id.0,
            topics[1].partitions[1].leader_epoch
        ),
        (2, 7)
    );
}

#[test]
fn a_partition_without_a_reachable_leader_says_so() {
    let mut cluster = cluster();
    let change = PartitionChangeRecord {
        partition_id: 0,
        topic_id: cluster.image.topic("a").unwrap().id,
        isr: None,
        leader: Some(-1),
        replicas: None,
        removing_replicas: None,
        adding_replicas: None,
    };
    cluster.image = cluster
        .image
        .after(&[Record::PartitionChange(change)], cluster.image.offset() + 1, 1)
        .unwrap();
    let first = |view: &View<'_>, version| {
        metadata(view, &named(&["a"]), version)
            .topics
            .remove(0)
            .partitions
            .remove(0)
    };
    let partition = first(&view(&cluster), 9);
    assert_eq!(
        (partition.error_code, partition.leader_id.0, partition.leader_epoch),
        (5, -1, 1)
    );
    // A broker without the client's listener.
    let cluster = self::cluster();
    let elsewhere = View {
        listener: "OTHER",
        ..view(&cluster)
    };
    assert_eq!(first(&elsewhere, 5).error_code, 5);
    assert_eq!(first(&elsewhere, 6).error_code, 72);
    assert_eq!(first(&elsewhere, 6).offline_replicas.len(), 2);
}

#[test]
fn fenced_replicas_are_offline_and_left_out_of_version_0() {
    let mut cluster = cluster();
    fence(&mut cluster, 2);
    let partition = |version| {
        metadata(&view(&cluster), &named(&["b"]), version)
            .topics
            .remove(0)
            .partitions
            .remove(0)
    };
    let (oldest, newest) = (partition(0), partition(13));
    assert_eq!(
        (oldest.error_code, oldest.replica_nodes.len(), oldest.isr_nodes.len()),
        (9, 1, 1)
    );
    assert_eq!((newest.error_code, newest.replica_nodes.len()), (0, 2));
    assert_eq!(newest.offline_replicas, [BrokerId(2)]);
}

#[test]
fn authorized_operations_are_told_when_asked_for() {
    let cluster = cluster();
    let mut request = named(&["a", "nowhere"]);
    let plain = metadata(&view(&cluster), &request, 9);
    assert_eq!(plain.topics[0].topic_authorized_operations, i32::MIN);
    assert_eq!(plain.cluster_authorized_operations, i32::MIN);
    request.include_topic_authorized_operations = true;
    request.include_cluster_authorized_operations = true;
    let told = metadata(&view(&cluster), &request, 9);
    assert_eq!(
        (
            told.topics[0].topic_authorized_operations,
            told.cluster_authorized_operations
        ),
        (3576, 8096)
    );
}

#[test]
fn the_cluster_is_described() {
    let mut cluster = cluster();
    fence(&mut cluster, 2);
    let ask = |endpoint_type, fenced| {
        let request = DescribeClusterRequest::default()
            .with_endpoint_type(endpoint_type)
            .with_include_fenced_brokers(fenced)
            .with_include_cluster_authorized_operations(fenced);
        describe_cluster(&view(&cluster), &request)
    };
    let response = ask(1, false);
    assert_eq!(
        (response.error_code, response.brokers.len(), response.controller_id.0),
        (0, 1, 1)
    );
    assert_eq!(
        (&*response.cluster_id, response.cluster_authorized_operations),
        ("cluster", i32::MIN)
    );
    let response = ask(1, true);
    let fenced: Vec<bool> = response.brokers.iter().map(|broker| broker.is_fenced).collect();
    assert_eq!(
        (fenced, response.cluster_authorized_operations),
        (vec![false, true], 8096)
    );
    assert_eq!(ask(2, false).error_code, 114);
    assert_eq!(ask(3, false).error_code, 115);
}

fn partitions_request(names: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
    let cursor = cursor.map(|(topic, index)| {
        Cursor::default()
            .with_topic_name(name(topic))
            .with_partition_index(index)
    });
    DescribeTopicPartitionsRequest::default()
        .with_topics(
            names
                .iter()
                .map(|topic| TopicRequest::default().with_name(name(topic)))
                .collect(),
        )
        .with_response_partition_limit(limit)
        .with_cursor(cursor)
}

#[test]
fn a_cursor_walks_all_partitions_once() {
    let cluster = cluster();
    for limit in 1..=7 {
        let mut seen = Vec::new();
        let mut cursor: Option<(String, i32)> = None;
        for _ in 0..10 {
            let at = cursor.as_ref().map(|(topic, index)| (topic.as_str(), *index));
            let response = describe_topic_partitions(&view(&cluster), &partitions_request(&[], limit, at), 5);
            let answered: usize = response.topics.iter().map(|topic| topic.partitions.len()).sum();
            assert!(answered <= limit.min(5) as usize);
            for topic in &response.topics {
                let name = topic.name.as_ref().unwrap().to_string();
                seen.extend(
                    topic
                        .partitions
                        .iter()
                        .map(|partition| (name.clone(), partition.partition_index)),
                );
            }
            cursor = response
                .next_cursor
                .map(|next| (next.topic_name.to_string(), next.partition_index));
            if cursor.is_none() {
                break;
            }
        }
        let expected = [
            ("__consumer_offsets", 0),
            ("a", 0),
            ("a", 1),
            ("b", 0),
            ("b", 1),
            ("b", 2),
        ];
        assert_eq!(
            seen,
            expected.map(|(topic, index)| (topic.to_owned(), index)),
            "limit {limit}"
        );
        assert_eq!(cursor, None);
    }
}

#[test]
fn named_topics_come_sorted_with_their_errors() {
    let cluster = cluster();
    let response = describe_topic_partitions(
        &view(&cluster),
        &partitions_request(&["b", "x y", "a", "n"], 0, None),
        0,
    );
    // A limit below one is one.
    let codes: Vec<(&str, i16)> = response
        .topics
        .iter()
        .map(|topic| (topic.name.as_ref().unwrap().as_str(), topic.error_code))
        .collect();
    assert_eq!(codes, [("a", 0)]);
    assert_eq!(response.next_cursor.as_ref().unwrap().partition_index, 1);
    let response = describe_topic_partitions(
        &view(&cluster),
        &partitions_request(&["b", "x y", "a", "n"], 9, None),
        9,
    );
    let codes: Vec<(&str, i16)> = response
        .topics
        .iter()
        .map(|topic| (topic.name.as_ref().unwrap().as_str(), topic.error_code))
        .collect();
    assert_eq!(codes, [("a", 0), ("b", 0), ("n", 3), ("x y", 17)]);
    let partition = &response.topics[0].partitions[0];
    assert_eq!(
        (&partition.eligible_leader_replicas, &partition.last_known_elr),
        (&Some(vec![]), &Some(vec![]))
    );
    assert_eq!(response.topics[0].topic_authorized_operations, 3576);
}

#[test]
fn a_bad_cursor_is_42() {
    let cluster = cluster();
    let codes = |request| -> Vec<i16> {
        describe_topic_partitions(&view(&cluster), &request, 9)
            .topics
            .iter()
            .map(|topic| topic.error_code)
            .collect()
    };
    assert_eq!(codes(partitions_request(&["a", "b"], 9, Some(("c", 0)))), [42, 42]);
    assert_eq!(codes(partitions_request(&["a", "b"], 9, Some(("b", -1)))), [42, 42]);
    assert_eq!(codes(partitions_request(&["a", "b"], 9, Some(("b", 0)))), [0]);
    // Beyond the topic's end there is nothing, and it says so.
    let request = partitions_request(&["b"], 9, Some(("b", i32::MAX)));
    let response = describe_topic_partitions(&view(&cluster), &request, 9);
    assert_eq!((response.topics[0].partitions.len(), response.next_cursor), (0, None));
}
