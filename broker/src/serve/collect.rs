//! The node's gauges and counters, read when somebody scrapes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::controller::topic_name::CONSUMER_OFFSETS_TOPIC;
use crate::coordinator::{Coordinators, Service};
use crate::metrics::{Collector, Kind, TextWriter};
use crate::node::{Node, Partition};

/// Partitions whose own series are written; of more than these only the sums are.
const MAX_SERIES: usize = 10_000;

/// Reads a node.
pub(super) struct NodeCollector {
    node: Arc<Node>,
    coordinators: Arc<Coordinators>,
}

impl NodeCollector {
    pub(super) fn new(node: Arc<Node>, coordinators: Arc<Coordinators>) -> Self {
        NodeCollector { node, coordinators }
    }
}

impl NodeCollector {
    fn collect_cleaner(&self, out: &mut TextWriter) {
        let cleaner = self.node.cleaner_counters();
        for (name, help, counter) in [
            (
                "weir_cleaner_read_bytes_total",
                "Bytes of batches that the log cleaner has read",
                &cleaner.bytes_read,
            ),
            (
                "weir_cleaner_written_bytes_total",
                "Bytes of batches that the log cleaner has written",
                &cleaner.bytes_written,
            ),
            (
                "weir_cleaner_replaced_bytes_total",
                "Bytes of segments that cleaned ones have replaced",
                &cleaner.bytes_replaced,
            ),
            (
                "weir_cleaner_rounds_total",
                "Rounds of the log cleaner, each over one log",
                &cleaner.rounds,
            ),
            (
                "weir_cleaner_failures_total",
                "Rounds of the log cleaner that an error has ended",
                &cleaner.failures,
            ),
            (
                "weir_cleaner_without_room_total",
                "Rounds of the log cleaner that were not begun, or given up, for lack of room on the disk",
                &cleaner.without_room,
            ),
            (
                "weir_cleaner_damages_total",
                "Damages that the log cleaner has found",
                &cleaner.damages,
            ),
        ] {
            out.single(name, Kind::Counter, help, counter.load(Ordering::Relaxed) as f64);
        }
        let parts = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64 / 1e6;
        let looked = cleaner.last_look_ms.load(Ordering::Relaxed);
        let since = self.node.clock().monotonic_ms().saturating_sub(looked);
        for (name, help, value) in [
            (
                "weir_cleaner_max_dirty_ratio",
                "Largest part of a compacted log that is dirty",
                parts(&cleaner.max_dirty),
            ),
            (
                "weir_cleaner_map_utilization",
                "How full the map of keys was in the last round",
                parts(&cleaner.map_utilization),
            ),
            (
                "weir_cleaner_seconds_since_last_look",
                "Time since a log to be cleaned was last looked for",
                since as f64 / 1e3,
            ),
            (
                "weir_cleaner_uncleanable_partitions",
                "Partitions that could not be cleaned",
                cleaner.left_out.load(Ordering::Relaxed) as f64,
            ),
            (
                "weir_cleaner_uncleanable_bytes",
                "Bytes of partitions that could not be cleaned",
                cleaner.left_out_bytes.load(Ordering::Relaxed) as f64,
            ),
        ] {
            out.single(name, Kind::Gauge, help, value);
        }
    }
}

impl Collector for NodeCollector {
    fn collect(&self, out: &mut TextWriter) {
        let topics = self.node.topics().load_full();
        let partitions: Vec<&Arc<Partition>> = topics.partitions().take(MAX_SERIES).collect();
        out.single(
            "weir_partitions",
            Kind::Gauge,
            "Partitions on this node",
            topics.partitions().count() as f64,
        );
        let mut family = |name: &'static str, help: &str, value: &dyn Fn(&Partition) -> f64| {
            out.family(name, Kind::Gauge, help);
            for partition in &partitions {
                let index = partition.id.partition.to_string();
                out.sample(&[("topic", &partition.topic), ("partition", &index)], value(partition));
            }
        };
        family("weir_log_size_bytes", "Bytes of a partition's segments", &|p| {
            p.reader().size() as f64
        });
        family("weir_log_start_offset", "First offset of a partition's log", &|p| {
            p.reader().start_offset() as f64
        });
        family(
            "weir_log_end_offset",
            "Offset that a partition's next record gets",
            &|p| p.reader().end_offset() as f64,
        );
        family(
            "weir_log_high_watermark",
            "Offset below which a partition's records are committed",
            &|p| p.reader().high_watermark().offset as f64,
        );
        // A partition whose log is in order is out of service all the same when its groups cannot be loaded.
        let damaged = self.node.out_of_service();
        let without_groups = self.coordinators.not_serving().into_iter().filter(|(index, service)| {
            let partition = format!("{CONSUMER_OFFSETS_TOPIC}-{index}");
            matches!(service, Service::Closed(_)) && !damaged.iter().any(|(name, _)| *name == partition)
        });
        let out_of_service = damaged.len() + without_groups.count();
        out.family(
            "weir_partitions_out_of_service",
            Kind::Gauge,
            "Partitions quarantined, or down until a restart",
        );
        out.sample(&[], out_of_service as f64);
        self.collect_cleaner(out);
        let (counters, scrub) = (self.node.flush_counters(), self.node.scrub_counters());
        for (name, help, counter) in [
            ("weir_flush_passes_total", "Passes of the flushers", &counters.passes),
            ("weir_fsyncs_total", "fdatasync and fsync calls", &counters.syncs),
            ("weir_syncfs_total", "syncfs calls", &counters.filesystem_syncs),
            ("weir_sync_failures_total", "Syncs that failed", &counters.failures),
            (
                "weir_scrubbed_bytes_total",
                "Bytes that the scrub has verified",
                &scrub.bytes,
            ),
            (
                "weir_scrub_rounds_total",
                "Rounds of the scrub over all logs",
                &scrub.rounds,
            ),
            (
                "weir_scrub_damages_total",
                "Damages that the scrub has found",
                &scrub.damages,
            ),
        ] {
            out.single(name, Kind::Counter, help, counter.load(Ordering::Relaxed) as f64);
        }
    }
}
