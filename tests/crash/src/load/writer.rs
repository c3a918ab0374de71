//! A producer with several batches in flight, that knows what was answered.
//!
//! An idempotent one sends what has no answer once more on its next connection, as the same batches of the same producer:
//! the broker must keep each once. Sometimes it forgets them instead, and goes on under another identity, as a restarted
//! program does. One that is not idempotent never sends anything twice.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use storage::compression::Codec;

use super::{Run, now_ms};
use crate::client::{Acks, BATCH_CODECS, Connection, ProducerIdentity};
use crate::ledger::{Outcome, PartitionId, Sent};
use crate::payload::{self, WriterId};

/// The broker knows the last five batches of a producer.
const MAX_IN_FLIGHT: usize = 5;
const MAX_BATCH_RECORDS: u32 = 12;
/// Milliseconds between two batches, at most.
const MAX_PAUSE_MS: u64 = 4;
/// How often it forgets what was not answered.
const FORGETS: f64 = 0.15;

#[derive(Debug)]
pub(super) struct Writer {
    id: WriterId,
    name: String,
    idempotent: bool,
    acks: Acks,
    identity: Option<ProducerIdentity>,
    partitions: Vec<Progress>,
    in_flight: VecDeque<InFlight>,
    session: u32,
    random: StdRng,
}

/// Of one partition: where it is, and what comes next.
#[derive(Debug)]
struct Progress {
    partition: PartitionId,
    record: u64,
    producer_sequence: i32,
}

#[derive(Debug)]
struct InFlight {
    /// Index into the partitions.
    place: usize,
    /// In the ledger.
    number: usize,
    batch: Bytes,
}

impl Writer {
    pub(super) fn new(id: WriterId, idempotent: bool, acks: Acks, partitions: Vec<PartitionId>, seed: u64) -> Self {
        let kind = if idempotent { "idempotent" } else { "plain" };
        let progress = |partition| Progress {
            partition,
            record: 0,
            producer_sequence: 0,
        };
        Writer {
            id,
            name: format!("{kind} writer {id}, acks {acks:?}"),
            idempotent,
            acks,
            identity: None,
            partitions: partitions.into_iter().map(progress).collect(),
            in_flight: VecDeque::new(),
            session: 0,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Until the broker is gone.
    pub(super) fn run(&mut self, run: &Run) {
        if let Some(mut broker) = run.connect(&self.name) {
            self.session += 1;
            let _ = self.write(run, &mut broker);
        }
        if !self.idempotent || self.random.random_bool(FORGETS) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.in_flight.clear();
        self.identity = None;
        self.partitions
            .iter_mut()
            .for_each(|progress| progress.producer_sequence = 0);
    }

    /// `None` when the broker is gone, or answered what it must not.
    fn write(&mut self, run: &Run, broker: &mut Connection) -> Option<()> {
        if self.idempotent && self.identity.is_none() {
            let identity = run.ok(&self.name, broker.init_producer_id())?;
            if !run.ledger.identity(identity) {
                run.find(&self.name, &format!("{identity:?} was given out before"));
            }
            self.identity = Some(identity);
        }
        for waiting in &self.in_flight {
            let partition = &self.partitions[waiting.place].partition;
            run.ledger.resend(partition, waiting.number, self.session);
            let sent = broker.send_produce(&partition.topic, partition.index, waiting.batch.clone(), self.acks);
            run.ok(&self.name, sent)?;
        }
        let in_flight = self.random.random_range(1..=MAX_IN_FLIGHT);
        loop {
            while self.in_flight.len() < in_flight {
                self.send(run, broker)?;
            }
            self.receive(run, broker)?;
            std::thread::sleep(Duration::from_millis(self.random.random_range(0..=MAX_PAUSE_MS)));
        }
    }

    fn send(&mut self, run: &Run, broker: &mut Connection) -> Option<()> {
        let count = self.random.random_range(1..=MAX_BATCH_RECORDS);
        let codec = self.codec();
        let place = self.random.random_range(0..self.partitions.len());
        let progress = &mut self.partitions[place];
        let producer = self.identity.map(|identity| (identity, progress.producer_sequence));
        let first = progress.record;
        progress.record += u64::from(count);
        progress.producer_sequence += count.cast_signed();
        let batch = payload::batch(self.id, first, count, producer, codec, now_ms());
        let number = run.ledger.send(
            &progress.partition,
            Sent {
                writer: self.id,
                session: self.session,
                first,
                count,
                acks: self.acks,
                producer,
                outcome: Outcome::Unknown,
            },
        );
        let PartitionId { topic, index } = &progress.partition;
        let sent = broker.send_produce(topic, *index, batch.clone(), self.acks);
        self.in_flight.push_back(InFlight { place, number, batch });
        run.ok(&self.name, sent)
    }

    fn receive(&mut self, run: &Run, broker: &mut Connection) -> Option<()> {
        let oldest = self.in_flight.front()?;
        let partition = &self.partitions[oldest.place].partition;
        let answer = broker.receive_produced(&partition.topic, partition.index);
        let base_offset = run.ok(&self.name, answer)?;
        run.ledger.acknowledge(partition, oldest.number, base_offset);
        self.in_flight.pop_front();
        Some(())
    }

    fn codec(&mut self) -> Codec {
        let all: u32 = BATCH_CODECS.iter().map(|(_, often)| often).sum();
        let mut ticket = self.random.random_range(0..all);
        for (codec, often) in BATCH_CODECS {
            if ticket < often {
                return codec;
            }
            ticket -= often;
        }
        Codec::None
    }
}
