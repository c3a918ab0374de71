//! What a shard counts.

use super::classic::State;
use super::group_entry::Kind;
use super::shard::Shard;

/// Kept up to date as things happen.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Committed offsets, in all groups.
    pub(crate) offsets: usize,
    pub(crate) completed_rebalances: u64,
    pub(crate) offset_commits: u64,
    pub(crate) offset_expirations: u64,
    pub(crate) offset_deletions: u64,
    pub(crate) failed_appends: u64,
}

/// Groups by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateCounts {
    /// Without members.
    pub empty: usize,
    /// Gathering members.
    pub preparing_rebalance: usize,
    /// Waiting for the leader's assignment.
    pub completing_rebalance: usize,
    /// At work.
    pub stable: usize,
}

/// A snapshot of a shard's figures. Those ending in `_total` only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupMetrics {
    /// Groups by state.
    pub groups: StateCounts,
    /// Members of all groups.
    pub members: usize,
    /// Committed offsets of all groups.
    pub offsets: usize,
    /// Appends whose result has not come.
    pub pending_appends: usize,
    /// Rebalances that led to a Stable group.
    pub completed_rebalances_total: u64,
    /// Offsets that clients committed.
    pub offset_commits_total: u64,
    /// Offsets that expired.
    pub offset_expirations_total: u64,
    /// Offsets that clients deleted, by themselves or with their group.
    pub offset_deletions_total: u64,
    /// Appends that failed.
    pub failed_appends_total: u64,
}

impl Shard {
    /// The figures of now. Takes time in the number of groups: for a scrape, not for each request.
    pub fn metrics(&self) -> GroupMetrics {
        let counters = &self.runtime.counters;
        let mut metrics = GroupMetrics {
            offsets: counters.offsets,
            pending_appends: self.runtime.appends.len(),
            completed_rebalances_total: counters.completed_rebalances,
            offset_commits_total: counters.offset_commits,
            offset_expirations_total: counters.offset_expirations,
            offset_deletions_total: counters.offset_deletions,
            failed_appends_total: counters.failed_appends,
            ..GroupMetrics::default()
        };
        for group in self.groups.values() {
            let Kind::Classic(classic) = &group.kind;
            metrics.members += classic.size();
            match classic.state() {
                State::Empty => metrics.groups.empty += 1,
                State::PreparingRebalance => metrics.groups.preparing_rebalance += 1,
                State::CompletingRebalance => metrics.groups.completing_rebalance += 1,
                State::Stable => metrics.groups.stable += 1,
            }
        }
        metrics
    }

    /// Every committed offset: group, topic, partition, offset. For the lag, with the partitions' ends.
    pub fn committed_offsets(&self) -> impl Iterator<Item = (&str, &str, i32, i64)> {
        self.groups.values().flat_map(|group| {
            group
                .offsets
                .iter()
                .map(|(topic, partition, offset)| (&*group.id, &**topic, partition, offset.offset))
        })
    }
}
