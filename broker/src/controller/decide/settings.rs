//! The part of a broker's configuration that decisions depend on.

/// Kafka's names are given with each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `node.id` of the broker that got the request.
    pub node_id: i32,
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `weir.max.partitions`: partitions that may exist at once; more are refused with error 37.
    pub max_partitions: usize,
    /// `weir.max.config.bytes`: what the configuration of all resources may take in memory.
    pub max_config_bytes: usize,
    /// `weir.max.client.metrics.subscriptions`.
    pub max_client_metrics_subscriptions: usize,
    /// `offsets.topic.num.partitions`, `.replication.factor`, `.segment.bytes`.
    pub offsets_topic: InternalTopicSettings,
    /// `transaction.state.log.num.partitions`, `.replication.factor`, `.segment.bytes`.
    pub transaction_topic: InternalTopicSettings,
    /// `transaction.state.log.min.isr`.
    pub transaction_topic_min_isr: i32,
}

/// How one of the broker's own topics is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalTopicSettings {
    /// Number of partitions.
    pub num_partitions: i32,
    /// Replicas that are wanted; there are fewer while there are fewer brokers.
    pub replication_factor: i16,
    /// Size of a segment in bytes.
    pub segment_bytes: i32,
}
