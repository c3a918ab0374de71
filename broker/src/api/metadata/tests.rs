use std::path::Path;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use storage::disk::simulated::Fault;

use crate::api::test_node::{NODE_ID, TestNode, batch, name};
use crate::node::Committed;

fn of(topics: &[&str]) -> MetadataRequest {
    let topics = topics
        .iter()
        .map(|topic| MetadataRequestTopic::default().with_name(Some(name(topic))));
    MetadataRequest::default()
        .with_topics(Some(topics.collect()))
        .with_allow_auto_topic_creation(true)
}

fn errors(response: &MetadataResponse) -> Vec<i16> {
    response.topics.iter().map(|topic| topic.error_code).collect()
}

#[tokio::test]
async fn a_topic_that_is_asked_for_is_created_and_has_its_leader() {
    let node = TestNode::start(&[("num.partitions", "2")]);
    for version in 0..=13 {
        let created = format!("t{version}");
        let response = node.call(version, &of(&[&created, "no good"])).await;
        assert_eq!(errors(&response), [0, 17]);
        assert_eq!(response.brokers[0].node_id.0, NODE_ID);
        assert_eq!(response.topics[0].partitions.len(), 2);
        for partition in &response.topics[0].partitions {
            assert_eq!((partition.error_code, partition.leader_id.0), (0, NODE_ID));
            let local = node
                .context
                .node
                .topics()
                .partition(&created, partition.partition_index)
                .unwrap();
            assert!(local.is_writable());
            if version >= 7 {
                assert_eq!(Some(partition.leader_epoch), local.leader_epoch());
            }
        }
        if version >= 1 {
            assert_eq!(response.controller_id.0, NODE_ID);
        }
        if version >= 2 {
            assert_eq!(response.cluster_id.as_deref(), Some("test-cluster"));
        }
    }
    let all = node.call(13, &MetadataRequest::default().with_topics(None)).await;
    assert_eq!(all.topics.len(), 14);
    let none = node.call(13, &of(&[])).await;
    assert!(none.topics.is_empty() && none.brokers.len() == 1);
    let id = all.topics[0].topic_id;
    let by_id = [MetadataRequestTopic::default().with_name(None).with_topic_id(id)];
    let by_id = node
        .call(12, &MetadataRequest::default().with_topics(Some(by_id.to_vec())))
        .await;
    assert_eq!(by_id.topics[0].name, all.topics[0].name);
}

#[tokio::test]
async fn nothing_is_created_unless_request_and_broker_allow_it() {
    let node = TestNode::start(&[]);
    let forbidding = of(&["t"]).with_allow_auto_topic_creation(false);
    assert_eq!(errors(&node.call(13, &forbidding).await), [3]);
    assert_eq!(node.context.node.image().topic_count(), 0);

    let node = TestNode::start(&[("auto.create.topics.enable", "false")]);
    assert_eq!(errors(&node.call(13, &of(&["t"])).await), [3]);

    // Final for a client is only what Kafka answers so.
    let node = TestNode::start(&[("default.replication.factor", "2"), ("weir.max.partitions", "1")]);
    assert_eq!(errors(&node.call(13, &of(&["t"])).await), [38]);
    let node = TestNode::start(&[("num.partitions", "2"), ("weir.max.partitions", "1")]);
    assert_eq!(errors(&node.call(13, &of(&["t"])).await), [3]);
}

#[tokio::test]
async fn two_who_ask_at_once_get_one_topic() {
    let node = TestNode::start(&[]);
    let request = of(&["t"]);
    let (first, second) = tokio::join!(node.call(13, &request), node.call(13, &request));
    assert_eq!((errors(&first), errors(&second)), (vec![0], vec![0]));
    assert_eq!(first.topics[0].topic_id, second.topics[0].topic_id);
}

#[tokio::test]
async fn a_partition_out_of_service_keeps_its_leader_for_readers() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    node.disk
        .fail_next(Fault::SyncDataError, Path::new("/data/t-0"), 1_000_000);
    let batch = batch(b"value");
    node.context.node.append(&partition, &batch).unwrap();
    assert_eq!(partition.committed(1).await, Ok(Committed::Never));
    assert!(partition.leader_epoch().is_none());
    let response = node.call(13, &of(&["t"])).await;
    let shown = &response.topics[0].partitions[0];
    assert_eq!((shown.error_code, shown.leader_id.0), (0, NODE_ID));
    assert!(shown.leader_epoch >= 0);
    node.disk.clear_faults();
}
