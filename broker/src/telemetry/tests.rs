use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use proptest::prelude::*;
use storage::compression::{Codec, compress};
use uuid::Uuid;

use super::otlp::{AttributeValue, MAX_RESOURCE_ATTRIBUTES, MalformedMetrics, NumberKind, for_each_point};
use super::series::{MAX_BYTES, MAX_SERIES, MAX_SERIES_OF_CLIENT};
use super::{ClientIdentity, ClientTelemetry, MAX_INSTANCES, Push};
use crate::connection::ConnectionInfo;
use crate::controller::image::Image;
use crate::controller::record::{ConfigRecord, Record};
use crate::metrics::{Collector, Limit, LimitCounters, TextWriter};

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn fixed(number: u64, bits: u64) -> Vec<u8> {
    [varint(number << 3 | 1), bits.to_le_bytes().to_vec()].concat()
}

fn integer(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn attribute(number: u64, key: &str, value: Vec<u8>) -> Vec<u8> {
    bytes(number, &[bytes(1, key.as_bytes()), bytes(2, &value)].concat())
}

fn text(value: &str) -> Vec<u8> {
    bytes(1, value.as_bytes())
}

fn gauge(name: &str, value: f64) -> Vec<u8> {
    let point = [fixed(4, value.to_bits()), attribute(7, "node_id", text("3"))].concat();
    bytes(2, &[bytes(1, name.as_bytes()), bytes(5, &bytes(1, &point))].concat())
}

fn sum(name: &str, value: i64, temporality: u64, is_monotonic: u64) -> Vec<u8> {
    let point = bytes(1, &fixed(6, value as u64));
    let sum = [point, integer(2, temporality), integer(3, is_monotonic)].concat();
    bytes(2, &[bytes(1, name.as_bytes()), bytes(7, &sum)].concat())
}

fn metrics_data(metrics: &[Vec<u8>]) -> Vec<u8> {
    let resource = bytes(1, &attribute(1, "group_id", text("g")));
    bytes(1, &[resource, bytes(2, &metrics.concat())].concat())
}

fn client() -> ClientIdentity {
    ClientIdentity {
        client_id: "producer-1".into(),
        software: Some(("apache-kafka-java".into(), "4.3.0".into())),
        source: "10.0.0.7:4711".parse().unwrap(),
    }
}

fn connection() -> Arc<ConnectionInfo> {
    Arc::new(ConnectionInfo {
        id: 1,
        peer: client().source,
        local: client().source,
        software: Default::default(),
    })
}

/// Subscriptions as the metadata has them.
fn image(subscriptions: &[(&str, &str, &str)]) -> Image {
    let records: Vec<_> = subscriptions
        .iter()
        .map(|(subscription, name, value)| {
            Record::Config(ConfigRecord {
                resource_type: 16,
                resource_name: (*subscription).to_owned(),
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
            })
        })
        .collect();
    Image::empty("cluster").after(&records, 0, 1).unwrap()
}

struct Rig {
    telemetry: ClientTelemetry,
    limits: Arc<LimitCounters>,
    connection: Arc<ConnectionInfo>,
}

impl Rig {
    fn new(subscriptions: &[(&str, &str, &str)]) -> Self {
        let limits = Arc::new(LimitCounters::default());
        let telemetry = ClientTelemetry::new(limits.clone());
        telemetry.set_subscriptions(&image(subscriptions));
        Rig {
            telemetry,
            limits,
            connection: connection(),
        }
    }

    fn ask(&self, id: u128, now_ms: u64) -> Result<super::Asked, ResponseError> {
        let new_id = || Uuid::from_u128(77);
        self.telemetry
            .subscription(Uuid::from_u128(id), &client(), &self.connection, new_id, now_ms)
    }

    fn push(&self, push: &Push<'_>, now_ms: u64) -> i16 {
        let checked = self.telemetry.check_push(push, &client(), &self.connection, now_ms);
        checked.err().map_or(0, |error| error.code())
    }

    fn text(&self) -> String {
        let mut out = TextWriter::default();
        self.telemetry.collect(&mut out);
        out.finish()
    }
}

fn push(id: u128, subscription_id: i32, metrics: &[u8]) -> Push<'_> {
    Push {
        instance_id: Uuid::from_u128(id),
        subscription_id,
        terminating: false,
        compression_type: 0,
        metrics,
        max_bytes: 100,
    }
}

const THROTTLED: i16 = 89;
const INVALID: i16 = 42;
const UNKNOWN_SUBSCRIPTION: i16 = 117;
const UNSUPPORTED: i16 = 76;
const TOO_LARGE: i16 = 118;

#[test]
fn a_client_is_asked_for_what_all_its_subscriptions_want() {
    let rig = Rig::new(&[
        ("all", "metrics", "org.b,org.a"),
        ("java", "metrics", "org.c"),
        ("java", "interval.ms", "1000"),
        (
            "java",
            "match",
            "client_software_name=apache.*,client_source_address=10[.]0[.]0[.]7",
        ),
        ("other", "metrics", "org.d"),
        ("other", "match", "client_id=producer"),
    ]);
    let asked = rig.ask(0, 0).unwrap();
    assert_eq!((asked.instance_id, asked.interval_ms), (Uuid::from_u128(77), 1000));
    assert_eq!(asked.metrics, ["org.a", "org.b", "org.c"]);
    rig.telemetry
        .set_subscriptions(&image(&[("all", "metrics", "*"), ("one", "metrics", "org.a")]));
    // What changed is told at once.
    let changed = rig.ask(77, 1).unwrap();
    assert_eq!((changed.metrics, changed.interval_ms), (vec!["*".to_owned()], 300_000));
    assert_ne!(changed.subscription_id, asked.subscription_id);
    assert_ne!(rig.ask(78, 1).unwrap().subscription_id, changed.subscription_id);
    rig.telemetry.set_subscriptions(&image(&[]));
    assert_eq!(rig.ask(77, 2).unwrap().metrics, Vec::<String>::new());
}

#[test]
fn who_comes_before_the_interval_is_over_is_told_so() {
    let rig = Rig::new(&[("all", "interval.ms", "1000")]);
    let id = rig.ask(5, 0).unwrap().subscription_id;
    assert_eq!(rig.ask(5, 999), Err(ResponseError::ThrottlingQuotaExceeded));
    assert_eq!(rig.push(&push(5, id, b""), 1), 0);
    assert_eq!(rig.push(&push(5, id, b""), 1_000), THROTTLED);
    assert_eq!(rig.push(&push(5, id, b""), 1_001), 0);
    assert_eq!(rig.ask(5, 2_000), Err(ResponseError::ThrottlingQuotaExceeded));
    let last = Push {
        terminating: true,
        ..push(5, id, b"")
    };
    assert_eq!(rig.push(&last, 2_000), 0);
    assert_eq!(rig.push(&last, 3_000), INVALID);
}

#[test]
fn pushes_are_checked_as_kafka_checks_them() {
    let rig = Rig::new(&[]);
    assert_eq!(rig.push(&push(0, 0, b""), 0), INVALID);
    assert_eq!(rig.push(&push(1, 0, b""), 0), INVALID);
    let id = rig.ask(5, 0).unwrap().subscription_id;
    assert_eq!(rig.push(&push(5, id ^ 1, b""), 0), UNKNOWN_SUBSCRIPTION);
    // The error is mended by asking, the interval is not.
    rig.ask(5, 1).unwrap();
    assert_eq!(rig.ask(5, 2), Err(ResponseError::ThrottlingQuotaExceeded));
    assert_eq!(rig.push(&push(5, id, b""), 2), THROTTLED);
    for (compression_type, expected) in [(-1, UNSUPPORTED), (5, UNSUPPORTED), (4, 0)] {
        let client = (10 + compression_type) as u128;
        let subscription_id = rig.ask(client, 0).unwrap().subscription_id;
        let push = Push {
            compression_type,
            ..push(client, subscription_id, b"")
        };
        assert_eq!(rig.push(&push, 0), expected, "{compression_type}");
    }
    let id = rig.ask(6, 0).unwrap().subscription_id;
    assert_eq!(rig.push(&push(6, id, &[0; 101]), 0), TOO_LARGE);
}

#[test]
fn a_client_is_forgotten_with_its_connection_or_after_three_intervals() {
    let mut rig = Rig::new(&[("all", "interval.ms", "100000")]);
    rig.ask(5, 0).unwrap();
    assert!(rig.text().contains("weir_client_instances 1"));
    rig.connection = connection();
    assert!(rig.text().contains("weir_client_instances 0"));
    rig.ask(5, 1).unwrap();
    assert!(rig.ask(5, 2).is_err());
    rig.ask(6, 300_001).unwrap();
    assert!(rig.text().contains("weir_client_instances 2"), "{}", rig.text());
    rig.ask(6, 300_002).unwrap_err();
    assert!(rig.text().contains("weir_client_instances 1"));
}

#[test]
fn more_clients_than_are_remembered() {
    let rig = Rig::new(&[]);
    for id in 0..MAX_INSTANCES as u128 + 10 {
        rig.ask(id + 2, id as u64).unwrap();
    }
    assert_eq!(rig.telemetry.state.lock().instances.len(), MAX_INSTANCES);
    assert_eq!(rig.telemetry.state.lock().expiries.len(), MAX_INSTANCES);
    // The first were forgotten, and may ask at once.
    rig.ask(2, 20_000).unwrap();
    rig.ask(100, 20_000).unwrap_err();
}

#[test]
fn what_is_pushed_becomes_series() {
    let rig = Rig::new(&[]);
    rig.ask(5, 0).unwrap();
    let metrics = [
        gauge("org.queue", 1.5),
        sum("org.sent", 7, 1, 1),
        sum("org.all", 9, 2, 1),
        sum("org.open", -3, 2, 0),
    ];
    let data = metrics_data(&metrics);
    for (compression_type, codec) in [(0, Codec::None), (4, Codec::Zstd), (1, Codec::Gzip)] {
        let compressed = match codec {
            Codec::None => data.clone(),
            codec => compress(codec, None, &data).unwrap(),
        };
        let push = Push {
            compression_type,
            ..push(5, 0, &compressed)
        };
        rig.telemetry.take(&push, &client(), 0).unwrap();
    }
    let text = rig.text();
    let labels = r#"client_instance_id="AAAAAAAAAAAAAAAAAAAABQ",client_id="producer-1",client_software_name="apache-kafka-java",client_software_version="4.3.0",group_id="g""#;
    for line in [
        format!(r#"weir_client_metric{{metric="org.queue",{labels},node_id="3"}} 1.5"#),
        format!(r#"weir_client_metric_total{{metric="org.sent",{labels}}} 21"#),
        format!(r#"weir_client_metric_total{{metric="org.all",{labels}}} 9"#),
        format!(r#"weir_client_metric{{metric="org.open",{labels}}} -3"#),
        "weir_client_metric_series 4".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    // They go some time after the last push.
    rig.telemetry.take(&push(6, 0, &data), &client(), 900_000).unwrap();
    assert!(!rig.text().contains("AAAAAAAAAAAAAAAAAAAABQ"));
    assert!(rig.text().contains("weir_client_metric_series 4"));
}

#[test]
fn one_client_cannot_make_series_without_end() {
    let rig = Rig::new(&[]);
    let metrics: Vec<_> = (0..MAX_SERIES_OF_CLIENT + 5)
        .map(|number| gauge(&format!("m{number}"), 1.0))
        .collect();
    let data = metrics_data(&metrics);
    rig.telemetry.take(&push(5, 0, &data), &client(), 0).unwrap();
    assert_eq!(rig.limits.get(Limit::ClientMetrics), 1);
    let text = rig.text();
    assert!(text.contains(&format!("weir_client_metric_series {MAX_SERIES_OF_CLIENT}")));
    assert!(text.contains("weir_client_metrics_dropped_total 5"));
    // What is there goes on.
    rig.telemetry
        .take(&push(5, 0, &metrics_data(&[gauge("m3", 8.0)])), &client(), 0)
        .unwrap();
    assert!(rig.text().contains("} 8\n"));
}

#[test]
fn clients_are_remembered_within_the_bounds() {
    let rig = Rig::new(&[]);
    let long = ClientIdentity {
        client_id: "c".repeat(1_000),
        ..client()
    };
    // No numbers, no client.
    rig.telemetry.take(&push(5, 0, &metrics_data(&[])), &long, 0).unwrap();
    assert!(rig.telemetry.series.lock().clients.is_empty());
    let data = metrics_data(&[gauge("m", 1.0)]);
    for id in 0..MAX_SERIES as u128 + 10 {
        rig.telemetry.take(&push(10 + id, 0, &data), &long, 0).unwrap();
    }
    let series = rig.telemetry.series.lock();
    assert!(series.bytes <= MAX_BYTES && series.clients.len() <= MAX_SERIES);
    assert!(series.clients.len() > 10_000);
    drop(series);
    assert!(rig.limits.get(Limit::ClientMetrics) > 0);
    rig.telemetry
        .take(&push(5, 0, &metrics_data(&[])), &long, 10_000_000)
        .unwrap();
    assert_eq!(rig.telemetry.series.lock().bytes, 0);
}

#[test]
fn a_large_resource_is_read_once_for_all_its_numbers() {
    let attributes: Vec<u8> = (0..20_000).flat_map(|_| attribute(1, "k", text("v"))).collect();
    let points: Vec<u8> = (0..20_000).flat_map(|_| bytes(1, &fixed(4, 0))).collect();
    let metric = bytes(2, &[bytes(1, b"m"), bytes(5, &points)].concat());
    let data = bytes(1, &[bytes(1, &attributes), bytes(2, &metric)].concat());
    let (mut seen, mut most) = (0, 0);
    for_each_point(&data, &mut |point| {
        let mut count = 0;
        point.for_each_attribute(&mut |_, _| count += 1).unwrap();
        (seen, most) = (seen + 1, most.max(count));
    })
    .unwrap();
    assert_eq!((seen, most), (20_000, MAX_RESOURCE_ATTRIBUTES));
}

#[test]
fn subscriptions_that_stay_as_they_are_change_nothing_for_clients() {
    let subscriptions = [("all", "interval.ms", "1000"), ("all", "metrics", "org.a")];
    let rig = Rig::new(&subscriptions);
    rig.ask(5, 0).unwrap();
    rig.telemetry.set_subscriptions(&image(&subscriptions));
    assert_eq!(rig.ask(5, 1), Err(ResponseError::ThrottlingQuotaExceeded));
    rig.telemetry
        .set_subscriptions(&image(&[("all", "interval.ms", "1000"), ("all", "metrics", "org.b")]));
    assert_eq!(rig.ask(5, 1).unwrap().metrics, ["org.b"]);
}

#[test]
fn labels_are_what_prometheus_takes() {
    let rig = Rig::new(&[]);
    let long = "x".repeat(1_000);
    let names = ["client_id", "a.b", "9", "", "__name__", "é"];
    let attributes: Vec<u8> = names
        .iter()
        .flat_map(|name| attribute(7, name, text("v\"\n")))
        .collect();
    let point = [fixed(4, 1f64.to_bits()), attributes, attribute(7, "long", text(&long))].concat();
    let metric = bytes(2, &[bytes(1, long.as_bytes()), bytes(5, &bytes(1, &point))].concat());
    rig.telemetry
        .take(&push(5, 0, &metrics_data(&[metric])), &client(), 0)
        .unwrap();
    let text = rig.text();
    let line = text
        .lines()
        .find(|line| line.starts_with("weir_client_metric{"))
        .unwrap();
    for label in [
        "attribute_client_id=",
        "a_b=",
        "attribute_9=",
        "attribute_=",
        "attribute___name__=",
        ",_=",
    ] {
        assert!(line.contains(&format!("{label}\"v\\\"\\n\"")), "{label} {line}");
    }
    assert!(line.len() < 1_200);
}

#[test]
fn what_is_no_metrics_changes_nothing() {
    let rig = Rig::new(&[]);
    let good = metrics_data(&[gauge("org.queue", 1.0)]);
    let bad = [good.clone(), vec![0x0a, 0x7f]].concat();
    for data in [&b"abc"[..], &bad, &[0xff; 20], &[0x0b]] {
        assert_eq!(
            rig.telemetry.take(&push(5, 0, data), &client(), 0),
            Err(MalformedMetrics)
        );
    }
    let not_zstd = Push {
        compression_type: 4,
        ..push(5, 0, &good)
    };
    assert_eq!(rig.telemetry.take(&not_zstd, &client(), 0), Err(MalformedMetrics));
    assert!(rig.text().contains("weir_client_metric_series 0"));
}

#[test]
fn values_of_attributes() {
    let values = [
        text("t"),
        integer(2, 1),
        integer(3, u64::MAX),
        fixed(4, 0.5f64.to_bits()),
        bytes(5, b""),
    ];
    let attributes: Vec<u8> = values
        .iter()
        .flat_map(|value| attribute(7, "k", value.clone()))
        .collect();
    let point = [fixed(6, 4), attributes].concat();
    let data = metrics_data(&[bytes(2, &[bytes(1, b"m"), bytes(5, &bytes(1, &point))].concat())]);
    let mut seen = Vec::new();
    for_each_point(&data, &mut |point| {
        assert_eq!((point.name, point.kind, point.value), ("m", NumberKind::Gauge, 4.0));
        point.for_each_attribute(&mut |_, value| seen.push(value)).unwrap();
    })
    .unwrap();
    let expected = [
        AttributeValue::Text("g"),
        AttributeValue::Text("t"),
        AttributeValue::Bool(true),
        AttributeValue::Int(-1),
        AttributeValue::Double(0.5),
    ];
    assert_eq!(seen, expected);
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        _ = for_each_point(&bytes, &mut |point| _ = point.for_each_attribute(&mut |_, _| {}));
    }

    #[test]
    fn flipped_bytes_never_panic(at in 0usize..200, to in any::<u8>()) {
        let mut bytes = metrics_data(&[gauge("a", 1.0), sum("b", 2, 1, 1)]);
        let at = at % bytes.len();
        bytes[at] = to;
        _ = for_each_point(&bytes, &mut |point| point.for_each_attribute(&mut |_, _| {}).unwrap());
    }
}
