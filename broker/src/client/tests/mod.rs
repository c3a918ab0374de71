//! The client against a broker that answers as it is told: what no broker does on purpose.

mod fake_broker;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{FetchResponse, ListOffsetsResponse, RequestKind, ResponseKind};
use storage::compression::Codec;
use storage::record_batch::BatchBuilder;

use super::admin::{OffsetSpec, Resource, ResourceKind};
use super::consume::{Consumer, FetchOptions, Position};
use super::{ClientError, Cluster, ErrorCode, Options, topic_name};
use fake_broker::FakeBroker;

const TOPIC: &str = "t";
const STORAGE_ERROR: i16 = 56;
const TIMEOUT: Duration = Duration::from_secs(2);

async fn cluster(broker: &FakeBroker) -> std::sync::Arc<Cluster> {
    let options = Options {
        bootstrap: vec![broker.address.clone()],
        timeout: TIMEOUT,
        client_id: "test".to_owned(),
    };
    Cluster::connect(options).await.unwrap()
}

fn batch(offset: i64, value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None).base_offset(offset);
    builder.push(1, None, Some(value.as_bytes()), &[]);
    builder.build()
}

/// What a fetch asked for has, by partition and offset.
fn fetched(request: &RequestKind, answer: impl Fn(i32, i64) -> Result<Bytes, i16>) -> ResponseKind {
    let RequestKind::Fetch(request) = request else {
        panic!("{request:?}")
    };
    let data = |partition: &kafka_protocol::messages::fetch_request::FetchPartition| {
        let data = PartitionData::default().with_partition_index(partition.partition);
        match answer(partition.partition, partition.fetch_offset) {
            Ok(records) => data.with_records(Some(records)),
            Err(code) => data.with_error_code(code),
        }
    };
    let topic = |topic: &kafka_protocol::messages::fetch_request::FetchTopic| {
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_partitions(topic.partitions.iter().map(data).collect())
    };
    let response = FetchResponse::default().with_responses(request.topics.iter().map(topic).collect());
    ResponseKind::Fetch(response)
}

fn from_the_beginning(partitions: i32, end: Option<i64>) -> BTreeMap<(String, i32), Position> {
    (0..partitions)
        .map(|partition| ((TOPIC.to_owned(), partition), Position { next: 0, end }))
        .collect()
}

/// A partition that never answers ends the reading, though the other goes on; and it is asked in peace.
#[tokio::test]
async fn a_partition_out_of_service_ends_the_reading_in_time() {
    static FETCHES: AtomicUsize = AtomicUsize::new(0);
    let broker = FakeBroker::start(TOPIC, 2, |request| {
        FETCHES.fetch_add(1, Ordering::Relaxed);
        fetched(request, |partition, offset| match partition {
            0 => Ok(batch(offset, "v")),
            _ => Err(STORAGE_ERROR),
        })
    })
    .await;
    let mut consumer = Consumer::start(
        cluster(&broker).await,
        from_the_beginning(2, None),
        FetchOptions::default(),
    );
    let begin = Instant::now();
    let mut read = 0;
    let problem = loop {
        match consumer.next().await {
            Ok(Some(chunk)) => read += chunk.decoded.records.len(),
            Ok(None) => panic!("it came to an end"),
            Err(problem) => break problem,
        }
    };
    assert_eq!(problem.code(), Some(ErrorCode(STORAGE_ERROR)), "{problem}");
    assert!(problem.to_string().starts_with("t-1: "), "{problem}");
    assert!(
        begin.elapsed() >= TIMEOUT && read > 1,
        "{read} in {:?}",
        begin.elapsed()
    );
    // Five times a second.
    assert!(FETCHES.load(Ordering::Relaxed) < 30, "{FETCHES:?}");
}

/// One that is out of service for a while is read when it is back, each record once.
#[tokio::test]
async fn a_partition_that_comes_back_is_read_on() {
    static FETCHES: AtomicUsize = AtomicUsize::new(0);
    let broker = FakeBroker::start(TOPIC, 2, |request| {
        let fetch = FETCHES.fetch_add(1, Ordering::Relaxed);
        fetched(request, |partition, offset| match partition {
            1 if fetch < 4 => Err(STORAGE_ERROR),
            _ => Ok(batch(offset, "v")),
        })
    })
    .await;
    let mut consumer = Consumer::start(
        cluster(&broker).await,
        from_the_beginning(2, Some(3)),
        FetchOptions::default(),
    );
    let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    while let Some(chunk) = consumer.next().await.unwrap() {
        let found = chunk.decoded.records.iter().map(|(record, _)| record.offset);
        offsets.entry(chunk.partition.1).or_default().extend(found);
    }
    assert_eq!(offsets, BTreeMap::from([(0, vec![0, 1, 2]), (1, vec![0, 1, 2])]));
}

#[tokio::test]
async fn damage_ends_the_reading_and_says_where() {
    let broker = FakeBroker::start(TOPIC, 1, |request| {
        fetched(request, |_, offset| match offset {
            0 => Ok(batch(0, "v")),
            _ => {
                let mut damaged = batch(offset, "w").to_vec();
                damaged[30] ^= 1;
                Ok(damaged.into())
            }
        })
    })
    .await;
    let mut consumer = Consumer::start(
        cluster(&broker).await,
        from_the_beginning(1, None),
        FetchOptions::default(),
    );
    assert_eq!(consumer.next().await.unwrap().unwrap().decoded.records.len(), 1);
    let problem = consumer.next().await.unwrap_err();
    assert!(
        problem.to_string().starts_with("t-0: the batch is corrupt"),
        "{problem}"
    );
}

/// Offsets of those partitions that have them, at once; to ask for all is to wait.
#[tokio::test]
async fn offsets_at_hand_leave_out_what_is_out_of_service() {
    let broker = FakeBroker::start(TOPIC, 2, |request| {
        let RequestKind::ListOffsets(_) = request else {
            panic!("{request:?}")
        };
        let partition = |index, code, offset| {
            ListOffsetsPartitionResponse::default()
                .with_partition_index(index)
                .with_error_code(code)
                .with_offset(offset)
        };
        let topic = ListOffsetsTopicResponse::default()
            .with_name(topic_name(TOPIC))
            .with_partitions(vec![partition(0, 0, 7), partition(1, STORAGE_ERROR, -1)]);
        ResponseKind::ListOffsets(ListOffsetsResponse::default().with_topics(vec![topic]))
    })
    .await;
    let cluster = cluster(&broker).await;
    let asked: Vec<_> = (0..2).map(|it| ((TOPIC.to_owned(), it), OffsetSpec::Latest)).collect();
    let begin = Instant::now();
    let found = cluster.offsets_at_hand(&asked).await.unwrap();
    assert!(begin.elapsed() < TIMEOUT);
    assert!(matches!(found[&asked[0].0], Ok(Some(7))));
    let problem = found[&asked[1].0].as_ref().unwrap_err();
    assert_eq!(problem.code(), Some(ErrorCode(STORAGE_ERROR)));
    assert!(cluster.offsets(&asked, false).await.is_err());
}

#[tokio::test]
async fn a_broker_that_there_is_not_is_told_at_once() {
    let broker = FakeBroker::start(TOPIC, 1, |request| panic!("{request:?}")).await;
    let cluster = cluster(&broker).await;
    let resource = Resource {
        kind: ResourceKind::Broker,
        name: "99".to_owned(),
    };
    let begin = Instant::now();
    let problem = cluster.configs(&resource, false).await.unwrap_err();
    assert!(
        matches!(problem, ClientError::UnknownBroker { id: 99, .. }),
        "{problem}"
    );
    assert!(begin.elapsed() < TIMEOUT);
    assert_eq!(problem.to_string(), "there is no broker 99: the cluster has 1");
}
