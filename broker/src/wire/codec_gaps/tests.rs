//! The bytes are written by hand, field by field, from the schemas of Kafka 4.3.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::ListOffsetsResponse;
use kafka_protocol::protocol::Decodable;
use proptest::prelude::*;
use uuid::Uuid;

use super::{list_offsets, offset_commit, offset_fetch};
use crate::wire::writer::Writer;
use crate::wire::{Part, RequestHeader};

const TOPIC: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

fn offset_commit_10() -> Bytes {
    [
        &[2, b'g'][..],            // group id
        &[0, 0, 0, 5],             // generation id or member epoch
        &[3, b'm', b'1'],          // member id
        &[0],                      // group instance id: null
        &[2],                      // one topic
        TOPIC.as_bytes(),          //
        &[3],                      // two partitions
        &[0, 0, 0, 1],             // index
        &[0, 0, 0, 0, 0, 0, 1, 0], // offset 256
        &[0, 0, 0, 9],             // leader epoch
        &[3, b'h', b'i'],          // metadata
        &[0],                      // tags
        &[0, 0, 0, 2],             //
        &[0, 0, 0, 0, 0, 0, 0, 3], //
        &[0xff, 0xff, 0xff, 0xff], // no leader epoch
        &[0],                      // metadata: null
        &[1, 4, 2, 0xaa, 0xbb],    // an unknown tagged field
        &[0],                      // tags of the topic
        &[0],                      // tags of the request
    ]
    .concat()
    .into()
}

#[test]
fn offset_commit_by_topic_id() {
    let body = offset_commit_10();
    let request = offset_commit::decode(&body, 10).unwrap();
    assert_eq!(
        (request.group_id.as_str(), request.generation_id_or_member_epoch),
        ("g", 5)
    );
    assert_eq!((&*request.member_id, &request.group_instance_id), ("m1", &None));
    let [topic] = request.topics.as_slice() else {
        panic!("one topic")
    };
    assert_eq!((topic.topic_id, topic.name.as_str()), (TOPIC, ""));
    let [first, second] = topic.partitions.as_slice() else {
        panic!("two partitions")
    };
    assert_eq!(
        (
            first.partition_index,
            first.committed_offset,
            first.committed_leader_epoch
        ),
        (1, 256, 9)
    );
    assert_eq!(first.committed_metadata.as_deref(), Some("hi"));
    assert_eq!((second.committed_leader_epoch, &second.committed_metadata), (-1, &None));
    for len in 0..body.len() {
        assert!(offset_commit::decode(&body.slice(..len), 10).is_err());
    }
}

fn offset_fetch_10() -> Bytes {
    [
        &[3][..],                     // two groups
        &[2, b'g'],                   // group id
        &[2, b'm'],                   // member id
        &[0, 0, 0, 7],                // member epoch
        &[2],                         // one topic
        TOPIC.as_bytes(),             //
        &[3, 0, 0, 0, 1, 0, 0, 0, 8], // partitions 1 and 8
        &[0],                         // tags of the topic
        &[0],                         // tags of the group
        &[2, b'h'],                   // second group
        &[0],                         // no member id
        &[0xff, 0xff, 0xff, 0xff],    // no member epoch
        &[0],                         // all topics
        &[0],                         // tags
        &[1],                         // require stable
        &[0],                         // tags of the request
    ]
    .concat()
    .into()
}

#[test]
fn offset_fetch_by_topic_id() {
    let body = offset_fetch_10();
    let request = offset_fetch::decode(&body, 10).unwrap();
    assert!(request.require_stable);
    let [first, second] = request.groups.as_slice() else {
        panic!("two groups")
    };
    assert_eq!(
        (first.group_id.as_str(), first.member_id.as_deref(), first.member_epoch),
        ("g", Some("m"), 7)
    );
    let topic = &first.topics.as_ref().unwrap()[0];
    assert_eq!(
        (topic.topic_id, topic.partition_indexes.as_slice()),
        (TOPIC, &[1, 8][..])
    );
    assert_eq!(
        (second.member_id.as_deref(), second.member_epoch, &second.topics),
        (None, -1, &None)
    );
    for len in 0..body.len() {
        assert!(offset_fetch::decode(&body.slice(..len), 10).is_err());
    }
}

#[test]
fn list_offsets_11() {
    let mut body = Writer::new(BytesMut::new(), true);
    body.i32(-1);
    body.bytes.extend_from_slice(&[1]);
    body.length(1);
    body.string("t");
    body.length(1);
    body.i32(4);
    body.i32(-1);
    body.i64(-6);
    body.no_tagged_fields();
    body.no_tagged_fields();
    body.i32(1000);
    body.no_tagged_fields();
    let request = list_offsets::decode(&body.bytes.freeze(), 11).unwrap();
    assert_eq!(
        (request.isolation_level, request.topics[0].partitions[0].timestamp),
        (1, -6)
    );
    assert_eq!(request.timeout_ms, 1000);

    let mut frame = Bytes::from_static(b"\x00\x02\x00\x0b\x00\x00\x00\x01\xff\xff\x00");
    let header = RequestHeader::decode(&mut frame).unwrap();
    let response = list_offsets::encode(&header, &ListOffsetsResponse::default()).unwrap();
    let Some(Part::Bytes(mut bytes)) = response.into_parts().next() else {
        panic!("bytes")
    };
    bytes.advance(9);
    assert_eq!(
        ListOffsetsResponse::decode(&mut bytes, 10).unwrap(),
        ListOffsetsResponse::default()
    );
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        _ = offset_commit::decode(&bytes, 10);
        _ = offset_fetch::decode(&bytes, 10);
    }

    #[test]
    fn flipped_bytes_never_panic(at in 0usize..100, to in any::<u8>()) {
        for (sample, is_commit) in [(offset_commit_10(), true), (offset_fetch_10(), false)] {
            let mut bytes = sample.to_vec();
            let at = at % bytes.len();
            bytes[at] = to;
            let bytes = Bytes::from(bytes);
            if is_commit { _ = offset_commit::decode(&bytes, 10) } else { _ = offset_fetch::decode(&bytes, 10) }
        }
    }
}
