//! Committed offsets: written, read back by others, and where a group goes on.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::checks::{Checks, Outcome, Problem, equal, eventually, holds, patience};
use crate::cluster::{Body, Cluster, committed, poll};
use crate::record::{Record, now_ms, same, samples};

pub fn register(checks: &mut Checks, cluster: &Arc<Cluster>) {
    let bodies: [(&str, Body); 6] = [
        ("sync", commit_sync),
        ("async", commit_async),
        ("resume", resume),
        ("auto", auto),
        ("reset", reset),
        ("lag", lag),
    ];
    for (name, body) in bodies {
        let cluster = Arc::clone(cluster);
        checks.add(format!("commit.{name}"), move || body(&cluster));
    }
}

fn commit(consumer: &BaseConsumer, topic: &str, offsets: &[(i32, i64, &str)], mode: CommitMode) -> Result<(), Problem> {
    let mut parts = TopicPartitionList::new();
    for (number, offset, metadata) in offsets {
        let mut part = parts.add_partition(topic, *number);
        part.set_offset(Offset::Offset(*offset))?;
        part.set_metadata(*metadata);
    }
    Ok(consumer.commit(&parts, mode)?)
}

/// Offset and metadata come back, to another client; never committed ones are nothing.
fn commit_sync(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("commit-sync", 3, &[])?;
    let group = cluster.name("commit-sync");
    cluster.send(&topic, &samples(3, 300, 1), &[])?;
    let consumer = cluster.consumer(&[("group.id", &group)])?;
    let long = format!("größe {}", "m".repeat(1000));
    for (offset, metadata) in [(10, long.as_str()), (42, "again")] {
        commit(
            &consumer,
            &topic,
            &[(0, offset, metadata), (1, 99, "")],
            CommitMode::Sync,
        )?;
        let other = cluster.consumer(&[("group.id", &group)])?;
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&topic, 0, 2);
        let found = other.committed_offsets(asked, patience())?;
        let found: Vec<_> = found
            .elements()
            .iter()
            .map(|part| (part.offset(), part.metadata().to_owned()))
            .collect();
        let expected = [
            (Offset::Offset(offset), metadata),
            (Offset::Offset(99), ""),
            (Offset::Invalid, ""),
        ];
        equal(
            expected.map(|(offset, text)| (offset, text.to_owned())).to_vec(),
            found,
            "committed",
        )?;
    }
    Ok("2 partitions".into())
}

fn commit_async(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("commit-async", 1, &[])?;
    let group = cluster.name("commit-async");
    cluster.send(&topic, &samples(1, 100, 1), &[])?;
    let consumer = cluster.consumer(&[("group.id", &group)])?;
    for offset in 1..=50 {
        commit(&consumer, &topic, &[(0, offset, "")], CommitMode::Async)?;
    }
    eventually("the last is committed", || {
        consumer.poll(Duration::from_millis(20));
        Ok(cluster.committed(&group, &topic, 1)? == [50])
    })?;
    Ok("50 commits".into())
}

/// A second consumer of the group goes on where the first one stopped.
fn resume(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("commit-resume", 1, &[])?;
    let group = cluster.name("commit-resume");
    let records = cluster.send(&topic, &samples(1, 200, 2), &[])?;
    for quarter in records.chunks(50) {
        let consumer = cluster.consumer(&[("group.id", &group), ("auto.offset.reset", "earliest")])?;
        consumer.subscribe(&[&topic])?;
        same(quarter, &poll(&consumer, 50)?)?;
        consumer.commit_consumer_state(CommitMode::Sync)?;
    }
    Ok("4 consumers, 200 records".into())
}

/// Closing commits the position when auto-commit is on.
fn auto(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("commit-auto", 1, &[])?;
    let group = cluster.name("commit-auto");
    cluster.send(&topic, &samples(1, 60, 2), &[])?;
    let settings = [
        ("group.id", group.as_str()),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "true"),
    ];
    let consumer = cluster.consumer(&settings)?;
    consumer.subscribe(&[&topic])?;
    poll(&consumer, 60)?;
    drop(consumer);
    equal(vec![60], cluster.committed(&group, &topic, 1)?, "committed")?;
    Ok("offset 60".into())
}

/// A group without offsets starts where auto.offset.reset says.
fn reset(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("commit-reset", 1, &[])?;
    let records = cluster.send(&topic, &samples(1, 30, 2), &[])?;
    let member = |policy: &'static str| -> Result<BaseConsumer, Problem> {
        let group = cluster.name(&format!("reset-{policy}"));
        let consumer = cluster.consumer(&[("group.id", &group), ("auto.offset.reset", policy)])?;
        consumer.subscribe(&[&topic])?;
        Ok(consumer)
    };
    same(&records, &poll(&member("earliest")?, 30)?)?;
    let latest = member("latest")?;
    eventually("assigned", || {
        holds(
            latest.poll(Duration::from_millis(100)).is_none(),
            "a record before the end",
        )?;
        Ok(latest.assignment()?.count() > 0)
    })?;
    holds(latest.poll(Duration::from_secs(1)).is_none(), "a record before the end")?;
    let failing = member("error")?;
    let mut code = None;
    eventually("an error", || {
        if let Some(Err(error)) = failing.poll(Duration::from_millis(100)) {
            code = error.rdkafka_error_code();
        }
        Ok(code.is_some())
    })?;
    equal(Some(RDKafkaErrorCode::AutoOffsetReset), code, "error")?;
    Ok("3 policies".into())
}

/// The end of each partition less what the group has committed, before and after more comes.
fn lag(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("commit-lag", 3, &[])?;
    let group = cluster.name("commit-lag");
    cluster.send(&topic, &samples(3, 300, 3), &[])?;
    let consumer = cluster.consumer(&[("group.id", &group)])?;
    commit(
        &consumer,
        &topic,
        &[(0, 40, ""), (1, 100, ""), (2, 0, "")],
        CommitMode::Sync,
    )?;
    let lags = || -> Result<Vec<i64>, Problem> {
        let mut lags = committed(&consumer, &topic, 3)?;
        for (number, lag) in lags.iter_mut().enumerate() {
            *lag = consumer.fetch_watermarks(&topic, number as i32, patience())?.1 - *lag;
        }
        Ok(lags)
    };
    equal(vec![60, 0, 100], lags()?, "lags")?;
    let mut sender = cluster.producer(&[])?;
    for _ in 0..7 {
        sender.send(&topic, &Record::new(1, now_ms(), None, Some(b"more")), Some(1))?;
    }
    sender.close()?;
    equal(vec![60, 7, 100], lags()?, "lags after more came")?;
    Ok("3 partitions, twice".into())
}
