//! `PartitionRecord` (api key 3) and `PartitionChangeRecord` (api key 5): version 0 is written, 0 to 2 are read.
//!
//! Not applied, and so skipped when read: log directory ids (a broker has one directory), eligible leader replicas and
//! the recovery state (leaders are elected by Raft, never uncleanly).

use bytes::Bytes;
use uuid::Uuid;

use super::wire::{Reader, Writer};
use super::{Body, RecordError};

/// A partition was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// Index within the topic, from 0.
    pub partition_id: i32,
    /// The topic.
    pub topic_id: Uuid,
    /// Brokers that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Replicas in sync.
    pub isr: Vec<i32>,
    /// Replicas about to be removed by a reassignment.
    pub removing_replicas: Vec<i32>,
    /// Replicas about to be added by a reassignment.
    pub adding_replicas: Vec<i32>,
    /// Leader, or −1.
    pub leader: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Counts the changes of this partition.
    pub partition_epoch: i32,
}

impl Body for PartitionRecord {
    const API_KEY: u32 = 3;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 2;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.i32(self.partition_id);
        out.uuid(self.topic_id);
        out.i32_array(&self.replicas);
        out.i32_array(&self.isr);
        out.i32_array(&self.removing_replicas);
        out.i32_array(&self.adding_replicas);
        out.i32(self.leader);
        out.i32(self.leader_epoch);
        out.i32(self.partition_epoch);
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, version: u32) -> Result<Self, RecordError> {
        let record = Self {
            partition_id: input.i32()?,
            topic_id: input.uuid()?,
            replicas: input.i32_array()?,
            isr: input.i32_array()?,
            removing_replicas: input.i32_array()?,
            adding_replicas: input.i32_array()?,
            leader: input.i32()?,
            leader_epoch: input.i32()?,
            partition_epoch: input.i32()?,
        };
        if version >= 1 {
            let uuid_len = 16;
            input.skip_array_of(uuid_len)?;
        }
        input.skip_tagged_fields()?;
        Ok(record)
    }
}

/// A partition changed. Each field is none where it stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionChangeRecord {
    /// Index within the topic.
    pub partition_id: i32,
    /// The topic.
    pub topic_id: Uuid,
    /// New replicas in sync.
    pub isr: Option<Vec<i32>>,
    /// New leader (−1 for none); the leader epoch rises by one.
    pub leader: Option<i32>,
    /// New replicas, the preferred leader first.
    pub replicas: Option<Vec<i32>>,
    /// New replicas about to be removed.
    pub removing_replicas: Option<Vec<i32>>,
    /// New replicas about to be added.
    pub adding_replicas: Option<Vec<i32>>,
}

/// The stored leader that means "as before".
const NO_LEADER_CHANGE: i32 = -2;

impl Body for PartitionChangeRecord {
    const API_KEY: u32 = 5;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 2;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.i32(self.partition_id);
        out.uuid(self.topic_id);
        let mut fields: Vec<(u32, Bytes)> = Vec::new();
        let list = |tag: u32, values: &Option<Vec<i32>>, fields: &mut Vec<(u32, Bytes)>| {
            if let Some(values) = values {
                fields.push((tag, encoded(|out| out.i32_array(values))));
            }
        };
        list(0, &self.isr, &mut fields);
        if let Some(leader) = self.leader {
            fields.push((1, encoded(|out| out.i32(leader))));
        }
        list(2, &self.replicas, &mut fields);
        list(3, &self.removing_replicas, &mut fields);
        list(4, &self.adding_replicas, &mut fields);
        out.tagged_fields(&fields);
        Ok(())
    }

    fn read(input: &mut Reader<'_>, _version: u32) -> Result<Self, RecordError> {
        let mut record = Self {
            partition_id: input.i32()?,
            topic_id: input.uuid()?,
            isr: None,
            leader: None,
            replicas: None,
            removing_replicas: None,
            adding_replicas: None,
        };
        input.tagged_fields(|tag, field| {
            match tag {
                0 => record.isr = field.nullable_i32_array()?,
                1 => record.leader = Some(field.i32()?).filter(|leader| *leader != NO_LEADER_CHANGE),
                2 => record.replicas = field.nullable_i32_array()?,
                3 => record.removing_replicas = field.nullable_i32_array()?,
                4 => record.adding_replicas = field.nullable_i32_array()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(record)
    }
}

fn encoded(write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut out = Writer::default();
    write(&mut out);
    out.finish()
}
