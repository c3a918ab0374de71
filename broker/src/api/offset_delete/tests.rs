use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::{FindCoordinatorRequest, GroupId, OffsetCommitRequest, OffsetDeleteRequest};

use crate::api::test_node::{TestNode, name, text};

fn request(group: &str, topics: &[(&str, &[i32])]) -> OffsetDeleteRequest {
    let topics = topics.iter().map(|(topic, partitions)| {
        let partitions = partitions
            .iter()
            .map(|index| OffsetDeleteRequestPartition::default().with_partition_index(*index));
        OffsetDeleteRequestTopic::default()
            .with_name(name(topic))
            .with_partitions(partitions.collect())
    });
    OffsetDeleteRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_topics(topics.collect())
}

type Answer = (i16, Vec<(String, Vec<(i32, i16)>)>);

async fn delete(node: &TestNode, group: &str, topics: &[(&str, &[i32])]) -> Answer {
    let response = node.call(0, &request(group, topics)).await;
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let codes = partitions.map(|partition| (partition.partition_index, partition.error_code));
        (topic.name.to_string(), codes.collect())
    });
    (response.error_code, topics.collect())
}

const UNKNOWN: i16 = 3;

#[tokio::test]
async fn what_does_not_exist_comes_first_and_an_error_of_the_group_stands_alone() {
    let node = TestNode::start(&[("offsets.topic.num.partitions", "1")]);
    node.create_topic("t", 2, &[]).await;
    let nobody = (ResponseError::InvalidGroupId.code(), vec![]);
    assert_eq!(delete(&node, "", &[("t", &[0])]).await, nobody);
    let no_coordinator = (ResponseError::NotCoordinator.code(), vec![]);
    assert_eq!(delete(&node, "g", &[("t", &[0])]).await, no_coordinator);
    let find = FindCoordinatorRequest::default().with_key(text("g"));
    assert_eq!(node.call(3, &find).await.error_code, 0);
    let missing = (ResponseError::GroupIdNotFound.code(), vec![]);
    assert_eq!(delete(&node, "g", &[("nobody", &[0]), ("t", &[0])]).await, missing);
    let partitions = [0, 1].map(|index| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(7)
    });
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(partitions.to_vec());
    let commit = OffsetCommitRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let committed = node.call(9, &commit).await;
    assert!(
        committed.topics[0]
            .partitions
            .iter()
            .all(|partition| partition.error_code == 0)
    );
    let topics: &[(&str, &[i32])] = &[("t", &[9, 0, 0, -1]), ("nobody", &[]), ("t", &[1])];
    let expected = vec![
        (
            "t".to_owned(),
            vec![(9, UNKNOWN), (-1, UNKNOWN), (0, 0), (0, 0), (1, 0)],
        ),
        ("nobody".to_owned(), vec![]),
    ];
    assert_eq!(delete(&node, "g", topics).await, (0, expected));
}
