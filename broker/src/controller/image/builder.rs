//! Applies records to an image.
//!
//! Invariant: a record that cannot be applied leaves an error and nothing else; the builder is then dropped, and the
//! image it was made from is as it was. Such a record was never decided here: it is damage, and the node must stop.

use std::sync::Arc;

use uuid::Uuid;

use super::config::{override_bytes, resource_bytes};
use super::topic::collision_key;
use super::{Broker, Image, Overrides, Partition, ResourceType, Topic};
use crate::controller::record::{ConfigRecord, PartitionRecord, ProducerIdsRecord, Record, TopicRecord};

/// Why a committed record does not fit the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// A topic is created with an id that is in use.
    #[error("metadata creates topic '{name}' with id {id}, which topic '{holder}' has")]
    TopicIdInUse {
        /// Name in the record.
        name: String,
        /// Id in the record.
        id: Uuid,
        /// Topic that has the id.
        holder: String,
    },
    /// A topic is created with a name that is in use.
    #[error("metadata creates topic '{name}' with id {id}, but a topic of that name exists with id {existing}")]
    TopicNameInUse {
        /// The name.
        name: String,
        /// Id in the record.
        id: Uuid,
        /// Id of the topic that has the name.
        existing: Uuid,
    },
    /// A record names a topic that does not exist.
    #[error("metadata changes topic {id}, which does not exist")]
    UnknownTopic {
        /// Id in the record.
        id: Uuid,
    },
    /// A partition is created that is not the topic's next one.
    #[error("metadata creates partition {found} of topic '{topic}', whose next partition is {expected}")]
    PartitionOutOfOrder {
        /// Name of the topic.
        topic: String,
        /// Index in the record.
        found: i32,
        /// Index that was expected.
        expected: usize,
    },
    /// A record changes a partition that does not exist.
    #[error("metadata changes partition {index} of topic '{topic}', which has no such partition")]
    UnknownPartition {
        /// Name of the topic.
        topic: String,
        /// Index in the record.
        index: i32,
    },
    /// A record sets configuration of an unknown kind of resource.
    #[error("metadata configures a resource of unknown type {code}")]
    UnknownResourceType {
        /// Type in the record.
        code: i8,
    },
    /// Producer ids went back: some would be handed out twice.
    #[error("metadata sets the next producer id to {found}, below {current}")]
    ProducerIdsWentBack {
        /// Next id in the record.
        found: i64,
        /// Next id so far.
        current: i64,
    },
}

/// The image that comes after another, record by record.
#[derive(Debug)]
pub struct ImageBuilder {
    image: Image,
}

impl ImageBuilder {
    /// Begins after an image, which stays as it is.
    pub fn after(image: &Image) -> Self {
        Self { image: image.clone() }
    }

    /// Applies the next record.
    pub fn apply(&mut self, record: &Record) -> Result<(), ImageError> {
        match record {
            Record::RegisterBroker(record) => {
                Arc::make_mut(&mut self.image.brokers).insert(record.broker_id, Broker::from(record));
            }
            Record::Topic(record) => self.create_topic(record)?,
            Record::Partition(record) => self.create_partition(record)?,
            Record::PartitionChange(record) => {
                let topic = self.topic_mut(record.topic_id)?;
                let index = usize::try_from(record.partition_id).ok();
                match index.and_then(|index| topic.partitions.get_mut(index)) {
                    Some(partition) => partition.change(record),
                    None => {
                        let topic = topic.name.to_string();
                        return Err(ImageError::UnknownPartition {
                            topic,
                            index: record.partition_id,
                        });
                    }
                }
            }
            Record::Config(record) => self.set_config(record)?,
            Record::RemoveTopic(record) => self.remove_topic(record.topic_id)?,
            Record::FeatureLevel(record) => {
                let features = Arc::make_mut(&mut self.image.features);
                match record.feature_level {
                    0 => features.remove(&record.name),
                    level => features.insert(record.name.clone(), level),
                };
            }
            Record::ProducerIds(record) => self.hand_out_producer_ids(record)?,
            Record::NoOp => {}
        }
        Ok(())
    }

    /// The image after all records applied so far, the last of which is at `offset` and of leader epoch `epoch`.
    pub fn finish(mut self, offset: i64, epoch: i32) -> Image {
        self.image.offset = offset;
        self.image.epoch = epoch;
        self.image
    }

    fn topic_mut(&mut self, id: Uuid) -> Result<&mut Topic, ImageError> {
        self.image
            .topics
            .get_mut(&id)
            .map(Arc::make_mut)
            .ok_or(ImageError::UnknownTopic { id })
    }

    fn create_topic(&mut self, record: &TopicRecord) -> Result<(), ImageError> {
        let id = record.topic_id;
        if let Some(holder) = self.image.topic_by_id(id) {
            let (name, holder) = (record.name.clone(), holder.name.to_string());
            return Err(ImageError::TopicIdInUse { name, id, holder });
        }
        if let Some(existing) = self.image.topic(&record.name) {
            return Err(ImageError::TopicNameInUse {
                name: record.name.clone(),
                id,
                existing: existing.id,
            });
        }
        let name: Arc<str> = record.name.as_str().into();
        if let Some(key) = collision_key(&name) {
            let names = self.image.colliding_names.or_insert_with(key, Vec::new);
            let at = names.partition_point(|other| *other < name);
            names.insert(at, name.clone());
        }
        self.image.ids_by_name.insert(name.clone(), id);
        self.image.topics.insert(
            id,
            Arc::new(Topic {
                name,
                id,
                partitions: Vec::new(),
            }),
        );
        Ok(())
    }

    fn create_partition(&mut self, record: &PartitionRecord) -> Result<(), ImageError> {
        let topic = self.topic_mut(record.topic_id)?;
        let expected = topic.partitions.len();
        if usize::try_from(record.partition_id) != Ok(expected) {
            let topic = topic.name.to_string();
            return Err(ImageError::PartitionOutOfOrder {
                topic,
                found: record.partition_id,
                expected,
            });
        }
        topic.partitions.push(Partition::from(record));
        self.image.partition_count += 1;
        Ok(())
    }

    fn remove_topic(&mut self, id: Uuid) -> Result<(), ImageError> {
        let removed = self.image.topics.remove(&id).ok_or(ImageError::UnknownTopic { id })?;
        let name = &removed.name;
        self.image.ids_by_name.remove(name);
        if let Some(key) = collision_key(name) {
            let colliding = &mut self.image.colliding_names;
            if let Some(names) = colliding.get_mut(&key) {
                names.retain(|other| other != name);
                if names.is_empty() {
                    colliding.remove(&key);
                }
            }
        }
        self.remove_resource(ResourceType::Topic, name);
        self.image.partition_count -= removed.partitions.len();
        Ok(())
    }

    fn set_config(&mut self, record: &ConfigRecord) -> Result<(), ImageError> {
        let code = record.resource_type;
        let kind = ResourceType::from_code(code).ok_or(ImageError::UnknownResourceType { code })?;
        let resource = record.resource_name.as_str();
        let Some(value) = &record.value else {
            if self.image.overrides(kind, resource).contains_key(&record.name) {
                let overrides = self.overrides_mut(kind, resource);
                let removed = overrides.remove(&record.name);
                let is_empty = overrides.is_empty();
                self.image.config_bytes -= removed.map_or(0, |value| override_bytes(&record.name, &value));
                if is_empty {
                    self.remove_resource(kind, resource);
                }
            }
            return Ok(());
        };
        let overrides = self.overrides_mut(kind, resource);
        let is_first = overrides.is_empty();
        let replaced = overrides.insert(record.name.clone(), value.clone());
        let bytes = &mut self.image.config_bytes;
        *bytes += override_bytes(&record.name, value);
        *bytes -= replaced.map_or(0, |value| override_bytes(&record.name, &value));
        if is_first {
            *bytes += resource_bytes(resource);
        }
        Ok(())
    }

    /// The overrides of a resource, to be written to; they must not be left empty.
    fn overrides_mut(&mut self, kind: ResourceType, resource: &str) -> &mut Overrides {
        let resources = self.image.configs.entry(kind).or_default();
        Arc::make_mut(resources.or_insert_with(resource.into(), Arc::default))
    }

    fn remove_resource(&mut self, kind: ResourceType, resource: &str) {
        if let Some(resources) = self.image.configs.get_mut(&kind) {
            if let Some(removed) = resources.remove(resource) {
                let of_overrides = removed.iter().map(|(name, value)| override_bytes(name, value));
                self.image.config_bytes -= resource_bytes(resource) + of_overrides.sum::<usize>();
            }
            if resources.is_empty() {
                self.image.configs.remove(&kind);
            }
        }
    }

    fn hand_out_producer_ids(&mut self, record: &ProducerIdsRecord) -> Result<(), ImageError> {
        let (found, current) = (record.next_producer_id, self.image.next_producer_id);
        if found < current {
            return Err(ImageError::ProducerIdsWentBack { found, current });
        }
        self.image.next_producer_id = found;
        Ok(())
    }
}

impl Image {
    /// The image after these records, the last of which is at `offset` and of leader epoch `epoch`.
    pub fn after<'a>(
        &self,
        records: impl IntoIterator<Item = &'a Record>,
        offset: i64,
        epoch: i32,
    ) -> Result<Image, ImageError> {
        let mut builder = ImageBuilder::after(self);
        records.into_iter().try_for_each(|record| builder.apply(record))?;
        Ok(builder.finish(offset, epoch))
    }
}
