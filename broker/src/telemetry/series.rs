//! What clients pushed, as series of our metrics.
//!
//! Invariant: at most [`MAX_SERIES`] of at most [`MAX_BYTES`], what is known of their clients included, and of one client
//! [`MAX_SERIES_OF_CLIENT`]; what is beyond is dropped and counted, what is there goes on. A client without a series is not
//! remembered.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::ClientIdentity;
use super::otlp::{NumberKind, Point};
use crate::metrics::{Kind, TextWriter};
use crate::node::topic_id;

/// Series of all clients.
pub(super) const MAX_SERIES: usize = 20_000;
/// Series of one client.
pub(super) const MAX_SERIES_OF_CLIENT: usize = 1_000;
/// Bytes of all names and labels, and of what is known of clients.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// Attributes of one series; more are left out.
const MAX_ATTRIBUTES: usize = 16;
/// Bytes of a name, or of a label's value; what is longer is cut.
const MAX_TEXT: usize = 255;
/// About the bytes of a series beside its texts.
const SERIES_BYTES: usize = 128;
/// About the bytes of a client beside its texts.
const CLIENT_BYTES: usize = 512;

/// The labels that a series has beside its attributes.
const OWN_LABELS: [&str; 5] = [
    "metric",
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
];

/// Name of the metric, and its attributes.
type Key = (String, Vec<(String, String)>);

/// The series of all clients.
#[derive(Debug, Default)]
pub(super) struct AllSeries {
    pub(super) clients: BTreeMap<Uuid, ClientSeries>,
    count: usize,
    pub(super) bytes: usize,
    dropped: u64,
    /// No client expires before: spares the walk.
    next_expiry_ms: u64,
}

#[derive(Debug)]
pub(super) struct ClientSeries {
    client_id: String,
    software: (String, String),
    gauges: BTreeMap<Key, f64>,
    sums: BTreeMap<Key, f64>,
    /// Its own, and those of its series.
    bytes: usize,
    expires_ms: u64,
}

/// The series of one client, to be added to.
pub(super) struct OfClient<'a> {
    all: &'a mut AllSeries,
    id: Uuid,
    client: &'a ClientIdentity,
    expires_ms: u64,
}

impl AllSeries {
    /// Forgets the clients from which nothing came for long.
    pub(super) fn expire(&mut self, now_ms: u64) {
        if now_ms < self.next_expiry_ms {
            return;
        }
        let (count, bytes) = (&mut self.count, &mut self.bytes);
        let mut next_expiry_ms = u64::MAX;
        self.clients.retain(|_, client| {
            let stays = client.expires_ms > now_ms;
            if stays {
                next_expiry_ms = next_expiry_ms.min(client.expires_ms);
            } else {
                *count -= client.gauges.len() + client.sums.len();
                *bytes -= client.bytes;
            }
            stays
        });
        self.next_expiry_ms = next_expiry_ms;
    }

    /// Those of a client, which stay until then.
    pub(super) fn of_client<'a>(&'a mut self, id: Uuid, client: &'a ClientIdentity, expires_ms: u64) -> OfClient<'a> {
        if let Some(known) = self.clients.get_mut(&id) {
            known.expires_ms = expires_ms;
            self.next_expiry_ms = self.next_expiry_ms.min(expires_ms);
        }
        OfClient {
            all: self,
            id,
            client,
            expires_ms,
        }
    }

    /// Writes all that is there.
    pub(super) fn collect(&self, instances: usize, out: &mut TextWriter) {
        let (name, help) = ("weir_client_instances", "Clients that are asked for their metrics");
        out.single(name, Kind::Gauge, help, instances);
        let (name, help) = ("weir_client_metric_series", "Series of metrics that clients pushed");
        out.single(name, Kind::Gauge, help, self.count);
        out.single(
            "weir_client_metrics_dropped_total",
            Kind::Counter,
            "Numbers that clients pushed and for which there was no room",
            self.dropped,
        );
        let (name, help) = ("weir_client_metric", "What clients pushed last, by the metric's name");
        out.family(name, Kind::Gauge, help);
        for (id, client) in &self.clients {
            client.write(*id, &client.gauges, out);
        }
        let (name, help) = ("weir_client_metric_total", "What clients counted, by the metric's name");
        out.family(name, Kind::Counter, help);
        for (id, client) in &self.clients {
            client.write(*id, &client.sums, out);
        }
    }
}

impl OfClient<'_> {
    /// Takes a number; whether there was room.
    pub(super) fn take(&mut self, point: Point<'_, '_>) -> bool {
        let key = key_of(&point);
        let known = self.all.clients.get_mut(&self.id);
        if let Some(value) = known.and_then(|client| client.values_of(point.kind).get_mut(&key)) {
            match point.kind {
                NumberKind::Delta => *value += point.value,
                NumberKind::Gauge | NumberKind::Cumulative => *value = point.value,
            }
            return true;
        }
        let is_added = self.add(point.kind, key, point.value);
        self.all.dropped += u64::from(!is_added);
        is_added
    }

    /// Adds a series, and the client with its first; whether there was room.
    fn add(&mut self, kind: NumberKind, key: Key, value: f64) -> bool {
        let all = &mut *self.all;
        let attributes = key.1.iter().map(|(name, value)| name.len() + value.len());
        let of_series = SERIES_BYTES + key.0.len() + attributes.sum::<usize>();
        let known = all.clients.get(&self.id);
        let of_client = known.map_or(0, |client| client.gauges.len() + client.sums.len());
        let new = known.is_none().then(|| ClientSeries::new(self.client, self.expires_ms));
        let bytes = of_series + new.as_ref().map_or(0, |client| client.bytes);
        if of_client >= MAX_SERIES_OF_CLIENT || all.count >= MAX_SERIES || all.bytes + bytes > MAX_BYTES {
            return false;
        }
        if let Some(new) = new {
            all.next_expiry_ms = all.next_expiry_ms.min(new.expires_ms);
            all.clients.insert(self.id, new);
        }
        if let Some(client) = all.clients.get_mut(&self.id) {
            client.values_of(kind).insert(key, value);
            client.bytes += of_series;
        }
        all.bytes += bytes;
        all.count += 1;
        true
    }
}

impl ClientSeries {
    /// A client without series.
    fn new(client: &ClientIdentity, expires_ms: u64) -> Self {
        let (name, version) = match &client.software {
            Some((name, version)) => (cut(name), cut(version)),
            None => ("", ""),
        };
        let client_id = cut(&client.client_id);
        ClientSeries {
            client_id: client_id.to_owned(),
            software: (name.to_owned(), version.to_owned()),
            gauges: BTreeMap::new(),
            sums: BTreeMap::new(),
            bytes: CLIENT_BYTES + client_id.len() + name.len() + version.len(),
            expires_ms,
        }
    }

    fn values_of(&mut self, kind: NumberKind) -> &mut BTreeMap<Key, f64> {
        match kind {
            NumberKind::Gauge => &mut self.gauges,
            NumberKind::Cumulative | NumberKind::Delta => &mut self.sums,
        }
    }

    fn write(&self, id: Uuid, values: &BTreeMap<Key, f64>, out: &mut TextWriter) {
        if values.is_empty() {
            return;
        }
        let id = topic_id::encode(id);
        for ((metric, attributes), value) in values {
            let own = [metric, &id, &self.client_id, &self.software.0, &self.software.1];
            let own = OWN_LABELS.into_iter().zip(own.map(String::as_str));
            let attributes = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let labels: Vec<(&str, &str)> = own.chain(attributes).collect();
            out.sample(&labels, value);
        }
    }
}

fn key_of(point: &Point<'_, '_>) -> Key {
    let mut attributes = BTreeMap::new();
    let seen = point.for_each_attribute(&mut |name, value| {
        if attributes.len() < MAX_ATTRIBUTES {
            attributes.insert(label(name), cut(&value.to_string()).to_owned());
        }
    });
    debug_assert!(seen.is_ok(), "a point is handed out once its attributes were read");
    (cut(point.name).to_owned(), attributes.into_iter().collect())
}

/// The name of an attribute, as a label that Prometheus takes and that none of our own is.
fn label(name: &str) -> String {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = cut(name).chars().map(|c| if is_good(c) { c } else { '_' }).collect();
    let is_taken = OWN_LABELS.contains(&name.as_str()) || name.starts_with("__");
    match name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() || is_taken {
        true => format!("attribute_{name}"),
        false => name,
    }
}

/// As much of a text as is kept.
pub(super) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}
