//! What one connection asks, and what it makes of the answers.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::Problem;

/// The room for a request's fields before its payload: a topic's name of some 60 characters fits.
const HEAD: usize = 160;
/// Latencies are kept in microseconds, up to ten minutes, to three digits.
const LONGEST_US: u64 = 600_000_000;

/// A request to be sent: its own fields, and bytes that many requests share.
#[derive(Debug)]
pub(super) struct Asked {
    head: [u8; HEAD],
    head_len: usize,
    /// What follows the fields.
    pub(super) payload: Arc<[u8]>,
}

impl Asked {
    /// Copies the fields.
    pub(super) fn new(fields: &[u8], payload: Arc<[u8]>) -> Self {
        let mut head = [0; HEAD];
        head[..fields.len()].copy_from_slice(fields);
        Asked {
            head,
            head_len: fields.len(),
            payload,
        }
    }

    /// Whether a request with these fields can be sent.
    pub(super) fn fits(fields: &[u8]) -> Result<(), Problem> {
        match fields.len() <= HEAD {
            true => Ok(()),
            false => Err(Problem::Unexpected("the topic's name is too long for the load")),
        }
    }

    /// Its fields.
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..self.head_len]
    }

    /// Bytes in all.
    pub(super) fn len(&self) -> usize {
        self.head_len + self.payload.len()
    }
}

/// What an answer was good for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard {
    /// Records written or read.
    pub(super) records: u64,
    /// Bytes of their values.
    pub(super) payload_bytes: u64,
    /// The answer's error code; 0 is none.
    pub(super) error: i16,
}

/// How long things took, in microseconds.
#[derive(Debug, Clone)]
pub(super) struct Latencies {
    /// From the request, or from when it was due, to the answer.
    pub(super) answer: Histogram<u64>,
    /// From when a record was due to be sent until a consumer had it.
    pub(super) end_to_end: Histogram<u64>,
}

impl Latencies {
    /// None yet.
    pub(super) fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are in order");
        Latencies {
            answer: histogram(),
            end_to_end: histogram(),
        }
    }

    /// Takes another's in.
    pub(super) fn add(&mut self, other: &Latencies) {
        self.answer += &other.answer;
        self.end_to_end += &other.end_to_end;
    }
}

/// Microseconds from one moment to another, at least one.
pub(super) fn micros(from: Instant, to: Instant) -> u64 {
    (to.saturating_duration_since(from).as_micros() as u64).clamp(1, LONGEST_US)
}

/// One connection's side of the talk. Answers come in the order of the requests.
pub(super) trait Dialogue: Send {
    /// The next request, which was due at that time.
    fn ask(&mut self, correlation: i32, due: Instant) -> Asked;

    /// More bytes of the current answer, its size excluded.
    fn hear(&mut self, bytes: &[u8]);

    /// The current answer is complete: the request was due then, the answer was there now. Latencies are kept only where they
    /// are given.
    fn heard(&mut self, due: Instant, now: Instant, latencies: Option<&mut Latencies>) -> Result<Heard, Problem>;
}
