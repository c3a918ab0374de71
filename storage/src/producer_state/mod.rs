//! What is known of each idempotent producer.
//!
//! Invariant: the batches kept of a producer are its latest at most [`BATCHES_KEPT`], all of its current epoch, in order of
//! their offsets. It is a function of the batches in the log alone (and of the times at which they were appended): replaying
//! the headers behind a snapshot gives the same answers as never having stopped, except that of each producer only the
//! last batch before the snapshot is known, since that is all that Kafka's file holds.
//!
//! Before a batch is appended, [`ProducerStates::check`] says whether it is new, a repeat of one that is in the log, or out
//! of order (Kafka: `ProducerStateEntry`, `ProducerAppendInfo`; KIP-98, KIP-360). After it is written, on leader and
//! follower and in recovery, [`ProducerStates::record`] notes it. A cut of the log goes back to the newest snapshot at or
//! below the cut and replays from there.

mod room;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;

pub use room::ProducerRoom;
pub use snapshot::SnapshotError;

use crate::record_batch::BatchHeader;
use room::Share;

/// Batches of each producer that are kept to recognise repeats; a Java client has at most this many in flight.
pub const BATCHES_KEPT: usize = 5;

const NO_SEQUENCE: i32 = -1;
/// The least epoch of a batch: that of one without a producer.
const NO_EPOCH: i16 = -1;

/// What a batch is to its producer's earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceCheck {
    /// To be appended.
    New,
    /// In the log already. Answer the offsets it got, once they are below the high watermark.
    Duplicate {
        /// Its first offset.
        base_offset: i64,
        /// Its last offset.
        last_offset: i64,
        /// When it was appended, as given to [`ProducerStates::record`], ms since the epoch.
        timestamp: i64,
    },
}

/// Why a batch may not be appended.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SequenceError {
    /// Its sequence does not follow the producer's last (OUT_OF_ORDER_SEQUENCE_NUMBER, 45).
    #[error("producer {producer_id} epoch {epoch}: sequence {found} does not follow {last} of epoch {last_epoch}")]
    OutOfOrderSequence {
        /// The producer.
        producer_id: i64,
        /// The batch's producer epoch.
        epoch: i16,
        /// The batch's first sequence.
        found: i32,
        /// The last sequence in the log, −1 for none.
        last: i32,
        /// Its epoch.
        last_epoch: i16,
    },
    /// Its producer epoch is older than the last seen (INVALID_PRODUCER_EPOCH, 47).
    #[error("producer {producer_id}: epoch {found} is older than {last}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// The batch's producer epoch.
        found: i16,
        /// The last epoch in the log.
        last: i16,
    },
    /// The producer is new and there is no room for it: call [`ProducerStates::expire`] and ask again, once.
    #[error("producer {producer_id} is new and {limit} producers are known, none of them expired")]
    TooManyProducers {
        /// The producer.
        producer_id: i64,
        /// The limit on producers of one partition.
        limit: usize,
    },
    /// The same, but for what all partitions of the node remember together.
    #[error("producer {producer_id} is new and {limit} producers are known in all partitions")]
    TooManyProducersOnNode {
        /// The producer.
        producer_id: i64,
        /// The limit on producers of all partitions.
        limit: usize,
    },
}

/// One batch in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchMetadata {
    /// Its last sequence.
    pub last_sequence: i32,
    /// Its last offset.
    pub last_offset: i64,
    /// Its last offset minus its first.
    pub offset_delta: i32,
    /// When it was appended, ms since the epoch.
    pub timestamp: i64,
}

impl BatchMetadata {
    /// Its first offset.
    pub fn base_offset(&self) -> i64 {
        self.last_offset.saturating_sub(i64::from(self.offset_delta))
    }

    /// Its first sequence. Sequences go from `i32::MAX` on to 0.
    pub fn first_sequence(&self) -> i32 {
        (self.last_sequence.wrapping_sub(self.offset_delta)) & i32::MAX
    }
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerEntry {
    epoch: i16,
    coordinator_epoch: i32,
    last_timestamp: i64,
    transaction_first_offset: Option<i64>,
    kept: usize,
    batches: [BatchMetadata; BATCHES_KEPT],
}

impl ProducerEntry {
    fn new(epoch: i16) -> Self {
        Self {
            epoch,
            coordinator_epoch: -1,
            last_timestamp: -1,
            transaction_first_offset: None,
            kept: 0,
            batches: Default::default(),
        }
    }

    /// The current producer epoch.
    pub fn epoch(&self) -> i16 {
        self.epoch
    }

    /// The epoch of the transaction coordinator that wrote the last marker, −1 for none.
    pub fn coordinator_epoch(&self) -> i32 {
        self.coordinator_epoch
    }

    /// When its last batch was appended, ms since the epoch.
    pub fn last_timestamp(&self) -> i64 {
        self.last_timestamp
    }

    /// Where its open transaction begins in this partition.
    pub fn transaction_first_offset(&self) -> Option<i64> {
        self.transaction_first_offset
    }

    /// Its last batches of this epoch, oldest first.
    pub fn batches(&self) -> &[BatchMetadata] {
        &self.batches[..self.kept]
    }

    /// Its last sequence, −1 where no batch of this epoch is known.
    pub fn last_sequence(&self) -> i32 {
        self.batches().last().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    fn push(&mut self, batch: BatchMetadata) {
        if self.kept == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.kept -= 1;
        }
        self.batches[self.kept] = batch;
        self.kept += 1;
    }
}

/// The producers of one partition.
#[derive(Debug, Clone)]
pub struct ProducerStates {
    producers: BTreeMap<i64, ProducerEntry>,
    max_producers: usize,
    share: Share,
    /// No producer's last timestamp is below this: spares `expire` the walk where nothing can have expired.
    oldest_timestamp: i64,
}

impl ProducerStates {
    /// Nothing known yet. `max_producers` bounds the producers that [`Self::check`] lets in.
    pub fn new(max_producers: usize) -> Self {
        Self {
            producers: BTreeMap::new(),
            max_producers,
            share: Share::of(ProducerRoom::default()),
            oldest_timestamp: i64::MAX,
        }
    }

    /// The same, with its producers counted in this room, which bounds those that [`Self::check`] lets in as well.
    #[must_use]
    pub fn in_room(mut self, room: &ProducerRoom) -> Self {
        self.set_room(room);
        self
    }

    /// Moves into another room.
    pub fn set_room(&mut self, room: &ProducerRoom) {
        if self.share.room() != room {
            self.share = Share::of(room.clone());
            self.share.set(self.producers.len());
        }
    }

    /// Changes how many producers are remembered; those that are known stay until they expire.
    pub fn set_max(&mut self, max_producers: usize) {
        self.max_producers = max_producers;
    }

    /// What a client's batch is to its producer's earlier ones. A batch without producer id is always new.
    ///
    /// A producer that is not known (its batches may have been deleted) may begin with any sequence; a new epoch begins
    /// with 0.
    pub fn check(&self, header: &BatchHeader) -> Result<SequenceCheck, SequenceError> {
        if !header.has_producer() {
            return Ok(SequenceCheck::New);
        }
        let producer_id = header.producer_id;
        let Some(known) = self.producers.get(&producer_id) else {
            if header.producer_epoch < NO_EPOCH {
                return Err(SequenceError::InvalidProducerEpoch {
                    producer_id,
                    found: header.producer_epoch,
                    last: NO_EPOCH,
                });
            }
            if self.producers.len() >= self.max_producers {
                return Err(SequenceError::TooManyProducers {
                    producer_id,
                    limit: self.max_producers,
                });
            }
            if self.share.room().is_full() {
                return Err(SequenceError::TooManyProducersOnNode {
                    producer_id,
                    limit: self.share.room().max(),
                });
            }
            return Ok(SequenceCheck::New);
        };
        if header.producer_epoch < known.epoch {
            return Err(SequenceError::InvalidProducerEpoch {
                producer_id,
                found: header.producer_epoch,
                last: known.epoch,
            });
        }
        if header.attributes.is_control() {
            return Ok(SequenceCheck::New); // a marker carries no sequence
        }
        let last = known.last_sequence();
        let expected = if header.producer_epoch == known.epoch {
            let same = |batch: &&BatchMetadata| {
                batch.first_sequence() == header.base_sequence && batch.last_sequence == header.last_sequence()
            };
            if let Some(batch) = known.batches().iter().find(same) {
                return Ok(SequenceCheck::Duplicate {
                    base_offset: batch.base_offset(),
                    last_offset: batch.last_offset,
                    timestamp: batch.timestamp,
                });
            }
            last.wrapping_add(1) & i32::MAX
        } else {
            0
        };
        // Of a producer without epoch any sequence is taken, as in Kafka: nothing is known that it could follow.
        if header.base_sequence != expected && known.epoch != NO_EPOCH {
            return Err(SequenceError::OutOfOrderSequence {
                producer_id,
                epoch: header.producer_epoch,
                found: header.base_sequence,
                last,
                last_epoch: known.epoch,
            });
        }
        Ok(SequenceCheck::New)
    }

    /// Notes a batch that was written at `header.base_offset`. `append_timestamp` is the time of the append, ms since the
    /// epoch; in recovery, where it is not known, the time of the recovery keeps a live producer from expiring.
    ///
    /// Takes what is in the log as given: nothing is checked here, and the bound on producers is the leader's to keep
    /// with [`Self::check`].
    pub fn record(&mut self, header: &BatchHeader, append_timestamp: i64) {
        if !header.has_producer() {
            return;
        }
        if !self.producers.contains_key(&header.producer_id) {
            self.share.set(self.producers.len() + 1);
        }
        let entry = self
            .producers
            .entry(header.producer_id)
            .or_insert_with(|| ProducerEntry::new(header.producer_epoch));
        if entry.epoch != header.producer_epoch {
            entry.epoch = header.producer_epoch;
            entry.kept = 0;
        }
        entry.last_timestamp = append_timestamp;
        self.oldest_timestamp = self.oldest_timestamp.min(append_timestamp);
        if header.attributes.is_control() {
            entry.transaction_first_offset = None;
            return;
        }
        entry.push(BatchMetadata {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: append_timestamp,
        });
        if header.attributes.is_transactional() {
            entry.transaction_first_offset.get_or_insert(header.base_offset);
        }
    }

    /// Notes which transaction coordinator wrote a marker; call it after [`Self::record`] of the marker's batch.
    pub fn record_coordinator_epoch(&mut self, producer_id: i64, coordinator_epoch: i32) {
        if let Some(entry) = self.producers.get_mut(&producer_id) {
            entry.coordinator_epoch = coordinator_epoch;
        }
    }

    /// Forgets the producers without open transaction whose last batch was appended `expiration_ms` or longer before
    /// `now_ms` (`producer.id.expiration.ms`), and answers how many. Walks only when one can have expired.
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) -> usize {
        if now_ms.saturating_sub(self.oldest_timestamp) < expiration_ms {
            return 0;
        }
        let before = self.producers.len();
        let mut oldest = i64::MAX;
        self.producers.retain(|_, entry| {
            let expired = entry.transaction_first_offset.is_none()
                && now_ms.saturating_sub(entry.last_timestamp) >= expiration_ms;
            if !expired {
                oldest = oldest.min(entry.last_timestamp);
            }
            !expired
        });
        self.oldest_timestamp = oldest;
        self.share.set(self.producers.len());
        before - self.producers.len()
    }

    /// Takes over from `other`, the state before the log was cut at `end`, what it knew of producers that are unknown
    /// here: those whose batches below `end` have all expired.
    pub fn adopt_below(&mut self, other: &ProducerStates, end: i64) {
        for (id, known) in other.iter() {
            if self.producers.contains_key(&id) {
                continue;
            }
            let kept = known.batches().iter().filter(|batch| batch.last_offset < end);
            let mut entry = ProducerEntry::new(known.epoch);
            kept.for_each(|batch| entry.push(*batch));
            if entry.kept > 0 {
                entry.coordinator_epoch = known.coordinator_epoch;
                entry.last_timestamp = known.last_timestamp;
                entry.transaction_first_offset = known.transaction_first_offset.filter(|offset| *offset < end);
                self.oldest_timestamp = self.oldest_timestamp.min(entry.last_timestamp);
                self.producers.insert(id, entry);
            }
        }
        self.share.set(self.producers.len());
    }

    /// Producers known.
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// One producer.
    pub fn get(&self, producer_id: i64) -> Option<&ProducerEntry> {
        self.producers.get(&producer_id)
    }

    /// The producers, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &ProducerEntry)> {
        self.producers.iter().map(|(id, entry)| (*id, entry))
    }

    /// The producers behind `producer_id`, ordered by id.
    pub fn iter_after(&self, producer_id: i64) -> impl Iterator<Item = (i64, &ProducerEntry)> {
        self.producers
            .range((Bound::Excluded(producer_id), Bound::Unbounded))
            .map(|(id, entry)| (*id, entry))
    }

    /// Forgets all, as a cut before the oldest snapshot does.
    pub fn clear(&mut self) {
        self.producers.clear();
        self.share.set(0);
        self.oldest_timestamp = i64::MAX;
    }
}
