//! Clients' metrics (KIP-714): who is asked for which, when they push, and what they push.
//!
//! [`ClientTelemetry`] is pure but for its lock: times and ids come in as arguments. A client asks for its subscription
//! (GetTelemetrySubscriptions) and then pushes at the interval that it is told; who comes sooner is told so. What is pushed
//! is OTLP ([`otlp`]) and becomes series of our own metrics ([`series`]). The order of the checks is that of Kafka's
//! `ClientMetricsManager`. Invariant: clients, series and their bytes are bounded, whatever clients say they are.
//!
//! Kafka keeps a client until its connection closes or it is silent for three intervals; so do we. Its series stay a while
//! longer, so that a last push is seen by whoever scrapes. Kafka keeps with each client the metrics that it is to push;
//! here a client has the subscriptions that it matches, for a subscription can name thousands.

mod instance;
pub mod otlp;
mod series;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use kafka_protocol::error::ResponseError;
use parking_lot::Mutex;
use storage::compression::{Codec, decompress};
use uuid::Uuid;

use crate::config::client_metrics::{ClientField, DEFAULT_INTERVAL_MS, Subscription};
use crate::connection::ConnectionInfo;
use crate::controller::image::{Image, Overrides, ResourceType};
use crate::metrics::{Collector, Limit, LimitCounters, TextWriter};
use crate::node::{Partition, TopicObserver, topic_id};
use instance::Instance;
use otlp::MalformedMetrics;
use series::{AllSeries, cut};

/// Clients that are remembered. The one that is due to be forgotten first makes room (Kafka: 16,384).
pub const MAX_INSTANCES: usize = 16_384;
/// A client is remembered at least this long after its last request.
const LEAST_EXPIRY_MS: u64 = 60_000;
/// Bytes that a push may decompress to.
pub const MAX_DECOMPRESSED_BYTES: usize = 8 << 20;
/// Stands for all metrics in a subscription.
const ALL: &str = "*";
/// The name and the version of software that has not told them, as Kafka has it.
const UNKNOWN: &str = "unknown";

/// What a client says of itself, and where it comes from.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// Its id, which it chooses.
    pub client_id: String,
    /// Its software, if it has told: name and version.
    pub software: Option<(String, String)>,
    /// Its address.
    pub source: SocketAddr,
}

/// What a client is to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The client's instance id: its own, or a new one.
    pub instance_id: Uuid,
    /// Changes with the subscription.
    pub subscription_id: i32,
    /// Prefixes of metrics' names; `*` alone stands for all.
    pub metrics: Vec<String>,
    /// How often to push, in milliseconds.
    pub interval_ms: i32,
}

/// What a client pushes.
#[derive(Debug)]
pub struct Push<'a> {
    /// The client.
    pub instance_id: Uuid,
    /// The subscription that it follows.
    pub subscription_id: i32,
    /// It is its last push.
    pub terminating: bool,
    /// Kafka's number of a codec.
    pub compression_type: i8,
    /// The metrics, compressed.
    pub metrics: &'a [u8],
    /// `telemetry.max.bytes`.
    pub max_bytes: usize,
}

/// The clients' metrics.
pub struct ClientTelemetry {
    state: Mutex<State>,
    series: Mutex<AllSeries>,
    limits: Arc<LimitCounters>,
}

#[derive(Default)]
struct State {
    /// Ordered by name.
    subscriptions: Arc<[Arc<Stored>]>,
    /// Grows whenever they change.
    version: u64,
    instances: BTreeMap<Uuid, Instance>,
    /// When each instance is forgotten.
    expiries: BTreeSet<(u64, Uuid)>,
}

/// A subscription, and what it was read from.
struct Stored {
    name: String,
    overrides: Overrides,
    /// `None`: it makes no sense, and has no effect.
    subscription: Option<Subscription>,
}

impl ClientTelemetry {
    /// Without subscriptions, and with what it refuses counted here.
    pub fn new(limits: Arc<LimitCounters>) -> Self {
        ClientTelemetry {
            state: Mutex::default(),
            series: Mutex::default(),
            limits,
        }
    }

    /// What a client is to push. `new_id` is for one that has no instance id (the nil one) yet. A client that asks again
    /// before its interval is over is refused, unless its last push was refused for what another answer would mend.
    pub fn subscription(
        &self,
        instance_id: Uuid,
        client: &ClientIdentity,
        connection: &Arc<ConnectionInfo>,
        new_id: impl FnOnce() -> Uuid,
        now_ms: u64,
    ) -> Result<Asked, ResponseError> {
        let instance_id = if instance_id.is_nil() { new_id() } else { instance_id };
        let mut state = self.state.lock();
        let instance = state.instance(instance_id, client, connection, now_ms);
        instance.ask(now_ms)?;
        let (subscription_id, interval_ms) = (instance.subscription_id, instance.interval_ms);
        let matched = instance.matched.clone();
        Ok(Asked {
            instance_id,
            subscription_id,
            metrics: state.metrics_of(&matched),
            interval_ms,
        })
    }

    /// Checks a push, and remembers that it came; [`ClientTelemetry::take`] takes what it brings.
    pub fn check_push(
        &self,
        push: &Push<'_>,
        client: &ClientIdentity,
        connection: &Arc<ConnectionInfo>,
        now_ms: u64,
    ) -> Result<(), ResponseError> {
        if push.instance_id.as_u128() <= MAX_RESERVED_ID {
            return Err(ResponseError::InvalidRequest);
        }
        let mut state = self.state.lock();
        state
            .instance(push.instance_id, client, connection, now_ms)
            .push(push, now_ms)
    }

    /// Takes the metrics of a push that was found to be good. Works for as long as they are large: not on a thread that
    /// serves others.
    pub fn take(&self, push: &Push<'_>, client: &ClientIdentity, now_ms: u64) -> Result<(), MalformedMetrics> {
        if push.metrics.is_empty() {
            return Ok(());
        }
        let taken = self.decode(push, client, now_ms);
        if taken.is_err()
            && let Some(instance) = self.state.lock().instances.get_mut(&push.instance_id)
        {
            instance.failed_to_export();
        }
        taken
    }

    fn decode(&self, push: &Push<'_>, client: &ClientIdentity, now_ms: u64) -> Result<(), MalformedMetrics> {
        let codec = u8::try_from(push.compression_type).ok().and_then(Codec::from_id);
        let bytes = match codec.unwrap_or(Codec::None) {
            Codec::None => None,
            codec => Some(decompress(codec, push.metrics, MAX_DECOMPRESSED_BYTES).map_err(|_| MalformedMetrics)?),
        };
        let bytes = bytes.as_deref().unwrap_or(push.metrics);
        // The whole is looked through before anything of it counts.
        otlp::for_each_point(bytes, &mut |_| {})?;
        let interval_ms = {
            let state = self.state.lock();
            let instance = state.instances.get(&push.instance_id);
            instance.map_or(DEFAULT_INTERVAL_MS, |instance| instance.interval_ms)
        };
        let mut series = self.series.lock();
        series.expire(now_ms);
        let mut of_client = series.of_client(push.instance_id, client, now_ms + expiry_ms(interval_ms));
        let mut has_room = true;
        otlp::for_each_point(bytes, &mut |point| has_room &= of_client.take(point))?;
        if !has_room {
            self.limits.reached(Limit::ClientMetrics);
        }
        Ok(())
    }

    /// Takes over the subscriptions, if any has changed; the others are not read again.
    fn set_subscriptions(&self, image: &Image) {
        // Nobody else changes them: there is one observer of the metadata. Patterns are not read under the lock.
        let known = self.state.lock().subscriptions.clone();
        let read = |(name, overrides): (&str, &Overrides)| {
            let same = |it: &&Arc<Stored>| it.name == name && it.overrides == *overrides;
            let unchanged = known.iter().find(same).cloned();
            unchanged.unwrap_or_else(|| Arc::new(Stored::read(name, overrides)))
        };
        let subscriptions: Arc<[_]> = image.resources(ResourceType::ClientMetrics).map(read).collect();
        let mut pairs = subscriptions.iter().zip(&*known);
        if subscriptions.len() == known.len() && pairs.all(|(new, old)| Arc::ptr_eq(new, old)) {
            return;
        }
        let mut state = self.state.lock();
        state.subscriptions = subscriptions;
        state.version += 1;
    }
}

impl Stored {
    fn read(name: &str, overrides: &Overrides) -> Self {
        let subscription = Subscription::new(overrides);
        if let Err(error) = &subscription {
            tracing::warn!(name, %error, "a stored subscription to client metrics has no effect");
        }
        Stored {
            name: name.to_owned(),
            overrides: overrides.clone(),
            subscription: subscription.ok(),
        }
    }
}

/// Kafka reserves nil for none, and one for `__cluster_metadata`.
const MAX_RESERVED_ID: u128 = 1;

fn expiry_ms(interval_ms: i32) -> u64 {
    LEAST_EXPIRY_MS.max(3 * u64::from(interval_ms.unsigned_abs()))
}

impl State {
    /// The client as it is known, or as it is from now on, with the subscription of the moment.
    fn instance(
        &mut self,
        id: Uuid,
        client: &ClientIdentity,
        connection: &Arc<ConnectionInfo>,
        now_ms: u64,
    ) -> &mut Instance {
        self.expire(now_ms);
        let known = self.instances.get(&id);
        let is_current = known.is_some_and(|known| known.version == self.version && known.is_connected());
        if !is_current {
            let connection = match known.filter(|known| known.is_connected()) {
                Some(known) => known.connection.clone(),
                None => Arc::downgrade(connection),
            };
            self.forget(id);
            while self.instances.len() >= MAX_INSTANCES
                && let Some(&(_, first)) = self.expiries.first()
            {
                self.forget(first);
            }
            let instance = self.subscribe(id, client, connection);
            self.instances.insert(id, instance);
        }
        let instance = self
            .instances
            .get_mut(&id)
            .expect("it was there or has just been inserted");
        self.expiries.remove(&(instance.expires_ms, id));
        instance.expires_ms = now_ms + expiry_ms(instance.interval_ms);
        self.expiries.insert((instance.expires_ms, id));
        instance
    }

    fn subscribe(&self, id: Uuid, client: &ClientIdentity, connection: Weak<ConnectionInfo>) -> Instance {
        let known = self.subscriptions.iter().map(|stored| stored.subscription.as_ref());
        let (mut matched, mut interval_ms) = (Vec::new(), DEFAULT_INTERVAL_MS);
        for (place, subscription) in known.enumerate() {
            if let Some(subscription) = subscription.filter(|it| is_meant(it, id, client)) {
                matched.push(place);
                interval_ms = interval_ms.min(subscription.interval_ms);
            }
        }
        let metrics = self.metrics_of(&matched);
        let subscribed = format!("{}{interval_ms}", metrics.join(","));
        let id_bits = id.as_u128();
        let folded = (id_bits ^ (id_bits >> 32) ^ (id_bits >> 64) ^ (id_bits >> 96)) as u32;
        let mut instance = Instance::default();
        instance.subscription_id = (crc32c::crc32c(subscribed.as_bytes()) ^ folded) as i32;
        instance.version = self.version;
        instance.matched = matched.into();
        instance.interval_ms = interval_ms;
        instance.connection = connection;
        instance
    }

    /// The metrics of the subscriptions at these places.
    fn metrics_of(&self, matched: &[usize]) -> Vec<String> {
        let matched = matched.iter().filter_map(|place| self.subscriptions.get(*place));
        let metrics = matched.filter_map(|stored| stored.subscription.as_ref());
        let metrics: BTreeSet<&String> = metrics.flat_map(|subscription| &subscription.metrics).collect();
        match metrics.contains(&ALL.to_owned()) {
            true => vec![ALL.to_owned()],
            false => metrics.into_iter().cloned().collect(),
        }
    }

    fn forget(&mut self, id: Uuid) {
        if let Some(instance) = self.instances.remove(&id) {
            self.expiries.remove(&(instance.expires_ms, id));
        }
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some(&(expires_ms, id)) = self.expiries.first() {
            if expires_ms > now_ms {
                break;
            }
            self.forget(id);
        }
    }
}

/// Whether a subscription is for this client. Of what it says of itself no more is looked at than is kept of it: a pattern
/// takes time for each byte.
fn is_meant(subscription: &Subscription, id: Uuid, client: &ClientIdentity) -> bool {
    subscription.patterns.iter().all(|(field, pattern)| {
        let software = client.software.as_ref();
        let value = match field {
            ClientField::InstanceId => topic_id::encode(id),
            ClientField::Id => client.client_id.clone(),
            ClientField::SoftwareName => software.map_or(UNKNOWN, |(name, _)| name).to_owned(),
            ClientField::SoftwareVersion => software.map_or(UNKNOWN, |(_, version)| version).to_owned(),
            ClientField::SourceAddress => client.source.ip().to_string(),
            ClientField::SourcePort => client.source.port().to_string(),
        };
        pattern.is_match(cut(&value).as_bytes())
    })
}

impl TopicObserver for ClientTelemetry {
    fn opened(&self, _: &Arc<Partition>) {}

    fn removed(&self, _: &str, _: Uuid) {}

    fn configured(&self, image: &Image) {
        self.set_subscriptions(image);
    }
}

impl Collector for ClientTelemetry {
    fn collect(&self, out: &mut TextWriter) {
        let instances = {
            let state = self.state.lock();
            state.instances.values().filter(|it| it.is_connected()).count()
        };
        self.series.lock().collect(instances, out);
    }
}

impl fmt::Debug for ClientTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("ClientTelemetry")
            .field("subscriptions", &state.subscriptions.len())
            .field("instances", &state.instances.len())
            .finish_non_exhaustive()
    }
}
