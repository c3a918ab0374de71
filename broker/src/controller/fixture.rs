//! What the tests of decisions and answers share: a small cluster, and a schema of a few properties.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::create_topics_response::CreatableTopicConfigs;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::decide::{
    ApiError, ConfigSchema, Context, Decision, InternalTopicSettings, Registration, Settings, register_broker,
};
use super::image::{Image, Overrides, ResourceType};
use super::record::{BrokerEndpoint, Record};

pub(super) const LISTENER: &str = "PLAINTEXT";

/// Knows `cleanup.policy` (a list), `retention.ms` (a number) and a few that internal topics set.
pub(super) struct Schema;

impl ConfigSchema for Schema {
    fn validate(&self, _: ResourceType, _: &str, overrides: &Overrides, _: &Overrides) -> Result<(), ApiError> {
        let invalid = |message: String| Err(ApiError::new(ResponseError::InvalidConfig, message));
        for (name, value) in overrides {
            let is_valid = match name.as_str() {
                "retention.ms" => value.parse::<i64>().is_ok(),
                "cleanup.policy" => value.split(',').all(|policy| ["compact", "delete"].contains(&policy)),
                "segment.bytes" | "compression.type" | "min.insync.replicas" | "unclean.leader.election.enable" => true,
                _ => return invalid(format!("{name} is unknown")),
            };
            if !is_valid {
                return invalid(format!("{name} cannot be {value}"));
            }
        }
        Ok(())
    }

    fn is_list(&self, _: ResourceType, property: &str) -> bool {
        property == "cleanup.policy"
    }

    fn default_value(&self, _: ResourceType, property: &str) -> Option<String> {
        (property == "cleanup.policy").then(|| "delete".to_owned())
    }

    fn effective_topic_configs(&self, overrides: &Overrides) -> Vec<CreatableTopicConfigs> {
        let shown = |(name, value): (&String, &String)| {
            CreatableTopicConfigs::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
        };
        overrides.iter().map(shown).collect()
    }
}

/// The newest image, and what decisions need beside it.
pub(super) struct Cluster {
    pub(super) image: Image,
    pub(super) settings: Settings,
    pub(super) log: Vec<Record>,
    ids: u128,
}

impl Cluster {
    /// A cluster of brokers 1 to `brokers`.
    pub(super) fn of(brokers: i32) -> Self {
        let internal = InternalTopicSettings {
            num_partitions: 5,
            replication_factor: 3,
            segment_bytes: 1 << 20,
        };
        let settings = Settings {
            node_id: 1,
            num_partitions: 2,
            default_replication_factor: 1,
            delete_topic_enable: true,
            max_partitions: 20_000,
            max_config_bytes: 1 << 20,
            max_client_metrics_subscriptions: 3,
            offsets_topic: internal,
            transaction_topic: internal,
            transaction_topic_min_isr: 2,
        };
        let mut cluster = Self {
            image: Image::empty("cluster"),
            settings,
            log: Vec::new(),
            ids: 1000,
        };
        for id in 1..=brokers {
            let decision = register_broker(&cluster.image, &registration(id, 9092));
            cluster.apply(decision);
        }
        cluster
    }

    /// Decides, and applies the records.
    pub(super) fn decide<R>(
        &mut self,
        decide: impl FnOnce(&Context<'_>, &mut dyn FnMut() -> Uuid) -> Decision<R>,
    ) -> R {
        let context = Context {
            image: &self.image,
            settings: &self.settings,
            configs: &Schema,
        };
        let ids = &mut self.ids;
        let decision = decide(&context, &mut || {
            *ids += 1;
            Uuid::from_u128(*ids)
        });
        self.apply(decision)
    }

    pub(super) fn apply<R>(&mut self, decision: Decision<R>) -> R {
        let offset = self.image.offset() + decision.records.len() as i64;
        self.image = self.image.after(&decision.records, offset, 1).unwrap();
        self.log.extend(decision.records);
        decision.response
    }
}

pub(super) fn registration(node_id: i32, port: u16) -> Registration {
    let endpoint = BrokerEndpoint {
        name: LISTENER.into(),
        host: format!("host-{node_id}"),
        port,
        security_protocol: 0,
    };
    let incarnation_id = Uuid::from_u128(node_id as u128);
    Registration {
        node_id,
        incarnation_id,
        endpoints: vec![endpoint],
        rack: None,
    }
}

pub(super) fn name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

pub(super) fn topic(topic: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
}

pub(super) fn config(name: &str, value: Option<&str>) -> CreatableTopicConfig {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    CreatableTopicConfig::default()
        .with_name(text(name))
        .with_value(value.map(text))
}
