//! A node over a simulated disk and a clock of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use broker::config::{Assignment, BrokerConfig, Origin, Settings};
use broker::controller::decide::{Registration, register_broker};
use broker::controller::image::Overrides;
use broker::controller::record::BrokerEndpoint;
use broker::node::{Clock, Node, OpenNode, PartitionSettings, StartError, TopicSettings};
use broker::settings::{ConfiguredTopics, metadata_partition};
use storage::disk::SimulatedDisk;
use uuid::Uuid;

/// Where the data is.
pub(crate) const DATA_DIR: &str = "/data";
const START_MS: i64 = 1_700_000_000_000;
const NODE_ID: i32 = 1;

const PROPERTIES: [(&str, &str); 8] = [
    ("node.id", "1"),
    ("num.partitions", "2"),
    ("offsets.topic.num.partitions", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("max.incremental.fetch.session.cache.slots", "20"),
    ("weir.max.partitions", "100"),
    ("weir.max.groups", "50"),
    ("group.max.size", "8"),
];

/// Time as the input wants it.
#[derive(Debug, Default)]
pub(crate) struct FuzzClock(AtomicU64);

impl FuzzClock {
    /// Lets time pass.
    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for FuzzClock {
    fn wall_ms(&self) -> i64 {
        START_MS + self.0.load(Ordering::Relaxed) as i64
    }

    fn monotonic_ms(&self) -> u64 {
        1_000 + self.0.load(Ordering::Relaxed)
    }
}

/// The broker's configuration.
pub(crate) fn config() -> Arc<BrokerConfig> {
    static CONFIG: LazyLock<Arc<BrokerConfig>> = LazyLock::new(|| {
        let assignments = PROPERTIES.map(|(name, value)| Assignment {
            name: name.into(),
            value: value.into(),
            origin: Origin::Set,
        });
        let settings = Settings::new(assignments).expect("the properties are sound");
        Arc::new(BrokerConfig::new(settings, "fuzz").expect("the properties fit each other"))
    });
    CONFIG.clone()
}

/// As configured, but that segments and the distance of index entries are small: there are many files soon.
struct SmallSegments(ConfiguredTopics);

impl TopicSettings for SmallSegments {
    fn partition_settings(&self, topic: &str, overrides: &Overrides, broker: &Overrides) -> PartitionSettings {
        small(self.0.partition_settings(topic, overrides, broker))
    }
}

fn small(mut settings: PartitionSettings) -> PartitionSettings {
    settings.log.segment_bytes = 700;
    settings.log.index_interval_bytes = 100;
    settings
}

/// Starts a node on a disk.
pub(crate) fn open(
    disk: &SimulatedDisk,
    clock: &Arc<FuzzClock>,
    config: &Arc<BrokerConfig>,
) -> Result<Arc<Node>, StartError> {
    let open = OpenNode {
        disk: Arc::new(disk.clone()),
        data_dir: DATA_DIR.into(),
        clock: clock.clone(),
        node_id: NODE_ID as u64,
        new_cluster_id: "fuzz".into(),
        settings: Arc::new(SmallSegments(ConfiguredTopics::new(config.clone()))),
        metadata_settings: small(metadata_partition()),
        reserve_bytes: 0,
        retention_interval_ms: 60_000,
        max_cached_bytes: 1 << 20,
    };
    open.run()
}

/// Puts the broker's address into the metadata.
pub(crate) fn register(node: &Node, config: &BrokerConfig) {
    let registration = Registration {
        node_id: NODE_ID,
        incarnation_id: Uuid::from_u128(7),
        endpoints: vec![BrokerEndpoint {
            name: config.listeners.name.clone(),
            host: "fuzz".into(),
            port: 9092,
            security_protocol: 0,
        }],
        rack: None,
    };
    let registered = node.propose(|image| register_broker(image, &registration));
    assert!(registered.is_ok(), "the broker is registered");
    while node.flush_pass() {}
}
