//! A load from its first request to its report.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Problem;
use super::connection::Connection;
use super::dialogue::Latencies;
use super::engine::{Counts, drive};
use crate::process::{Cpu, Process};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long, on how many threads, and what else to watch.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Span {
    /// Seconds before anything counts
    #[arg(long, default_value_t = 1.0)]
    warm_seconds: f64,
    /// Seconds that count
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Ends it earlier, when so many bytes of values have counted
    #[arg(long)]
    max_bytes: Option<u64>,
    /// Threads of the load
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The broker's process, to tell what it uses
    #[arg(long)]
    pid: Option<u32>,
}

/// What a load measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    seconds: f64,
    requests: u64,
    records: u64,
    payload_bytes: u64,
    errors: u64,
    error_code: i16,
    latency_ms: Percentiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_latency_ms: Option<Percentiles>,
    client_cpu_seconds: Cpu,
    broker: Option<Used>,
}

/// Latencies, in milliseconds.
#[derive(Debug, Serialize)]
struct Percentiles {
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
    mean: f64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1e3,
            mean: histogram.mean() / 1e3,
        }
    }
}

/// What the broker used while it was measured.
#[derive(Debug, Serialize)]
struct Used {
    #[serde(flatten)]
    cpu: Cpu,
    rss_anon: u64,
    rss_anon_peak: u64,
    written: u64,
}

struct Moment {
    at: Instant,
    own: Cpu,
    broker: Option<(Cpu, u64)>,
}

impl Moment {
    fn now(broker: Option<Process>) -> Result<Self, Problem> {
        let broker = broker.map(|process| Ok::<_, Problem>((process.cpu()?, process.written()?)));
        Ok(Moment {
            at: Instant::now(),
            own: Process::own().cpu()?,
            broker: broker.transpose()?,
        })
    }
}

/// Runs the connections; with a rate, so many requests per second on the paced ones.
pub(super) fn measure(connections: Vec<Connection>, rate: Option<f64>, span: &Span) -> Result<Report, Problem> {
    let threads = span.threads.clamp(1, connections.len().max(1));
    let all_paced = connections
        .iter()
        .filter(|connection| connection.is_paced)
        .count()
        .max(1);
    let mut parts: Vec<Vec<Connection>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, connection) in connections.into_iter().enumerate() {
        parts[index % threads].push(connection);
    }
    let counts = Counts::default();
    let (latencies, watched) = std::thread::scope(|scope| {
        let drivers: Vec<_> = parts
            .into_iter()
            .map(|part| {
                let paced = part.iter().filter(|connection| connection.is_paced).count();
                let rate = rate.map(|rate| rate * paced as f64 / all_paced as f64);
                let counts = &counts;
                scope.spawn(move || {
                    let driven = drive(part, rate, counts);
                    counts.is_over.store(true, Ordering::Relaxed);
                    driven
                })
            })
            .collect();
        let watched = watch(&counts, span);
        counts.is_over.store(true, Ordering::Relaxed);
        let mut all = Latencies::new();
        for driver in drivers {
            let driven = driver
                .join()
                .map_err(|_| Problem::Unexpected("a thread of the load panicked"))?;
            all.add(&driven?);
        }
        Ok::<_, Problem>((all, watched?))
    })?;
    let (begin, end, rss_anon, rss_anon_peak) = watched;
    let broker = begin.broker.zip(end.broker).map(|(before, after)| Used {
        cpu: after.0.since(before.0),
        written: after.1 - before.1,
        rss_anon,
        rss_anon_peak,
    });
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let has_consumer = !latencies.end_to_end.is_empty();
    Ok(Report {
        seconds: (end.at - begin.at).as_secs_f64(),
        requests: count(&counts.requests),
        records: count(&counts.records),
        payload_bytes: count(&counts.payload_bytes),
        errors: count(&counts.errors),
        error_code: counts.error_code.load(Ordering::Relaxed),
        latency_ms: Percentiles::of(match has_consumer {
            true => &latencies.end_to_end,
            false => &latencies.answer,
        }),
        ack_latency_ms: has_consumer.then(|| Percentiles::of(&latencies.answer)),
        client_cpu_seconds: end.own.since(begin.own),
        broker,
    })
}

/// Begins and ends what counts; the moments of both, and memory at the end and at most.
fn watch(counts: &Counts, span: &Span) -> Result<(Moment, Moment, u64, u64), Problem> {
    let broker = span.pid.map(Process::new);
    sleep_unless_over(counts, Duration::from_secs_f64(span.warm_seconds));
    let begin = Moment::now(broker)?;
    counts.is_measuring.store(true, Ordering::Relaxed);
    let (mut memory, mut peak) = (0, 0);
    let is_enough = || {
        let bytes = counts.payload_bytes.load(Ordering::Relaxed);
        span.max_bytes.is_some_and(|most| bytes >= most)
    };
    while begin.at.elapsed().as_secs_f64() < span.seconds && !is_enough() && !counts.is_over.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        memory = broker.map_or(Ok(0), Process::rss_anon)?;
        peak = peak.max(memory);
    }
    counts.is_measuring.store(false, Ordering::Relaxed);
    Ok((begin, Moment::now(broker)?, memory, peak))
}

fn sleep_unless_over(counts: &Counts, time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time && !counts.is_over.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK.min(time));
    }
}
