use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use kafka_protocol::messages::{InitProducerIdRequest, ProducerId, TransactionalId};
use storage::disk::simulated::Fault;

use crate::api::test_node::{TestNode, text};
use crate::controller::decide::{Decision, PRODUCER_ID_BLOCK_SIZE};

fn init(transactional_id: Option<&str>) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(transactional_id.map(|id| TransactionalId(text(id))))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1)
}

#[tokio::test]
async fn each_producer_gets_an_id_of_its_own() {
    let node = TestNode::start(&[]);
    for version in 0..=5 {
        let response = node.call(version, &init(None)).await;
        let got = (response.error_code, response.producer_id.0, response.producer_epoch);
        assert_eq!(got, (0, i64::from(version), 0));
    }
    // One that has an id gets a new one, too.
    let again = init(None).with_producer_id(ProducerId(3)).with_producer_epoch(2);
    let response = node.call(5, &again).await;
    assert_eq!((response.producer_id.0, response.producer_epoch), (6, 0));
}

#[tokio::test]
async fn all_who_wait_share_a_block() {
    let node = TestNode::start(&[]);
    let request = init(None);
    let count = PRODUCER_ID_BLOCK_SIZE as usize + 50;
    let ids = join_all((0..count).map(|_| node.call(5, &request))).await;
    let ids: BTreeSet<i64> = ids.iter().map(|response| response.producer_id.0).collect();
    assert!(ids.into_iter().eq(0..count as i64));
    let next = node.context.node.propose(|image| Decision {
        records: Vec::new(),
        response: image.next_producer_id(),
    });
    assert_eq!(next.unwrap().response, 2 * i64::from(PRODUCER_ID_BLOCK_SIZE));
}

#[tokio::test]
async fn no_id_is_given_twice_across_a_restart() {
    let node = TestNode::start(&[]);
    node.call(5, &init(None)).await;
    let disk = node.disk.clone();
    drop(node);
    let node = TestNode::restart(disk, &[]);
    assert_eq!(
        node.call(5, &init(None)).await.producer_id.0,
        i64::from(PRODUCER_ID_BLOCK_SIZE)
    );
}

#[tokio::test]
async fn one_who_goes_away_keeps_nobody_waiting() {
    let node = TestNode::start(&[]);
    let request = init(None);
    _ = tokio::time::timeout(Duration::ZERO, node.call(5, &request)).await;
    assert_eq!(node.call(5, &request).await.error_code, 0);
}

#[tokio::test]
async fn refusals() {
    let node = TestNode::start(&[]);
    for (request, error) in [
        (init(Some("t")), 53),
        (init(Some("")), 42),
        (init(None).with_producer_id(ProducerId(3)), 42),
        (init(None).with_producer_epoch(3), 42),
    ] {
        let response = node.call(5, &request).await;
        let got = (response.error_code, response.producer_id.0, response.producer_epoch);
        assert_eq!(got, (error, -1, -1));
    }
    assert_eq!(node.call(0, &init(Some("t"))).await.error_code, 53);
    node.disk.fail_next(Fault::SyncDataError, Path::new("/data"), 1_000_000);
    assert_eq!(node.call(5, &init(None)).await.error_code, 56);
    node.disk.clear_faults();
}
