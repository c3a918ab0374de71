//! Reading by assignment, under fetch limits, and from any place in the log.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::checks::{Checks, Outcome, Problem, equal, holds, patience};
use crate::cluster::{Body, Cluster, poll};
use crate::record::{Record, by_partition, now_ms, same, samples};

pub fn register(checks: &mut Checks, cluster: &Arc<Cluster>) {
    let bodies: [(&str, Body); 6] = [
        ("consume.assign", assign),
        ("consume.fetch_limits", fetch_limits),
        ("consume.read_committed", read_committed),
        ("seek.offset", seek_offset),
        ("seek.beginning_end", seek_ends),
        ("seek.time", seek_time),
    ];
    for (name, body) in bodies {
        let cluster = Arc::clone(cluster);
        checks.add(name, move || body(&cluster));
    }
}

fn assign_at(consumer: &BaseConsumer, topic: &str, partitions: &[i32], offset: Offset) -> Result<(), Problem> {
    let mut parts = TopicPartitionList::new();
    for number in partitions {
        parts.add_partition_offset(topic, *number, offset)?;
    }
    Ok(consumer.assign(&parts)?)
}

/// Nothing more comes.
fn quiet(consumer: &BaseConsumer) -> Result<(), Problem> {
    holds(
        consumer.poll(Duration::from_millis(500)).is_none(),
        "more came than was produced",
    )
}

/// Only the assigned partitions come, each whole and in order.
fn assign(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("assign", 3, &[])?;
    let mut expected = cluster.send(&topic, &samples(3, 900, 5), &[])?;
    expected.retain(|record| record.partition != 1);
    let consumer = cluster.consumer(&[])?;
    assign_at(&consumer, &topic, &[0, 2], Offset::Beginning)?;
    let found = poll(&consumer, expected.len())?;
    quiet(&consumer)?;
    same(&expected, &by_partition(found))
}

/// However small the limits, whole batches come and nothing is left out.
fn fetch_limits(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("fetch-limits", 2, &[])?;
    let expected = cluster.send(&topic, &samples(2, 1000, 6), &[("compression.type", "gzip")])?;
    let small = [
        ("fetch.message.max.bytes", "1000"),
        ("fetch.max.bytes", "65536"),
        ("message.max.bytes", "65536"),
    ];
    same(&expected, &cluster.read(&topic, &small)?)?;
    same(
        &expected,
        &cluster.read(&topic, &[("fetch.min.bytes", "100000"), ("fetch.wait.max.ms", "100")])?,
    )?;
    Ok(format!("{} records under 2 limits", expected.len()))
}

fn read_committed(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("read-committed", 1, &[])?;
    let expected = cluster.send(&topic, &samples(1, 200, 7), &[("enable.idempotence", "true")])?;
    same(
        &expected,
        &cluster.read(&topic, &[("isolation.level", "read_uncommitted")])?,
    )?;
    same(
        &expected,
        &cluster.read(&topic, &[("isolation.level", "read_committed")])?,
    )
}

/// Seeks land on the record, inside a compressed batch too.
fn seek_offset(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("seek-offset", 1, &[])?;
    let records = cluster.send(&topic, &samples(1, 1000, 8), &[("compression.type", "snappy")])?;
    let consumer = cluster.consumer(&[])?;
    assign_at(&consumer, &topic, &[0], Offset::Beginning)?;
    same(&records[..1], &poll(&consumer, 1)?)?;
    for offset in [500, 0, 999, 1, 777, 333] {
        consumer.seek(&topic, 0, Offset::Offset(offset as i64), patience())?;
        let end = 1000.min(offset + 100);
        same(&records[offset..end], &poll(&consumer, end - offset)?)?;
    }
    Ok("6 seeks".into())
}

fn seek_ends(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("seek-ends", 2, &[])?;
    let early = cluster.send(&topic, &samples(2, 100, 9), &[])?;
    let consumer = cluster.consumer(&[])?;
    for number in [0, 1] {
        equal(
            (0, 50),
            consumer.fetch_watermarks(&topic, number, patience())?,
            "ends of the log",
        )?;
    }
    assign_at(&consumer, &topic, &[0, 1], Offset::End)?;
    quiet(&consumer)?;
    let late = [0, 1].map(|number| Record::new(number, now_ms(), Some(b"late"), Some(b"v")).at(50));
    let mut sender = cluster.producer(&[])?;
    for record in &late {
        sender.send(&topic, record, Some(record.partition))?;
    }
    sender.close()?;
    same(&late, &by_partition(poll(&consumer, 2)?))?;
    for number in [0, 1] {
        consumer.seek(&topic, number, Offset::Beginning, patience())?;
    }
    let expected = by_partition([&early[..], &late[..]].concat());
    same(&expected, &by_partition(poll(&consumer, 102)?))
}

/// The first record at or after a time: inside batches, before all, after all.
fn seek_time(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("seek-time", 2, &[("retention.ms", "-1")])?;
    let start = 1_600_000_000_000;
    let records: Vec<Record> = (0..500)
        .map(|i| Record::new(0, start + 10 * i, Some(b"k"), Some(format!("v{i}").as_bytes())))
        .collect();
    let records = cluster.send(&topic, &records, &[("compression.type", "zstd")])?;
    let consumer = cluster.consumer(&[])?;
    let cases = [
        (0, Some(0)),
        (start, Some(0)),
        (start + 1, Some(1)),
        (start + 10, Some(1)),
        (start + 2495, Some(250)),
        (start + 4990, Some(499)),
        (start + 4991, None),
    ];
    for (time, offset) in cases {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset(&topic, 0, Offset::Offset(time))?;
        asked.add_partition_offset(&topic, 1, Offset::Offset(time))?;
        let found = consumer.offsets_for_times(asked, patience())?;
        let place = |number| found.find_partition(&topic, number).map(|part| part.offset());
        equal(
            Some(offset.map_or(Offset::End, Offset::Offset)),
            place(0),
            format_args!("offset at {time}"),
        )?;
        equal(Some(Offset::End), place(1), "offset in an empty partition")?;
        if let Some(offset) = offset {
            assign_at(&consumer, &topic, &[0], Offset::Offset(offset))?;
            same(&records[offset as usize..=offset as usize], &poll(&consumer, 1)?)?;
        }
    }
    Ok(format!("{} times", cases.len()))
}
