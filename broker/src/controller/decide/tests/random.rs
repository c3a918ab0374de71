//! Random requests, decided and applied one after the other.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest,
};
use kafka_protocol::protocol::StrBytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::controller::decide::*;
use crate::controller::fixture::{Cluster, config, name, registration, topic};
use crate::controller::image::Image;
use crate::controller::record::Record;

#[derive(Clone, Debug)]
enum Request {
    Create(Vec<CreatableTopic>, bool),
    Delete(Vec<DeleteTopicState>),
    MorePartitions(Vec<CreatePartitionsTopic>),
    Alter(Vec<AlterConfigsResource>),
    AutoCreate(Vec<String>),
    ProducerIds,
    Register(i32, u16),
}

fn topic_names() -> impl Strategy<Value = String> {
    prop_oneof!["[ab][._c]?", Just("__consumer_offsets".to_owned()), "[ .]{0,2}"]
}

fn requests() -> impl Strategy<Value = Request> {
    let settings = || option::of(("retention.ms|cleanup.policy|x", option::of("5|delete|compact")));
    let new_topic =
        (topic_names(), -2..5i32, -2..4i16, settings()).prop_map(|(name, partitions, replicas, setting)| {
            let configs = setting.map(|(name, value)| config(&name, value.as_deref()));
            topic(&name, partitions, replicas).with_configs(configs.into_iter().collect())
        });
    let deleted = topic_names().prop_map(|topic| DeleteTopicState::default().with_name(Some(name(&topic))));
    let grown = (topic_names(), -1..8i32).prop_map(|(topic, count)| {
        CreatePartitionsTopic::default()
            .with_name(name(&topic))
            .with_count(count)
            .with_assignments(None)
    });
    let change = ("retention.ms|cleanup.policy|x", -1..5i8, option::of("5|delete|compact"));
    let resource_type = prop::sample::select(vec![0i8, 2, 4, 8, 16, 32]);
    let altered = (resource_type, prop_oneof![topic_names(), "[123]?"], vec(change, 0..3)).prop_map(
        |(kind, resource, changes)| {
            let configs = changes.into_iter().map(|(name, operation, value)| {
                AlterableConfig::default()
                    .with_name(StrBytes::from_string(name))
                    .with_config_operation(operation)
                    .with_value(value.map(StrBytes::from_string))
            });
            AlterConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(StrBytes::from_string(resource))
                .with_configs(configs.collect())
        },
    );
    prop_oneof![
        4 => (vec(new_topic, 0..4), any::<bool>()).prop_map(|(topics, validate)| Request::Create(topics, validate)),
        2 => vec(deleted, 0..3).prop_map(Request::Delete),
        2 => vec(grown, 0..3).prop_map(Request::MorePartitions),
        3 => vec(altered, 0..3).prop_map(Request::Alter),
        1 => vec(topic_names(), 0..3).prop_map(Request::AutoCreate),
        1 => Just(Request::ProducerIds),
        1 => (1..5i32, 1..4u16).prop_map(|(id, port)| Request::Register(id, port)),
    ]
}

fn serve(cluster: &mut Cluster, request: Request) {
    match request {
        Request::Create(topics, validate_only) => {
            let request = CreateTopicsRequest::default()
                .with_topics(topics)
                .with_validate_only(validate_only);
            cluster.decide(|context, ids| create_topics(context, &request, ids));
        }
        Request::Delete(topics) => {
            let request = DeleteTopicsRequest::default().with_topics(topics);
            cluster.decide(|context, _| delete_topics(context, &request, 6));
        }
        Request::MorePartitions(topics) => {
            let request = CreatePartitionsRequest::default().with_topics(topics);
            cluster.decide(|context, _| create_partitions(context, &request));
        }
        Request::Alter(resources) => {
            let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
            cluster.decide(|context, _| incremental_alter_configs(context, &request));
        }
        Request::AutoCreate(names) => {
            cluster.decide(|context, ids| auto_create_topics(context, names.iter().map(|name| &**name), ids));
        }
        Request::ProducerIds => {
            let decision = allocate_producer_ids(&cluster.image, 1, PRODUCER_ID_BLOCK_SIZE).unwrap();
            cluster.apply(decision);
        }
        Request::Register(id, port) => {
            let decision = register_broker(&cluster.image, &registration(id, port));
            cluster.apply(decision);
        }
    }
}

proptest! {
    #[test]
    fn the_image_is_that_of_its_records_and_of_its_snapshot(
        brokers in 0..4i32,
        requests in vec(requests(), 0..30),
    ) {
        let mut cluster = Cluster::of(brokers);
        for request in requests {
            serve(&mut cluster, request);
        }
        let image = &cluster.image;
        let after = |records: &[Record]| {
            let read: Vec<Record> =
                records.iter().map(|record| Record::decode(&record.encode().unwrap()).unwrap()).collect();
            Image::empty("cluster").after(&read, image.offset(), image.epoch()).unwrap()
        };
        prop_assert_eq!(&after(&cluster.log), image);
        let snapshot: Vec<Record> = image.snapshot().collect();
        prop_assert_eq!(&after(&snapshot), image);
        prop_assert_eq!(image.snapshot().collect::<Vec<_>>(), snapshot);
        let partitions: usize = image.topics().map(|topic| topic.partitions.len()).sum();
        prop_assert_eq!(image.partition_count(), partitions);
        prop_assert!(image.topics().all(|topic| !topic.partitions.is_empty()));
    }
}
