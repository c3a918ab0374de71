//! Produce requests: one batch each, built once, round and round the partitions.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng};
use storage::compression::Codec;
use storage::record_batch::BatchBuilder;

use super::Problem;
use super::dialogue::{Asked, Dialogue, Heard, Latencies, micros};
use super::request::{begin_request, set_correlation, set_i32};
use crate::wire::{Put as _, Reader, end_frame};

/// The version: as old as it can be and still have everything that matters here.
const PRODUCE: (i16, i16) = (0, 7);
/// Bytes of an answer that are looked at; it has one partition.
const LOOKED_AT: usize = 256;
const TIMEOUT_MS: i32 = 30_000;
/// Bytes of a record beside its value: lengths, deltas, attributes.
const RECORD_OVERHEAD: usize = 12;

/// A batch as it goes out each time.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    bytes: Arc<[u8]>,
    /// How many records are in it.
    pub(super) records: u64,
    /// Bytes of their values.
    pub(super) payload_bytes: u64,
}

impl Batch {
    /// Of as many records as fit into `batch_bytes` before compression, at least one. Values are letters, as in Kafka's
    /// own performance tool.
    pub(super) fn new(record_bytes: usize, batch_bytes: usize, codec: Codec) -> Result<Self, Problem> {
        let records = (batch_bytes / (record_bytes + RECORD_OVERHEAD)).max(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_millis() as i64);
        let mut random = rand::rngs::StdRng::seed_from_u64(0);
        let mut builder = BatchBuilder::new(codec);
        for _ in 0..records {
            let value: Vec<u8> = (0..record_bytes).map(|_| random.random_range(b'A'..=b'Z')).collect();
            builder.push(now, None, Some(&value), &[]);
        }
        let bytes = builder
            .try_build()
            .map_err(|problem| Problem::Batch(problem.to_string()))?;
        Ok(Batch {
            bytes: bytes.as_ref().into(),
            records: records as u64,
            payload_bytes: (records * record_bytes) as u64,
        })
    }
}

/// One connection that produces.
#[derive(Debug)]
pub(super) struct Produce {
    fields: Vec<u8>,
    partition_place: usize,
    batch: Batch,
    partitions: i32,
    next_partition: i32,
    step: i32,
    answer: Vec<u8>,
}

impl Produce {
    /// The `index`th of `connections` that share the partitions; `acks` as in the request.
    pub(super) fn new(
        topic: &str,
        partitions: i32,
        batch: Batch,
        acks: i16,
        index: i32,
        connections: i32,
    ) -> Result<Self, Problem> {
        let mut fields = begin_request(PRODUCE);
        let no_transaction = -1;
        fields.i16(no_transaction).i16(acks).i32(TIMEOUT_MS);
        fields.count(1).string(topic.as_bytes()).count(1);
        let partition_place = fields.len();
        fields.i32(0).count(batch.bytes.len());
        end_frame(&mut fields, 0, batch.bytes.len());
        Asked::fits(&fields)?;
        Ok(Produce {
            fields,
            partition_place,
            batch,
            partitions,
            next_partition: index % partitions,
            step: connections % partitions,
            answer: Vec::with_capacity(LOOKED_AT),
        })
    }
}

impl Dialogue for Produce {
    fn ask(&mut self, correlation: i32, _due: Instant) -> Asked {
        set_correlation(&mut self.fields, correlation);
        set_i32(&mut self.fields, self.partition_place, self.next_partition);
        self.next_partition = (self.next_partition + self.step) % self.partitions;
        Asked::new(&self.fields, self.batch.bytes.clone())
    }

    fn hear(&mut self, bytes: &[u8]) {
        let room = LOOKED_AT - self.answer.len();
        self.answer.extend(&bytes[..bytes.len().min(room)]);
    }

    fn heard(&mut self, due: Instant, now: Instant, latencies: Option<&mut Latencies>) -> Result<Heard, Problem> {
        let mut answer = Reader::new(&mut self.answer);
        let (_correlation, _topics, _) = (answer.i32()?, answer.i32()?, answer.string()?);
        let (_partitions, _partition, error) = (answer.i32()?, answer.i32()?, answer.i16()?);
        self.answer.clear();
        if let Some(latencies) = latencies {
            latencies.answer.saturating_record(micros(due, now));
        }
        Ok(match error {
            0 => Heard {
                records: self.batch.records,
                payload_bytes: self.batch.payload_bytes,
                error,
            },
            error => Heard {
                error,
                ..Heard::default()
            },
        })
    }
}
