//! Connections and the bytes that pass through them.

use super::instrument::{Counter, Gauge};
use super::text::{Kind, TextWriter};

/// Of all Kafka listeners together.
#[derive(Debug, Default)]
pub struct NetworkMetrics {
    /// Bytes read.
    pub bytes_in: Counter,
    /// Bytes written.
    pub bytes_out: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Connections accepted.
    pub accepted: Counter,
    /// Connections closed at once because their address had `max.connections.per.ip` already.
    pub refused_per_ip: Counter,
    /// Failed `accept` calls (no descriptors left).
    pub accept_errors: Counter,
    /// Connections that we closed because of malformed or unsupported requests.
    pub closed_malformed: Counter,
    /// Connections that we closed after `connections.max.idle.ms`, or stuck within a frame.
    pub closed_idle: Counter,
    /// Times that a connection waited because `queued.max.request.bytes` was used up.
    pub budget_waits: Counter,
    /// Ranges of files that had to be read from the device before they could be sent.
    pub cold_reads: Counter,
}

impl NetworkMetrics {
    pub(super) fn collect(&self, out: &mut TextWriter) {
        let counters = [
            (
                "weir_network_received_bytes_total",
                "Bytes read from clients.",
                &self.bytes_in,
            ),
            (
                "weir_network_sent_bytes_total",
                "Bytes written to clients.",
                &self.bytes_out,
            ),
            (
                "weir_connections_accepted_total",
                "Connections accepted.",
                &self.accepted,
            ),
            (
                "weir_connections_refused_per_ip_total",
                "Connections over max.connections.per.ip.",
                &self.refused_per_ip,
            ),
            ("weir_accept_errors_total", "Failed accept calls.", &self.accept_errors),
            (
                "weir_connections_closed_malformed_total",
                "Closed for a bad request.",
                &self.closed_malformed,
            ),
            (
                "weir_connections_closed_idle_total",
                "Closed as idle or stuck within a frame.",
                &self.closed_idle,
            ),
            (
                "weir_request_budget_waits_total",
                "Waits at queued.max.request.bytes.",
                &self.budget_waits,
            ),
            (
                "weir_fetch_cold_reads_total",
                "File ranges read in before they were sent.",
                &self.cold_reads,
            ),
        ];
        for (name, help, counter) in counters {
            out.single(name, Kind::Counter, help, counter.get());
        }
        out.single(
            "weir_connections",
            Kind::Gauge,
            "Open connections.",
            self.connections.get(),
        );
    }
}
