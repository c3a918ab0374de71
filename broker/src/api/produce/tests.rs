use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;

use crate::api::test_node::{TestNode, batch, name};

pub(super) fn request(topics: &[(&str, &[(i32, Bytes)])]) -> ProduceRequest {
    let topics = topics.iter().map(|(topic, partitions)| {
        let data = partitions.iter().map(|(index, records)| {
            PartitionProduceData::default()
                .with_index(*index)
                .with_records(Some(records.clone()))
        });
        TopicProduceData::default()
            .with_name(name(topic))
            .with_partition_data(data.collect())
    });
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(topics.collect())
}

async fn produce(node: &TestNode, topics: &[(&str, &[(i32, Bytes)])]) -> Vec<(String, PartitionProduceResponse)> {
    let response = node.call(9, &request(topics)).await;
    let answers = response.responses.into_iter().flat_map(|topic| {
        let name = topic.name.to_string();
        let partitions = topic.partition_responses.into_iter();
        partitions.map(move |partition| (name.clone(), partition))
    });
    answers.collect()
}

#[tokio::test]
async fn the_brokers_own_topics_take_no_client_s_records() {
    let node = TestNode::start(&[]);
    let internal = ["__consumer_offsets", "__transaction_state", "__share_group_state"];
    for topic in internal {
        let answer = produce(&node, &[(topic, &[(0, batch(b"v").bytes)])]).await;
        assert_eq!(answer[0].1.error_code, 3, "{topic} is not there yet");
        node.create_topic(topic, 1, &[]).await;
        let answer = produce(&node, &[(topic, &[(0, batch(b"v").bytes)])]).await;
        assert_eq!((answer[0].1.error_code, answer[0].1.base_offset), (17, -1), "{topic}");
        let partition = node.context.node.topics().partition(topic, 0).unwrap();
        assert_eq!(partition.reader().end_offset(), 0, "{topic}");
    }
}

#[tokio::test]
async fn a_partition_that_is_named_twice_takes_what_is_said_last() {
    let node = TestNode::start(&[]);
    node.create_topic("a", 2, &[]).await;
    let (first, last) = (batch(b"first").bytes, batch(b"last").bytes);
    let asked: &[(&str, &[(i32, Bytes)])] = &[
        ("a", &[(0, first.clone())]),
        ("none", &[(0, first.clone())]),
        ("a", &[(0, first.clone()), (1, first), (0, last.clone())]),
    ];
    let answers = produce(&node, asked).await;
    let mut answers: Vec<_> = answers
        .iter()
        .map(|(topic, answer)| (topic.as_str(), answer.index, answer.error_code, answer.base_offset))
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, [("a", 0, 0, 0), ("a", 1, 0, 0), ("none", 0, 3, -1)]);
    let partition = node.context.node.topics().partition("a", 0).unwrap();
    assert_eq!(partition.reader().size(), last.len() as u64);
}

#[tokio::test]
async fn an_answer_names_each_topic_once_and_none_without_partitions() {
    let node = TestNode::start(&[]);
    node.create_topic("a", 2, &[]).await;
    let records = batch(b"v").bytes;
    let asked: &[(&str, &[(i32, Bytes)])] = &[("a", &[(1, records.clone())]), ("empty", &[]), ("a", &[(0, records)])];
    let response = node.call::<ProduceRequest>(9, &request(asked)).await;
    let named: Vec<_> = response.responses.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(named, ["a"]);
    assert_eq!(response.responses[0].partition_responses.len(), 2);
}

#[tokio::test]
async fn a_transactional_batch_needs_a_transactional_id() {
    let node = TestNode::start(&[]);
    node.create_topic("a", 1, &[]).await;
    let mut records = batch(b"v").bytes.to_vec();
    records[22] |= 1 << 4;
    let answers = produce(
        &node,
        &[("a", &[(0, records.into())]), ("none", &[(0, batch(b"v").bytes)])],
    )
    .await;
    let codes: Vec<_> = answers.iter().map(|(_, answer)| answer.error_code).collect();
    assert_eq!(codes, [53, 53]);
}

#[tokio::test]
async fn most_refusals_say_where_the_log_starts() {
    let node = TestNode::start(&[]);
    node.create_topic("a", 1, &[]).await;
    let mut bad_crc = batch(b"v").bytes.to_vec();
    *bad_crc.last_mut().unwrap() ^= 1;
    let answers = produce(&node, &[("a", &[(0, bad_crc.into())])]).await;
    assert_eq!((answers[0].1.error_code, answers[0].1.log_start_offset), (2, -1));
    let mut foreign = batch(b"v").bytes.to_vec();
    foreign[..8].copy_from_slice(&5i64.to_be_bytes());
    let answers = produce(&node, &[("a", &[(0, foreign.into())])]).await;
    assert_eq!((answers[0].1.error_code, answers[0].1.log_start_offset), (87, 0));
    let twice = [batch(b"v").bytes, batch(b"v").bytes].concat();
    let answers = produce(&node, &[("a", &[(0, twice.into())])]).await;
    assert_eq!((answers[0].1.error_code, answers[0].1.log_start_offset), (87, -1));
}
