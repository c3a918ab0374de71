use kafka_protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use kafka_protocol::messages::{BrokerId, CreatePartitionsRequest, CreateTopicsRequest};

use crate::controller::decide::{create_partitions, create_topics};
use crate::controller::fixture::{Cluster, name, topic};

fn cluster() -> Cluster {
    let mut cluster = Cluster::of(3);
    let request = CreateTopicsRequest::default().with_topics(vec![topic("a", 2, 2), topic("b", 1, 1)]);
    cluster.decide(|context, ids| create_topics(context, &request, ids));
    cluster
}

fn more(topic: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic::default()
        .with_name(name(topic))
        .with_count(count)
        .with_assignments(None)
}

fn assigned(count: i32, assignments: &[&[i32]]) -> CreatePartitionsTopic {
    let assignments = assignments.iter().map(|brokers| {
        CreatePartitionsAssignment::default().with_broker_ids(brokers.iter().map(|id| BrokerId(*id)).collect())
    });
    more("a", count).with_assignments(Some(assignments.collect()))
}

fn codes(cluster: &mut Cluster, topics: Vec<CreatePartitionsTopic>) -> Vec<i16> {
    let request = CreatePartitionsRequest::default().with_topics(topics);
    let response = cluster.decide(|context, _| create_partitions(context, &request));
    response.results.iter().map(|result| result.error_code).collect()
}

#[test]
fn partitions_are_added_with_the_topics_replication_factor() {
    let mut cluster = cluster();
    assert_eq!(codes(&mut cluster, vec![more("a", 5), more("b", 2)]), [0, 0]);
    let a = cluster.image.topic("a").unwrap();
    assert_eq!(a.partitions.len(), 5);
    assert!(a.partitions.iter().all(|partition| partition.replicas.len() == 2));
    assert_eq!(cluster.image.partition_count(), 7);
}

#[test]
fn no_increase_is_37_and_no_topic_is_3() {
    let mut cluster = cluster();
    assert_eq!(
        codes(&mut cluster, vec![more("a", 2), more("b", 0), more("c", 5)]),
        [37, 37, 3]
    );
    assert_eq!(codes(&mut cluster, vec![more("a", -1)]), [37]);
    assert_eq!(codes(&mut cluster, vec![more("a", i32::MAX)]), [44]);
    cluster.settings.max_partitions = 4;
    assert_eq!(codes(&mut cluster, vec![more("a", 3), more("b", 2)]), [0, 37]);
}

#[test]
fn a_topic_named_twice_is_42_once() {
    let mut cluster = cluster();
    assert_eq!(
        codes(&mut cluster, vec![more("a", 3), more("b", 2), more("a", 4)]),
        [42, 0]
    );
}

#[test]
fn assignments_are_checked() {
    let mut cluster = cluster();
    assert_eq!(codes(&mut cluster, vec![assigned(4, &[&[1, 2]])]), [39]);
    assert_eq!(codes(&mut cluster, vec![assigned(3, &[&[1]])]), [39]);
    assert_eq!(codes(&mut cluster, vec![assigned(3, &[&[1, 9]])]), [39]);
    assert_eq!(codes(&mut cluster, vec![assigned(3, &[&[1, 1]])]), [39]);
    assert_eq!(codes(&mut cluster, vec![assigned(4, &[&[3, 2], &[2, 1]])]), [0]);
    assert_eq!(cluster.image.topic("a").unwrap().partitions[2].leader, 3);
}

#[test]
fn only_validating_changes_nothing() {
    let mut cluster = cluster();
    let request = CreatePartitionsRequest::default()
        .with_topics(vec![more("a", 5)])
        .with_validate_only(true);
    let response = cluster.decide(|context, _| create_partitions(context, &request));
    assert_eq!(
        (response.results[0].error_code, cluster.image.partition_count()),
        (0, 3)
    );
}
