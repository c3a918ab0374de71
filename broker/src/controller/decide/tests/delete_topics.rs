use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest};
use kafka_protocol::protocol::Encodable;
use uuid::Uuid;

use crate::controller::decide::{create_topics, delete_topics};
use crate::controller::fixture::{Cluster, name, topic};

fn cluster_with(topics: &[&str]) -> Cluster {
    let mut cluster = Cluster::of(1);
    let topics = topics.iter().map(|name| topic(name, 2, 1)).collect();
    let request = CreateTopicsRequest::default().with_topics(topics);
    cluster.decide(|context, ids| create_topics(context, &request, ids));
    cluster
}

fn by_name(topic: &str) -> DeleteTopicState {
    DeleteTopicState::default().with_name(Some(name(topic)))
}

fn by_id(id: Uuid) -> DeleteTopicState {
    DeleteTopicState::default().with_name(None).with_topic_id(id)
}

fn delete(cluster: &mut Cluster, topics: Vec<DeleteTopicState>) -> Vec<(Option<String>, Uuid, i16)> {
    let request = DeleteTopicsRequest::default().with_topics(topics);
    let response = cluster.decide(|context, _| delete_topics(context, &request, 6));
    response.encode(&mut bytes::BytesMut::new(), 6).unwrap();
    let answered = response.responses.into_iter();
    answered
        .map(|topic| {
            (
                topic.name.map(|name| name.to_string()),
                topic.topic_id,
                topic.error_code,
            )
        })
        .collect()
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut cluster = cluster_with(&["a", "b", "__consumer_offsets"]);
    let id = |name| cluster.image.topic(name).unwrap().id;
    let (a, b, offsets) = (id("a"), id("b"), id("__consumer_offsets"));
    let answers = delete(
        &mut cluster,
        vec![by_name("a"), by_id(b), by_name("__consumer_offsets")],
    );
    let expected = [
        (Some("a".into()), a, 0),
        (Some("b".into()), b, 0),
        (Some("__consumer_offsets".into()), offsets, 0),
    ];
    assert_eq!(answers, expected);
    assert_eq!(cluster.image.topic_count(), 0);
}

#[test]
fn unknown_topics_are_3_by_name_and_100_by_id() {
    let mut cluster = cluster_with(&[]);
    let id = Uuid::from_u128(77);
    let answers = delete(&mut cluster, vec![by_name("a"), by_id(id)]);
    assert_eq!(answers, [(Some("a".into()), Uuid::nil(), 3), (None, id, 100)]);
}

#[test]
fn what_is_named_neither_once_nor_in_one_way_is_42() {
    let mut cluster = cluster_with(&["a", "b"]);
    let a = cluster.image.topic("a").unwrap().id;
    let b = cluster.image.topic("b").unwrap().id;
    let both = by_name("a").with_topic_id(a);
    let answers = delete(&mut cluster, vec![both, by_id(Uuid::nil())]);
    assert_eq!(answers, [(Some("a".into()), a, 42), (None, Uuid::nil(), 42)]);
    let answers = delete(&mut cluster, vec![by_name("a"), by_name("a"), by_id(b), by_id(b)]);
    assert_eq!(answers, [(Some("a".into()), Uuid::nil(), 42), (None, b, 42)]);
    // By its name and by its id: neither is obeyed, and both are answered as one.
    let answers = delete(&mut cluster, vec![by_name("a"), by_id(a)]);
    assert_eq!(answers, [(Some("a".into()), a, 42)]);
    assert_eq!(cluster.image.topic_count(), 2);
}

#[test]
fn before_version_6_topics_are_named_only() {
    let mut cluster = cluster_with(&["a"]);
    let request = DeleteTopicsRequest::default().with_topic_names(vec![name("a"), name("b")]);
    let response = cluster.decide(|context, _| delete_topics(context, &request, 5));
    assert_eq!(
        response
            .responses
            .iter()
            .map(|topic| topic.error_code)
            .collect::<Vec<_>>(),
        [0, 3]
    );
    for version in 1..=5 {
        response.encode(&mut bytes::BytesMut::new(), version).unwrap();
    }
    assert_eq!(cluster.image.topic_count(), 0);
}

#[test]
fn deletion_can_be_switched_off() {
    let mut cluster = cluster_with(&["a"]);
    cluster.settings.delete_topic_enable = false;
    let request = DeleteTopicsRequest::default().with_topic_names(vec![name("a")]);
    for (version, code) in [(1, 42), (2, 42), (3, 73), (5, 73)] {
        let response = cluster.decide(|context, _| delete_topics(context, &request, version));
        assert_eq!(response.responses[0].error_code, code);
    }
    assert_eq!(cluster.image.topic_count(), 1);
}
