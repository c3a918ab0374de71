//! The figures of all groups.
//!
//! They are taken every few seconds by the housekeeping, so that a scrape takes no lock that requests wait for; only the
//! ends of the partitions, for the lag, are those of the scrape. There are at most [`MAX_SERIES`] partitions with an
//! offset and a lag; how many more there are is a figure of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Coordinators, Service};
use crate::group::{GroupMetrics, Shard};
use crate::metrics::{Collector, Kind, TextWriter};

/// Partitions of groups that are shown one by one, at most.
const MAX_SERIES: usize = 10_000;

/// The figures of one moment.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    sum: GroupMetrics,
    offsets: Vec<Committed>,
    left_out: usize,
}

#[derive(Debug)]
struct Committed {
    group: Arc<str>,
    topic: Arc<str>,
    partition: i32,
    offset: i64,
}

impl Snapshot {
    fn add(&mut self, shard: &Shard) {
        let metrics = shard.metrics();
        let sum = &mut self.sum;
        sum.groups.empty += metrics.groups.empty;
        sum.groups.preparing_rebalance += metrics.groups.preparing_rebalance;
        sum.groups.completing_rebalance += metrics.groups.completing_rebalance;
        sum.groups.stable += metrics.groups.stable;
        sum.members += metrics.members;
        sum.offsets += metrics.offsets;
        sum.pending_appends += metrics.pending_appends;
        sum.completed_rebalances_total += metrics.completed_rebalances_total;
        sum.offset_commits_total += metrics.offset_commits_total;
        sum.offset_expirations_total += metrics.offset_expirations_total;
        sum.offset_deletions_total += metrics.offset_deletions_total;
        sum.failed_appends_total += metrics.failed_appends_total;
        let room = MAX_SERIES - self.offsets.len();
        self.left_out += metrics.offsets.saturating_sub(room);
        let committed = |(group, topic, partition, offset): (&str, &str, i32, i64)| Committed {
            group: group.into(),
            topic: topic.into(),
            partition,
            offset,
        };
        self.offsets.extend(shard.committed_offsets().take(room).map(committed));
    }
}

impl Coordinators {
    pub(super) fn take_snapshot(&self) {
        let mut snapshot = Snapshot::default();
        for coordinator in self.partitions.load_full().values() {
            coordinator.with_shard(|shard| snapshot.add(shard));
        }
        self.snapshot.store(Arc::new(snapshot));
    }

    fn collect_offsets(&self, snapshot: &Snapshot, out: &mut TextWriter) {
        let Some(node) = self.node.upgrade() else { return };
        let labels = |committed: &Committed| {
            (
                committed.group.clone(),
                committed.topic.clone(),
                committed.partition.to_string(),
            )
        };
        out.family(
            "weir_group_committed_offset",
            Kind::Gauge,
            "Offset that a group has committed for a partition.",
        );
        for committed in &snapshot.offsets {
            let (group, topic, partition) = labels(committed);
            out.sample(
                &[("group", &group), ("topic", &topic), ("partition", &partition)],
                committed.offset,
            );
        }
        out.family(
            "weir_group_lag",
            Kind::Gauge,
            "Records of a partition behind the offset that a group has committed.",
        );
        for committed in &snapshot.offsets {
            let Some(held) = node.topics().partition(&committed.topic, committed.partition) else {
                continue;
            };
            let lag = held
                .reader()
                .high_watermark()
                .offset
                .saturating_sub(committed.offset)
                .max(0);
            let (group, topic, partition) = labels(committed);
            out.sample(&[("group", &group), ("topic", &topic), ("partition", &partition)], lag);
        }
    }
}

impl Collector for Coordinators {
    fn collect(&self, out: &mut TextWriter) {
        let snapshot = self.snapshot.load_full();
        let sum = &snapshot.sum;
        out.family("weir_groups", Kind::Gauge, "Consumer groups by state.");
        for (state, count) in [
            ("Empty", sum.groups.empty),
            ("PreparingRebalance", sum.groups.preparing_rebalance),
            ("CompletingRebalance", sum.groups.completing_rebalance),
            ("Stable", sum.groups.stable),
        ] {
            out.sample(&[("state", state)], count);
        }
        let not_serving = self.not_serving();
        let closed = not_serving
            .iter()
            .filter(|(_, service)| *service != Service::Loading)
            .count();
        out.family(
            "weir_group_coordinators",
            Kind::Gauge,
            "Coordinators of groups, one for each partition of __consumer_offsets, by state.",
        );
        for (state, count) in [
            (
                "serving",
                self.partitions.load().len().saturating_sub(not_serving.len()),
            ),
            ("loading", not_serving.len() - closed),
            ("closed", closed),
        ] {
            out.sample(&[("state", state)], count);
        }
        let gauges = [
            ("weir_group_members", "Members of all groups.", sum.members),
            ("weir_group_offsets", "Committed offsets of all groups.", sum.offsets),
            (
                "weir_group_pending_appends",
                "Records of groups that are not committed yet, in batches.",
                sum.pending_appends,
            ),
            (
                "weir_group_series_left_out",
                "Committed offsets that are not shown one by one.",
                snapshot.left_out,
            ),
        ];
        for (name, help, value) in gauges {
            out.single(name, Kind::Gauge, help, value);
        }
        let counters = [
            (
                "weir_group_rebalances_total",
                "Completed rebalances.",
                sum.completed_rebalances_total,
            ),
            (
                "weir_group_offset_commits_total",
                "Offsets committed by clients.",
                sum.offset_commits_total,
            ),
            (
                "weir_group_offset_expirations_total",
                "Offsets that expired.",
                sum.offset_expirations_total,
            ),
            (
                "weir_group_offset_deletions_total",
                "Offsets deleted by clients.",
                sum.offset_deletions_total,
            ),
            (
                "weir_group_failed_appends_total",
                "Appends of group records that failed.",
                sum.failed_appends_total,
            ),
        ];
        for (name, help, value) in counters {
            out.single(name, Kind::Counter, help, value);
        }
        out.single(
            "weir_group_skipped_records_total",
            Kind::Counter,
            "Records of groups that made no sense when they were loaded, and were left out.",
            self.shared.skipped_records.load(Ordering::Relaxed),
        );
        self.collect_offsets(&snapshot, out);
    }
}
