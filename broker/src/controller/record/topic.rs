//! `TopicRecord` (api key 2, version 0) and `RemoveTopicRecord` (api key 9, version 0).

use uuid::Uuid;

use super::wire::{Reader, Writer};
use super::{Body, RecordError};

/// A topic was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Name, unique among the topics that exist.
    pub name: String,
    /// Id, never used again.
    pub topic_id: Uuid,
}

impl Body for TopicRecord {
    const API_KEY: u32 = 2;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 0;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.string(&self.name)?;
        out.uuid(self.topic_id);
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, _version: u32) -> Result<Self, RecordError> {
        let record = Self {
            name: input.string()?,
            topic_id: input.uuid()?,
        };
        input.skip_tagged_fields()?;
        Ok(record)
    }
}

/// A topic was removed, with its partitions and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveTopicRecord {
    /// Id of the topic.
    pub topic_id: Uuid,
}

impl Body for RemoveTopicRecord {
    const API_KEY: u32 = 9;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 0;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.uuid(self.topic_id);
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, _version: u32) -> Result<Self, RecordError> {
        let record = Self {
            topic_id: input.uuid()?,
        };
        input.skip_tagged_fields()?;
        Ok(record)
    }
}
