//! What the configuration says about groups.

use std::sync::Arc;

use crate::config::BrokerConfig;
use crate::group::{GroupConfig, MemberMemory, OffsetMemory};
use crate::metrics::LimitCounters;

/// The settings of all coordinators of a node; fixed while it runs.
#[derive(Debug, Clone)]
pub struct CoordinatorSettings {
    /// What each shard obeys.
    pub groups: GroupConfig,
    /// `weir.max.groups`: beyond, joins and commits that would make a group are refused with POLICY_VIOLATION.
    pub max_groups: usize,
    /// Where it is counted when that is reached.
    pub limits: Arc<LimitCounters>,
}

impl From<&BrokerConfig> for CoordinatorSettings {
    fn from(config: &BrokerConfig) -> Self {
        let (groups, offsets) = (&config.groups, &config.offsets);
        Self {
            groups: GroupConfig {
                min_session_timeout_ms: groups.min_session_timeout_ms,
                max_session_timeout_ms: groups.max_session_timeout_ms,
                initial_rebalance_delay_ms: u64::try_from(groups.initial_rebalance_delay_ms).unwrap_or(0),
                max_size: groups.max_size,
                offset_metadata_max_size: offsets.metadata_max_bytes,
                offsets_retention_ms: offsets.retention_ms,
                offsets_retention_check_interval_ms: offsets.retention_check_interval_ms,
                offset_commit_timeout_ms: offsets.commit_timeout_ms,
                member_memory: MemberMemory::new(groups.max_member_metadata_bytes, groups.max_memory_bytes),
                offset_memory: OffsetMemory::new(groups.max_offsets_bytes),
            },
            max_groups: groups.max_groups,
            limits: Arc::default(),
        }
    }
}

impl CoordinatorSettings {
    /// The same, with limits that are reached counted here.
    #[must_use]
    pub fn counted_in(mut self, limits: &Arc<LimitCounters>) -> Self {
        self.groups.member_memory = self.groups.member_memory.counted_in(limits.clone());
        self.groups.offset_memory = self.groups.offset_memory.counted_in(limits.clone());
        self.limits = limits.clone();
        self
    }
}
