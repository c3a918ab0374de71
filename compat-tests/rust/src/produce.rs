//! What a producer sends is what a consumer reads, to the byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::checks::{Checks, Outcome, equal, holds, number};
use crate::cluster::{Body, Cluster};
use crate::record::{Record, noise, now_ms, same, samples};

pub fn register(checks: &mut Checks, cluster: &Arc<Cluster>) {
    for acks in ["0", "1", "all"] {
        let cluster = Arc::clone(cluster);
        checks.add(format!("produce.acks_{acks}"), move || {
            let topic = cluster.topic(&format!("acks-{acks}"), 3, &[])?;
            cluster.round_trip(&topic, &samples(3, 500, 1), &[("acks", acks)])
        });
    }
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let cluster = Arc::clone(cluster);
        checks.add(format!("produce.codec_{codec}"), move || {
            let topic = cluster.topic(&format!("codec-{codec}"), 3, &[])?;
            cluster.round_trip(&topic, &samples(3, 2000, 2), &[("compression.type", codec)])
        });
    }
    let bodies: [(&str, Body); 9] = [
        ("topic_codec", topic_codec),
        ("idempotent", idempotent),
        ("large", large),
        ("nulls", nulls),
        ("headers", headers),
        ("create_time", create_time),
        ("log_append_time", log_append_time),
        ("partitioner", partitioner),
        ("volume", volume),
    ];
    for (name, body) in bodies {
        let cluster = Arc::clone(cluster);
        checks.add(format!("produce.{name}"), move || body(&cluster));
    }
}

/// The topic's codec replaces the producer's.
fn topic_codec(cluster: &Cluster) -> Outcome {
    let mut detail = String::new();
    for codec in ["uncompressed", "gzip", "snappy", "lz4", "zstd"] {
        let topic = cluster.topic(&format!("topic-codec-{codec}"), 1, &[("compression.type", codec)])?;
        detail = cluster.round_trip(&topic, &samples(1, 300, 3), &[("compression.type", "lz4")])?;
    }
    Ok(format!("5 codecs, each {detail}"))
}

/// Many small batches in flight at once stay in order, none twice.
fn idempotent(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("idempotent", 2, &[])?;
    let settings = [
        ("enable.idempotence", "true"),
        ("batch.num.messages", "3"),
        ("max.in.flight", "5"),
    ];
    cluster.round_trip(&topic, &samples(2, 3000, 4), &settings)
}

fn large(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("large", 2, &[])?;
    let record = |index: i32| {
        let key = format!("large {index}");
        let value = noise(1_000_000, index as u64);
        Record::new(
            index % 2,
            now_ms() + i64::from(index),
            Some(key.as_bytes()),
            Some(&value),
        )
    };
    let records: Vec<Record> = (0..8).map(record).collect();
    cluster.round_trip(&topic, &records, &[("message.max.bytes", "2000000")])
}

/// A tombstone is not an empty value, and no key is not the empty key.
fn nulls(cluster: &Cluster) -> Outcome {
    let mut records = Vec::new();
    for key in [None, Some(&b""[..]), Some(b"key")] {
        for value in [None, Some(&b""[..]), Some(b"value")] {
            records.push(Record::new(0, now_ms(), key, value));
        }
    }
    cluster.round_trip(&cluster.topic("nulls", 1, &[])?, &records, &[])?;
    cluster.round_trip(
        &cluster.topic("nulls-compressed", 1, &[])?,
        &records,
        &[("compression.type", "zstd")],
    )
}

/// Order, repeated names, null and empty values are kept.
fn headers(cluster: &Cluster) -> Outcome {
    let long = noise(200, 1);
    let rich = [
        ("twice", Some(&b"first"[..])),
        ("null", None),
        ("twice", Some(b"second")),
        ("empty", Some(b"")),
        ("größe", Some(&long)),
        ("twice", Some(b"first")),
    ];
    let mut many = Record::new(0, now_ms(), None, None);
    many.headers = (0..300)
        .map(|index| (format!("h{index}"), Some(vec![b'x'; index])))
        .collect();
    let bare = Record::new(0, now_ms(), Some(b"k"), Some(b"v"));
    let records = [bare.clone().with_headers(&rich), bare, many];
    cluster.round_trip(&cluster.topic("headers", 1, &[])?, &records, &[])
}

/// The producer's timestamps are kept, old ones and ones out of order too. (To librdkafka 0 means now.)
fn create_time(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("create-time", 1, &[("retention.ms", "-1")])?;
    let now = now_ms();
    let times = [now, 1, now - 86_400_000, now + 60_000, 1_500_000_000_000, now];
    let records: Vec<Record> = times.map(|time| Record::new(0, time, None, Some(b"at a time"))).into();
    cluster.round_trip(&topic, &records, &[])
}

/// The broker's clock replaces the producer's timestamps, in the answer and in the log.
fn log_append_time(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("append-time", 1, &[("message.timestamp.type", "LogAppendTime")])?;
    let before = now_ms();
    let mut sender = cluster.producer(&[("compression.type", "lz4"), ("linger.ms", "0")])?;
    let mut records = Vec::new();
    for index in 0..20 {
        let record = Record::new(0, 1000 + index, Some(b"k"), Some(format!("v{index}").as_bytes()));
        sender.send(&topic, &record, Some(0))?;
        sender.flush()?;
        records.push(record);
    }
    for (record, answer) in records.iter_mut().zip(sender.close()?) {
        let answer = answer?;
        holds(answer.appended, "the answer tells the producer's time")?;
        holds(
            (before..=now_ms()).contains(&answer.timestamp),
            format_args!("append time {}", answer.timestamp),
        )?;
        (record.offset, record.timestamp) = (answer.offset, answer.timestamp);
    }
    same(&records, &cluster.read(&topic, &[])?)
}

/// Without explicit partitions: a key always goes to the same one, and every record arrives.
fn partitioner(cluster: &Cluster) -> Outcome {
    let topic = cluster.topic("partitioner", 4, &[])?;
    let mut sender = cluster.producer(&[])?;
    let mut records = Vec::new();
    for index in 0..400 {
        let key = format!("key {}", index % 20);
        let key = (index % 2 == 1).then_some(key.as_bytes());
        let record = Record::new(0, now_ms(), key, Some(format!("value {index}").as_bytes()));
        sender.send(&topic, &record, None)?;
        records.push(record);
    }
    let mut homes = BTreeMap::new();
    for (record, answer) in records.iter_mut().zip(sender.close()?) {
        let answer = answer?;
        (record.partition, record.offset) = (answer.partition, answer.offset);
        if let Some(key) = &record.key {
            equal(
                *homes.entry(key.clone()).or_insert(answer.partition),
                answer.partition,
                "partition of a key",
            )?;
        }
    }
    records.sort();
    same(&records, &cluster.read(&topic, &[])?)
}

/// Enough records for one wrong one among thousands to show.
fn volume(cluster: &Cluster) -> Outcome {
    let count = number("WEIR_COMPAT_VOLUME", 5000) as usize;
    let topic = cluster.topic("volume", 3, &[])?;
    let queue = (2 * count).to_string();
    let settings = [("acks", "all"), ("queue.buffering.max.messages", queue.as_str())];
    cluster.round_trip(&topic, &samples(3, count, 12), &settings)
}
