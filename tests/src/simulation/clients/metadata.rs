//! A client that changes the cluster's metadata, and knows what it must be after each change.
//!
//! Invariant that it checks: the image at every offset is the one that the client computed for that offset; an operation
//! that was answered is in it; a topic that was answered as created takes batches.

use std::collections::BTreeMap;

use broker::controller::decide::{
    Context, Decision, Registration, allocate_producer_ids, auto_create_topics, create_partitions, create_topics,
    delete_topics, incremental_alter_configs, register_broker,
};
use broker::controller::image::{Image, Overrides, ResourceType};
use broker::controller::record::BrokerEndpoint;
use broker::node::{MetadataError, Partition};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use uuid::Uuid;

use super::super::invariants::METADATA;
use super::super::report::{Broken, broken};
use super::super::settings::{SimulatedSchema, controller_settings};
use super::super::world::World;
use super::compacted::is_compacted;

const WRITABLE: &str = "a topic answered as created takes batches at once";
const MAX_PARTITIONS: i32 = 4;

/// What there is, as far as a client can tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    topics: BTreeMap<String, (Uuid, usize, Overrides)>,
    next_producer_id: i64,
}

impl Summary {
    fn of(image: &Image) -> Self {
        let topic = |topic: &Arc<broker::controller::image::Topic>| {
            let overrides = image.overrides(ResourceType::Topic, &topic.name).clone();
            (topic.name.to_string(), (topic.id, topic.partitions.len(), overrides))
        };
        Summary {
            topics: image.topics().map(topic).collect(),
            next_producer_id: image.next_producer_id(),
        }
    }
}

/// An operation that waits for its answer.
#[derive(Debug)]
struct Waiting {
    offset: i64,
    created: Vec<(String, usize)>,
    /// Once it is applied: for each partition that it made, when it takes batches.
    writable: Option<Vec<(Arc<Partition>, oneshot::Receiver<()>)>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct MetadataClient {
    /// What the metadata must be at each end offset; several where an operation may have failed or not.
    candidates: Vec<(i64, Summary)>,
    tip: Summary,
    /// The end offset of the last operation that was answered.
    answered: i64,
    waiting: Vec<Waiting>,
}

impl MetadataClient {
    pub(crate) fn hang_up(&mut self) {
        self.waiting.clear();
    }

    /// Names of the clients' topics that there are, as far as is known.
    pub(super) fn topic_names(&self) -> impl Iterator<Item = &String> {
        self.tip.topics.keys().filter(|name| !name.starts_with("__"))
    }

    /// The node has come up with this image: what was not answered by now is in it, or never will be.
    pub(crate) fn start_from(&mut self, image: &Image) {
        self.tip = Summary::of(image);
        self.candidates = vec![(image.offset() + 1, self.tip.clone())];
    }
}

/// One kind of request.
pub(super) enum Change {
    Create {
        name: String,
        partitions: i32,
        configs: Overrides,
        also: Option<String>,
    },
    CreateOffsets,
    Delete(String),
    Grow(String, i32),
    Alter(String, String, Option<String>),
    ProducerIds,
    Register,
}

impl World {
    /// Whether it has not come to them yet: the first lives may be short.
    pub(crate) fn lacks_first_topics(&self) -> bool {
        self.metadata.waiting.is_empty() && !self.metadata.tip.topics.contains_key("t0")
    }

    /// What every run begins with.
    pub(crate) fn create_first_topics(&mut self) -> Result<(), Broken> {
        self.change(Change::Register)?;
        self.change(Change::CreateOffsets)?;
        let none = Overrides::new();
        self.change(Change::Create {
            name: "t0".into(),
            partitions: 2,
            configs: none,
            also: Some("w0".into()),
        })?;
        self.change(Change::Create {
            name: "c0".into(),
            partitions: 2,
            configs: Overrides::from([("segment.bytes".into(), "800".into())]),
            also: None,
        })
    }

    /// One request of the metadata client.
    pub(crate) fn change_metadata(&mut self) -> Result<(), Broken> {
        let names = ["t0", "t1", "t2", "t3", "w0", "w1", "c0", "c1"];
        let name = names[self.random.below(names.len() as u64) as usize].to_string();
        let change = match self.random.below(10) {
            0..=2 => {
                let also = names[self.random.below(names.len() as u64) as usize];
                let also = (also != name && self.random.percent(30)).then(|| also.to_string());
                let mut configs = Overrides::new();
                if self.random.percent(50) {
                    let (property, value) = self.random_config(&name);
                    configs.extend(value.map(|value| (property, value)));
                }
                Change::Create {
                    name,
                    partitions: self.random.between(1, 2) as i32,
                    configs,
                    also,
                }
            }
            3 if name != "t0" => Change::Delete(name),
            4 => Change::Grow(name, self.random.between(2, MAX_PARTITIONS as u64) as i32),
            5 => Change::ProducerIds,
            _ => {
                let (property, value) = self.random_config(&name);
                Change::Alter(name, property, value)
            }
        };
        self.change(change)
    }

    fn random_config(&mut self, topic: &str) -> (String, Option<String>) {
        let choices: &[(&str, &[&str])] = &[
            ("retention.ms", &["-1", "3000", "20000"]),
            ("retention.bytes", &["-1", "1500", "6000"]),
            ("segment.bytes", &["600", "1500", "4000"]),
            ("segment.ms", &["2000", "60000"]),
            ("index.interval.bytes", &["1", "150", "1000"]),
            ("write.caching", &["true", "false"]),
        ];
        let of_compacted: &[(&str, &[&str])] = &[
            ("cleanup.policy", &["compact", "compact", "compact,delete", "delete"]),
            ("retention.bytes", &["-1", "1500", "6000"]),
            ("segment.bytes", &["600", "1500", "4000"]),
            ("segment.ms", &["2000", "60000"]),
            ("min.compaction.lag.ms", &["0", "0", "1000"]),
        ];
        let usable = match () {
            () if is_compacted(topic) => of_compacted,
            () if topic.starts_with('w') => choices,
            () => &choices[..5],
        };
        let (property, values) = usable[self.random.below(usable.len() as u64) as usize];
        let value = (!self.random.percent(15)).then(|| values[self.random.below(values.len() as u64) as usize]);
        (property.to_string(), value.map(ToString::to_string))
    }

    /// Asks for one change.
    pub(super) fn change(&mut self, change: Change) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        let mut next_id = self.next_id;
        let seed = self.seed;
        let mut uuid = || {
            next_id += 1;
            Uuid::from_u128((u128::from(seed) << 64) | next_id)
        };
        let settings = controller_settings();
        let mut after = self.metadata.tip.clone();
        let mut created = Vec::new();
        let mut end = 0;
        let mut records = 0;
        let mut decide = |image: &Image| -> Decision<()> {
            let context = Context {
                image,
                settings: &settings,
                configs: &SimulatedSchema,
            };
            let decided = decide_change(&context, &change, &mut uuid, &mut after, &mut created);
            records = decided.len();
            end = image.offset() + 1 + records as i64;
            Decision {
                records: decided,
                response: (),
            }
        };
        let result = node.propose(&mut decide);
        self.next_id = next_id;
        if records == 0 {
            return Ok(());
        }
        self.report.outcome("metadata operations");
        let candidate = (end, after.clone());
        match result {
            Ok(proposal) if !self.is_stopped() => {
                self.say(format!("metadata operation up to {end}: {created:?}"));
                if proposal.offset != Some(end) {
                    return broken(METADATA, format!("it ends at {:?}, not at {end}", proposal.offset));
                }
                self.metadata.candidates.push(candidate);
                self.metadata.tip = after;
                self.metadata.waiting.push(Waiting {
                    offset: end,
                    created,
                    writable: None,
                });
            }
            // Perhaps it is there all the same, perhaps not.
            Ok(_) => self.metadata.candidates.push(candidate),
            Err(error) => {
                self.say(format!("a metadata operation is refused: {error}"));
                self.report.outcome("metadata operations refused");
                if matches!(
                    error,
                    MetadataError::Image(_) | MetadataError::Record(_) | MetadataError::Content { .. }
                ) {
                    return broken(METADATA, format!("a decision does not fit: {error}"));
                }
                self.metadata.candidates.push(candidate);
            }
        }
        Ok(())
    }

    pub(crate) fn hear_metadata(&mut self) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        let applied = *node.applied().borrow();
        for mut waiting in std::mem::take(&mut self.metadata.waiting) {
            if applied < waiting.offset {
                self.metadata.waiting.push(waiting);
                continue;
            }
            if waiting.writable.is_none() {
                self.metadata.answered = self.metadata.answered.max(waiting.offset);
                self.check_image()?;
                let partitions = waiting
                    .created
                    .iter()
                    .flat_map(|(name, count)| (0..*count as i32).map(|index| (name.clone(), index)));
                let mut writable = Vec::new();
                for (name, index) in partitions {
                    match node.topics().partition(&name, index) {
                        Some(partition) => {
                            let told = partition.writable();
                            writable.push((partition, told));
                        }
                        // Deleted by the next operation, or the disk refused.
                        None => self.report.outcome("created partitions not found"),
                    }
                }
                waiting.writable = Some(writable);
                self.drop_deleted_topics();
            }
            let mut open = Vec::new();
            for (partition, mut told) in waiting.writable.take().unwrap_or_default() {
                match told.try_recv() {
                    Ok(()) => {
                        self.report.checked(WRITABLE);
                        let is_open = node
                            .topics()
                            .partition_by_id(partition.id.topic_id, partition.id.partition);
                        if is_open.is_some() && !partition.is_writable() && !self.is_troubled() {
                            return broken(WRITABLE, format!("{partition} does not"));
                        }
                    }
                    Err(TryRecvError::Empty) => open.push((partition, told)),
                    Err(TryRecvError::Closed) => {}
                }
            }
            if !open.is_empty() {
                waiting.writable = Some(open);
                self.metadata.waiting.push(waiting);
            } else {
                self.report.outcome("metadata operations answered");
            }
        }
        Ok(())
    }

    /// A small request.
    pub(crate) fn ask_for_producer_ids(&mut self) -> Result<(), Broken> {
        self.change(Change::ProducerIds)
    }

    /// Whether nothing waits any more.
    pub(crate) fn is_metadata_settled(&self) -> bool {
        self.metadata.waiting.is_empty()
    }

    /// The image is one that the client knows, and has all that was answered.
    pub(crate) fn check_image(&mut self) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        let image = node.image().clone();
        let (end, found) = (image.offset() + 1, Summary::of(&image));
        self.report.checked(METADATA);
        if end < self.metadata.answered {
            return broken(
                METADATA,
                format!("answered up to {}, the image ends at {end}", self.metadata.answered),
            );
        }
        if end == 0 {
            return Ok(());
        }
        let known: Vec<_> = self
            .metadata
            .candidates
            .iter()
            .filter(|(offset, _)| *offset == end)
            .collect();
        if !known.iter().any(|(_, summary)| *summary == found) {
            return broken(METADATA, format!("at {end}: {found:?}, not any of {known:?}"));
        }
        Ok(())
    }
}

fn decide_change(
    context: &Context<'_>,
    change: &Change,
    uuid: &mut dyn FnMut() -> Uuid,
    after: &mut Summary,
    created: &mut Vec<(String, usize)>,
) -> Vec<broker::controller::record::Record> {
    let text = |text: &str| StrBytes::from_string(text.to_string());
    let topic_name = |name: &str| TopicName(text(name));
    match change {
        Change::Create {
            name,
            partitions,
            configs,
            also,
        } => {
            let topic = |name: &str, configs: &Overrides| {
                let configs = configs.iter().map(|(property, value)| {
                    CreatableTopicConfig::default()
                        .with_name(text(property))
                        .with_value(Some(text(value)))
                });
                CreatableTopic::default()
                    .with_name(topic_name(name))
                    .with_num_partitions(*partitions)
                    .with_replication_factor(1)
                    .with_configs(configs.collect())
            };
            let with_default = |name: &str, configs: &Overrides| {
                let mut configs = configs.clone();
                if name.starts_with('w') {
                    configs.insert("write.caching".into(), "true".into());
                }
                configs
            };
            let mut wanted = vec![(name.clone(), with_default(name, configs))];
            wanted.extend(
                also.iter()
                    .map(|name| (name.clone(), with_default(name, &Overrides::new()))),
            );
            let topics = wanted.iter().map(|(name, configs)| topic(name, configs)).collect();
            let request = CreateTopicsRequest::default().with_topics(topics);
            let decision = create_topics(context, &request, uuid);
            for (result, (name, configs)) in decision.response.topics.iter().zip(&wanted) {
                if result.error_code == 0 {
                    after
                        .topics
                        .insert(name.clone(), (result.topic_id, *partitions as usize, configs.clone()));
                    created.push((name.clone(), *partitions as usize));
                }
            }
            decision.records
        }
        Change::CreateOffsets => {
            let name = "__consumer_offsets";
            let records = auto_create_topics(context, [name], uuid).records;
            if let Some(broker::controller::record::Record::Topic(topic)) = records.first() {
                // Its properties are the controller's choice.
                let image = context.image.after(&records, context.image.offset() + 1, 0).ok();
                let overrides = image.map(|image| image.overrides(ResourceType::Topic, name).clone());
                after
                    .topics
                    .insert(name.into(), (topic.topic_id, 2, overrides.unwrap_or_default()));
                created.push((name.into(), 2));
            }
            records
        }
        Change::Delete(name) => {
            let state = DeleteTopicState::default().with_name(Some(topic_name(name)));
            let request = DeleteTopicsRequest::default().with_topics(vec![state]);
            let decision = delete_topics(context, &request, 6);
            if decision.response.responses[0].error_code == 0 {
                after.topics.remove(name);
            }
            decision.records
        }
        Change::Grow(name, count) => {
            let topic = CreatePartitionsTopic::default()
                .with_name(topic_name(name))
                .with_count(*count)
                .with_assignments(None);
            let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
            let decision = create_partitions(context, &request);
            if decision.response.results[0].error_code == 0
                && let Some((_, partitions, _)) = after.topics.get_mut(name)
            {
                *partitions = *count as usize;
                created.push((name.clone(), *partitions));
            }
            decision.records
        }
        Change::Alter(name, property, value) => {
            let config = AlterableConfig::default()
                .with_name(text(property))
                .with_config_operation(if value.is_some() { 0 } else { 1 })
                .with_value(value.as_deref().map(text));
            let resource = AlterConfigsResource::default()
                .with_resource_type(ResourceType::Topic.code())
                .with_resource_name(text(name))
                .with_configs(vec![config]);
            let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
            let decision = incremental_alter_configs(context, &request);
            if decision.response.responses[0].error_code == 0
                && let Some((_, _, overrides)) = after.topics.get_mut(name)
            {
                match value {
                    Some(value) => overrides.insert(property.clone(), value.clone()),
                    None => overrides.remove(property),
                };
            }
            decision.records
        }
        Change::ProducerIds => match allocate_producer_ids(context.image, 1, 1000) {
            Ok(decision) => {
                after.next_producer_id += 1000;
                decision.records
            }
            Err(_) => Vec::new(),
        },
        Change::Register => {
            let endpoint = BrokerEndpoint {
                name: "PLAINTEXT".into(),
                host: "localhost".into(),
                port: 9092,
                security_protocol: 0,
            };
            let registration = Registration {
                node_id: 1,
                incarnation_id: Uuid::from_u128(1),
                endpoints: vec![endpoint],
                rack: None,
            };
            register_broker(context.image, &registration).records
        }
    }
}
