//! Records at a rate from a producer through the broker to a consumer, each timed from when it was due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use storage::compression::Codec;

use super::Problem;
use super::admin::Admin;
use super::connection::Connection;
use super::dialogue::{Asked, Dialogue, Heard, Latencies};
use super::fetch::{Appetite, Fetch, Sent};
use super::measure::{Report, Span, measure};
use super::produce::{Batch, Produce};
use super::steady::{Records, Target};

/// Requests without an answer: so many that a slow answer delays none.
const IN_FLIGHT: usize = 100_000;
const FETCH: Appetite = Appetite {
    max_bytes: 1 << 20,
    max_wait_ms: 500,
};
/// Records whose time is remembered.
const REMEMBERED: usize = 1 << 20;

/// Of a load from producer to consumer. It uses one partition, the first.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    records: Records,
    /// Records per second
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    #[command(flatten)]
    span: Span,
}

impl Options {
    pub(super) fn run(&self) -> Result<Report, Problem> {
        let (server, topic) = (&self.target.server, &self.target.topic);
        let ends = Admin::connect(server)?.await_ends(topic, 1)?;
        let first = *ends.first().ok_or(Problem::Unexpected("the topic has no partition"))?;
        let times = Arc::new(Times::new(first));
        let batch = Batch::new(self.records.record_bytes, 0, Codec::None)?;
        let producer = Timed {
            produce: Produce::new(topic, 1, batch, self.records.acks, 0, 1)?,
            times: times.clone(),
            sent: 0,
        };
        let record_bytes = self.records.record_bytes as u64;
        let consumer = Fetch::new(topic, 0, first, None, FETCH, record_bytes)?.timed_by(Box::new(SharedTimes(times)));
        let connections = vec![
            Connection::open(server, Box::new(producer), IN_FLIGHT)?.paced(),
            Connection::open(server, Box::new(consumer), 1)?,
        ];
        measure(connections, Some(self.rate), &self.span)
    }
}

/// When each record was due, by its offset: a ring, written by the producer before it sends.
#[derive(Debug)]
struct Times {
    began: Instant,
    first: i64,
    nanos: Vec<AtomicU64>,
}

impl Times {
    fn new(first: i64) -> Self {
        Times {
            began: Instant::now(),
            first,
            nanos: (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn place(&self, record: u64) -> &AtomicU64 {
        &self.nanos[record as usize % self.nanos.len()]
    }
}

#[derive(Debug)]
struct SharedTimes(Arc<Times>);

impl Sent for SharedTimes {
    fn due(&self, offset: i64) -> Option<Instant> {
        let record = u64::try_from(offset - self.0.first).ok()?;
        let nanos = self.0.place(record).load(Ordering::Acquire);
        Some(self.0.began + Duration::from_nanos(nanos))
    }
}

/// A producer of one record a request that notes when each was due. Its records are counted where they are consumed.
struct Timed {
    produce: Produce,
    times: Arc<Times>,
    sent: u64,
}

impl Dialogue for Timed {
    fn ask(&mut self, correlation: i32, due: Instant) -> Asked {
        let nanos = due.saturating_duration_since(self.times.began).as_nanos() as u64;
        self.times.place(self.sent).store(nanos, Ordering::Release);
        self.sent += 1;
        self.produce.ask(correlation, due)
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.produce.hear(bytes);
    }

    fn heard(&mut self, due: Instant, now: Instant, latencies: Option<&mut Latencies>) -> Result<Heard, Problem> {
        let heard = self.produce.heard(due, now, latencies)?;
        match heard.error {
            // Offsets would no longer tell which record is which.
            0 => Ok(Heard::default()),
            code => Err(Problem::Refused("a record".into(), code)),
        }
    }
}
