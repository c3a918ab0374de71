use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn nodes() -> impl Strategy<Value = Vec<i32>> {
    vec(any::<i32>(), 0..6)
}

pub(in crate::controller) fn any_record() -> impl Strategy<Value = Record> {
    let endpoint =
        ("\\PC{0,12}", "\\PC{0,12}", any::<u16>(), any::<i16>()).prop_map(|(name, host, port, security_protocol)| {
            BrokerEndpoint {
                name,
                host,
                port,
                security_protocol,
            }
        });
    let broker = (
        any::<i32>(),
        uuid(),
        any::<i64>(),
        vec(endpoint, 0..3),
        option::of("\\PC{0,8}"),
        any::<bool>(),
    )
        .prop_map(|(broker_id, incarnation_id, broker_epoch, endpoints, rack, fenced)| {
            Record::RegisterBroker(RegisterBrokerRecord {
                broker_id,
                incarnation_id,
                broker_epoch,
                endpoints,
                rack,
                fenced,
            })
        });
    let partition = (
        any::<i32>(),
        uuid(),
        nodes(),
        nodes(),
        (nodes(), nodes()),
        (any::<i32>(), any::<i32>(), any::<i32>()),
    )
        .prop_map(
            |(partition_id, topic_id, replicas, isr, (removing, adding), (leader, epoch, partition_epoch))| {
                Record::Partition(PartitionRecord {
                    partition_id,
                    topic_id,
                    replicas,
                    isr,
                    removing_replicas: removing,
                    adding_replicas: adding,
                    leader,
                    leader_epoch: epoch,
                    partition_epoch,
                })
            },
        );
    let list = || option::of(nodes());
    let change = (
        any::<i32>(),
        uuid(),
        list(),
        option::of(-1..100i32),
        list(),
        list(),
        list(),
    )
        .prop_map(
            |(partition_id, topic_id, isr, leader, replicas, removing_replicas, adding_replicas)| {
                Record::PartitionChange(PartitionChangeRecord {
                    partition_id,
                    topic_id,
                    isr,
                    leader,
                    replicas,
                    removing_replicas,
                    adding_replicas,
                })
            },
        );
    let config = (any::<i8>(), "\\PC{0,12}", "\\PC{0,300}", option::of("\\PC{0,12}")).prop_map(
        |(resource_type, resource_name, name, value)| {
            Record::Config(ConfigRecord {
                resource_type,
                resource_name,
                name,
                value,
            })
        },
    );
    prop_oneof![
        broker,
        ("\\PC{0,200}", uuid()).prop_map(|(name, topic_id)| Record::Topic(TopicRecord { name, topic_id })),
        partition,
        config,
        change,
        uuid().prop_map(|topic_id| Record::RemoveTopic(RemoveTopicRecord { topic_id })),
        ("\\PC{0,20}", any::<i16>())
            .prop_map(|(name, feature_level)| Record::FeatureLevel(FeatureLevelRecord { name, feature_level })),
        (any::<i32>(), any::<i64>(), any::<i64>()).prop_map(|(broker_id, broker_epoch, next_producer_id)| {
            Record::ProducerIds(ProducerIdsRecord {
                broker_id,
                broker_epoch,
                next_producer_id,
            })
        }),
        Just(Record::NoOp),
    ]
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_itself(record in any_record()) {
        prop_assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
    }

    #[test]
    fn every_proper_prefix_is_an_error(record in any_record()) {
        let bytes = record.encode().unwrap();
        for len in 0..bytes.len() {
            prop_assert!(Record::decode(&bytes[..len]).is_err());
        }
    }

    #[test]
    fn mutated_bytes_never_panic(record in any_record(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut bytes = record.encode().unwrap().to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(decoded) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&decoded.encode().unwrap()).unwrap(), decoded);
        }
    }

    #[test]
    fn random_bytes_never_panic(api_key in 0..30u8, version in 0..4u8, rest in vec(any::<u8>(), 0..200)) {
        let _ = Record::decode(&rest);
        let framed: Vec<u8> = [1, api_key, version].into_iter().chain(rest).collect();
        let _ = Record::decode(&framed);
    }
}

#[test]
fn a_topic_record_is_these_bytes() {
    let record = Record::Topic(TopicRecord {
        name: "foo".into(),
        topic_id: Uuid::from_u128(0x0102),
    });
    let mut expected = vec![1, 2, 0, 4, b'f', b'o', b'o'];
    expected.extend([0; 14]);
    expected.extend([1, 2, 0]);
    assert_eq!(record.encode().unwrap(), expected);
}

#[test]
fn a_partition_change_carries_its_fields_as_tags() {
    let record = Record::PartitionChange(PartitionChangeRecord {
        partition_id: 1,
        topic_id: Uuid::nil(),
        isr: Some(vec![3]),
        leader: Some(3),
        replicas: None,
        removing_replicas: None,
        adding_replicas: None,
    });
    let mut expected = vec![1, 5, 0, 0, 0, 0, 1];
    expected.extend([0; 16]);
    expected.extend([2, 0, 5, 2, 0, 0, 0, 3, 1, 4, 0, 0, 0, 3]);
    assert_eq!(record.encode().unwrap(), expected);
}

#[test]
fn a_partition_record_of_version_2_is_read_without_its_directories_and_elr() {
    let mut bytes = vec![1, 3, 2, 0, 0, 0, 7];
    bytes.extend([9; 16]);
    bytes.extend([2, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 1]); // replicas [1], isr [1], none removed or added
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 6]); // leader, leader epoch, partition epoch
    bytes.push(2);
    bytes.extend([4; 16]); // one directory
    bytes.extend([1, 1, 5, 2, 0, 0, 0, 1]); // tag 1: eligible leader replicas [1]
    let expected = PartitionRecord {
        partition_id: 7,
        topic_id: Uuid::from_bytes([9; 16]),
        replicas: vec![1],
        isr: vec![1],
        removing_replicas: vec![],
        adding_replicas: vec![],
        leader: 1,
        leader_epoch: 5,
        partition_epoch: 6,
    };
    assert_eq!(Record::decode(&bytes), Ok(Record::Partition(expected)));
}

#[test]
fn what_is_not_a_record_is_named() {
    assert_eq!(Record::decode(&[0, 2, 0]), Err(RecordError::UnknownFrame { found: 0 }));
    assert_eq!(Record::decode(&[1, 99, 0]), Err(RecordError::UnknownType { found: 99 }));
    assert_eq!(
        Record::decode(&[1, 20, 1, 0]),
        Err(RecordError::UnknownVersion {
            api_key: 20,
            found: 1,
            highest: 0
        })
    );
    assert_eq!(
        Record::decode(&[1, 20, 0, 0, 7]),
        Err(RecordError::TrailingBytes { api_key: 20, count: 1 })
    );
    assert_eq!(Record::decode(&[1, 2, 0, 0]), Err(RecordError::UnexpectedNull));
    assert_eq!(
        Record::decode(&[0xff, 0xff, 0xff, 0xff, 0x1f]),
        Err(RecordError::VarintTooLong)
    );
    // A replica list that claims four billion elements reserves nothing.
    let mut hostile = vec![1, 3, 0, 0, 0, 0, 0];
    hostile.extend([0; 16]);
    hostile.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(matches!(Record::decode(&hostile), Err(RecordError::Truncated { .. })));
}

#[test]
fn a_string_that_no_reader_takes_is_not_written() {
    let value = Some("x".repeat(MAX_STRING_LEN + 1));
    let record = Record::Config(ConfigRecord {
        resource_type: 2,
        resource_name: "t".into(),
        name: "n".into(),
        value,
    });
    assert_eq!(
        record.encode(),
        Err(RecordError::StringTooLong {
            len: MAX_STRING_LEN + 1
        })
    );
}
