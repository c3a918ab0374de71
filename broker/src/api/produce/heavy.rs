//! Batches that take long, or much memory, to check: those that inflate to a lot, and those that are recompressed.
//!
//! They are checked on threads of their own, at most [`POOL_BYTES`] at once by what they may take, and not on the
//! threads that serve connections. Invariant: of one connection one request at a time is in the pool, and none is called
//! on the connection's task while another is or waits to be, so that its batches are appended in their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use storage::compression::{Codec, CompressionError};
use storage::record_batch::{
    BatchError, BatchHeader, ProduceRules, ProducedBatch, TopicCompression, validate_produced,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinError;

use super::{Place, Stop};

/// Most bytes to which a batch decompresses on its connection's task.
const INLINE_BYTES: usize = 1 << 20;
/// Most bytes of records that are compressed anew there.
const INLINE_RECOMPRESSED_BYTES: usize = 64 << 10;

/// What the batches in the pool may take together, about.
const POOL_BYTES: usize = 128 << 20;
/// A batch counts for at least so much, which also bounds the threads.
const LEAST_WEIGHT: usize = 32 << 20;
/// The unit in which the pool is given out.
const UNIT: usize = 1 << 20;
/// Bytes of requests that wait for the pool or are in it. Open connections cannot have that many
/// (`queued.max.request.bytes`); closed ones leave theirs behind.
const QUEUE_BYTES: usize = 128 << 20;

/// Checks a batch, unless that takes too much for this place.
pub(super) fn validate(
    records: &Bytes,
    rules: &ProduceRules,
    zstd_allowed: bool,
    now_ms: i64,
    place: Place,
) -> Result<ProducedBatch, Stop> {
    let header = BatchHeader::parse(records).ok();
    // What cannot be read is refused soon enough.
    let codec = header.and_then(|header| header.attributes.codec().ok());
    let codec = codec.unwrap_or(Codec::None);
    let target = match rules.compression {
        TopicCompression::Codec { kind, .. } => kind,
        TopicCompression::Producer => codec,
    };
    let is_light = codec == Codec::None && target == Codec::None;
    if is_light && rules.zstd_allowed == zstd_allowed {
        return Ok(validate_produced(records, rules, now_ms)?);
    }
    let mut rules = ProduceRules {
        zstd_allowed,
        ..rules.clone()
    };
    let limit = if codec == target {
        INLINE_BYTES
    } else {
        INLINE_RECOMPRESSED_BYTES
    };
    let most = rules.max_decompressed_bytes;
    if is_light || place == Place::Pool || most <= limit {
        return Ok(validate_produced(records, &rules, now_ms)?);
    }
    let weight = || weight(codec, records.len(), most);
    if codec != target && records.len() > limit {
        return Err(Stop::TooHeavy(weight()));
    }
    rules.max_decompressed_bytes = limit;
    match validate_produced(records, &rules, now_ms) {
        Err(BatchError::Compression(CompressionError::TooLarge { .. })) => Err(Stop::TooHeavy(weight())),
        checked => Ok(checked?),
    }
}

/// Bytes that a batch of this size may take: its records, twice while their buffer grows or they are compressed anew.
fn weight(codec: Codec, len: usize, most: usize) -> usize {
    // What each codec can at most make of a byte.
    let ratio = match codec {
        Codec::None => 1,
        Codec::Snappy => 32,
        Codec::Lz4 => 255,
        Codec::Gzip => 1_032,
        Codec::Zstd => usize::MAX,
    };
    (len.saturating_mul(ratio).min(most))
        .saturating_mul(2)
        .saturating_add(len)
}

/// The pool, and who waits for it.
#[derive(Debug)]
pub(in crate::api) struct HeavyBatches {
    units: Semaphore,
    is_closed: AtomicBool,
    queued_bytes: AtomicUsize,
    tails: Mutex<Tails>,
    /// How many connections there are in it, so that others need not look.
    connections: AtomicUsize,
}

#[derive(Debug, Default)]
struct Tails {
    /// By connection: the last of its requests that is in the pool or waits for it.
    last: BTreeMap<u64, Tail>,
    next: u64,
}

#[derive(Debug)]
struct Tail {
    number: u64,
    /// Closes when the request is done with.
    done: Option<oneshot::Receiver<()>>,
}

/// Room in the queue for a request.
pub(super) struct Room(usize);

impl Default for HeavyBatches {
    fn default() -> Self {
        HeavyBatches {
            units: Semaphore::new(POOL_BYTES / UNIT),
            is_closed: AtomicBool::new(false),
            queued_bytes: AtomicUsize::new(0),
            tails: Mutex::default(),
            connections: AtomicUsize::new(0),
        }
    }
}

impl HeavyBatches {
    /// Whether requests of this connection are in the pool, or wait for it.
    pub(super) fn is_busy(&self, connection: u64) -> bool {
        // Only the connection's own task adds to its requests, so it does not miss one of them here.
        self.connections.load(Ordering::Acquire) > 0 && self.tails.lock().last.contains_key(&connection)
    }

    /// Whether a batch has to wait for others, however light it is.
    pub(super) fn is_full(&self) -> bool {
        self.units.available_permits() < LEAST_WEIGHT / UNIT
    }

    /// Room for a request of this size; `None` where the queue is full.
    pub(super) fn room(&self, bytes: usize) -> Option<Room> {
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= QUEUE_BYTES || before == 0 {
            return Some(Room(bytes));
        }
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        None
    }

    /// Finishes `work` in the pool, after what the connection has there, even if nobody waits for it any more. `weight` is
    /// what its next batch takes, if that is known; `step` goes on with it and returns what the batch takes before which
    /// it stops, if it does.
    pub(super) fn run<W: Send + 'static>(
        self: &Arc<Self>,
        connection: u64,
        Room(bytes): Room,
        weight: Option<usize>,
        work: W,
        step: fn(&mut W, Place) -> Option<usize>,
    ) -> oneshot::Receiver<W> {
        let (tell, told) = oneshot::channel();
        let (done, is_done) = oneshot::channel::<()>();
        let (before, number) = self.queue(connection, is_done);
        let pool = self.clone();
        tokio::spawn(async move {
            if let Some(before) = before {
                // It closes without a value.
                let _ = before.await;
            }
            let result = pool.finish(weight, work, step).await;
            pool.leave(connection, number, bytes);
            drop(done);
            match result {
                // The connection may be gone.
                Ok(Some(result)) => drop(tell.send(result)),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the check of a batch failed"),
            }
        });
        told
    }

    async fn finish<W: Send + 'static>(
        &self,
        mut weight: Option<usize>,
        mut work: W,
        step: fn(&mut W, Place) -> Option<usize>,
    ) -> Result<Option<W>, JoinError> {
        loop {
            let place = weight.map_or(Place::Connection, |_| Place::Pool);
            let units = weight.unwrap_or(0).clamp(LEAST_WEIGHT, POOL_BYTES).div_ceil(UNIT);
            let permit = self.units.acquire_many(units as u32).await;
            if self.is_closed.load(Ordering::SeqCst) {
                return Ok(None);
            }
            let stepped = tokio::task::spawn_blocking(move || {
                let stopped = step(&mut work, place);
                (work, stopped)
            });
            (work, weight) = stepped.await?;
            drop(permit);
            if weight.is_none() {
                return Ok(Some(work));
            }
        }
    }

    /// Takes no more batches, and waits for those that are being checked: after this the pool appends nothing.
    pub(in crate::api) async fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let all = self.units.acquire_many((POOL_BYTES / UNIT) as u32).await;
        drop(all);
    }

    fn queue(&self, connection: u64, done: oneshot::Receiver<()>) -> (Option<oneshot::Receiver<()>>, u64) {
        let mut tails = self.tails.lock();
        tails.next += 1;
        let number = tails.next;
        let tail = Tail {
            number,
            done: Some(done),
        };
        let before = tails
            .last
            .insert(connection, tail)
            .and_then(|mut tail| tail.done.take());
        self.connections.store(tails.last.len(), Ordering::Release);
        (before, number)
    }

    fn leave(&self, connection: u64, number: u64, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        let mut tails = self.tails.lock();
        if tails.last.get(&connection).is_some_and(|tail| tail.number == number) {
            tails.last.remove(&connection);
        }
        self.connections.store(tails.last.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
