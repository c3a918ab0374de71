use kafka_protocol::messages::FindCoordinatorRequest;
use storage::compression::Codec;
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};

use super::{NodeReadiness, add_groups};
use crate::admin_http::{Readiness, ReadinessReport};
use crate::api::test_node::{TestNode, text};
use crate::coordinator::Service;

const PROPERTIES: &[(&str, &str)] = &[("offsets.topic.num.partitions", "1")];

fn report(node: &TestNode) -> ReadinessReport {
    NodeReadiness::new(node.context.node.clone(), node.context.coordinators.clone()).report()
}

async fn find_coordinator(node: &TestNode) -> i16 {
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]);
    node.call(6, &request).await.coordinators[0].error_code
}

/// Appends a batch to the groups' partition as only the broker itself may.
async fn append(node: &TestNode) {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(0, Some(b"\0\x01\0\x01g\0\x01t\0\0\0\0"), None, &[]);
    let bytes = batch.build();
    let header = BatchHeader::parse(&bytes).unwrap();
    let partition = node.context.node.topics().partition("__consumer_offsets", 0).unwrap();
    let batch = ProducedBatch { header, bytes };
    node.context.node.append(&partition, &batch).unwrap();
    partition.committed(1).await.unwrap();
}

#[tokio::test]
async fn groups_that_cannot_be_loaded_are_listed() {
    let node = TestNode::start(PROPERTIES);
    assert_eq!(find_coordinator(&node).await, 0);
    assert_eq!(report(&node), ReadinessReport::default());
    append(&node).await;
    let partition = node.context.node.topics().partition("__consumer_offsets", 0).unwrap();
    let path = partition.reader().files().dir.join("00000000000000000000.log");
    let last = partition.reader().size() - 3;
    let disk = node.disk.clone();
    drop(node);
    disk.flip_bit(&path, last, 0).unwrap();
    disk.drop_cache();
    let node = TestNode::restart(disk, PROPERTIES);
    let report = report(&node);
    assert_eq!(report.waiting_for, None);
    let [quarantined] = &report.quarantined[..] else {
        panic!("{report}")
    };
    let named = (quarantined.topic.as_str(), quarantined.partition);
    assert_eq!(named, ("__consumer_offsets", 0));
    assert!(quarantined.reason.contains("groups cannot be loaded"), "{report}");
    assert_ne!(find_coordinator(&node).await, 0);
}

#[test]
fn groups_that_are_being_loaded_are_waited_for() {
    let mut report = ReadinessReport::default();
    let lost = Service::Closed("it is damaged".into());
    add_groups(&mut report, vec![(3, lost.clone()), (4, Service::Loading)]);
    add_groups(&mut report, vec![(3, lost)]);
    assert_eq!(
        report.to_string(),
        "not ready: the groups of __consumer_offsets-4 are being loaded\n\
         quarantined __consumer_offsets-3: it is damaged\n"
    );
}
