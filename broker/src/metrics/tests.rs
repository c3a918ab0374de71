use std::sync::Arc;
use std::time::Duration;

use super::{Collector, Kind, Limit, Metrics, TextWriter};
use crate::wire::versions;

struct Logs;

impl Collector for Logs {
    fn collect(&self, out: &mut TextWriter) {
        out.family("weir_log_size_bytes", Kind::Gauge, "Bytes of a partition's log.");
        out.sample(&[("topic", "a\"b\\c\n"), ("partition", "0")], 7);
    }
}

#[test]
fn renders_requests_collectors_and_memory() {
    let metrics = Metrics::default();
    metrics.register(Arc::new(Logs));
    let fetch = versions::position(1).unwrap();
    metrics.requests.answered(fetch, false, Duration::from_micros(100));
    metrics.requests.answered(fetch, true, Duration::from_secs(60));
    metrics.network.connections.add(3);
    metrics.limits.reached(Limit::GroupMaxSize);
    let text = metrics.render();
    for line in [
        "weir_requests_total{api=\"Fetch\"} 2",
        "weir_request_errors_total{api=\"Fetch\"} 1",
        "weir_request_duration_seconds_bucket{api=\"Fetch\",le=\"0.00005\"} 0",
        "weir_request_duration_seconds_bucket{api=\"Fetch\",le=\"0.0001\"} 1",
        "weir_request_duration_seconds_bucket{api=\"Fetch\",le=\"30\"} 1",
        "weir_request_duration_seconds_bucket{api=\"Fetch\",le=\"+Inf\"} 2",
        "weir_request_duration_seconds_sum{api=\"Fetch\"} 60.0001",
        "weir_request_duration_seconds_count{api=\"Fetch\"} 2",
        "weir_connections 3",
        "weir_limit_reached_total{limit=\"group.max.size\"} 1",
        "weir_limit_reached_total{limit=\"max.connections\"} 0",
        "weir_log_size_bytes{topic=\"a\\\"b\\\\c\\n\",partition=\"0\"} 7",
    ] {
        assert!(text.lines().any(|candidate| candidate == line), "{line} not in\n{text}");
    }
    assert!(text.contains("\nweir_memory_resident_bytes "), "{text}");
    let mut families: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let before = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), before, "a family is written twice");
}
