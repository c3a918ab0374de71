//! Registration of brokers, and their blocks of producer ids.

use crate::controller::decide::{ProducerIdBlock, ProducerIdsExhausted, allocate_producer_ids, register_broker};
use crate::controller::fixture::{Cluster, LISTENER, registration};
use crate::controller::record::{ProducerIdsRecord, Record};

#[test]
fn a_broker_registers_once_and_again_when_its_address_changes() {
    let mut cluster = Cluster::of(1);
    assert_eq!(cluster.image.features().collect::<Vec<_>>(), [("metadata.version", 30)]);
    let again = register_broker(&cluster.image, &registration(1, 9092));
    assert_eq!((again.records.len(), again.response), (0, 0));
    let moved = register_broker(&cluster.image, &registration(1, 9192));
    assert_eq!((moved.records.len(), moved.response), (1, 2));
    cluster.apply(moved);
    let broker = cluster.image.broker(1).unwrap();
    assert_eq!((broker.epoch, broker.endpoint(LISTENER).unwrap().port), (2, 9192));
    assert_eq!(broker.endpoint("OTHER"), None);
}

#[test]
fn blocks_of_producer_ids_follow_each_other() {
    let mut cluster = Cluster::of(1);
    let block = |cluster: &mut Cluster| {
        let decision = allocate_producer_ids(&cluster.image, 1, 1000).unwrap();
        cluster.apply(decision)
    };
    assert_eq!(block(&mut cluster), ProducerIdBlock { first: 0, size: 1000 });
    assert_eq!(
        block(&mut cluster),
        ProducerIdBlock {
            first: 1000,
            size: 1000
        }
    );
    assert_eq!(cluster.image.next_producer_id(), 2000);
}

#[test]
fn the_last_producer_ids_are_not_overrun() {
    let cluster = Cluster::of(1);
    let next = i64::MAX - 999;
    let record = Record::ProducerIds(ProducerIdsRecord {
        broker_id: 1,
        broker_epoch: 0,
        next_producer_id: next,
    });
    let image = cluster.image.after(&[record], 1, 1).unwrap();
    assert_eq!(
        allocate_producer_ids(&image, 1, 1000),
        Err(ProducerIdsExhausted { next, size: 1000 })
    );
    assert!(allocate_producer_ids(&image, 1, 999).is_ok());
}
