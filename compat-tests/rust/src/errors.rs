//! What is refused, and that nothing is left behind by it. The broker runs with auto.create.topics.enable=false.

use std::sync::Arc;
use std::time::Duration;

use futures_executor::block_on;
use rdkafka::admin::{AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use crate::admin::{alter, configs, delete_group};
use crate::checks::{Checks, Outcome, Problem, equal, eventually, holds, patience};
use crate::cluster::{Body, Cluster, poll};
use crate::record::{Record, noise, now_ms, same, samples};

pub fn register(checks: &mut Checks, cluster: &Arc<Cluster>) {
    let bodies: [(&str, Body); 11] = [
        ("unknown_topic", unknown_topic),
        ("message_too_large", message_too_large),
        ("invalid_topic", invalid_topic),
        ("duplicate_topic", duplicate_topic),
        ("invalid_config", invalid_config),
        ("invalid_shape", invalid_shape),
        ("offset_out_of_range", offset_out_of_range),
        ("unknown_partition", unknown_partition),
        ("no_key", no_key),
        ("timestamp", timestamp),
        ("group_not_found", group_not_found),
    ];
    for (name, body) in bodies {
        let cluster = Arc::clone(cluster);
        checks.add(format!("error.{name}"), move || body(&cluster));
    }
}

/// The error of producing one record, if any.
pub fn produce_code(
    cluster: &Cluster,
    topic: &str,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    timestamp: Option<i64>,
    partition: i32,
) -> Result<Option<Code>, Problem> {
    let settings = [
        ("message.timeout.ms", "20000"),
        ("topic.metadata.propagation.max.ms", "1000"),
    ];
    let mut sender = cluster.producer(&settings)?;
    let record = Record::new(partition, timestamp.unwrap_or_else(now_ms), key, value);
    sender.send(topic, &record, Some(partition))?;
    let answer = sender.close()?.into_iter().next().ok_or("no answer")?;
    Ok(answer.err().and_then(|error| error.rdkafka_error_code()))
}

/// The first error that the consumer is told.
fn error_of(consumer: &BaseConsumer) -> Result<Option<Code>, Problem> {
    let mut code = None;
    eventually("an error", || {
        if let Some(Err(error)) = consumer.poll(Duration::from_millis(200)) {
            code = error.rdkafka_error_code();
        }
        Ok(code.is_some())
    })?;
    Ok(code)
}

fn grow(cluster: &Cluster, topic: &str, count: usize) -> Result<Option<Code>, Problem> {
    let answers = block_on(
        cluster
            .admin
            .create_partitions([&NewPartitions::new(topic, count)], &AdminOptions::new()),
    )?;
    Ok(answers
        .into_iter()
        .next()
        .ok_or("no answer")?
        .err()
        .map(|(_, code)| code))
}

/// Producing to a missing topic and reading it fail, and do not create it.
fn unknown_topic(cluster: &Cluster) -> Outcome {
    let missing = cluster.name("missing");
    let code = produce_code(cluster, &missing, None, Some(b"v"), None, 0)?;
    holds(
        matches!(code, Some(Code::UnknownTopic | Code::UnknownTopicOrPartition)),
        format_args!("producing: {code:?}"),
    )?;
    let consumer = cluster.consumer(&[])?;
    consumer.subscribe(&[&missing])?;
    equal(Some(Code::UnknownTopicOrPartition), error_of(&consumer)?, "reading")?;
    let deleted = block_on(cluster.admin.delete_topics(&[&missing], &AdminOptions::new()))?;
    let deleted = deleted.into_iter().next().and_then(Result::err).map(|(_, code)| code);
    equal(Some(Code::UnknownTopicOrPartition), deleted, "deleting")?;
    equal(
        Some(Code::UnknownTopicOrPartition),
        grow(cluster, &missing, 2)?,
        "growing",
    )?;
    let metadata = cluster.admin.inner().fetch_metadata(None, patience())?;
    holds(
        metadata.topics().iter().all(|topic| topic.name() != missing),
        "it was created",
    )?;
    Ok("refused in 4 ways".into())
}

/// A refused record takes no offset.
fn message_too_large(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("too-large", 1, &[("max.message.bytes", "2000")])?;
    let code = produce_code(cluster, &topic, None, Some(&noise(4000, 1)), None, 0)?;
    equal(Some(Code::MessageSizeTooLarge), code, "error")?;
    cluster.round_trip(&topic, &samples(1, 1, 1), &[])
}

fn creating(cluster: &Cluster, topic: &NewTopic<'_>) -> Option<Code> {
    cluster.create(topic, &AdminOptions::new()).err()
}

fn invalid_topic(cluster: &Cluster) -> Outcome {
    let long = "x".repeat(250);
    let names = ["with space", "..", ".", "ä", "a/b", &long];
    for name in names {
        let code = creating(cluster, &NewTopic::new(name, 1, TopicReplication::Fixed(1)));
        equal(Some(Code::InvalidTopic), code, format_args!("creating '{name}'"))?;
    }
    Ok(format!("{} names", names.len()))
}

fn duplicate_topic(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("duplicate", 1, &[])?;
    let code = creating(cluster, &NewTopic::new(&topic, 1, TopicReplication::Fixed(1)));
    equal(Some(Code::TopicAlreadyExists), code, "the duplicate")?;
    Ok("TopicAlreadyExists".into())
}

fn invalid_config(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("invalid-config", 1, &[])?;
    let wrong = [
        ("retention.ms", "soon"),
        ("cleanup.policy", "shred"),
        ("max.message.bytes", "-5"),
        ("no.such.setting", "1"),
        ("segment.bytes", "1000"),
    ];
    for (name, value) in wrong {
        let other = cluster.name("wrong");
        let code = creating(
            cluster,
            &NewTopic::new(&other, 1, TopicReplication::Fixed(1)).set(name, value),
        );
        equal(
            Some(Code::InvalidConfig),
            code,
            format_args!("creating with {name}={value}"),
        )?;
    }
    // The client does not tell what the broker answered to altering one; it has no effect.
    for (name, value) in wrong {
        let _ = alter(cluster, &topic, &[(name, value)]);
        let found = configs(cluster, ResourceSpecifier::Topic(&topic))?;
        holds(
            crate::admin::value(&found, name).as_deref() != Some(value),
            format_args!("{name}={value} was taken"),
        )?;
    }
    Ok(format!("{} settings, each twice", wrong.len()))
}

fn invalid_shape(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("shape", 3, &[])?;
    let other = cluster.name("shape-other");
    let code = creating(cluster, &NewTopic::new(&other, 1, TopicReplication::Fixed(3)));
    equal(Some(Code::InvalidReplicationFactor), code, "three replicas")?;
    for count in [2, 3] {
        let code = grow(cluster, &topic, count)?;
        equal(
            Some(Code::InvalidPartitions),
            code,
            format_args!("{count} partitions where there are 3"),
        )?;
    }
    Ok("partitions and replicas".into())
}

fn offset_out_of_range(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("out-of-range", 1, &[])?;
    let records = cluster.send(&topic, &samples(1, 10, 1), &[])?;
    let from = |offset| -> Result<BaseConsumer, Problem> {
        let consumer = cluster.consumer(&[])?;
        let mut parts = TopicPartitionList::new();
        parts.add_partition_offset(&topic, 0, Offset::Offset(offset))?;
        consumer.assign(&parts)?;
        Ok(consumer)
    };
    equal(Some(Code::AutoOffsetReset), error_of(&from(11)?)?, "reading")?;
    same(&records[9..], &poll(&from(9)?, 1)?)?;
    Ok("AutoOffsetReset".into())
}

fn unknown_partition(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("unknown-partition", 2, &[])?;
    equal(
        Some(Code::UnknownPartition),
        produce_code(cluster, &topic, None, Some(b"v"), None, 2)?,
        "producing",
    )?;
    let ends = cluster.consumer(&[])?.fetch_watermarks(&topic, 2, patience());
    let code = ends.err().and_then(|error| error.rdkafka_error_code());
    equal(Some(Code::UnknownPartition), code, "asking for its ends")?;
    equal(Vec::new(), cluster.read(&topic, &[])?, "records")?;
    Ok("partition 2 of 2".into())
}

/// Compacted topics take no record without a key.
fn no_key(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("no-key", 1, &[("cleanup.policy", "compact")])?;
    let code = produce_code(cluster, &topic, None, Some(b"no key"), None, 0)?;
    equal(Some(Code::InvalidRecord), code, "error")?;
    cluster.round_trip(&topic, &samples(1, 3, 1), &[])
}

/// Timestamps outside the topic's bounds.
fn timestamp(cluster: &Cluster) -> Outcome {
    let bounds = [
        ("message.timestamp.before.max.ms", "60000"),
        ("message.timestamp.after.max.ms", "60000"),
    ];
    let topic = cluster.topic("timestamp", 1, &bounds)?;
    for wrong in [now_ms() - 3_600_000, now_ms() + 3_600_000] {
        let code = produce_code(cluster, &topic, None, Some(b"v"), Some(wrong), 0)?;
        equal(Some(Code::InvalidTimestamp), code, "error")?;
    }
    cluster.round_trip(&topic, &samples(1, 3, 1), &[])
}

fn group_not_found(cluster: &Cluster) -> Outcome {
    let code = delete_group(cluster, &cluster.name("nobody"))?;
    equal(Some(Code::GroupIdNotFound), code, "deleting")?;
    Ok("GroupIdNotFound".into())
}
