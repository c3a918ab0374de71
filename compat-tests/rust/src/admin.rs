//! Admin calls on topics, configs and groups, as far as the client has them.

use std::sync::Arc;

use futures_executor::block_on;
use rdkafka::admin::{
    AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;

use crate::checks::{Checks, Outcome, Problem, equal, eventually, holds, patience};
use crate::cluster::{Body, Cluster, Settings};
use crate::errors::produce_code;
use crate::record::{noise, samples};
use crate::scene::Scene;

pub fn register(checks: &mut Checks, cluster: &Arc<Cluster>) {
    let bodies: [(&str, Body); 9] = [
        ("create_topics", create_topics),
        ("delete_topics", delete_topics),
        ("create_partitions", create_partitions),
        ("describe_topics", describe_topics),
        ("describe_configs", describe_configs),
        ("describe_broker", describe_broker),
        ("alter_configs", alter_configs),
        ("configs_act", configs_act),
        ("groups", groups),
    ];
    for (name, body) in bodies {
        let cluster = Arc::clone(cluster);
        checks.add(format!("admin.{name}"), move || body(&cluster));
    }
}

fn names(cluster: &Cluster) -> Result<Vec<String>, Problem> {
    let metadata = cluster.admin.inner().fetch_metadata(None, patience())?;
    Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
}

fn partitions(cluster: &Cluster, topic: &str) -> Result<usize, Problem> {
    let metadata = cluster.admin.inner().fetch_metadata(Some(topic), patience())?;
    Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len()))
}

fn node(cluster: &Cluster) -> Result<i32, Problem> {
    let metadata = cluster.admin.inner().fetch_metadata(None, patience())?;
    Ok(metadata.brokers().first().ok_or("no broker")?.id())
}

pub fn configs(cluster: &Cluster, resource: ResourceSpecifier<'_>) -> Result<ConfigResource, Problem> {
    let mut answers = block_on(cluster.admin.describe_configs([&resource], &AdminOptions::new()))?;
    Ok(answers.pop().ok_or("no answer")??)
}

pub fn value(configs: &ConfigResource, name: &str) -> Option<String> {
    configs.get(name).and_then(|entry| entry.value.clone())
}

/// By count, by assignment, with configs; validating creates nothing.
fn create_topics(cluster: &Cluster) -> Outcome {
    let [counted, assigned, validated] =
        ["counted", "assigned", "validated"].map(|w| cluster.name(&format!("create-{w}")));
    let node = node(cluster)?;
    let replicas = [&[node][..], &[node]];
    let options = AdminOptions::new();
    cluster.create(
        &NewTopic::new(&counted, 3, TopicReplication::Fixed(1)).set("retention.ms", "123456"),
        &options,
    )?;
    cluster.create(
        &NewTopic::new(&assigned, 2, TopicReplication::Variable(&replicas)),
        &options,
    )?;
    cluster.create(
        &NewTopic::new(&validated, 1, TopicReplication::Fixed(1)),
        &options.validate_only(true),
    )?;
    eventually("topics", || {
        let names = names(cluster)?;
        Ok(names.contains(&counted) && names.contains(&assigned))
    })?;
    equal(
        (3, 2),
        (partitions(cluster, &counted)?, partitions(cluster, &assigned)?),
        "partitions",
    )?;
    let found = configs(cluster, ResourceSpecifier::Topic(&counted))?;
    equal(Some("123456".into()), value(&found, "retention.ms"), "config")?;
    holds(!names(cluster)?.contains(&validated), "validating created the topic")?;
    Ok("3 topics".into())
}

/// A topic made again under the same name is empty.
fn delete_topics(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("delete", 2, &[])?;
    cluster.send(&topic, &samples(2, 50, 1), &[])?;
    for answer in block_on(cluster.admin.delete_topics(&[&topic], &AdminOptions::new()))? {
        answer.map_err(|(_, code)| code)?;
    }
    eventually("gone", || Ok(!names(cluster)?.contains(&topic)))?;
    eventually("the name is free", || {
        let again = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        match cluster.create(&again, &AdminOptions::new()) {
            Ok(()) => Ok(true),
            Err(RDKafkaErrorCode::TopicAlreadyExists) => Ok(false),
            Err(other) => Err(other.into()),
        }
    })?;
    cluster.await_partitions(&topic, 1)?;
    cluster.round_trip(&topic, &samples(1, 40, 2), &[])
}

fn create_partitions(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("create-partitions", 1, &[])?;
    for answer in block_on(
        cluster
            .admin
            .create_partitions([&NewPartitions::new(&topic, 4)], &AdminOptions::new()),
    )? {
        answer.map_err(|(_, code)| code)?;
    }
    cluster.await_partitions(&topic, 4)?;
    equal(4, partitions(cluster, &topic)?, "partitions")?;
    cluster.round_trip(&topic, &samples(4, 100, 2), &[])
}

fn describe_topics(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("describe", 3, &[])?;
    let metadata = cluster.admin.inner().fetch_metadata(Some(&topic), patience())?;
    let broker = metadata.brokers().first().ok_or("no broker")?;
    equal(
        cluster.bootstrap.clone(),
        format!("{}:{}", broker.host(), broker.port()),
        "address",
    )?;
    let found = metadata.topics().first().ok_or("no topic")?;
    for (index, partition) in found.partitions().iter().enumerate() {
        let expected = (index as i32, broker.id(), &[broker.id()][..], &[broker.id()][..]);
        let found = (
            partition.id(),
            partition.leader(),
            partition.replicas(),
            partition.isr(),
        );
        equal(expected, found, "number, leader, replicas, in-sync ones")?;
    }
    equal(3, found.partitions().len(), "partitions")?;
    Ok("3 partitions".into())
}

fn describe_configs(cluster: &Cluster) -> Outcome {
    let own = [("cleanup.policy", "compact,delete"), ("segment.bytes", "2000000")];
    let topic = cluster.topic("describe-configs", 1, &own)?;
    let found = configs(cluster, ResourceSpecifier::Topic(&topic))?;
    for (name, value, source) in [
        ("cleanup.policy", "compact,delete", ConfigSource::DynamicTopic),
        ("segment.bytes", "2000000", ConfigSource::DynamicTopic),
        ("retention.ms", "604800000", ConfigSource::Default),
        ("max.message.bytes", "1048588", ConfigSource::Default),
        ("compression.type", "producer", ConfigSource::Default),
    ] {
        let entry = found.get(name).ok_or_else(|| format!("no {name}"))?;
        equal(
            (Some(value.to_owned()), &source),
            (entry.value.clone(), &entry.source),
            name,
        )?;
    }
    Ok(format!("{} settings", found.entries.len()))
}

fn describe_broker(cluster: &Cluster) -> Outcome {
    let found = configs(cluster, ResourceSpecifier::Broker(node(cluster)?))?;
    equal(
        Some("false".into()),
        value(&found, "auto.create.topics.enable"),
        "auto.create.topics.enable",
    )?;
    equal(
        Some("1048588".into()),
        value(&found, "message.max.bytes"),
        "message.max.bytes",
    )?;
    holds(
        found.get("node.id").is_some_and(|entry| entry.is_read_only),
        "node.id is not read-only",
    )?;
    Ok(format!("{} settings", found.entries.len()))
}

/// Sets these; all others go back to their defaults (the client has no incremental call).
pub fn alter(cluster: &Cluster, topic: &str, settings: Settings<'_>) -> Result<(), RDKafkaErrorCode> {
    let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
    for (name, value) in settings {
        change = change.set(name, value);
    }
    match block_on(cluster.admin.alter_configs([&change], &AdminOptions::new())) {
        Ok(answers) => match answers.into_iter().next() {
            Some(Err((_, code))) => Err(code),
            _ => Ok(()),
        },
        Err(error) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)),
    }
}

fn alter_configs(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("alter", 1, &[("cleanup.policy", "delete"), ("retention.bytes", "1000")])?;
    alter(
        cluster,
        &topic,
        &[("retention.ms", "3600000"), ("cleanup.policy", "compact")],
    )?;
    eventually("altered, and the rest is default", || {
        let found = configs(cluster, ResourceSpecifier::Topic(&topic))?;
        let values = ["retention.ms", "cleanup.policy", "retention.bytes"].map(|name| value(&found, name));
        Ok(values == ["3600000", "compact", "-1"].map(|value| Some(value.to_owned())))
    })?;
    Ok("2 set, 1 default again".into())
}

/// A new max.message.bytes refuses, a larger one takes again.
fn configs_act(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("configs-act", 1, &[])?;
    let big = noise(20_000, 1);
    let answer = || produce_code(cluster, &topic, None, Some(&big), None, 0);
    equal(None, answer()?, "error before")?;
    alter(cluster, &topic, &[("max.message.bytes", "10000")])?;
    eventually("refused", || {
        Ok(answer()? == Some(RDKafkaErrorCode::MessageSizeTooLarge))
    })?;
    alter(cluster, &topic, &[("max.message.bytes", "30000")])?;
    eventually("taken", || Ok(answer()?.is_none()))?;
    Ok("refused and taken".into())
}

/// Listed, described with members, deleted when empty.
fn groups(cluster: &Cluster) -> Outcome {
    let seen = [("client.id", "seen"), ("partition.assignment.strategy", "range")];
    let mut scene = Scene::new(cluster, "admin-groups")?;
    scene.join("a", &seen)?;
    scene.join("b", &seen)?;
    scene.settle()?;
    let members = vec![("seen".to_owned(), "/127.0.0.1".to_owned()); 2];
    equal(
        Some(("Stable".into(), "range".into(), members)),
        scene.describe()?,
        "the group",
    )?;
    let listed = |group: &str| -> Result<bool, Problem> {
        let found = cluster.consumer(&[])?.fetch_group_list(None, patience())?;
        Ok(found.groups().iter().any(|each| each.name() == group))
    };
    holds(listed(&scene.group)?, "not listed")?;
    equal(
        Some(RDKafkaErrorCode::NonEmptyGroup),
        delete_group(cluster, &scene.group)?,
        "deleting with members",
    )?;
    scene.end("a");
    scene.end("b");
    eventually("empty", || {
        Ok(scene.describe()?.is_some_and(|(state, _, _)| state == "Empty"))
    })?;
    equal(None, delete_group(cluster, &scene.group)?, "deleting")?;
    holds(!listed(&scene.group)?, "listed after it was deleted")?;
    Ok("listed, described, deleted".into())
}

/// Deletes a group, or says why not.
pub fn delete_group(cluster: &Cluster, group: &str) -> Result<Option<RDKafkaErrorCode>, Problem> {
    let answers = block_on(cluster.admin.delete_groups(&[group], &AdminOptions::new()))?;
    Ok(answers
        .into_iter()
        .next()
        .ok_or("no answer")?
        .err()
        .map(|(_, code)| code))
}
