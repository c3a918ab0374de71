//! What holds for one topic: its own overrides over the broker's configuration.
//!
//! Invariant: [`TopicConfig::resolve`] always answers. An override is checked when it is made ([`validate`]); one that
//! no longer passes (a stored one, after the broker's own settings changed) counts as not set.

use std::collections::BTreeMap;

use super::error::ConfigError;
use super::properties::{self, Property};
use super::settings::{Origin, Settings, checked_property};
use super::value::Value;

/// A topic's overrides: names and values as they were set and stored.
pub type Overrides = BTreeMap<String, String>;

/// A broker's property that gives a topic's property its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerSynonym {
    /// The broker's name for it.
    pub name: &'static str,
    /// How many of the topic's units make one of the broker's: milliseconds in an hour or a minute, else 1.
    pub unit: i64,
}

const fn same(name: &'static str) -> BrokerSynonym {
    BrokerSynonym { name, unit: 1 }
}
const fn minutes(name: &'static str) -> BrokerSynonym {
    BrokerSynonym { name, unit: 60_000 }
}
const fn hours(name: &'static str) -> BrokerSynonym {
    BrokerSynonym { name, unit: 3_600_000 }
}

/// The broker's names for each property of a topic that has any; the first one with a value holds
/// (Kafka's `ServerTopicConfigSynonyms`, and `write.caching`).
pub const SYNONYMS: &[(&str, &[BrokerSynonym])] = &[
    ("cleanup.policy", &[same("log.cleanup.policy")]),
    ("compression.gzip.level", &[same("compression.gzip.level")]),
    ("compression.lz4.level", &[same("compression.lz4.level")]),
    ("compression.type", &[same("compression.type")]),
    ("compression.zstd.level", &[same("compression.zstd.level")]),
    ("delete.retention.ms", &[same("log.cleaner.delete.retention.ms")]),
    ("file.delete.delay.ms", &[same("log.segment.delete.delay.ms")]),
    ("flush.messages", &[same("log.flush.interval.messages")]),
    (
        "flush.ms",
        &[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")],
    ),
    ("index.interval.bytes", &[same("log.index.interval.bytes")]),
    ("local.retention.bytes", &[same("log.local.retention.bytes")]),
    ("local.retention.ms", &[same("log.local.retention.ms")]),
    ("max.compaction.lag.ms", &[same("log.cleaner.max.compaction.lag.ms")]),
    ("max.message.bytes", &[same("message.max.bytes")]),
    (
        "message.timestamp.after.max.ms",
        &[same("log.message.timestamp.after.max.ms")],
    ),
    (
        "message.timestamp.before.max.ms",
        &[same("log.message.timestamp.before.max.ms")],
    ),
    ("message.timestamp.type", &[same("log.message.timestamp.type")]),
    ("min.cleanable.dirty.ratio", &[same("log.cleaner.min.cleanable.ratio")]),
    ("min.compaction.lag.ms", &[same("log.cleaner.min.compaction.lag.ms")]),
    ("min.insync.replicas", &[same("min.insync.replicas")]),
    ("preallocate", &[same("log.preallocate")]),
    ("retention.bytes", &[same("log.retention.bytes")]),
    (
        "retention.ms",
        &[
            same("log.retention.ms"),
            minutes("log.retention.minutes"),
            hours("log.retention.hours"),
        ],
    ),
    ("segment.bytes", &[same("log.segment.bytes")]),
    ("segment.index.bytes", &[same("log.index.size.max.bytes")]),
    (
        "segment.jitter.ms",
        &[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")],
    ),
    ("segment.ms", &[same("log.roll.ms"), hours("log.roll.hours")]),
    (
        "unclean.leader.election.enable",
        &[same("unclean.leader.election.enable")],
    ),
    ("write.caching", &[same("write.caching")]),
];

/// The broker's names for a topic's property, the finest first.
pub fn synonyms_of(topic_name: &str) -> &'static [BrokerSynonym] {
    SYNONYMS
        .iter()
        .find(|(name, _)| *name == topic_name)
        .map_or(&[], |(_, synonyms)| synonyms)
}

/// Whether the topic is a user's or one that the broker keeps for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicKind {
    /// A user's.
    User,
    /// The broker's own, as `__consumer_offsets`: of the broker's `write.caching` it hears only what is set on the
    /// topic itself.
    Internal,
}

/// What happens to old segments. Neither keeps them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Compacted to the latest record of each key.
    pub compact: bool,
    /// Deleted by time and by size.
    pub delete: bool,
}

/// How batches are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As the producer sent them.
    Producer,
    /// Uncompressed.
    Uncompressed,
    /// With gzip.
    Gzip {
        /// From 1 to 9, or -1 for the codec's own default.
        level: i32,
    },
    /// With snappy.
    Snappy,
    /// With lz4.
    Lz4 {
        /// From 1 to 17.
        level: i32,
    },
    /// With zstd.
    Zstd {
        /// From -131072 to 22.
        level: i32,
    },
}

/// Whose timestamp a record keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageTimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, of the moment of the append.
    LogAppendTime,
}

/// The values that hold for a topic. Each field is the property of its name; milliseconds and bytes as the names say.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each field is the topic property of its name, which the table documents"
)]
pub struct TopicConfig {
    pub cleanup_policy: CleanupPolicy,
    pub compression: Compression,
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: i64,
    pub flush_messages: i64,
    pub flush_ms: i64,
    pub index_interval_bytes: i32,
    pub max_compaction_lag_ms: i64,
    pub max_message_bytes: i32,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_type: MessageTimestampType,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub min_insync_replicas: i32,
    /// -1 is no limit.
    pub retention_bytes: i64,
    /// -1 is for ever.
    pub retention_ms: i64,
    /// `internal.segment.bytes` where that is set.
    pub segment_bytes: i32,
    pub segment_index_bytes: i32,
    pub segment_jitter_ms: i64,
    pub segment_ms: i64,
    pub write_caching: bool,
}

impl TopicConfig {
    /// What holds for a topic with these overrides.
    pub fn resolve(broker: &Settings, overrides: &Overrides, kind: TopicKind) -> Self {
        let values = Effective {
            broker,
            overrides,
            kind,
        };
        let policies = match values.value("cleanup.policy") {
            Value::List(policies) => policies,
            _ => Vec::new(),
        };
        let compression = match values.text("compression.type").as_str() {
            "uncompressed" => Compression::Uncompressed,
            "gzip" => Compression::Gzip {
                level: values.int("compression.gzip.level"),
            },
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4 {
                level: values.int("compression.lz4.level"),
            },
            "zstd" => Compression::Zstd {
                level: values.int("compression.zstd.level"),
            },
            _ => Compression::Producer,
        };
        let message_timestamp_type = match values.text("message.timestamp.type").as_str() {
            "LogAppendTime" => MessageTimestampType::LogAppendTime,
            _ => MessageTimestampType::CreateTime,
        };
        let min_cleanable_dirty_ratio = match values.value("min.cleanable.dirty.ratio") {
            Value::Double(ratio) => ratio,
            _ => 0.5,
        };
        let has_internal_size = values.value("internal.segment.bytes") != Value::Null;
        TopicConfig {
            cleanup_policy: CleanupPolicy {
                compact: policies.iter().any(|policy| policy == "compact"),
                delete: policies.iter().any(|policy| policy == "delete"),
            },
            compression,
            delete_retention_ms: values.long("delete.retention.ms"),
            file_delete_delay_ms: values.long("file.delete.delay.ms"),
            flush_messages: values.long("flush.messages"),
            flush_ms: values.long("flush.ms"),
            index_interval_bytes: values.int("index.interval.bytes"),
            max_compaction_lag_ms: values.long("max.compaction.lag.ms"),
            max_message_bytes: values.int("max.message.bytes"),
            message_timestamp_after_max_ms: values.long("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: values.long("message.timestamp.before.max.ms"),
            message_timestamp_type,
            min_cleanable_dirty_ratio,
            min_compaction_lag_ms: values.long("min.compaction.lag.ms"),
            min_insync_replicas: values.int("min.insync.replicas"),
            retention_bytes: values.long("retention.bytes"),
            retention_ms: values.long("retention.ms"),
            segment_bytes: values.int(if has_internal_size {
                "internal.segment.bytes"
            } else {
                "segment.bytes"
            }),
            segment_index_bytes: values.int("segment.index.bytes"),
            segment_jitter_ms: values.long("segment.jitter.ms"),
            segment_ms: values.long("segment.ms"),
            write_caching: values.value("write.caching") == Value::Bool(true),
        }
    }
}

/// Checks overrides that are to be stored: every name known, every value valid and not refused, and all of them
/// together with the broker's without contradiction. A failure is Kafka's INVALID_CONFIG.
pub fn validate(broker: &Settings, overrides: &Overrides) -> Result<(), ConfigError> {
    let origin = Origin::Request("topic");
    for (name, text) in overrides {
        let Some(property) = properties::topic_property(name) else {
            let nearest = properties::nearest_topic_name(name).to_owned();
            return Err(ConfigError::Unknown {
                origin,
                name: name.clone(),
                nearest,
            });
        };
        checked_property(property, name, text, &origin)?;
    }
    check_together(&TopicConfig::resolve(broker, overrides, TopicKind::User), &origin)
}

/// Checks the values of a topic against each other.
pub(super) fn check_together(config: &TopicConfig, origin: &Origin) -> Result<(), ConfigError> {
    let (least, most) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if least > most {
        let problem = format!("min.compaction.lag.ms ({least}) must not be above max.compaction.lag.ms ({most})");
        return Err(ConfigError::Conflict {
            origin: origin.clone(),
            problem,
        });
    }
    Ok(())
}

/// The value that holds for each property of a topic.
pub(super) struct Effective<'a> {
    pub(super) broker: &'a Settings,
    pub(super) overrides: &'a Overrides,
    pub(super) kind: TopicKind,
}

impl Effective<'_> {
    /// The topic's own value.
    pub(super) fn overridden(&self, property: &Property) -> Option<Value> {
        let text = self.overrides.get(property.name)?;
        checked_property(property, property.name, text, &Origin::Request("topic")).ok()
    }

    /// What the topic's property has from the broker, in the topic's units, or from the table.
    pub(super) fn inherited(&self, property: &Property) -> Value {
        let of_broker = |synonym: &BrokerSynonym| match self.broker.value(synonym.name) {
            Value::Null => None,
            // Negative hours are, like -1 ms, no limit.
            Value::Int(value) if synonym.unit != 1 && value < 0 => Some(Value::Int(-1)),
            Value::Int(value) => Some(Value::Int(value.saturating_mul(synonym.unit))),
            value => Some(value),
        };
        self.synonyms(property.name)
            .iter()
            .find_map(of_broker)
            .unwrap_or_else(|| property.default_value())
    }

    /// The broker's names that count for this topic.
    pub(super) fn synonyms(&self, topic_name: &str) -> &'static [BrokerSynonym] {
        match self.kind {
            TopicKind::Internal if topic_name == "write.caching" => &[],
            TopicKind::User | TopicKind::Internal => synonyms_of(topic_name),
        }
    }

    fn value(&self, name: &str) -> Value {
        let property = properties::topic_property(name).expect("a topic property of the table: a test reads them all");
        self.overridden(property).unwrap_or_else(|| self.inherited(property))
    }

    fn long(&self, name: &str) -> i64 {
        match self.value(name) {
            Value::Int(value) => value,
            value => unreachable!("{name} is a number with a default, not {value:?}: a test reads them all"),
        }
    }

    fn int(&self, name: &str) -> i32 {
        i32::try_from(self.long(name)).expect("the table says INT, and the value was read as one")
    }

    fn text(&self, name: &str) -> String {
        self.value(name).to_string()
    }
}
