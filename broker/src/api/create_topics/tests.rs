use std::path::Path;

use kafka_protocol::messages::CreateTopicsRequest;
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use storage::disk::simulated::Fault;

use crate::api::test_node::{NODE_ID, TestNode, name};

fn topic(topic: &str, partitions: i32) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
}

fn create(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(10_000)
}

#[tokio::test]
async fn a_created_topic_takes_batches_at_once() {
    let node = TestNode::start(&[]);
    for version in 2..=7 {
        let created = format!("t{version}");
        let response = node.call(version, &create(vec![topic(&created, 3)])).await;
        let answered = &response.topics[0];
        assert_eq!((answered.name.as_str(), answered.error_code), (created.as_str(), 0));
        for index in 0..3 {
            let partition = node.context.node.topics().partition(&created, index).unwrap();
            assert!(partition.is_writable());
        }
        let id = node.context.node.image().topic(&created).unwrap().id;
        if version >= 5 {
            assert_eq!((answered.num_partitions, answered.replication_factor), (3, 1));
            let configs = answered.configs.as_ref().unwrap();
            let retention = configs.iter().find(|config| config.name.as_str() == "retention.ms");
            assert_eq!(retention.unwrap().value.as_deref(), Some("604800000"));
        }
        assert_eq!(answered.topic_id, if version >= 7 { id } else { uuid::Uuid::nil() });
    }
}

#[tokio::test]
async fn each_topic_is_answered_on_its_own() {
    let node = TestNode::start(&[("weir.max.partitions", "10")]);
    node.create_topic("there", 1, &[]).await;
    let assigned = CreatableTopic::default()
        .with_name(name("elsewhere"))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(vec![
            CreatableReplicaAssignment::default().with_broker_ids(vec![(NODE_ID + 1).into()]),
        ]);
    let request = create(vec![
        topic("there", 1),
        topic("no good", 1),
        topic("none", 0),
        topic("many", 10),
        topic("thrice", 1).with_replication_factor(3),
        assigned,
        topic("fine", -1),
    ]);
    let response = node.call(7, &request).await;
    let errors: Vec<i16> = response.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(errors, [36, 17, 37, 37, 38, 39, 0]);
    assert!(node.context.node.image().topic("fine").is_some());
    assert_eq!(node.context.node.image().topic_count(), 2);
}

#[tokio::test]
async fn validating_creates_nothing() {
    let node = TestNode::start(&[]);
    let response = node
        .call(7, &create(vec![topic("t", 1)]).with_validate_only(true))
        .await;
    assert_eq!(response.topics[0].error_code, 0);
    assert!(node.context.node.image().topic("t").is_none());
}

#[tokio::test]
async fn what_is_not_in_force_in_time_is_a_timeout() {
    let mut node = TestNode::start(&[]);
    node.stop_flusher();
    let request = create(vec![topic("t", 100), topic("no good", 1)]).with_timeout_ms(1);
    let response = node.call(7, &request).await;
    let errors: Vec<i16> = response.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(errors, [7, 17]);
    assert!(response.topics[0].topic_id.is_nil());
    while node.context.node.flush_pass() {}
    // It took place all the same, as an answer in time tells.
    let response = node.call(7, &create(vec![topic("t", 100)])).await;
    assert_eq!(response.topics[0].error_code, 36);
}

#[tokio::test]
async fn a_broken_disk_is_a_storage_error() {
    let node = TestNode::start(&[]);
    node.disk.fail_next(Fault::SyncDataError, Path::new("/data"), 1_000_000);
    let response = node.call(5, &create(vec![topic("t", 1)])).await;
    assert_eq!(response.topics[0].error_code, 56);
    let response = node.call(5, &create(vec![topic("u", 1)])).await;
    assert_eq!(response.topics[0].error_code, 56);
    node.disk.clear_faults();
}

#[tokio::test]
async fn topics_survive_a_restart() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 2, &[("retention.ms", "1000")]).await;
    let disk = node.disk.clone();
    drop(node);
    let node = TestNode::restart(disk, &[]);
    let partition = node.context.node.topics().partition("t", 1).unwrap();
    assert_eq!(partition.settings().log.retention_ms, 1000);
    assert!(partition.is_writable());
}
