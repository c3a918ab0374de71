//! Producers, plain and idempotent, with several batches on their way and retries.
//!
//! A plain producer gives each attempt a batch of its own; an idempotent one sends the same bytes again until it knows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use broker::node::{Clock, Committed, Partition};
use bytes::Bytes;
use consensus::{Append, AppendError};
use storage::compression::Codec;
use storage::journal::GroupId;
use storage::log::LogError;
use storage::record_batch::{BatchBuilder, ProducedBatch, validate_produced};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::super::invariants::{CONFIRMED, EXACTLY_ONCE};
use super::super::model::{Sent, Written};
use super::super::report::{Broken, broken};
use super::super::world::World;

const IN_WATERMARK: &str = "2 an acknowledged batch is below the high watermark";
/// `max.in.flight.requests.per.connection` of an idempotent producer, and the batches that a broker remembers.
const MAX_IN_FLIGHT: usize = 5;
const IDEMPOTENT_PRODUCERS: u64 = 3;

/// A produce with acks=all that waits for its answer.
#[derive(Debug)]
pub(crate) struct WaitingProduce {
    partition: Arc<Partition>,
    token: u64,
    base_offset: i64,
    end_offset: i64,
    /// The idempotent producer that sent it.
    producer: Option<i64>,
    told: oneshot::Receiver<Committed>,
}

/// An idempotent producer.
#[derive(Debug)]
pub(crate) struct Producer {
    id: i64,
    lanes: BTreeMap<GroupId, Lane>,
}

/// What an idempotent producer has for one partition.
#[derive(Debug, Default)]
struct Lane {
    next_sequence: i32,
    /// Not acknowledged, in order; the first `sent` of them are on their way.
    queue: VecDeque<Batch>,
    sent: usize,
    /// The newest that were acknowledged, with their offsets.
    done: VecDeque<(Batch, i64)>,
}

#[derive(Debug, Clone)]
struct Batch {
    token: u64,
    bytes: Bytes,
}

impl Producer {
    pub(crate) fn hang_up(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.sent = 0);
    }

    /// Stops producing to a partition.
    pub(crate) fn leave(&mut self, partition: GroupId) {
        self.lanes.remove(&partition);
    }

    /// Repeats no more what stands below `start`.
    pub(crate) fn forget_below(&mut self, partition: GroupId, start: i64) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.done.retain(|(_, base)| *base >= start);
        }
    }

    pub(crate) fn leave_all(&mut self, is_gone: &dyn Fn(&GroupId) -> bool) {
        self.lanes.retain(|id, _| !is_gone(id));
    }
}

/// What an error tells of a batch.
fn may_be_there(error: &AppendError) -> bool {
    match error {
        // Written and perhaps not cut back; or the replica failed in the middle of it.
        AppendError::Log(LogError::Io { .. }) | AppendError::Replica(_) => true,
        AppendError::Log(_) | AppendError::NotLeader | AppendError::NotReady | AppendError::Backlog { .. } => false,
    }
}

impl World {
    /// One request of some producer.
    pub(crate) fn produce(&mut self) -> Result<(), Broken> {
        let partitions = self.user_partitions();
        let Some(index) = self.random.index(partitions.len()) else {
            return Ok(());
        };
        self.produce_to(&partitions[index])
    }

    /// One request to this partition.
    pub(crate) fn produce_to(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let is_flipped = self.model(partition).flipped.is_some();
        if partition.topic.starts_with('w') || is_flipped || self.random.percent(40) {
            self.produce_plainly(partition)
        } else {
            self.produce_idempotently(partition)
        }
    }

    fn new_batch(&mut self, partition: &Partition, producer: Option<(i64, i32)>) -> (Batch, i32) {
        let token = self.next_token;
        self.next_token += 1;
        let codec = if self.random.percent(20) {
            Codec::Lz4
        } else {
            Codec::None
        };
        let mut builder = BatchBuilder::new(codec);
        if let Some((id, sequence)) = producer {
            builder = builder.producer(id, 0, sequence);
        }
        let count = self.random.between(1, 4);
        for _ in 0..count {
            let timestamp = self.clock.wall_ms() - self.random.below(1_500) as i64;
            let value = vec![self.random.next() as u8; self.random.between(1, 150) as usize];
            builder.push(timestamp, Some(&token.to_be_bytes()), Some(&value), &[]);
        }
        self.sent.insert(
            token,
            Sent {
                partition: partition.id,
                may_be_there: false,
            },
        );
        (
            Batch {
                token,
                bytes: builder.build(),
            },
            count as i32,
        )
    }

    fn produce_plainly(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let (batch, _) = self.new_batch(partition, None);
        let is_all = self.random.percent(70);
        match self.append(partition, &batch)? {
            Some(Append::Written(appended)) => {
                let (base, end) = (appended.start.offset, appended.end.offset);
                self.say(format!(
                    "{partition} batch {} is at {base}, acks=all: {is_all}",
                    batch.token
                ));
                if is_all {
                    self.wait(partition, batch.token, None, base, end);
                }
                Ok(())
            }
            Some(Append::Duplicate { base_offset, .. }) => broken(
                EXACTLY_ONCE,
                format!("{partition}: a plain batch is taken for the one at {base_offset}"),
            ),
            None => Ok(()),
        }
    }

    fn produce_idempotently(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        if self.producers.is_empty() {
            let ids = 1..=IDEMPOTENT_PRODUCERS as i64;
            self.producers = ids
                .map(|id| Producer {
                    id: 7_000 + id,
                    lanes: BTreeMap::new(),
                })
                .collect();
        }
        let which = self.random.below(IDEMPOTENT_PRODUCERS) as usize;
        if self.random.percent(20) {
            return self.repeat(partition, which);
        }
        let lane = self.producers[which].lanes.entry(partition.id).or_default();
        let (waiting, sent, sequence) = (lane.queue.len(), lane.sent, lane.next_sequence);
        let id = self.producers[which].id;
        if sent == waiting {
            if waiting == MAX_IN_FLIGHT {
                return Ok(());
            }
            let (batch, count) = self.new_batch(partition, Some((id, sequence)));
            let lane = self.producers[which].lanes.entry(partition.id).or_default();
            lane.next_sequence += count;
            lane.queue.push_back(batch);
        }
        let Some(batch) = self.producers[which]
            .lanes
            .get(&partition.id)
            .and_then(|lane| lane.queue.get(sent).cloned())
        else {
            return Ok(());
        };
        let (base, end) = match self.append(partition, &batch)? {
            Some(Append::Written(appended)) => (appended.start.offset, appended.end.offset),
            Some(Append::Duplicate {
                base_offset,
                last_offset,
                ..
            }) => {
                self.report.outcome("retries answered with the original's offset");
                (base_offset, last_offset + 1)
            }
            None => return Ok(()),
        };
        self.say(format!("{partition} producer {id} batch {} is at {base}", batch.token));
        if let Some(lane) = self.producers[which].lanes.get_mut(&partition.id) {
            lane.sent += 1;
        }
        self.wait(partition, batch.token, Some(id), base, end);
        Ok(())
    }

    /// Sends something again that was sent in this life of the node, or acknowledged.
    fn repeat(&mut self, partition: &Arc<Partition>, which: usize) -> Result<(), Broken> {
        let producer = &self.producers[which];
        let Some(lane) = producer.lanes.get(&partition.id) else {
            return Ok(());
        };
        // Only the newest five are remembered.
        let spare = MAX_IN_FLIGHT.saturating_sub(lane.queue.len());
        let done = lane
            .done
            .iter()
            .rev()
            .take(spare)
            .map(|(batch, base)| (batch.clone(), Some(*base)));
        let known: Vec<_> = lane
            .queue
            .iter()
            .take(lane.sent)
            .map(|batch| (batch.clone(), None))
            .chain(done)
            .collect();
        let Some((batch, base)) = self.random.pick(&known).cloned() else {
            return Ok(());
        };
        match self.append(partition, &batch)? {
            Some(Append::Duplicate { base_offset, .. }) if base.is_none_or(|base| base == base_offset) => {
                self.report.checked(EXACTLY_ONCE);
                self.report.outcome("repeats answered with the original's offset");
                Ok(())
            }
            Some(other) => broken(
                EXACTLY_ONCE,
                format!("{partition}: batch {} of {base:?} again: {other:?}", batch.token),
            ),
            None => Ok(()),
        }
    }

    /// Sends one batch. `None` where it was refused, or nobody heard the answer.
    fn append(&mut self, partition: &Arc<Partition>, batch: &Batch) -> Result<Option<Append>, Broken> {
        let Some(node) = self.node() else { return Ok(None) };
        let rules = partition.settings().rules.clone();
        let valid: ProducedBatch = match validate_produced(&batch.bytes, &rules, self.clock.wall_ms()) {
            Ok(valid) => valid,
            Err(error) => return broken("a sound batch is accepted", error.to_string()),
        };
        let result = node.append(partition, &valid);
        let is_unheard = self.is_stopped();
        let may_be_there = match &result {
            Ok(_) => true,
            Err(error) => is_unheard || may_be_there(error),
        };
        if let Some(sent) = self.sent.get_mut(&batch.token) {
            sent.may_be_there |= may_be_there;
        }
        if is_unheard {
            return Ok(None);
        }
        match result {
            Ok(append) => {
                if let Append::Written(appended) = &append {
                    let written = Written {
                        base_offset: appended.start.offset,
                        token: batch.token,
                    };
                    self.model(partition).written.push(written);
                }
                self.report.outcome("batches appended");
                Ok(Some(append))
            }
            Err(AppendError::Log(LogError::Sequence(error))) => broken(
                EXACTLY_ONCE,
                format!("{partition}: a producer that sends in order is refused: {error}"),
            ),
            Err(error) => {
                self.say(format!("{partition} batch {} is refused: {error}", batch.token));
                self.report.outcome("batches refused");
                Ok(None)
            }
        }
    }

    fn wait(&mut self, partition: &Arc<Partition>, token: u64, producer: Option<i64>, base: i64, end: i64) {
        let told = partition.committed(end);
        let partition = partition.clone();
        self.waiting.push(WaitingProduce {
            partition,
            token,
            base_offset: base,
            end_offset: end,
            producer,
            told,
        });
    }

    pub(crate) fn hear_produces(&mut self) -> Result<(), Broken> {
        for mut waiting in std::mem::take(&mut self.waiting) {
            match waiting.told.try_recv() {
                Ok(Committed::Yes) => self.acknowledged(waiting)?,
                Err(TryRecvError::Empty) => self.waiting.push(waiting),
                Ok(Committed::Never) | Err(TryRecvError::Closed) => {
                    self.report.outcome("produces left open");
                    let id = waiting.partition.id;
                    for producer in self
                        .producers
                        .iter_mut()
                        .filter(|producer| Some(producer.id) == waiting.producer)
                    {
                        if let Some(lane) = producer.lanes.get_mut(&id) {
                            lane.sent = 0;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, waiting: WaitingProduce) -> Result<(), Broken> {
        let WaitingProduce {
            partition,
            token,
            base_offset,
            end_offset,
            producer,
            ..
        } = waiting;
        self.report.outcome("produces acknowledged");
        self.report.checked(IN_WATERMARK);
        self.say(format!("{partition} batch {token} at {base_offset} is acknowledged"));
        let mark = partition.reader().high_watermark().offset;
        if mark < end_offset {
            return broken(
                IN_WATERMARK,
                format!("{partition} up to {end_offset}, and the watermark is {mark}"),
            );
        }
        let model = self.model(&partition);
        if let Some(other) = model
            .confirmed
            .insert(base_offset, token)
            .filter(|other| *other != token)
        {
            return broken(
                CONFIRMED,
                format!("{partition} at {base_offset}: both {other} and {token}"),
            );
        }
        let Some(producer) = self.producers.iter_mut().find(|each| Some(each.id) == producer) else {
            return Ok(());
        };
        let Some(lane) = producer.lanes.get_mut(&partition.id) else {
            return Ok(());
        };
        if lane.queue.front().is_some_and(|front| front.token == token)
            && let Some(batch) = lane.queue.pop_front()
        {
            lane.sent = lane.sent.saturating_sub(1);
            lane.done.push_back((batch, base_offset));
            if lane.done.len() > MAX_IN_FLIGHT {
                lane.done.pop_front();
            }
        }
        Ok(())
    }
}
