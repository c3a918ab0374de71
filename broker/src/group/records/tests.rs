//! Records of every version, byte by byte.

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::group::offsets::CommittedOffset;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex digits"))
        .collect()
}

fn offset() -> CommittedOffset {
    CommittedOffset {
        offset: 258,
        leader_epoch: 3,
        metadata: "hi".into(),
        commit_timestamp_ms: 16,
        expire_timestamp_ms: None,
        topic_id: Uuid::nil(),
        record_offset: 9,
    }
}

#[test]
fn keys_of_both_offset_versions_and_of_groups_are_read() {
    let key = Key::Offset {
        group: "g".into(),
        topic: "t".into(),
        partition: 5,
    };
    assert_eq!(offset_key("g", "t", 5), bytes("0001 0001 67 0001 74 00000005"));
    assert_eq!(read_key(&bytes("0001 0001 67 0001 74 00000005")), Ok(Some(key.clone())));
    assert_eq!(read_key(&bytes("0000 0001 67 0001 74 00000005")), Ok(Some(key)));
    assert_eq!(metadata_key("g"), bytes("0002 0001 67"));
    assert_eq!(
        read_key(&bytes("0002 0001 67")),
        Ok(Some(Key::Metadata { group: "g".into() }))
    );
    assert_eq!(
        read_key(&bytes("0003 0001 67")),
        Ok(None),
        "a consumer group of a later Kafka"
    );
    assert!(read_key(&bytes("0001 0001 67 ffff 00000005")).is_err());
}

#[test]
fn an_offset_is_written_in_version_4() {
    let written = offset_value(&offset());
    assert_eq!(
        written,
        bytes("0004 0000000000000102 00000003 03 6869 0000000000000010 00")
    );
    assert_eq!(read_offset_value(&written, 9), Ok(offset()));
    let with_id = CommittedOffset {
        topic_id: Uuid::from_u128(7),
        ..offset()
    };
    let written = offset_value(&with_id);
    assert!(written.ends_with(&bytes("01 00 10 00000000000000000000000000000007")));
    assert_eq!(read_offset_value(&written, 9), Ok(with_id));
}

#[test]
fn an_offset_with_an_expiry_is_written_in_version_1() {
    let expiring = CommittedOffset {
        expire_timestamp_ms: Some(32),
        leader_epoch: -1,
        ..offset()
    };
    let written = offset_value(&expiring);
    assert_eq!(
        written,
        bytes("0001 0000000000000102 0002 6869 0000000000000010 0000000000000020")
    );
    assert_eq!(read_offset_value(&written, 9), Ok(expiring));
}

#[test]
fn offsets_of_older_versions_are_read() {
    let old = CommittedOffset {
        leader_epoch: -1,
        ..offset()
    };
    let tail = "0000000000000102 0002 6869 0000000000000010";
    assert_eq!(read_offset_value(&bytes(&format!("0000 {tail}")), 9), Ok(old.clone()));
    assert_eq!(read_offset_value(&bytes(&format!("0002 {tail}")), 9), Ok(old));
    let version_3 = bytes("0003 0000000000000102 00000003 0002 6869 0000000000000010");
    assert_eq!(read_offset_value(&version_3, 9), Ok(offset()));
    assert!(matches!(
        read_offset_value(&bytes("0005"), 9),
        Err(RecordError::Version { version: 5, .. })
    ));
}

fn group() -> GroupMetadata {
    GroupMetadata {
        protocol_type: "c".into(),
        generation: 4,
        protocol: Some("r".into()),
        leader: Some("m".into()),
        state_timestamp_ms: Some(16),
        members: vec![MemberMetadata {
            member_id: "m".into(),
            instance_id: Some("i".into()),
            client_id: "k".into(),
            client_host: "/h".into(),
            rebalance_timeout_ms: 7,
            session_timeout_ms: 8,
            subscription: Bytes::from_static(b"s"),
            assignment: Bytes::from_static(b"as"),
        }],
    }
}

#[test]
fn a_group_is_written_in_version_3() {
    let written = group().encode();
    let expected = "0003 0001 63 00000004 0001 72 0001 6d 0000000000000010 00000001
        0001 6d 0001 69 0001 6b 0002 2f68 00000007 00000008 00000001 73 00000002 6173";
    assert_eq!(written, bytes(expected));
    assert_eq!(GroupMetadata::decode(&written), Ok(group()));
}

#[test]
fn an_empty_group_has_null_protocol_and_leader() {
    let empty = GroupMetadata {
        protocol: None,
        leader: None,
        members: Vec::new(),
        ..group()
    };
    let written = empty.encode();
    assert_eq!(
        written,
        bytes("0003 0001 63 00000004 ffff ffff 0000000000000010 00000000")
    );
    assert_eq!(GroupMetadata::decode(&written), Ok(empty));
}

#[test]
fn groups_of_other_versions_are_read() {
    let mut old = group();
    old.state_timestamp_ms = None;
    old.members[0].instance_id = None;
    let head = "0001 63 00000004 0001 72 0001 6d";
    let version_1 =
        format!("0001 {head} 00000001 0001 6d 0001 6b 0002 2f68 00000007 00000008 00000001 73 00000002 6173");
    assert_eq!(GroupMetadata::decode(&bytes(&version_1)), Ok(old.clone()));
    old.members[0].rebalance_timeout_ms = 8;
    let version_0 = format!("0000 {head} 00000001 0001 6d 0001 6b 0002 2f68 00000008 00000001 73 00000002 6173");
    assert_eq!(GroupMetadata::decode(&bytes(&version_0)), Ok(old));
    let version_4 = "0004 02 63 00000004 02 72 02 6d 0000000000000010 02
        02 6d 02 69 02 6b 03 2f68 00000007 00000008 02 73 03 6173 00 00";
    assert_eq!(GroupMetadata::decode(&bytes(version_4)), Ok(group()));
    assert!(GroupMetadata::decode(&bytes("0003 0001 63 00000004 ffff ffff 0000000000000010 7fffffff")).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_key(&bytes);
        for version in 0..=4_i16 {
            let mut versioned = version.to_be_bytes().to_vec();
            versioned.extend(&bytes);
            let _ = read_offset_value(&versioned, 0);
            let _ = GroupMetadata::decode(&versioned);
        }
    }
}
