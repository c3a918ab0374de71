//! A node in memory behind the handlers, for their tests: a simulated disk, and a flusher on a thread of its own.
//!
//! `TestNode::start(&[("num.partitions", "3")])`, then `node.call(version, &request).await` encodes the request, hands it
//! to the service as a connection would, waits for the answer and decodes it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::{CreateTopicsRequest, RequestHeader as CodecHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, Request as CodecRequest, StrBytes};
use storage::compression::Codec;
use storage::disk::simulated::SimulatedDisk;
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};
use uuid::Uuid;

use super::{Api, Context};
use crate::config::{Assignment, BrokerConfig, Origin, Settings};
use crate::connection::{ConnectionInfo, Outcome, Request, Service};
use crate::controller::decide::{Registration, register_broker};
use crate::controller::record::BrokerEndpoint;
use crate::node::{Node, OpenNode, SystemClock};
use crate::settings::{ConfiguredTopics, LiveConfig, Observers, metadata_partition};
use crate::wire::{Part, RequestHeader};

/// `node.id` of every test node.
pub(crate) const NODE_ID: i32 = 1;

/// A running node with its handlers. Stops when dropped.
pub(crate) struct TestNode {
    pub(crate) context: Arc<Context>,
    /// Cause failures with it.
    pub(crate) disk: SimulatedDisk,
    api: Api,
    flusher: Option<JoinHandle<()>>,
}

impl TestNode {
    /// Starts a node with these properties, registered as a broker that listens at `test:9092`.
    pub(crate) fn start(properties: &[(&str, &str)]) -> Self {
        Self::restart(SimulatedDisk::new(1), properties)
    }

    /// Starts a node on a disk that another one left.
    pub(crate) fn restart(disk: SimulatedDisk, properties: &[(&str, &str)]) -> Self {
        Self::open(disk, properties, 0)
    }

    /// Starts a node that keeps some bytes of the disk in reserve.
    pub(crate) fn open(disk: SimulatedDisk, properties: &[(&str, &str)], reserve_bytes: u64) -> Self {
        let config = Arc::new(config(properties));
        let node = OpenNode {
            disk: Arc::new(disk.clone()),
            data_dir: "/data".into(),
            clock: Arc::new(SystemClock::default()),
            node_id: NODE_ID as u64,
            new_cluster_id: "test-cluster".into(),
            settings: Arc::new(ConfiguredTopics::new(config.clone())),
            metadata_settings: metadata_partition(),
            reserve_bytes,
            retention_interval_ms: 300_000,
            max_cached_bytes: 64 << 20,
        };
        let node = node.run().unwrap();
        let context = Arc::new(Context::new(node.clone(), config.clone()));
        let live_config = Arc::new(LiveConfig::new(context.config.clone()));
        node.set_observer(Arc::new(Observers::new(vec![
            live_config,
            context.coordinators.clone(),
            context.telemetry.clone(),
        ])));
        register(&node, &config.listeners.name);
        while node.flush_pass() {}
        let flusher = std::thread::spawn(move || node.run_flusher());
        TestNode {
            api: Api::new(context.clone()),
            context,
            disk,
            flusher: Some(flusher),
        }
    }

    /// The answer to a request.
    pub(crate) async fn call<R: CodecRequest>(&self, version: i16, request: &R) -> R::Response {
        match self.outcome(R::KEY, version, request).await {
            Outcome::Ready(response) => decode(response, version),
            other => panic!("no answer but {other:?}"),
        }
    }

    /// What becomes of a request: anything but [`Outcome::Later`], which is waited for.
    pub(crate) async fn outcome(&self, key: i16, version: i16, body: &impl Encodable) -> Outcome {
        let mut outcome = self.api.call(request(key, version, body));
        loop {
            outcome = match outcome {
                Outcome::Later(later) | Outcome::Detached(later) => later.await,
                Outcome::Large(build) => build(),
                known => return known,
            };
        }
    }

    /// From here on nothing is synced, or committed, but by `node.flush_pass()`.
    pub(crate) fn stop_flusher(&mut self) {
        self.context.node.stop_flushers();
        if let Some(flusher) = self.flusher.take() {
            _ = flusher.join();
        }
    }

    /// Creates a topic, which must succeed.
    pub(crate) async fn create_topic(&self, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let response = self.call(7, &request).await;
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
    }

    /// The service, for requests that are not of the codec.
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.stop_flusher();
        self.context.node.stop();
    }
}

/// A batch of one record without a key, as a producer sends it.
pub(crate) fn batch(value: &[u8]) -> ProducedBatch {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(0, None, Some(value), &[]);
    let bytes = batch.build();
    ProducedBatch {
        header: BatchHeader::parse(&bytes).unwrap(),
        bytes,
    }
}

/// A topic's name, as messages have it.
pub(crate) fn name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// A text, as messages have it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A broker's configuration with these properties.
pub(crate) fn config(properties: &[(&str, &str)]) -> BrokerConfig {
    let node_id = NODE_ID.to_string();
    let all = [("node.id", node_id.as_str())]
        .into_iter()
        .chain(properties.iter().copied());
    let assignments = all.map(|(name, value)| Assignment {
        name: name.into(),
        value: value.into(),
        origin: Origin::Set,
    });
    BrokerConfig::new(Settings::new(assignments).unwrap(), "test").unwrap()
}

/// Puts the broker's address into the metadata.
pub(crate) fn register(node: &Node, listener: &str) {
    let endpoint = BrokerEndpoint {
        name: listener.into(),
        host: "test".into(),
        port: 9092,
        security_protocol: 0,
    };
    let registration = Registration {
        node_id: NODE_ID,
        incarnation_id: Uuid::from_u128(7),
        endpoints: vec![endpoint],
        rack: None,
    };
    node.propose(|image| register_broker(image, &registration)).unwrap();
}

/// A request as a connection hands it over.
pub(crate) fn request(key: i16, version: i16, body: &impl Encodable) -> Request {
    let api = crate::wire::versions::by_key(key).unwrap();
    let header = CodecHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(77);
    let mut frame = BytesMut::new();
    header
        .encode(&mut frame, api.key.request_header_version(version))
        .unwrap();
    body.encode(&mut frame, version).unwrap();
    let mut frame = frame.freeze();
    let header = RequestHeader::decode(&mut frame).unwrap();
    let address = "127.0.0.1:1".parse().unwrap();
    let connection = ConnectionInfo {
        id: 0,
        peer: address,
        local: address,
        software: Default::default(),
    };
    Request {
        header,
        body: frame,
        connection: Arc::new(connection),
        received_at: Instant::now(),
    }
}

/// Decodes the answer to such a request.
pub(crate) fn decode<R: Decodable + kafka_protocol::protocol::HeaderVersion>(
    response: crate::wire::Response,
    version: i16,
) -> R {
    let mut bytes = BytesMut::new();
    for part in response.into_parts() {
        match part {
            Part::Bytes(part) => bytes.extend_from_slice(&part),
            Part::File { file, position, len } => {
                let mut part = vec![0; len as usize];
                storage::disk::read_exact_at(&*file, &mut part, position).unwrap();
                bytes.extend_from_slice(&part);
            }
        }
    }
    let mut bytes = bytes.freeze();
    assert_eq!(bytes.get_i32() as usize, bytes.len());
    assert_eq!(bytes.get_i32(), 77);
    if R::header_version(version) >= 1 {
        assert_eq!(bytes.get_u8(), 0);
    }
    let response = R::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty());
    response
}
