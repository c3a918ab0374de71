//! What Weir counts and measures, as Prometheus text.
//!
//! Invariant: a request costs a couple of relaxed atomic additions at places known beforehand; names, labels and sums
//! are made when somebody scrapes. Whoever has gauges of its own (logs, groups) is a [`Collector`] and is asked then.
//!
//! Names are `weir_*`, in base units (seconds, bytes); counters end in `_total`.

mod instrument;
mod limits;
mod network;
mod process;
mod requests;
mod text;

use std::sync::Arc;

use parking_lot::RwLock;

pub use instrument::{Counter, Gauge, Histogram};
pub use limits::{Limit, LimitCounters};
pub use network::NetworkMetrics;
pub use requests::RequestMetrics;
pub use text::{Kind, TextWriter};

/// Contributes metrics when somebody scrapes.
pub trait Collector: Send + Sync {
    /// Writes the current values. Called from an I/O thread: takes no lock that requests wait for.
    fn collect(&self, out: &mut TextWriter);
}

/// All metrics of a node.
#[derive(Default)]
pub struct Metrics {
    /// By API.
    pub requests: RequestMetrics,
    /// Connections and bytes.
    pub network: NetworkMetrics,
    /// By limit; shared with the handlers.
    pub limits: Arc<LimitCounters>,
    collectors: RwLock<Vec<Arc<dyn Collector>>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics")
            .field("collectors", &self.collectors.read().len())
            .finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics that count limits where the handlers do.
    pub fn with_limits(limits: Arc<LimitCounters>) -> Self {
        Metrics {
            limits,
            ..Metrics::default()
        }
    }

    /// Adds a collector, which is asked at every scrape from now on. Two collectors must not write the same family.
    pub fn register(&self, collector: Arc<dyn Collector>) {
        self.collectors.write().push(collector);
    }

    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut out = TextWriter::default();
        self.requests.collect(&mut out);
        self.network.collect(&mut out);
        self.limits.collect(&mut out);
        process::collect(&mut out);
        let collectors = self.collectors.read().clone();
        for collector in collectors {
            collector.collect(&mut out);
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests;
