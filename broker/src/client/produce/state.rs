//! What a producer has of each partition: the batch that collects records, those that wait, whether one is under way.

use std::collections::VecDeque;

use storage::record_batch::BatchBuilder;
use tokio::time::Instant;

use super::{NewRecord, ProducerOptions};

/// The identity of an idempotent producer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// A batch that takes no more records.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) builder: BatchBuilder,
    /// Bytes of its records, as counted when they came.
    pub(super) bytes: usize,
    /// When it was sent for the first time.
    pub(super) since: Option<Instant>,
}

/// A batch that collects records.
#[derive(Debug)]
pub(super) struct Open {
    builder: BatchBuilder,
    bytes: usize,
    pub(super) since: Instant,
}

/// One partition.
#[derive(Debug, Default)]
pub(super) struct PartitionState {
    pub(super) open: Option<Open>,
    pub(super) ready: VecDeque<Ready>,
    pub(super) is_under_way: bool,
    next_sequence: i32,
}

impl PartitionState {
    /// Adds a record; whether that filled a batch.
    pub(super) fn push(&mut self, record: &NewRecord, options: &ProducerOptions, identity: Option<Identity>) -> bool {
        let size = record.size();
        let mut filled = false;
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.bytes + size > options.batch_bytes)
        {
            self.close(identity);
            filled = true;
        }
        let open = self.open.get_or_insert_with(|| {
            let builder = BatchBuilder::new(options.codec);
            Open {
                builder: match options.level {
                    Some(level) => builder.level(level),
                    None => builder,
                },
                bytes: 0,
                since: Instant::now(),
            }
        });
        let headers: Vec<_> = (record.headers.iter())
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        open.builder.push(
            record.timestamp,
            record.key.as_deref(),
            record.value.as_deref(),
            &headers,
        );
        open.bytes += size;
        if open.bytes >= options.batch_bytes {
            self.close(identity);
            filled = true;
        }
        filled
    }

    /// Moves the collecting batch, if there is one, to those that wait.
    pub(super) fn close(&mut self, identity: Option<Identity>) {
        let Some(open) = self.open.take() else { return };
        // A batch holds less than 2³¹ records, for it holds less than 2³¹ bytes.
        let count = open.builder.len() as i32;
        let builder = match identity {
            Some(Identity { id, epoch }) => open.builder.producer(id, epoch, self.next_sequence),
            None => open.builder,
        };
        // After i32::MAX comes 0.
        self.next_sequence = self.next_sequence.wrapping_add(count) & i32::MAX;
        self.ready.push_back(Ready {
            builder,
            bytes: open.bytes,
            since: None,
        });
    }

    /// Whether a batch can be sent.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_under_way && !self.ready.is_empty()
    }

    /// Whether nothing waits or is under way.
    pub(super) fn is_done(&self) -> bool {
        self.open.is_none() && self.ready.is_empty() && !self.is_under_way
    }
}
