//! Metrics of clients that are none.

use std::io;

use fuzz_bodies::schema::put_varint;
use kafka_protocol::messages::ApiKey;
use storage::compression::{Codec, compress};

use super::Target;
use crate::raw::{Raw, array, text};

/// As a compact array or text of the protocol stands: its length and one.
fn compact(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, bytes.len() as u32 + 1);
    out.extend(bytes);
    out
}

/// A field of protocol buffers that has a length.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, number << 3 | 2);
    put_varint(&mut out, content.len() as u32);
    out.extend(content);
    out
}

/// A resource of many attributes with many numbers, which compress well.
fn metrics() -> Vec<u8> {
    let attribute = field(1, &[field(1, b"k"), field(2, &field(1, b"v"))].concat());
    // A NumberDataPoint with as_int.
    let point = field(1, &[&[6 << 3 | 1][..], &1_u64.to_le_bytes()].concat());
    let metric = field(2, &[field(1, b"m"), field(5, &point.repeat(200_000))].concat());
    field(1, &[field(1, &attribute.repeat(200_000)), field(2, &metric)].concat())
}

/// Asks for a subscription: the instance id and the subscription's.
fn subscription(client: &mut Raw, target: &Target<'_>) -> io::Result<Vec<u8>> {
    // GetTelemetrySubscriptions 0, with no id and no tagged fields.
    client.request(ApiKey::GetTelemetrySubscriptions, 0, &[0; 17])?;
    let answer = client.answer_late(|| target.goes_on())?;
    // Behind the correlation id, tagged fields, throttle time and error.
    answer
        .get(11..31)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Each push of a client of its own.
pub(super) fn pushes(target: &Target<'_>) -> io::Result<()> {
    const ZSTD: u8 = 4;
    let metrics = compress(Codec::Zstd, None, &metrics()).map_err(io::Error::other)?;
    let mut client = target.open()?;
    while target.goes_on() {
        let ids = subscription(&mut client, target)?;
        let is_terminating = 0;
        let body = [&ids[..], &[is_terminating, ZSTD], &compact(&metrics), &[0]].concat();
        client.request(ApiKey::PushTelemetry, 0, &body)?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}

/// Subscriptions with patterns that take long to read, and of as many metrics as they may have, with ever new clients that match them.
pub(super) fn subscriptions(target: &Target<'_>) -> io::Result<()> {
    const CLIENT_METRICS: u8 = 16;
    const SET: u8 = 0;
    let mut client = target.open()?;
    let patterns = ["client_id=(?:|abcdefgh){100}.*"; 16].join(",");
    let metrics: Vec<String> = (0..256).map(|number| number.to_string()).collect();
    let config = |name: &str, value: &str| [text(name), vec![SET], text(value)].concat();
    let resource = |_| {
        let configs = array([config("match", &patterns), config("metrics", &metrics.join(","))]);
        [
            vec![CLIENT_METRICS],
            text(&format!("attack-{}", target.number() % 100)),
            configs,
        ]
        .concat()
    };
    while target.goes_on() {
        let body = [array((0..50).map(resource)), vec![0]].concat();
        client.request(ApiKey::IncrementalAlterConfigs, 0, &body)?;
        client.answer_late(|| target.goes_on())?;
        for _ in 0..500 {
            subscription(&mut client, target)?;
        }
    }
    Ok(())
}
