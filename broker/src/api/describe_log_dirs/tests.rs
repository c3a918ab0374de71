use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::{ApiKey, DescribeLogDirsRequest};

use crate::api::test_node::{TestNode, batch, name};
use crate::connection::Outcome;
use crate::wire::Part;

fn asked(topics: &[(&str, &[i32])]) -> DescribeLogDirsRequest {
    let topics = topics.iter().map(|(topic, partitions)| {
        DescribableLogDirTopic::default()
            .with_topic(name(topic))
            .with_partitions(partitions.to_vec())
    });
    DescribeLogDirsRequest::default().with_topics(Some(topics.collect()))
}

async fn described(node: &TestNode, request: &DescribeLogDirsRequest) -> Vec<(String, Vec<(i32, i64)>)> {
    let response = node.call(4, request).await;
    let [dir] = response.results.as_slice() else {
        panic!("one directory")
    };
    assert_eq!((dir.error_code, &*dir.log_dir), (0, "/data"));
    assert!(dir.total_bytes >= dir.usable_bytes && dir.usable_bytes > 0);
    let topic = |topic: &kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsTopic| {
        let partitions = topic.partitions.iter();
        let sizes = partitions.map(|partition| (partition.partition_index, partition.partition_size));
        (topic.name.to_string(), sizes.collect())
    };
    dir.topics.iter().map(topic).collect()
}

#[tokio::test]
async fn all_or_those_that_are_named_once_each() {
    let node = TestNode::start(&[]);
    node.create_topic("b", 2, &[]).await;
    node.create_topic("a", 1, &[]).await;
    let partition = node.context.node.topics().partition("b", 1).unwrap();
    node.context.node.append(&partition, &batch(b"value")).unwrap();
    let size = partition.reader().size() as i64;
    assert!(size > 0);
    let all = [
        ("a".to_owned(), vec![(0, 0)]),
        ("b".to_owned(), vec![(0, 0), (1, size)]),
    ];
    assert_eq!(
        described(&node, &DescribeLogDirsRequest::default().with_topics(None)).await,
        all
    );
    let some = asked(&[("b", &[1, 1, 7]), ("nobody", &[0]), ("b", &[1])]);
    assert_eq!(described(&node, &some).await, [("b".to_owned(), vec![(1, size)])]);
    assert_eq!(described(&node, &asked(&[])).await, []);
    assert_eq!(described(&node, &asked(&[("b", &[])])).await, []);
}

#[tokio::test]
async fn version_5_adds_that_the_directory_is_not_cordoned() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let request = DescribeLogDirsRequest::default().with_topics(None);
    let mut bodies = Vec::new();
    for version in [4, 5] {
        // The codec has no version 5, whose request is that of version 4.
        let sent = crate::api::test_node::request(ApiKey::DescribeLogDirs as i16, 4, &request);
        let mut sent = sent;
        sent.header.api_version = version;
        let Outcome::Ready(response) = super::handle(&node.context, sent) else {
            panic!("an answer")
        };
        let parts = response.into_parts().map(|part| match part {
            Part::Bytes(bytes) => bytes,
            Part::File { .. } => panic!("no file"),
        });
        bodies.push(parts.flat_map(|bytes| bytes.to_vec()).collect::<Vec<u8>>());
    }
    let [four, five] = bodies.try_into().unwrap();
    // Both end with the tags of the directory and of the message; before them stands the new field.
    let (head, tail) = four.split_at(four.len() - 2);
    assert_eq!(&five[4..], &[&head[4..], &[0], tail].concat());
}
