//! Topics that are created because somebody asked for them: by a Metadata request (`auto.create.topics.enable`), or,
//! for the brokers' own topics, by FindCoordinator (Kafka's `AutoTopicCreationManager`).
//!
//! Whether they may be created at all is the caller's question: the brokers' own always may.

use std::collections::BTreeSet;

use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::assignment::limited_partitions;
use super::config_room::ConfigRoom;
use super::create_topics::create_topic;
use super::{ApiError, Context, Decision, InternalTopicSettings, MAX_RECORDS_PER_OPERATION, TopicIds};
use crate::controller::topic_name::{CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC};

/// The least `segment.bytes` that a topic can be given.
const LEAST_SEGMENT_BYTES: i32 = 1 << 20;

/// One topic that was asked for: created now or before, or why it cannot be.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// Whether it exists, once the records have committed.
    pub result: Result<(), ApiError>,
}

/// Creates those of the topics that do not exist, with the broker's defaults. One answer for each name, in the order
/// in which they were first named. Topics beyond what one batch can hold are refused with 44; a client asks again.
pub fn auto_create_topics<'n>(
    context: &Context<'_>,
    names: impl IntoIterator<Item = &'n str>,
    new_topic_id: &mut dyn FnMut() -> Uuid,
) -> Decision<Vec<CreatedTopic>> {
    let mut ids = TopicIds::new(context.image, new_topic_id);
    let mut records = Vec::new();
    let mut room = ConfigRoom::new(context);
    let mut partitions = limited_partitions(context.image);
    let mut seen = BTreeSet::new();
    let mut topics = Vec::new();
    for name in names {
        if !seen.insert(name) {
            continue;
        }
        let result = match context.image.topic(name) {
            Some(_) => Ok(()),
            None => create_topic(context, &topic(context, name), partitions, &mut room, &mut ids).and_then(|created| {
                if records.len() + created.records.len() > MAX_RECORDS_PER_OPERATION {
                    return Err(ApiError::too_many_records());
                }
                partitions += created.limited_partitions;
                records.extend(created.records);
                Ok(())
            }),
        };
        topics.push(CreatedTopic {
            name: name.to_owned(),
            result,
        });
    }
    Decision {
        records,
        response: topics,
    }
}

fn topic(context: &Context<'_>, name: &str) -> CreatableTopic {
    let settings = context.settings;
    let unfenced = context.image.brokers().filter(|broker| !broker.fenced).count();
    // At least one, so that a cluster without brokers is refused, not given partitions without replicas.
    let brokers = i16::try_from(unfenced).unwrap_or(i16::MAX).max(1);
    let topic = CreatableTopic::default().with_name(TopicName(StrBytes::from_string(name.to_owned())));
    let internal = |topic: CreatableTopic, wanted: &InternalTopicSettings, configs: &[(&'static str, String)]| {
        // Smaller segments than a topic's are for tests, and have a name of their own.
        let name = match wanted.segment_bytes {
            LEAST_SEGMENT_BYTES.. => "segment.bytes",
            _ => "internal.segment.bytes",
        };
        let segment_bytes = (name, wanted.segment_bytes.to_string());
        topic
            .with_num_partitions(wanted.num_partitions)
            .with_replication_factor(wanted.replication_factor.min(brokers))
            .with_configs(configs.iter().chain([&segment_bytes]).map(config).collect())
    };
    match name {
        CONSUMER_OFFSETS_TOPIC => {
            let configs = [
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "producer".to_owned()),
            ];
            internal(topic, &settings.offsets_topic, &configs)
        }
        TRANSACTION_STATE_TOPIC => {
            let min_isr = settings.transaction_topic_min_isr.min(i32::from(brokers));
            let configs = [
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "uncompressed".to_owned()),
                ("min.insync.replicas", min_isr.to_string()),
                ("unclean.leader.election.enable", "false".to_owned()),
            ];
            internal(topic, &settings.transaction_topic, &configs)
        }
        _ => topic.with_num_partitions(-1).with_replication_factor(-1),
    }
}

fn config((name, value): &(&'static str, String)) -> CreatableTopicConfig {
    CreatableTopicConfig::default()
        .with_name(StrBytes::from_static_str(name))
        .with_value(Some(StrBytes::from_string(value.clone())))
}
