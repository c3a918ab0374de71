//! Fetch requests, one at a time a connection, and a walk over the batches of the answers as they stream in.

use std::sync::Arc;
use std::time::Instant;

use super::Problem;
use super::dialogue::{Asked, Dialogue, Heard, Latencies, micros};
use super::request::{begin_request, set_correlation, set_i64};
use crate::wire::{Malformed, Put as _, Reader, end_frame};

const FETCH: (i16, i16) = (1, 11);
/// Bytes of an answer's fields that are kept for a look: one topic, one partition, no aborted transactions.
const FIELDS: usize = 256;
/// Of a batch: base offset, length, and, behind epoch, magic, CRC and attributes, the delta of its last offset.
const BATCH_HEAD: usize = 27;
/// Bytes of a batch that its length does not count.
const BATCH_LENGTH_FROM: u64 = 12;

/// The walk over a stream of batches: remembers the last offset that was complete.
#[derive(Debug, Default)]
pub(super) struct Walk {
    head: [u8; BATCH_HEAD],
    in_head: usize,
    /// Bytes of the batch that are still to come, and the offset after it.
    left: u64,
    next: i64,
    /// The offset after the last batch that ended, if one did.
    pub(super) ended: Option<i64>,
}

impl Walk {
    /// More bytes of the stream.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len() as u64);
                self.left -= passed;
                bytes = &bytes[passed as usize..];
                if self.left == 0 {
                    self.ended = Some(self.next);
                }
                continue;
            }
            let taken = bytes.len().min(BATCH_HEAD - self.in_head);
            self.head[self.in_head..self.in_head + taken].copy_from_slice(&bytes[..taken]);
            self.in_head += taken;
            bytes = &bytes[taken..];
            if self.in_head == BATCH_HEAD {
                self.begin_batch();
            }
        }
    }

    fn begin_batch(&mut self) {
        let number = |from: usize| i32::from_be_bytes([0, 1, 2, 3].map(|i| self.head[from + i]));
        let base = (i64::from(number(0)) << 32) | i64::from(number(4) as u32);
        let size = u64::from(number(8).max(0) as u32) + BATCH_LENGTH_FROM;
        self.next = base + i64::from(number(BATCH_HEAD - 4)) + 1;
        self.left = size.saturating_sub(BATCH_HEAD as u64).max(1);
        self.in_head = 0;
    }
}

/// How much, and how long a broker may wait for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appetite {
    /// Bytes in one answer, at most.
    pub(super) max_bytes: i32,
    /// How long to wait for the first of them, in milliseconds.
    pub(super) max_wait_ms: i32,
}

/// When a record was due to be sent, by its offset.
pub(super) trait Sent: Send {
    /// `None`: it was not one of those that count.
    fn due(&self, offset: i64) -> Option<Instant>;
}

/// One connection that reads one partition.
pub(super) struct Fetch {
    fields: Vec<u8>,
    offset_place: usize,
    nothing: Arc<[u8]>,
    offset: i64,
    /// Where to begin again from the start; none follows the end for ever.
    end: Option<i64>,
    /// Payload of a record, to count by.
    record_bytes: u64,
    sent: Option<Box<dyn Sent>>,
    answer: Vec<u8>,
    /// How many of its bytes are fields; known as soon as they are all there.
    fields_end: Option<usize>,
    walk: Walk,
}

impl Fetch {
    /// Reads a partition from `offset` on; at `end` from the start again.
    pub(super) fn new(
        topic: &str,
        partition: i32,
        offset: i64,
        end: Option<i64>,
        appetite: Appetite,
        record_bytes: u64,
    ) -> Result<Self, Problem> {
        let mut fields = begin_request(FETCH);
        // Replica, wait, least and most bytes, isolation, no session, the topic.
        fields
            .i32(-1)
            .i32(appetite.max_wait_ms)
            .i32(1)
            .i32(appetite.max_bytes)
            .i8(0);
        fields
            .i32(0)
            .i32(-1)
            .count(1)
            .string(topic.as_bytes())
            .count(1)
            .i32(partition)
            .i32(-1);
        let offset_place = fields.len();
        // Offset, log start, most bytes of the partition; nothing to forget, no rack.
        fields.i64(0).i64(-1).i32(appetite.max_bytes).count(0).string(b"");
        end_frame(&mut fields, 0, 0);
        Asked::fits(&fields)?;
        Ok(Fetch {
            fields,
            offset_place,
            nothing: Arc::new([]),
            offset,
            end,
            record_bytes,
            sent: None,
            answer: Vec::with_capacity(FIELDS),
            fields_end: None,
            walk: Walk::default(),
        })
    }

    /// Tells how long each record took that was sent meanwhile.
    pub(super) fn timed_by(mut self, sent: Box<dyn Sent>) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Error code of the answer's fields, and where they end.
    fn fields_of(answer: &mut [u8]) -> Result<(i16, usize), Malformed> {
        let length = answer.len();
        let mut fields = Reader::new(answer);
        let (_correlation, _throttle, error, _session) = (fields.i32()?, fields.i32()?, fields.i16()?, fields.i32()?);
        let topics = fields.i32()?;
        if error != 0 || topics == 0 {
            return Ok((error, length));
        }
        let _topic = fields.string()?;
        let (_partitions, _partition, error) = (fields.i32()?, fields.i32()?, fields.i16()?);
        let (_watermark, _stable, _start) = (fields.i64()?, fields.i64()?, fields.i64()?);
        for _ in 0..fields.i32()?.max(0) {
            let (_producer, _first) = (fields.i64()?, fields.i64()?);
        }
        let (_preferred, _records) = (fields.i32()?, fields.i32()?);
        Ok((error, length - fields.left()))
    }
}

impl Dialogue for Fetch {
    fn ask(&mut self, correlation: i32, _due: Instant) -> Asked {
        set_correlation(&mut self.fields, correlation);
        set_i64(&mut self.fields, self.offset_place, self.offset);
        self.walk = Walk::default();
        self.answer.clear();
        self.fields_end = None;
        Asked::new(&self.fields, self.nothing.clone())
    }

    fn hear(&mut self, mut bytes: &[u8]) {
        if self.fields_end.is_none() {
            let before = self.answer.len();
            let taken = bytes.len().min(FIELDS - before);
            self.answer.extend(&bytes[..taken]);
            match Self::fields_of(&mut self.answer) {
                Ok((_, end)) => {
                    self.fields_end = Some(end);
                    bytes = &bytes[end - before..];
                }
                Err(_) => return,
            }
        }
        self.walk.pass(bytes);
    }

    fn heard(&mut self, due: Instant, now: Instant, latencies: Option<&mut Latencies>) -> Result<Heard, Problem> {
        let (error, _) = Self::fields_of(&mut self.answer)?;
        let next = self.walk.ended.unwrap_or(self.offset);
        let from = std::mem::replace(&mut self.offset, next);
        // The first batch may begin before the offset that was asked for.
        let records = (next - from).max(0) as u64;
        if let Some(latencies) = latencies {
            latencies.answer.saturating_record(micros(due, now));
            for due in self
                .sent
                .iter()
                .flat_map(|sent| (from..next).map_while(|offset| sent.due(offset)))
            {
                latencies.end_to_end.saturating_record(micros(due, now));
            }
        }
        if self.end.is_some_and(|end| self.offset >= end) {
            self.offset = 0;
        }
        Ok(Heard {
            records,
            payload_bytes: records * self.record_bytes,
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base: i64, last_delta: i32, size: usize) -> Vec<u8> {
        let mut bytes = base.to_be_bytes().to_vec();
        bytes.extend((size as i32 - 12).to_be_bytes());
        bytes.extend([0; 11]);
        bytes.extend(last_delta.to_be_bytes());
        bytes.resize(size, 7);
        bytes
    }

    #[test]
    fn batches_are_followed_however_the_bytes_arrive() {
        let mut stream = batch(5, 9, 100);
        stream.extend(batch(15, 0, 61));
        stream.extend(&batch(16, 3, 80)[..50]); // cut short by the limit
        for piece in [1, 2, 7, 27, 60, 1000] {
            let mut walk = Walk::default();
            stream.chunks(piece).for_each(|bytes| walk.pass(bytes));
            assert_eq!(walk.ended, Some(16), "in pieces of {piece}");
        }
        assert_eq!(Walk::default().ended, None);
    }
}
