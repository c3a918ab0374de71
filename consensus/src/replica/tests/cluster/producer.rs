//! Producers: one batch at a time each, sent again until it is acknowledged.

use bytes::Bytes;
use storage::compression::Codec;
use storage::log::LogError;
use storage::record_batch::{BatchBuilder, BatchHeader};

use super::super::random::Random;
use super::history::History;
use super::node::Node;
use crate::{Append, AppendError, Role};

/// A batch that is in a leader's log, and not yet acknowledged.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    node: u64,
    start: u64,
    term: u64,
    base_offset: i64,
    last_offset: i64,
}

#[derive(Debug)]
pub(super) struct Producer {
    /// Idempotent, unless negative.
    id: i64,
    sequence: i32,
    batch: Option<(BatchHeader, Bytes)>,
    waiting: Option<Waiting>,
    made: u64,
    pub(super) acknowledged: u64,
    pub(super) duplicates: u64,
}

impl Producer {
    pub(super) fn new(id: i64) -> Self {
        Producer {
            id,
            sequence: 0,
            batch: None,
            waiting: None,
            made: 0,
            acknowledged: 0,
            duplicates: 0,
        }
    }

    /// Takes an acknowledgement that is there, gives up one that will not come, or sends.
    pub(super) fn step(
        &mut self,
        nodes: &mut [Node],
        now_ms: i64,
        history: &mut History,
        random: &mut Random,
    ) -> &'static str {
        if let Some(waiting) = self.waiting {
            let node = &nodes[waiting.node as usize - 1];
            let is_same = node.start == waiting.start && node.role() == Role::Leader(waiting.term);
            if is_same && node.high_watermark() > waiting.last_offset {
                let (header, _) = self.batch.take().expect("one is waiting");
                history.acknowledge(waiting.base_offset, header.crc);
                self.sequence += header.record_count;
                self.acknowledged += 1;
                self.waiting = None;
                return "acknowledged";
            }
            // An impatient producer sends again what is under way.
            if is_same && !(self.id >= 0 && random.chance(3)) {
                return "waits";
            }
            self.waiting = None;
            if self.id < 0 {
                // Nobody knows what became of it.
                self.batch = None;
            }
        }
        let leaders: Vec<usize> = (0..nodes.len())
            .filter(|&n| matches!(nodes[n].role(), Role::Leader(_)))
            .collect();
        if leaders.is_empty() {
            return "no leader";
        }
        let place = leaders[random.between(0, leaders.len() as u64) as usize];
        let (header, bytes) = self.batch.clone().unwrap_or_else(|| self.make(now_ms, random));
        self.batch = Some((header, bytes.clone()));
        let node = &mut nodes[place];
        let Role::Leader(term) = node.role() else {
            return "no leader";
        };
        let start = node.start;
        history.newest_term = history.newest_term.max(term);
        let (answer, base_offset, last_offset) = match node.append(&header, &bytes, now_ms) {
            Ok(Append::Written(written)) => ("written", written.header.base_offset, written.header.last_offset()),
            Ok(Append::Duplicate {
                base_offset,
                last_offset,
                ..
            }) => {
                self.duplicates += 1;
                ("duplicate", base_offset, last_offset)
            }
            // One that was deposed and does not know it yet may not have what the others have acknowledged.
            Err(AppendError::Log(LogError::Sequence(_))) if term < history.newest_term => return "deposed",
            Err(AppendError::Log(LogError::Sequence(error))) => panic!("producer {}: {error}", self.id),
            Err(AppendError::Log(_)) => return "the disk refused",
            Err(_) => return "refused",
        };
        self.waiting = Some(Waiting {
            node: place as u64 + 1,
            start,
            term,
            base_offset,
            last_offset,
        });
        answer
    }

    fn make(&mut self, now_ms: i64, random: &mut Random) -> (BatchHeader, Bytes) {
        let mut builder = BatchBuilder::new(Codec::None);
        if self.id >= 0 {
            builder = builder.producer(self.id, 0, self.sequence);
        }
        self.made += 1;
        for record in 0..random.between(1, 4) {
            let value = format!(
                "{} {} {record} {}",
                self.id,
                self.made,
                "x".repeat(random.between(0, 120) as usize)
            );
            builder.push(now_ms, None, Some(value.as_bytes()), &[]);
        }
        let bytes = builder.build();
        (BatchHeader::parse(&bytes).expect("a batch"), bytes)
    }
}
