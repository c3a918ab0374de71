//! Requests by API: how many, how many failed, how long from their last byte to their answer's first.

use std::time::Duration;

use super::instrument::{Counter, Histogram};
use super::text::{Kind, TextWriter};
use crate::wire::versions::{API_COUNT, APIS};

#[derive(Debug, Default)]
struct ApiMetrics {
    latency: Histogram,
    errors: Counter,
}

/// By position in [`APIS`].
#[derive(Debug)]
pub struct RequestMetrics {
    apis: [ApiMetrics; API_COUNT],
}

impl Default for RequestMetrics {
    fn default() -> Self {
        RequestMetrics {
            apis: std::array::from_fn(|_| ApiMetrics::default()),
        }
    }
}

impl RequestMetrics {
    /// Counts one answered request of the API at this position of [`APIS`].
    pub fn answered(&self, api: usize, failed: bool, took: Duration) {
        let Some(metrics) = self.apis.get(api) else { return };
        metrics.latency.observe(took);
        if failed {
            metrics.errors.add(1);
        }
    }

    pub(super) fn collect(&self, out: &mut TextWriter) {
        let named = || APIS.iter().zip(&self.apis).map(|(api, metrics)| (api.name, metrics));
        out.family("weir_requests_total", Kind::Counter, "Requests answered.");
        for (name, metrics) in named() {
            out.sample(&[("api", name)], metrics.latency.count());
        }
        out.family(
            "weir_request_errors_total",
            Kind::Counter,
            "Requests answered with an error code at some level.",
        );
        for (name, metrics) in named() {
            out.sample(&[("api", name)], metrics.errors.get());
        }
        out.family(
            "weir_request_duration_seconds",
            Kind::Histogram,
            "From a request's last byte to its answer.",
        );
        // An API that nobody has called yet would add eighteen lines of zeroes.
        for (name, metrics) in named().filter(|(_, metrics)| metrics.latency.count() > 0) {
            out.histogram(&[("api", name)], &metrics.latency);
        }
    }
}
