//! A shard's committed state as one piece of bytes, so that a start replays only what came after it.
//!
//! ```text
//! "WGCP" · version u16 1 · applied offset i64 · record count u64
//! records: record offset i64 · key length u32 · key · value length u32 · value
//! CRC32C u32 of all the above
//! ```
//!
//! The records are those of the log, one per group with members or a past, and one per committed offset: what a perfect
//! compaction would leave. All numbers are big-endian. Anything that is not exactly this is refused, and the whole log is
//! replayed instead.

use std::sync::Arc;

use bytes::BufMut;
use thiserror::Error;

use super::records::{self, Reader, RecordError};
use super::shard::Shard;

const MAGIC: &[u8; 4] = b"WGCP";
const VERSION: i16 = 1;
const CRC_BYTES: usize = 4;

/// Why a checkpoint cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The checksum does not fit the bytes.
    #[error("checkpoint checksum is {found:#010x}, expected {expected:#010x}")]
    Checksum {
        /// What the bytes say.
        found: u32,
        /// What the bytes give.
        expected: u32,
    },
    /// Too short, or not a checkpoint.
    #[error("not a group coordinator checkpoint")]
    NotACheckpoint,
    /// Written by another version of this program.
    #[error("checkpoint version {0} is not known")]
    Version(i16),
    /// A record in it cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Shard {
    /// The committed state, as of [`Shard::applied_offset`].
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_slice(MAGIC);
        bytes.put_i16(VERSION);
        bytes.put_i64(self.applied);
        let stored = self
            .groups
            .values()
            .filter(|group| group.stored_metadata.is_some())
            .count();
        bytes.put_u64((stored + self.runtime.counters.offsets) as u64);
        for group in self.groups.values() {
            if let Some(value) = &group.stored_metadata {
                put_record(&mut bytes, -1, &records::metadata_key(&group.id), value);
            }
            for (topic, partition, offset) in group.offsets.iter() {
                let key = records::offset_key(&group.id, topic, partition);
                put_record(&mut bytes, offset.record_offset, &key, &records::offset_value(offset));
            }
        }
        bytes.put_u32(crc32c::crc32c(&bytes));
        bytes
    }

    /// Takes over a checkpoint, before any record is loaded; returns the offset from which on to load. The caller
    /// checks that the log reaches at least that far.
    ///
    /// # Errors
    /// The checkpoint is damaged or not one. The shard is empty then: load the whole log.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<i64, CheckpointError> {
        self.groups.clear();
        self.runtime.counters.offsets = 0;
        match self.read_checkpoint(checkpoint) {
            Ok(applied) => {
                self.applied = applied;
                Ok(applied)
            }
            Err(error) => {
                self.groups.clear();
                self.runtime.counters.offsets = 0;
                self.applied = 0;
                Err(error)
            }
        }
    }

    fn read_checkpoint(&mut self, checkpoint: &[u8]) -> Result<i64, CheckpointError> {
        let (body, crc) = checkpoint
            .split_last_chunk::<CRC_BYTES>()
            .ok_or(CheckpointError::NotACheckpoint)?;
        let mut reader = Reader::new(body);
        if reader.take("magic", MAGIC.len())? != MAGIC {
            return Err(CheckpointError::NotACheckpoint);
        }
        let (found, expected) = (u32::from_be_bytes(*crc), crc32c::crc32c(body));
        if found != expected {
            return Err(CheckpointError::Checksum { found, expected });
        }
        let version = reader.int16("version")?;
        if version != VERSION {
            return Err(CheckpointError::Version(version));
        }
        let applied = reader.int64("applied offset")?;
        for _ in 0..reader.int64("record count")? {
            let record_offset = reader.int64("record offset")?;
            let key = reader.bytes("key")?;
            let value = reader.bytes("value")?;
            self.replay(key, Some(value), record_offset)?;
        }
        Ok(applied)
    }

    /// The names of the topics that groups have offsets of, so that those of topics which are gone can be removed by
    /// [`Shard::topic_deleted`], should a stop have come between the two.
    pub fn topics(&self) -> std::collections::BTreeSet<Arc<str>> {
        self.groups
            .values()
            .flat_map(|group| group.offsets.topics().map(|(topic, _)| Arc::clone(topic)))
            .collect()
    }
}

fn put_record(bytes: &mut Vec<u8>, record_offset: i64, key: &[u8], value: &[u8]) {
    bytes.put_i64(record_offset);
    for part in [key, value] {
        bytes.put_u32(u32::try_from(part.len()).expect("a record is smaller than a frame"));
        bytes.put_slice(part);
    }
}
