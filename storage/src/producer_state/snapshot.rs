//! The file `<offset>.snapshot`: the producers as of the exclusive end offset that names it, in Kafka's format
//! (`ProducerStateManager`, version 1), big-endian:
//!
//! ```text
//!  0         2         6         10
//!  +---------+---------+---------+-------------------------
//!  | version | crc     | count   | count entries of 46 bytes
//!  | i16 = 1 | u32     | i32     |
//!  +---------+---------+---------+-------------------------
//!              CRC32C of everything from byte 6 on
//!
//!  entry: producer id i64 · epoch i16 · last sequence i32 · last offset i64 · offset delta i32 · timestamp i64 ·
//!         coordinator epoch i32 · first offset of the open transaction i64 (−1: none)
//! ```
//!
//! A producer without batch of its epoch has last sequence −1, last offset −1 and delta 0.
//!
//! A producer has one entry for each of its batches that are remembered, oldest first, one behind the other. Kafka writes
//! the last one alone, and so refuses after a restart to repeat the answer to any batch before it, which a producer that
//! had several on their way cannot tell from loss. When Kafka reads such a file, the last entry of a producer counts.

use super::{BATCHES_KEPT, BatchMetadata, NO_SEQUENCE, ProducerEntry, ProducerStates};

const VERSION: i16 = 1;
const CRC_START: usize = 6;
const HEAD: usize = 10;
const ENTRY_SIZE: usize = 46;

/// Why a snapshot is refused. The log then takes the one before it, or replays from its start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SnapshotError {
    /// A version that is not known.
    #[error("producer snapshot has version {found}, expected {VERSION}")]
    Version {
        /// What the file says.
        found: i16,
    },
    /// The length does not fit the count.
    #[error("producer snapshot of {len} bytes does not hold the {count} entries it claims")]
    Length {
        /// Bytes of the file.
        len: usize,
        /// The entries it claims, −1 where it ends before saying so.
        count: i32,
    },
    /// The checksum does not fit.
    #[error("producer snapshot's checksum is {found:#010x}, expected {expected:#010x}")]
    Crc {
        /// What the file says.
        found: u32,
        /// What its bytes give.
        expected: u32,
    },
    /// An entry that no broker writes, or one that does not follow the producer's one before.
    #[error("producer snapshot: bad entry {slot} of producer {producer_id}")]
    Entry {
        /// Its number, from 0.
        slot: usize,
        /// Its producer.
        producer_id: i64,
    },
}

impl ProducerStates {
    /// The content of a snapshot file.
    pub fn encode_snapshot(&self) -> Vec<u8> {
        let count: usize = self.iter().map(|(_, entry)| entry.batches().len().max(1)).sum();
        let mut bytes = Vec::with_capacity(HEAD + ENTRY_SIZE * count);
        let count = i32::try_from(count).expect("fewer than 2^31 batches fit in memory");
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&count.to_be_bytes());
        for (producer_id, entry) in self.iter() {
            let none = BatchMetadata {
                last_sequence: NO_SEQUENCE,
                last_offset: -1,
                offset_delta: 0,
                timestamp: -1,
            };
            let (last, earlier) = entry.batches().split_last().unwrap_or((&none, &[]));
            let earlier = earlier.iter().map(|batch| (batch, batch.timestamp));
            for (batch, timestamp) in earlier.chain([(last, entry.last_timestamp)]) {
                encode_entry(&mut bytes, producer_id, entry, batch, timestamp);
            }
        }
        let crc = crc32c::crc32c(&bytes[CRC_START..]);
        bytes[2..CRC_START].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads a snapshot file. `max_producers` bounds new producers only: those in the file are all kept.
    pub fn decode_snapshot(bytes: &[u8], max_producers: usize) -> Result<Self, SnapshotError> {
        let Some((head, entries)) = bytes.split_at_checked(HEAD) else {
            return Err(SnapshotError::Length {
                len: bytes.len(),
                count: -1,
            });
        };
        let mut head = Fields(head);
        let version = i16::from_be_bytes(head.take());
        if version != VERSION {
            return Err(SnapshotError::Version { found: version });
        }
        let found = u32::from_be_bytes(head.take());
        let count = i32::from_be_bytes(head.take());
        if usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(ENTRY_SIZE))
            != Some(entries.len())
        {
            return Err(SnapshotError::Length {
                len: bytes.len(),
                count,
            });
        }
        let expected = crc32c::crc32c(&bytes[CRC_START..]);
        if found != expected {
            return Err(SnapshotError::Crc { found, expected });
        }
        let mut states = Self::new(max_producers);
        for (slot, bytes) in entries.chunks_exact(ENTRY_SIZE).enumerate() {
            let (producer_id, entry, sound) = decode_entry(bytes);
            // Of the producer of the entry before, this is the next batch; any other must be new.
            let is_next = states
                .producers
                .last_key_value()
                .is_some_and(|(last, _)| *last == producer_id);
            let sound = sound
                && match states.producers.get_mut(&producer_id) {
                    Some(known) => is_next && known.continue_with(entry),
                    None => states.producers.insert(producer_id, entry).is_none(),
                };
            if !sound {
                return Err(SnapshotError::Entry { slot, producer_id });
            }
        }
        let oldest = states.producers.values().map(|entry| entry.last_timestamp).min();
        states.oldest_timestamp = oldest.unwrap_or(i64::MAX);
        Ok(states)
    }
}

impl ProducerEntry {
    /// Takes over the entry of the producer's next batch; whether it is one.
    fn continue_with(&mut self, next: ProducerEntry) -> bool {
        let (Some(last), [batch]) = (self.batches().last(), next.batches()) else {
            return false;
        };
        let follows = self.epoch == next.epoch && last.last_offset < batch.base_offset() && self.kept < BATCHES_KEPT;
        self.push(*batch);
        self.last_timestamp = next.last_timestamp;
        follows
    }
}

fn encode_entry(bytes: &mut Vec<u8>, producer_id: i64, entry: &ProducerEntry, batch: &BatchMetadata, timestamp: i64) {
    bytes.extend_from_slice(&producer_id.to_be_bytes());
    bytes.extend_from_slice(&entry.epoch.to_be_bytes());
    bytes.extend_from_slice(&batch.last_sequence.to_be_bytes());
    bytes.extend_from_slice(&batch.last_offset.to_be_bytes());
    bytes.extend_from_slice(&batch.offset_delta.to_be_bytes());
    bytes.extend_from_slice(&timestamp.to_be_bytes());
    bytes.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
    bytes.extend_from_slice(&entry.transaction_first_offset.unwrap_or(-1).to_be_bytes());
}

/// The entry, and whether its numbers can be.
fn decode_entry(bytes: &[u8]) -> (i64, ProducerEntry, bool) {
    let mut fields = Fields(bytes);
    let producer_id = i64::from_be_bytes(fields.take());
    let mut entry = ProducerEntry::new(i16::from_be_bytes(fields.take()));
    let last_sequence = i32::from_be_bytes(fields.take());
    let last_offset = i64::from_be_bytes(fields.take());
    let offset_delta = i32::from_be_bytes(fields.take());
    entry.last_timestamp = i64::from_be_bytes(fields.take());
    entry.coordinator_epoch = i32::from_be_bytes(fields.take());
    entry.transaction_first_offset = Some(i64::from_be_bytes(fields.take())).filter(|offset| *offset >= 0);
    let mut sound = producer_id >= 0;
    if last_offset >= 0 {
        sound &= last_sequence >= 0 && offset_delta >= 0 && i64::from(offset_delta) <= last_offset;
        entry.push(BatchMetadata {
            last_sequence,
            last_offset,
            offset_delta,
            timestamp: entry.last_timestamp,
        });
    }
    (producer_id, entry, sound)
}

/// Takes big-endian fields off the front of a slice whose length was checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the length was checked");
        self.0 = rest;
        *field
    }
}
