use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TransactionalId};
use kafka_protocol::protocol::{Encodable, StrBytes};
use proptest::prelude::*;
use uuid::Uuid;

use super::{HEADER_LEN, MAX_PARTITIONS, MAX_WITHOUT_BATCH, decode};
use crate::wire::DecodeError;

fn encoded(version: i16) -> Bytes {
    let mut request = ProduceRequest::default();
    request.transactional_id = Some(TransactionalId(StrBytes::from_static_str("tx")));
    request.acks = -1;
    request.timeout_ms = 1500;
    for (name, id) in [("first", 1), ("second", 2)] {
        let mut topic = TopicProduceData::default();
        if version >= 13 {
            topic.topic_id = Uuid::from_u128(id);
        } else {
            topic.name = StrBytes::from_static_str(name).into();
        }
        for (index, records) in [
            (0, Some(Bytes::from_static(b"batch"))),
            (7, Some(Bytes::new())),
            (8, None),
        ] {
            let mut partition = PartitionProduceData::default();
            partition.index = index;
            partition.records = records;
            topic.partition_data.push(partition);
        }
        request.topic_data.push(topic);
    }
    let mut bytes = BytesMut::new();
    request.encode(&mut bytes, version).unwrap();
    bytes.freeze()
}

#[test]
fn agrees_with_the_codec_at_every_version() {
    for version in 3..=13 {
        let body = encoded(version);
        let request = decode(&body, version).unwrap();
        assert_eq!(request.transactional_id.as_deref(), Some("tx"));
        assert_eq!((request.acks, request.timeout_ms, request.topics.len()), (-1, 1500, 2));
        let second = &request.topics[1];
        assert_eq!(&*second.name, if version >= 13 { "" } else { "second" });
        assert_eq!(second.id.as_u128(), if version >= 13 { 2 } else { 0 });
        let records: Vec<_> = second
            .partitions
            .iter()
            .map(|p| (p.index, p.records.as_deref()))
            .collect();
        assert_eq!(records, [(0, Some(&b"batch"[..])), (7, Some(&b""[..])), (8, None)]);
        // A slice of the body, not a copy.
        let batch = second.partitions[0].records.as_ref().unwrap();
        assert!(body.as_ptr_range().contains(&batch.as_ptr()));
    }
}

#[test]
fn every_truncation_is_an_error() {
    for version in [3, 9, 13] {
        let body = encoded(version);
        for len in 0..body.len() {
            assert!(
                decode(&body.slice(..len), version).is_err(),
                "version {version} cut at {len}"
            );
        }
        let mut longer = BytesMut::from(&body[..]);
        longer.put_slice(b"garbage");
        assert_eq!(decode(&longer.freeze(), version), decode(&body, version));
    }
}

#[test]
fn hostile_counts_are_errors() {
    let mut head = BytesMut::new();
    head.put_i16(-1);
    head.put_i16(1);
    head.put_i32(0);
    let with = |count: i32, rest: usize| {
        let mut body = head.clone();
        body.put_i32(count);
        body.put_bytes(0, rest);
        decode(&body.freeze(), 3)
    };
    assert!(matches!(with(i32::MAX, 100), Err(DecodeError::TooManyElements { .. })));
    assert!(matches!(
        with(i32::MIN, 100),
        Err(DecodeError::NegativeLength(i32::MIN))
    ));
    let many = MAX_PARTITIONS + 1;
    let limit = MAX_PARTITIONS;
    assert_eq!(
        with(many as i32, many * 6),
        Err(DecodeError::TooManyElements { count: many, limit })
    );
    assert!(with(limit as i32, many * 6).is_ok());
}

#[test]
fn few_partitions_may_lack_a_batch() {
    for batch in [None, Some(Bytes::from_static(&[0; HEADER_LEN - 1]))] {
        let of = |count: usize| {
            let partition = PartitionProduceData::default().with_records(batch.clone());
            let topic = TopicProduceData::default().with_partition_data(vec![partition; count]);
            let mut bytes = BytesMut::new();
            let request = ProduceRequest::default().with_topic_data(vec![topic]);
            request.encode(&mut bytes, 9).unwrap();
            decode(&bytes.freeze(), 9)
        };
        assert!(of(MAX_WITHOUT_BATCH).is_ok());
        let (count, limit) = (MAX_WITHOUT_BATCH + 1, MAX_WITHOUT_BATCH);
        assert_eq!(of(count), Err(DecodeError::TooManyElements { count, limit }));
    }
}

proptest! {
    #[test]
    fn never_panics(version in 3i16..=13, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        _ = decode(&Bytes::from(bytes), version);
    }
}
