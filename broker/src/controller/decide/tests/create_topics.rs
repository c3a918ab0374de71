use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::{BrokerId, CreateTopicsRequest, CreateTopicsResponse};
use kafka_protocol::protocol::Encodable;
use uuid::Uuid;

use crate::controller::decide::{auto_create_topics, create_topics};
use crate::controller::fixture::{Cluster, config, name, topic};
use crate::controller::image::ResourceType;

fn create(cluster: &mut Cluster, topics: Vec<CreatableTopic>) -> CreateTopicsResponse {
    let request = CreateTopicsRequest::default().with_topics(topics);
    cluster.decide(|context, ids| create_topics(context, &request, ids))
}

fn code(cluster: &mut Cluster, topic: CreatableTopic) -> i16 {
    let response = create(cluster, vec![topic]);
    assert_eq!(response.topics.len(), 1);
    response.topics[0].error_code
}

fn assigned(topic_name: &str, assignment: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = assignment.iter().map(|(index, brokers)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(*index)
            .with_broker_ids(brokers.iter().map(|id| BrokerId(*id)).collect())
    });
    topic(topic_name, -1, -1).with_assignments(assignments.collect())
}

#[test]
fn a_topic_is_created_with_its_configuration() {
    let mut cluster = Cluster::of(1);
    let configs = vec![config("retention.ms", Some("5"))];
    let response = create(&mut cluster, vec![topic("a", 3, 1).with_configs(configs)]);
    let result = &response.topics[0];
    assert_eq!((result.error_code, &result.error_message), (0, &None));
    assert_eq!((result.num_partitions, result.replication_factor), (3, 1));
    assert_eq!(result.configs.as_ref().unwrap()[0].name, *"retention.ms");
    let created = cluster.image.topic("a").unwrap();
    assert_eq!((created.id, created.partitions.len()), (result.topic_id, 3));
    assert_eq!(cluster.image.overrides(ResourceType::Topic, "a")["retention.ms"], "5");
    for version in 2..=7 {
        response.encode(&mut bytes::BytesMut::new(), version).unwrap();
    }
}

#[test]
fn minus_one_is_the_default() {
    let mut cluster = Cluster::of(1);
    let result = create(&mut cluster, vec![topic("a", -1, -1)]).topics.remove(0);
    assert_eq!((result.num_partitions, result.replication_factor), (2, 1));
}

#[test]
fn bad_names_are_17() {
    let mut cluster = Cluster::of(1);
    let longest = "x".repeat(249);
    assert_eq!(code(&mut cluster, topic(&longest, 1, 1)), 0);
    for bad in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
        assert_eq!(code(&mut cluster, topic(bad, 1, 1)), 17, "{bad}");
    }
    assert_eq!(code(&mut cluster, topic("a.b", 1, 1)), 0);
    assert_eq!(code(&mut cluster, topic("a_b", 1, 1)), 17);
    assert_eq!(code(&mut cluster, topic("__cluster_metadata", 1, 1)), 42);
}

#[test]
fn what_exists_is_36() {
    let mut cluster = Cluster::of(1);
    assert_eq!(code(&mut cluster, topic("a.b", 1, 1)), 0);
    assert_eq!(code(&mut cluster, topic("a.b", 1, 1)), 36);
}

#[test]
fn bad_counts_are_37_and_38() {
    let mut cluster = Cluster::of(2);
    assert_eq!(code(&mut cluster, topic("a", 0, 1)), 37);
    assert_eq!(code(&mut cluster, topic("a", -2, 1)), 37);
    assert_eq!(code(&mut cluster, topic("a", 1, 0)), 38);
    assert_eq!(code(&mut cluster, topic("a", 1, -2)), 38);
    assert_eq!(code(&mut cluster, topic("a", 1, 3)), 38);
    assert_eq!(code(&mut cluster, topic("a", 1, i16::MAX)), 38);
    assert_eq!(code(&mut Cluster::of(0), topic("a", 1, 1)), 38);
    assert_eq!(code(&mut cluster, topic("a", 1, 2)), 0);
}

#[test]
fn too_many_partitions_are_refused_before_anything_is_made() {
    let mut cluster = Cluster::of(1);
    assert_eq!(code(&mut cluster, topic("a", i32::MAX, 1)), 44);
    let response = create(&mut cluster, vec![topic("a", 6_000, 1), topic("b", 6_000, 1)]);
    assert!(response.topics.iter().all(|topic| topic.error_code == 44));
    cluster.settings.max_partitions = 10;
    let response = create(&mut cluster, vec![topic("a", 6, 1), topic("b", 6, 1), topic("c", 4, 1)]);
    assert_eq!(
        response.topics.iter().map(|topic| topic.error_code).collect::<Vec<_>>(),
        [0, 37, 0]
    );
    // Internal topics are made at any limit, and do not count.
    cluster.settings.max_partitions = 11;
    assert_eq!(code(&mut cluster, topic("__consumer_offsets", 50, 1)), 0);
    assert_eq!(code(&mut cluster, topic("e", 1, 1)), 0);
    assert_eq!(code(&mut cluster, topic("f", 1, 1)), 37);
    // Ten thousand partitions and their topic are one record too many for a batch.
    cluster.settings.max_partitions = 20_000;
    assert_eq!(code(&mut cluster, topic("d", 10_000, 1)), 44);
    assert_eq!(cluster.image.topic_count(), 4);
}

#[test]
fn partitions_and_replicas_spread_over_the_brokers() {
    let mut cluster = Cluster::of(3);
    create(&mut cluster, vec![topic("a", 6, 2)]);
    let topic = cluster.image.topic("a").unwrap();
    for id in 1..=3 {
        assert_eq!(
            topic
                .partitions
                .iter()
                .filter(|partition| partition.leader == id)
                .count(),
            2
        );
        assert_eq!(
            topic
                .partitions
                .iter()
                .filter(|partition| partition.replicas.contains(&id))
                .count(),
            4
        );
    }
    assert!(
        topic
            .partitions
            .iter()
            .all(|partition| partition.replicas[0] != partition.replicas[1])
    );
}

#[test]
fn a_manual_assignment_is_checked() {
    let mut cluster = Cluster::of(3);
    assert_eq!(code(&mut cluster, assigned("a", &[(0, &[1]), (2, &[1])])), 39);
    assert_eq!(code(&mut cluster, assigned("a", &[(1, &[1])])), 39);
    assert_eq!(code(&mut cluster, assigned("a", &[(-1, &[1]), (0, &[1])])), 39);
    assert_eq!(code(&mut cluster, assigned("a", &[(0, &[1]), (0, &[1])])), 39);
    assert_eq!(code(&mut cluster, assigned("a", &[(0, &[1, 1])])), 39);
    assert_eq!(code(&mut cluster, assigned("a", &[(0, &[4])])), 39);
    assert_eq!(code(&mut cluster, assigned("a", &[(0, &[])])), 39);
    assert_eq!(code(&mut cluster, assigned("a", &[(0, &[1, 2]), (1, &[1])])), 39);
    assert_eq!(
        code(&mut cluster, assigned("a", &[(0, &[1])]).with_replication_factor(1)),
        42
    );
    assert_eq!(
        code(&mut cluster, assigned("a", &[(0, &[1])]).with_num_partitions(1)),
        42
    );
    assert_eq!(code(&mut cluster, assigned("a", &[(1, &[2, 3]), (0, &[3, 1])])), 0);
    let topic = cluster.image.topic("a").unwrap();
    assert_eq!(
        (&*topic.partitions[0].replicas, topic.partitions[1].leader),
        ([3, 1].as_slice(), 2)
    );
}

#[test]
fn bad_configurations_are_40() {
    let mut cluster = Cluster::of(1);
    let with = |name: &str, value| topic("a", 1, 1).with_configs(vec![config(name, value)]);
    assert_eq!(code(&mut cluster, with("no.such", Some("1"))), 40);
    assert_eq!(code(&mut cluster, with("retention.ms", Some("x"))), 40);
    assert_eq!(code(&mut cluster, with("retention.ms", None)), 40);
    assert_eq!(code(&mut cluster, with("retention.ms", Some(&"9".repeat(40_000)))), 40);
}

#[test]
fn a_name_given_twice_is_refused_once_and_the_others_are_created() {
    let mut cluster = Cluster::of(1);
    let response = create(&mut cluster, vec![topic("a", 1, 1), topic("b", 1, 1), topic("a", 1, 1)]);
    let codes: Vec<(&str, i16)> = response
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), topic.error_code))
        .collect();
    assert_eq!(codes, [("a", 42), ("b", 0)]);
    assert!(cluster.image.topic("a").is_none() && cluster.image.topic("b").is_some());
}

#[test]
fn only_validating_changes_nothing() {
    let mut cluster = Cluster::of(1);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic("a", 3, 1), topic("b", 0, 1)])
        .with_validate_only(true);
    let response = cluster.decide(|context, ids| create_topics(context, &request, ids));
    assert_eq!(
        (response.topics[0].error_code, response.topics[0].num_partitions),
        (0, 3)
    );
    assert_eq!(response.topics[1].error_code, 37);
    assert_eq!(cluster.image.topic_count(), 0);
}

#[test]
fn ids_that_cannot_be_used_are_drawn_again() {
    let mut cluster = Cluster::of(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic("a", 1, 1), topic("b", 1, 1)]);
    let dash = u128::from_be_bytes([0xf9; 16]);
    let mut drawn = [0, 1, dash, 5000, 5000, 5001].into_iter();
    cluster.decide(|context, _| create_topics(context, &request, &mut || Uuid::from_u128(drawn.next().unwrap())));
    assert_eq!(cluster.image.topic("a").unwrap().id.as_u128(), 5000);
    assert_eq!(cluster.image.topic("b").unwrap().id.as_u128(), 5001);
    // A source that never gives a usable id is an error, not a hang.
    let request = CreateTopicsRequest::default().with_topics(vec![topic("c", 1, 1)]);
    let response = cluster.decide(|context, _| create_topics(context, &request, &mut Uuid::nil));
    assert_eq!(response.topics[0].error_code, -1);
}

#[test]
fn topics_are_created_on_demand() {
    let mut cluster = Cluster::of(1);
    let names = ["a", "a", "__consumer_offsets", "__transaction_state", "b c"];
    let created = cluster.decide(|context, ids| auto_create_topics(context, names, ids));
    let results: Vec<(&str, i16)> = created
        .iter()
        .map(|topic| (&*topic.name, topic.result.as_ref().err().map_or(0, |e| e.code())))
        .collect();
    assert_eq!(
        results,
        [
            ("a", 0),
            ("__consumer_offsets", 0),
            ("__transaction_state", 0),
            ("b c", 17)
        ]
    );
    let offsets = cluster.image.topic("__consumer_offsets").unwrap();
    // Three replicas are wanted, but there is one broker.
    assert_eq!((offsets.partitions.len(), offsets.partitions[0].replicas.len()), (5, 1));
    let overrides = cluster.image.overrides(ResourceType::Topic, "__consumer_offsets");
    assert_eq!(
        (&*overrides["cleanup.policy"], &*overrides["segment.bytes"]),
        ("compact", "1048576")
    );
    assert_eq!(
        cluster.image.overrides(ResourceType::Topic, "__transaction_state")["min.insync.replicas"],
        "1"
    );
    // Asked again, they are there.
    let offset = cluster.image.offset();
    let again = cluster.decide(|context, ids| auto_create_topics(context, ["a"], ids));
    assert_eq!((again[0].result.clone(), cluster.image.offset()), (Ok(()), offset));
    assert_eq!(cluster.image.topic("a").unwrap().name.as_ref(), name("a").as_str());
}
