use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka_protocol::messages::{ApiKey, ProduceResponse};
use storage::record_batch::{BatchBuilder, Records};

use super::*;
use crate::api::produce::tests::request as produce_request;
use crate::api::test_node::{TestNode, batch, decode, request};
use crate::connection::{Outcome, Service};

/// A batch of so many records of 1 KB.
fn big(codec: Codec, records: usize) -> Bytes {
    let mut batch = BatchBuilder::new(codec);
    for number in 0..records {
        batch.push(0, None, Some(&[number as u8; 1_000]), &[]);
    }
    batch.build()
}

/// Calls requests as a connection does, all before the first answer; the error codes and base offsets.
async fn pipelined(node: &TestNode, batches: &[Bytes]) -> Vec<(i16, i64)> {
    let call = |records: &Bytes| {
        let body = produce_request(&[("t", &[(0, records.clone())])]);
        node.api().call(request(ApiKey::Produce as i16, 9, &body))
    };
    let outcomes: Vec<Outcome> = batches.iter().map(call).collect();
    let mut answers = Vec::new();
    for mut outcome in outcomes {
        while let Outcome::Later(later) = outcome {
            outcome = later.await;
        }
        let Outcome::Ready(response) = outcome else {
            panic!("{outcome:?}")
        };
        let response: ProduceResponse = decode(response, 9);
        let answer = &response.responses[0].partition_responses[0];
        answers.push((answer.error_code, answer.base_offset));
    }
    answers
}

#[tokio::test]
async fn what_follows_a_heavy_batch_stays_behind_it() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[("max.message.bytes", "10000000")]).await;
    let light = batch(b"v").bytes;
    let batches = [
        light.clone(),
        big(Codec::Gzip, 4_000),
        light.clone(),
        big(Codec::Zstd, 3_000),
        big(Codec::Lz4, 10),
        light,
    ];
    let answers = pipelined(&node, &batches).await;
    assert_eq!(
        answers,
        [(0, 0), (0, 1), (0, 4_001), (0, 4_002), (0, 7_002), (0, 7_012)]
    );
    let heavy = &node.context.heavy_batches;
    assert!(!heavy.is_busy(0));
    assert_eq!(heavy.queued_bytes.load(Ordering::Relaxed), 0);
    assert_eq!(heavy.units.available_permits(), POOL_BYTES / UNIT);
}

#[tokio::test]
async fn heavy_batches_are_recompressed_and_limited_as_light_ones() {
    let node = TestNode::start(&[("weir.max.decompressed.batch.bytes", "2000000")]);
    let configs = [("compression.type", "gzip"), ("max.message.bytes", "10000000")];
    node.create_topic("t", 1, &configs).await;
    let batches = [big(Codec::None, 1_000), big(Codec::Lz4, 1_500), big(Codec::Zstd, 2_500)];
    assert_eq!(pipelined(&node, &batches).await, [(0, 0), (0, 1_000), (10, -1)]);
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    let reader = partition.reader();
    let slice = reader.read(0, reader.high_watermark(), 1).unwrap().unwrap();
    let bytes = Bytes::from(slice.read().unwrap());
    let header = BatchHeader::parse(&bytes).unwrap();
    assert_eq!(header.attributes.codec().unwrap(), Codec::Gzip);
    assert_eq!(Records::new(&bytes, 2_000_000).unwrap().count(), 1_000);
}

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn step(left: &mut usize, _: Place) -> Option<usize> {
    let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
    MOST.fetch_max(running, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(5));
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    *left -= 1;
    (*left > 0).then_some(64 << 20)
}

#[tokio::test]
async fn the_pool_takes_no_more_than_it_has_room_for() {
    let pool = Arc::new(HeavyBatches::default());
    let told: Vec<_> = (0..12)
        .map(|connection| {
            let room = pool.room(1).unwrap();
            pool.run(connection, room, Some(64 << 20), 3, step)
        })
        .collect();
    assert!(pool.is_busy(11));
    for told in told {
        assert_eq!(told.await, Ok(0));
    }
    assert_eq!(MOST.load(Ordering::SeqCst), 2, "batches of 64 MiB at once");
    assert!(!pool.is_busy(11));
    assert!(pool.room(QUEUE_BYTES).is_some());
    assert!(pool.room(1).is_none());
    pool.queued_bytes.store(0, Ordering::Relaxed);
    pool.close().await;
    let room = pool.room(1).unwrap();
    assert!(pool.run(1, room, None, 1, step).await.is_err(), "it is closed");
}
