//! Brings a shard up: the checkpoint, then the records that were committed after it.
//!
//! Invariant: bytes that are not what was written (a batch whose CRC is wrong, or that cannot be parsed) end the load,
//! for what they held is lost. A record that was written so and makes no sense is left out, told in the log and counted:
//! one record must not take all groups of the partition away.

use std::sync::Arc;

use bytes::Bytes;
use storage::log::{LogError, LogReader};
use storage::record_batch::{BatchError, BatchHeader, Records, verify_crc};

use super::checkpoint::{self, Written};
use crate::controller::topic_name::CONSUMER_OFFSETS_TOPIC;
use crate::group::{Now, Shard};

/// Bytes of the log read at once (Kafka: `offsets.load.buffer.size` of 5 MiB).
const READ_BYTES: u64 = 4 << 20;
/// What a batch of the log may decompress to. The coordinator writes none that is compressed.
const MAX_BATCH_BYTES: usize = 128 << 20;
/// So many of the records that are left out are told one by one, of each partition.
const MAX_TOLD: u64 = 20;

/// Why a shard cannot be loaded. Kafka, too, leaves such a partition without a coordinator.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A read failed.
    #[error("the log cannot be read at offset {offset}: {source}")]
    Read {
        /// Where.
        offset: i64,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A batch is damaged.
    #[error("the batch at offset {offset} cannot be read: {source}")]
    Batch {
        /// Its first offset, or the one that was looked for.
        offset: i64,
        /// What is wrong.
        source: BatchError,
    },
    /// A batch is of other offsets than are to follow; only where the cleaner was there are gaps.
    #[error("the batch at offset {offset} says that it holds {base}..{end}")]
    Misplaced {
        /// The offset that was to follow.
        offset: i64,
        /// Its first offset.
        base: i64,
        /// The offset after its last.
        end: i64,
    },
}

/// A shard that is being loaded.
pub(super) struct Loading {
    pub(super) shard: Shard,
    /// The offset from which on to read.
    pub(super) next: i64,
    pub(super) written: Written,
    /// Records that make no sense, and are left out.
    pub(super) skipped: u64,
    has_begun: bool,
}

impl Loading {
    pub(super) fn new(shard: Shard) -> Self {
        Self {
            shard,
            next: 0,
            written: Written::default(),
            skipped: 0,
            has_begun: false,
        }
    }

    /// Takes in everything up to the high watermark.
    pub(super) fn read_committed(&mut self, reader: &Arc<LogReader>, now: Now) -> Result<(), LoadError> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.written = checkpoint::restore(&mut self.shard, reader, now);
            self.next = self.shard.applied_offset();
        }
        self.next = self.next.max(reader.start_offset());
        let limit = reader.high_watermark();
        while self.next < limit.offset {
            let Some(slice) = reader.read(self.next, limit, READ_BYTES)? else {
                break;
            };
            let offset = self.next;
            let mut bytes = Bytes::from(slice.read().map_err(|source| LoadError::Read { offset, source })?);
            // After the read: where the cleaner has been meanwhile, what was read may still be whole.
            let gaps_below = reader.first_uncleaned();
            while !bytes.is_empty() {
                self.read_batch(&mut bytes, gaps_below)?;
            }
        }
        Ok(())
    }

    fn read_batch(&mut self, bytes: &mut Bytes, gaps_below: i64) -> Result<(), LoadError> {
        let offset = self.next;
        let failed = |source| LoadError::Batch { offset, source };
        let header = BatchHeader::parse(bytes).map_err(failed)?;
        let records = Records::new(bytes, MAX_BATCH_BYTES).map_err(failed)?;
        // `Records` has made sure that the batch is there as a whole.
        let batch = bytes.split_to(header.size());
        // A flipped bit would be a wrong offset, which costs a group records; the first 16 bytes are outside of the CRC.
        verify_crc(&batch, &header).map_err(failed)?;
        let (base, end) = (header.base_offset, header.next_offset());
        if !(base <= offset.max(gaps_below) && offset < end) {
            return Err(LoadError::Misplaced { offset, base, end });
        }
        self.next = end;
        if header.attributes.is_control() {
            return Ok(());
        }
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    // Where the next one begins is not known.
                    self.skip(offset, "the rest of the batch", &error);
                    break;
                }
            };
            let key = record.key.unwrap_or_default();
            let load = self.shard.load_record(&key, record.value.as_deref(), record.offset);
            if let Err(error) = load {
                self.skip(record.offset, "the record", &error);
            }
        }
        Ok(())
    }

    fn skip(&mut self, offset: i64, what: &str, error: &dyn std::fmt::Display) {
        self.skipped += 1;
        if self.skipped <= MAX_TOLD {
            tracing::error!(offset, %error, "{what} at this offset of {CONSUMER_OFFSETS_TOPIC} makes no sense and is left out");
        }
    }
}
