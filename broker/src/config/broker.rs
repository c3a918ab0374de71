//! The configuration of a broker, in the types that its parts need.
//!
//! Invariant: all values were checked, alone and against each other; nobody who reads a field checks it again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{ConfigError, InvalidValue};
use super::listeners::{HostPort, Listeners};
use super::settings::{Origin, Settings};
use super::topic::{self, Overrides, TopicConfig, TopicKind};

/// A broker's configuration. Each field is the property of its name unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerConfig {
    /// `node.id`, or `broker.id` where only that is set.
    pub node_id: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `log.dirs`, or `log.dir` where only that is set.
    pub data_dir: PathBuf,
    /// Addresses for clients.
    pub listeners: Listeners,
    /// `weir.admin.listen`.
    pub admin_listen: HostPort,
    /// Connections and requests.
    pub network: NetworkConfig,
    /// Topics and partitions.
    pub topics: TopicsConfig,
    /// Logs.
    pub log: LogConfig,
    /// The log cleaner.
    pub cleaner: CleanerConfig,
    /// Idempotent producers.
    pub producers: ProducersConfig,
    /// Groups.
    pub groups: GroupsConfig,
    /// Committed offsets.
    pub offsets: OffsetsConfig,
    host_name: String,
    settings: Settings,
}

/// Connections and requests.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the property of its name, which the table documents"
)]
pub struct NetworkConfig {
    pub socket_listen_backlog_size: i32,
    /// `None` leaves the system's default.
    pub socket_receive_buffer_bytes: Option<usize>,
    /// `None` leaves the system's default.
    pub socket_send_buffer_bytes: Option<usize>,
    /// For Produce.
    pub socket_request_max_bytes: usize,
    /// `weir.max.request.bytes`: for all requests but Produce, and never above `socket.request.max.bytes`.
    pub max_request_bytes: usize,
    /// `None` is no limit.
    pub queued_max_request_bytes: Option<usize>,
    /// `weir.max.pipelined.requests`.
    pub max_pipelined_requests: usize,
    /// `weir.max.connection.response.bytes`.
    pub max_connection_response_bytes: usize,
    /// `weir.max.response.bytes`.
    pub max_response_bytes: usize,
    /// `weir.frame.timeout.ms`.
    pub frame_timeout_ms: u64,
    /// `weir.max.cold.reads`.
    pub max_cold_reads: usize,
    pub max_connections: usize,
    pub max_connections_per_ip: usize,
    /// By address or name of the client's host.
    pub max_connections_per_ip_overrides: BTreeMap<String, usize>,
    /// `None` is for ever.
    pub connections_max_idle_ms: Option<u64>,
    pub max_incremental_fetch_session_cache_slots: usize,
    /// `weir.max.fetch.session.partitions`.
    pub max_fetch_session_partitions: usize,
    pub fetch_max_bytes: usize,
    pub max_request_partition_size_limit: usize,
    pub telemetry_max_bytes: usize,
}

/// Topics and partitions.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the property of its name, which the table documents"
)]
pub struct TopicsConfig {
    pub num_partitions: i32,
    pub default_replication_factor: i32,
    pub auto_create_topics_enable: bool,
    pub delete_topic_enable: bool,
    /// `weir.max.partitions`.
    pub max_partitions: usize,
    /// `weir.max.config.bytes`.
    pub max_config_bytes: usize,
    /// `weir.max.client.metrics.subscriptions`.
    pub max_client_metrics_subscriptions: usize,
    /// What holds for a topic without overrides.
    pub defaults: TopicConfig,
}

/// Logs.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the property of its name, which the table documents"
)]
pub struct LogConfig {
    pub retention_check_interval_ms: u64,
    /// `write.caching.flush.ms`.
    pub write_caching_flush_ms: u64,
    /// `write.caching.flush.bytes`.
    pub write_caching_flush_bytes: u64,
    /// `weir.max.uncommitted.bytes`.
    pub max_uncommitted_bytes: usize,
    /// `weir.scrub.bytes.per.second`.
    pub scrub_bytes_per_second: u64,
    /// `weir.scrub.interval.ms`.
    pub scrub_interval_ms: u64,
    /// `weir.max.decompressed.batch.bytes`.
    pub max_decompressed_batch_bytes: usize,
}

/// The log cleaner; the fields are the properties `log.cleaner.*`. `log.cleaner.io.buffer.size` and
/// `log.cleaner.dedupe.buffer.size` are shared by the threads.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the property of its name, which the table documents"
)]
pub struct CleanerConfig {
    pub enable: bool,
    pub threads: usize,
    pub backoff_ms: u64,
    pub dedupe_buffer_size: usize,
    pub io_buffer_size: usize,
    pub io_buffer_load_factor: f64,
    pub io_max_bytes_per_second: f64,
}

/// Idempotent producers.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the property of its name, which the table documents"
)]
pub struct ProducersConfig {
    pub id_expiration_ms: u64,
    pub id_expiration_check_interval_ms: u64,
    /// `weir.max.producer.ids.per.partition`.
    pub max_ids_per_partition: usize,
    /// `weir.max.producer.ids`.
    pub max_ids: usize,
}

/// Groups; the fields are the properties `group.*`.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the property of its name, which the table documents"
)]
pub struct GroupsConfig {
    pub min_session_timeout_ms: i32,
    pub max_session_timeout_ms: i32,
    pub initial_rebalance_delay_ms: i32,
    pub max_size: usize,
    /// `weir.max.groups`.
    pub max_groups: usize,
    /// `weir.max.member.metadata.bytes`.
    pub max_member_metadata_bytes: usize,
    /// `weir.max.offsets.bytes`.
    pub max_offsets_bytes: usize,
    /// `weir.max.group.memory.bytes`.
    pub max_memory_bytes: usize,
}

/// Committed offsets; the fields are the properties `offsets.*`.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the property of its name, which the table documents"
)]
pub struct OffsetsConfig {
    pub topic_num_partitions: i32,
    /// As it is set: see [`OffsetsConfig::replication_factor`].
    pub topic_replication_factor: i16,
    pub topic_segment_bytes: i32,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
    pub retention_check_interval_ms: u64,
    /// `offset.metadata.max.bytes`.
    pub metadata_max_bytes: usize,
    pub load_buffer_size: usize,
    pub commit_timeout_ms: u64,
}

impl OffsetsConfig {
    /// The replicas of `__consumer_offsets` in a cluster of so many brokers: what is set, capped at the brokers.
    pub fn replication_factor(&self, brokers: usize) -> i16 {
        self.topic_replication_factor
            .min(i16::try_from(brokers.max(1)).unwrap_or(i16::MAX))
    }

    /// The overrides that `__consumer_offsets` is created with.
    pub fn topic_overrides(&self) -> Overrides {
        const LEAST_SEGMENT_BYTES: i32 = 1 << 20;
        let segment = if self.topic_segment_bytes < LEAST_SEGMENT_BYTES {
            "internal.segment.bytes"
        } else {
            "segment.bytes"
        };
        BTreeMap::from([
            ("cleanup.policy".to_owned(), "compact".to_owned()),
            ("compression.type".to_owned(), "producer".to_owned()),
            (segment.to_owned(), self.topic_segment_bytes.to_string()),
        ])
    }
}

impl BrokerConfig {
    /// Builds the configuration. `host_name` is this host's name, for clients to connect to where the broker listens on
    /// every address and no other name is set.
    pub fn new(settings: Settings, host_name: &str) -> Result<Self, ConfigError> {
        check_values(&settings)?;
        let defaults = TopicConfig::resolve(&settings, &Overrides::new(), TopicKind::User);
        topic::check_together(&defaults, &settings.origin("log.cleaner.min.compaction.lag.ms"))?;
        let config = BrokerConfig {
            node_id: node_id(&settings)?,
            rack: settings.text("broker.rack"),
            data_dir: data_dir(&settings)?,
            listeners: Listeners::new(&settings, host_name)?,
            admin_listen: admin_listen(&settings)?,
            network: NetworkConfig::new(&settings)?,
            topics: TopicsConfig {
                num_partitions: settings.int("num.partitions"),
                default_replication_factor: settings.int("default.replication.factor"),
                auto_create_topics_enable: settings.bool("auto.create.topics.enable"),
                delete_topic_enable: settings.bool("delete.topic.enable"),
                max_partitions: settings.count("weir.max.partitions"),
                max_config_bytes: settings.count("weir.max.config.bytes"),
                max_client_metrics_subscriptions: settings.count("weir.max.client.metrics.subscriptions"),
                defaults,
            },
            log: LogConfig {
                retention_check_interval_ms: unsigned(&settings, "log.retention.check.interval.ms"),
                write_caching_flush_ms: unsigned(&settings, "write.caching.flush.ms"),
                write_caching_flush_bytes: unsigned(&settings, "write.caching.flush.bytes"),
                max_uncommitted_bytes: settings.count("weir.max.uncommitted.bytes"),
                scrub_bytes_per_second: unsigned(&settings, "weir.scrub.bytes.per.second"),
                scrub_interval_ms: unsigned(&settings, "weir.scrub.interval.ms"),
                max_decompressed_batch_bytes: settings.count("weir.max.decompressed.batch.bytes"),
            },
            cleaner: CleanerConfig {
                enable: settings.bool("log.cleaner.enable"),
                threads: settings.count("log.cleaner.threads"),
                backoff_ms: unsigned(&settings, "log.cleaner.backoff.ms"),
                dedupe_buffer_size: settings.count("log.cleaner.dedupe.buffer.size"),
                io_buffer_size: settings.count("log.cleaner.io.buffer.size"),
                io_buffer_load_factor: settings.double("log.cleaner.io.buffer.load.factor"),
                io_max_bytes_per_second: settings.double("log.cleaner.io.max.bytes.per.second"),
            },
            producers: ProducersConfig {
                id_expiration_ms: unsigned(&settings, "producer.id.expiration.ms"),
                id_expiration_check_interval_ms: unsigned(&settings, "producer.id.expiration.check.interval.ms"),
                max_ids_per_partition: settings.count("weir.max.producer.ids.per.partition"),
                max_ids: settings.count("weir.max.producer.ids"),
            },
            groups: GroupsConfig {
                min_session_timeout_ms: settings.int("group.min.session.timeout.ms"),
                max_session_timeout_ms: settings.int("group.max.session.timeout.ms"),
                initial_rebalance_delay_ms: settings.int("group.initial.rebalance.delay.ms"),
                max_size: settings.count("group.max.size"),
                max_groups: settings.count("weir.max.groups"),
                max_member_metadata_bytes: settings.count("weir.max.member.metadata.bytes"),
                max_offsets_bytes: settings.count("weir.max.offsets.bytes"),
                max_memory_bytes: settings.count("weir.max.group.memory.bytes"),
            },
            offsets: OffsetsConfig {
                topic_num_partitions: settings.int("offsets.topic.num.partitions"),
                topic_replication_factor: i16::try_from(settings.long("offsets.topic.replication.factor"))
                    .expect("the table says SHORT, and the value was read as one"),
                topic_segment_bytes: settings.int("offsets.topic.segment.bytes"),
                retention_ms: settings.long("offsets.retention.minutes") * 60_000,
                retention_check_interval_ms: unsigned(&settings, "offsets.retention.check.interval.ms"),
                metadata_max_bytes: settings.count("offset.metadata.max.bytes"),
                load_buffer_size: settings.count("offsets.load.buffer.size"),
                commit_timeout_ms: unsigned(&settings, "offsets.commit.timeout.ms"),
            },
            host_name: host_name.to_owned(),
            settings,
        };
        Ok(config)
    }

    /// The same broker after requests have set values on all brokers of the cluster and on this one.
    pub fn with_dynamic(&self, cluster_wide: &Overrides, this_broker: &Overrides) -> Result<Self, ConfigError> {
        let settings = self.settings.with_dynamic(cluster_wide, this_broker)?;
        let name = "max.connections";
        if (cluster_wide.contains_key(name) || this_broker.contains_key(name)) && settings.count(name) == 0 {
            // Kafka's limiter of connections refuses it; nobody could connect to change it back.
            return Err(ConfigError::Conflict {
                origin: Origin::Request("broker"),
                problem: "max.connections must be at least 1, or nobody could connect to change it".to_owned(),
            });
        }
        BrokerConfig::new(settings, &self.host_name)
    }

    /// What holds for a topic with these overrides.
    pub fn topic(&self, overrides: &Overrides, kind: TopicKind) -> TopicConfig {
        TopicConfig::resolve(&self.settings, overrides, kind)
    }

    /// The values with their sources.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was set and has no effect, a sentence each, to be logged once at start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.settings.warnings();
        warnings.extend(self.listeners.warnings.iter().cloned());
        warnings
    }
}

impl NetworkConfig {
    fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let buffer = |name: &str| usize::try_from(settings.long(name)).ok().filter(|bytes| *bytes > 0);
        let socket_request_max_bytes = settings.count("socket.request.max.bytes");
        Ok(NetworkConfig {
            socket_listen_backlog_size: settings.int("socket.listen.backlog.size"),
            socket_receive_buffer_bytes: buffer("socket.receive.buffer.bytes"),
            socket_send_buffer_bytes: buffer("socket.send.buffer.bytes"),
            socket_request_max_bytes,
            max_request_bytes: settings.count("weir.max.request.bytes").min(socket_request_max_bytes),
            queued_max_request_bytes: buffer("queued.max.request.bytes"),
            max_pipelined_requests: settings.count("weir.max.pipelined.requests"),
            max_connection_response_bytes: settings.count("weir.max.connection.response.bytes"),
            max_response_bytes: settings.count("weir.max.response.bytes"),
            frame_timeout_ms: unsigned(settings, "weir.frame.timeout.ms"),
            max_cold_reads: settings.count("weir.max.cold.reads"),
            max_connections: settings.count("max.connections"),
            max_connections_per_ip: settings.count("max.connections.per.ip"),
            max_connections_per_ip_overrides: per_ip_overrides(settings)?,
            connections_max_idle_ms: u64::try_from(settings.long("connections.max.idle.ms")).ok(),
            max_incremental_fetch_session_cache_slots: settings.count("max.incremental.fetch.session.cache.slots"),
            max_fetch_session_partitions: settings.count("weir.max.fetch.session.partitions"),
            fetch_max_bytes: settings.count("fetch.max.bytes"),
            max_request_partition_size_limit: settings.count("max.request.partition.size.limit"),
            telemetry_max_bytes: settings.count("telemetry.max.bytes"),
        })
    }
}

/// A LONG or INT that its check keeps from being negative.
fn unsigned(settings: &Settings, name: &str) -> u64 {
    u64::try_from(settings.long(name)).expect("the table says that it is at least 0")
}

fn conflict<T>(settings: &Settings, name: &str, problem: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Conflict {
        origin: settings.origin(name),
        problem: problem.into(),
    })
}

/// Of each thread of the log cleaner.
const LEAST_DEDUPE_BYTES: i64 = 1 << 20;
/// More would only wait for each other. Kafka has no limit, and takes as many as the machine gives.
const MAX_CLEANER_THREADS: i64 = 256;

/// What Kafka's broker checks beyond each property's own check.
fn check_values(settings: &Settings) -> Result<(), ConfigError> {
    // The table gives log.retention.* no bounds, as Kafka does, which yet refuses 0.
    for name in ["log.retention.ms", "log.retention.minutes", "log.retention.hours"] {
        if settings.optional_int(name) == Some(0) {
            return conflict(
                settings,
                name,
                format!("{name} cannot be 0: give at least 1, or -1 to keep records for ever"),
            );
        }
    }
    let (bytes, threads) = (
        settings.long("log.cleaner.dedupe.buffer.size"),
        settings.long("log.cleaner.threads"),
    );
    if threads > MAX_CLEANER_THREADS {
        let problem = format!("log.cleaner.threads must be at most {MAX_CLEANER_THREADS}");
        return conflict(settings, "log.cleaner.threads", problem);
    }
    if bytes / threads.max(1) <= LEAST_DEDUPE_BYTES {
        let name = "log.cleaner.dedupe.buffer.size";
        return conflict(
            settings,
            name,
            format!("{name} must be more than {LEAST_DEDUPE_BYTES} for each of log.cleaner.threads"),
        );
    }
    if settings.optional_int("log.roll.ms").is_some_and(|ms| ms < 1) {
        return conflict(settings, "log.roll.ms", "log.roll.ms must be at least 1");
    }
    if settings.optional_int("log.roll.jitter.ms").is_some_and(|ms| ms < 0) {
        return conflict(settings, "log.roll.jitter.ms", "log.roll.jitter.ms must be at least 0");
    }
    for name in [
        "log.flush.interval.ms",
        "log.flush.scheduler.interval.ms",
        "group.initial.rebalance.delay.ms",
    ] {
        if settings.optional_int(name).is_some_and(|ms| ms < 0) {
            return conflict(settings, name, format!("{name} must be at least 0"));
        }
    }
    for name in ["group.min.session.timeout.ms", "default.replication.factor"] {
        if settings.long(name) < 1 {
            return conflict(settings, name, format!("{name} must be at least 1"));
        }
    }
    if settings.long("offset.metadata.max.bytes") < 0 {
        let name = "offset.metadata.max.bytes";
        return conflict(settings, name, "offset.metadata.max.bytes must be at least 0");
    }
    if settings.long("group.min.session.timeout.ms") > settings.long("group.max.session.timeout.ms") {
        let problem = "group.min.session.timeout.ms must not be above group.max.session.timeout.ms";
        return conflict(settings, "group.min.session.timeout.ms", problem);
    }
    let roles = settings.list("process.roles");
    if !roles.is_empty() && !roles.iter().any(|role| role == "broker") {
        let problem = "a node is always broker and controller: set process.roles=broker,controller";
        return conflict(settings, "process.roles", problem);
    }
    Ok(())
}

fn node_id(settings: &Settings) -> Result<i32, ConfigError> {
    let (node, broker) = (settings.int("node.id"), settings.int("broker.id"));
    let node_is_set = settings.origin("node.id").layer() > 0;
    match (node_is_set, broker) {
        (_, ..0) => Ok(node),
        (false, broker) => Ok(broker),
        (true, broker) if broker == node => Ok(node),
        (true, _) => conflict(
            settings,
            "broker.id",
            format!("broker.id is {broker} and node.id {node}: remove broker.id"),
        ),
    }
}

fn data_dir(settings: &Settings) -> Result<PathBuf, ConfigError> {
    let name = if settings.list("log.dirs").is_empty() {
        "log.dir"
    } else {
        "log.dirs"
    };
    match settings.list(name).as_slice() {
        [dir] => Ok(PathBuf::from(dir)),
        dirs => {
            let problem = format!("{name} has {} directories, and a node has one: leave one", dirs.len());
            conflict(settings, name, problem)
        }
    }
}

fn admin_listen(settings: &Settings) -> Result<HostPort, ConfigError> {
    const NAME: &str = "weir.admin.listen";
    let value = settings.text(NAME).unwrap_or_default();
    let parsed = match value.parse::<HostPort>() {
        Ok(address) if address.host.is_empty() => Err(InvalidValue::Malformed { expected: "HOST:PORT" }),
        parsed => parsed,
    };
    let origin = settings.origin(NAME);
    parsed.map_err(|problem| ConfigError::Invalid {
        origin,
        name: NAME.to_owned(),
        value,
        problem,
    })
}

fn per_ip_overrides(settings: &Settings) -> Result<BTreeMap<String, usize>, ConfigError> {
    const NAME: &str = "max.connections.per.ip.overrides";
    let value = settings.text(NAME).unwrap_or_default();
    parse_per_ip_overrides(&value).ok_or_else(|| {
        let problem = InvalidValue::Malformed {
            expected: "a list of HOST:COUNT",
        };
        ConfigError::Invalid {
            origin: settings.origin(NAME),
            name: NAME.to_owned(),
            value: value.clone(),
            problem,
        }
    })
}

/// Reads a value of `max.connections.per.ip.overrides`: connections by host. `None`: it is none.
pub fn parse_per_ip_overrides(value: &str) -> Option<BTreeMap<String, usize>> {
    let entry = |entry: &str| {
        let (host, count) = entry.trim().rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then_some(())?;
        Some((host.to_owned(), count.trim().parse().ok()?))
    };
    value
        .split(',')
        .filter(|text| !text.trim().is_empty())
        .map(entry)
        .collect()
}
