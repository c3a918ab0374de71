use super::*;
use crate::controller::record::{
    BrokerEndpoint, ConfigRecord, FeatureLevelRecord, PartitionChangeRecord, ProducerIdsRecord, Record,
    RegisterBrokerRecord, RemoveTopicRecord, TopicRecord,
};

fn topic(name: &str, id: u128, partitions: i32) -> Vec<Record> {
    let topic_id = Uuid::from_u128(id);
    let made = Partition::created(&[1], &[1]);
    std::iter::once(Record::Topic(TopicRecord {
        name: name.into(),
        topic_id,
    }))
    .chain((0..partitions).map(|index| Record::Partition(made.record(topic_id, index))))
    .collect()
}

fn config(kind: ResourceType, resource: &str, name: &str, value: Option<&str>) -> Record {
    Record::Config(ConfigRecord {
        resource_type: kind.code(),
        resource_name: resource.into(),
        name: name.into(),
        value: value.map(str::to_owned),
    })
}

fn some_image() -> Image {
    let mut records = topic("b.c", 2, 3);
    records.extend(topic("a", 1, 1));
    records.extend([
        Record::FeatureLevel(FeatureLevelRecord {
            name: "metadata.version".into(),
            feature_level: 7,
        }),
        Record::RegisterBroker(RegisterBrokerRecord {
            broker_id: 1,
            incarnation_id: Uuid::from_u128(9),
            broker_epoch: 4,
            endpoints: vec![BrokerEndpoint {
                name: "PLAINTEXT".into(),
                host: "localhost".into(),
                port: 9092,
                security_protocol: 0,
            }],
            rack: None,
            fenced: false,
        }),
        config(ResourceType::Topic, "a", "retention.ms", Some("5")),
        config(ResourceType::Broker, "", "log.retention.ms", Some("6")),
        Record::ProducerIds(ProducerIdsRecord {
            broker_id: 1,
            broker_epoch: 4,
            next_producer_id: 1000,
        }),
        Record::NoOp,
    ]);
    Image::empty("cluster").after(&records, 11, 2).unwrap()
}

#[test]
fn topics_are_found_by_name_and_by_id_and_iterate_by_name() {
    let image = some_image();
    assert_eq!(
        image.topics().map(|topic| &*topic.name).collect::<Vec<_>>(),
        ["a", "b.c"]
    );
    assert_eq!(image.topic("b.c").unwrap().id, Uuid::from_u128(2));
    assert_eq!(&*image.topic_by_id(Uuid::from_u128(1)).unwrap().name, "a");
    assert_eq!((image.topic_count(), image.partition_count()), (2, 4));
    assert!(image.topic("c").is_none());
    assert!(image.topic("a").unwrap().partition(-1).is_none());
    assert_eq!((image.offset(), image.epoch()), (11, 2));
}

#[test]
fn a_snapshot_makes_the_same_image() {
    let image = some_image();
    let records: Vec<Record> = image.snapshot().collect();
    assert_eq!(Image::empty("cluster").after(&records, 11, 2).unwrap(), image);
}

#[test]
fn a_removed_topic_takes_its_partitions_and_configuration_along() {
    let image = some_image();
    let remove = |id| {
        Record::RemoveTopic(RemoveTopicRecord {
            topic_id: Uuid::from_u128(id),
        })
    };
    let after = image.after(&[remove(1), remove(2)], 13, 2).unwrap();
    assert_eq!((after.topic_count(), after.partition_count()), (0, 0));
    assert!(after.overrides(ResourceType::Topic, "a").is_empty());
    assert_eq!(after.resources(ResourceType::Topic).count(), 0);
    assert_eq!(after.colliding_topic("b_c"), None);
    // The image before is as it was.
    assert_eq!(image, some_image());
    assert_eq!(image.colliding_topic("b_c"), Some("b.c"));
}

#[test]
fn the_last_value_removed_leaves_no_resource() {
    let image = some_image();
    let after = image
        .after(&[config(ResourceType::Broker, "", "log.retention.ms", None)], 12, 2)
        .unwrap();
    assert_eq!(after.resources(ResourceType::Broker).count(), 0);
    let unknown = image
        .after(&[config(ResourceType::Group, "g", "x", None)], 12, 2)
        .unwrap();
    assert_eq!(unknown.resources(ResourceType::Group).count(), 0);
}

#[test]
fn a_change_of_leader_begins_an_epoch() {
    let change = |leader, isr| {
        Record::PartitionChange(PartitionChangeRecord {
            partition_id: 0,
            topic_id: Uuid::from_u128(1),
            isr,
            leader,
            replicas: None,
            removing_replicas: None,
            adding_replicas: None,
        })
    };
    let after = some_image()
        .after(&[change(Some(2), None), change(None, Some(vec![2, 1]))], 13, 2)
        .unwrap();
    let partition = after.topic("a").unwrap().partition(0).unwrap();
    assert_eq!(
        (partition.leader, partition.leader_epoch, partition.partition_epoch),
        (2, 1, 2)
    );
    assert_eq!(
        (&*partition.isr, &*partition.replicas),
        ([2, 1].as_slice(), [1].as_slice())
    );
}

#[test]
fn a_record_that_does_not_fit_is_an_error() {
    let image = some_image();
    let apply = |record: Record| image.after(&[record], 12, 2).unwrap_err();
    let topic_record = |name: &str, id| {
        Record::Topic(TopicRecord {
            name: name.into(),
            topic_id: Uuid::from_u128(id),
        })
    };
    let partition = |id, index| Record::Partition(Partition::created(&[1], &[1]).record(Uuid::from_u128(id), index));
    assert!(matches!(apply(topic_record("x", 1)), ImageError::TopicIdInUse { .. }));
    assert!(matches!(apply(topic_record("a", 7)), ImageError::TopicNameInUse { .. }));
    assert!(matches!(apply(partition(7, 0)), ImageError::UnknownTopic { .. }));
    assert!(matches!(
        apply(partition(1, 0)),
        ImageError::PartitionOutOfOrder { expected: 1, .. }
    ));
    assert!(matches!(apply(partition(1, 2)), ImageError::PartitionOutOfOrder { .. }));
    assert!(matches!(
        apply(partition(1, -1)),
        ImageError::PartitionOutOfOrder { .. }
    ));
    let change = PartitionChangeRecord {
        partition_id: 1,
        topic_id: Uuid::from_u128(1),
        isr: None,
        leader: None,
        replicas: None,
        removing_replicas: None,
        adding_replicas: None,
    };
    assert!(matches!(
        apply(Record::PartitionChange(change)),
        ImageError::UnknownPartition { index: 1, .. }
    ));
    let unknown = ConfigRecord {
        resource_type: 8,
        resource_name: "1".into(),
        name: "x".into(),
        value: None,
    };
    assert!(matches!(
        apply(Record::Config(unknown)),
        ImageError::UnknownResourceType { code: 8 }
    ));
    let ids = ProducerIdsRecord {
        broker_id: 1,
        broker_epoch: 4,
        next_producer_id: 999,
    };
    assert!(matches!(
        apply(Record::ProducerIds(ids)),
        ImageError::ProducerIdsWentBack { .. }
    ));
}

#[test]
fn ten_thousand_topics_are_replayed_without_copying_the_maps() {
    // Copying the maps for each record would take minutes here.
    let records: Vec<Record> = (0..10_000u128)
        .flat_map(|id| topic(&format!("t_{id}"), id + 1, 3))
        .collect();
    let image = Image::empty("cluster")
        .after(&records, records.len() as i64 - 1, 1)
        .unwrap();
    assert_eq!((image.topic_count(), image.partition_count()), (10_000, 30_000));
    assert_eq!(image.snapshot().count(), records.len());
}
