//! The coordinator of one partition of `__consumer_offsets`.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::appends::AppendId;
use super::config::{GroupConfig, MAX_NAME_BYTES};
use super::group_entry::{Group, Kind};
use super::runtime::{Effect, Now, Runtime, UuidSource};
use super::timers::Timer;
use super::{expiry, heartbeat, rebalance};

/// The partition of `__consumer_offsets` that a group belongs to: Java's `String.hashCode`, its absolute value (0 for the
/// least integer), modulo the number of partitions (Kafka: `GroupCoordinatorService.partitionFor`).
pub fn partition_for(group_id: &str, partitions: i32) -> i32 {
    let hash = group_id
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0).checked_rem(partitions).unwrap_or(0)
}

/// All groups of one partition. See the [module](super).
///
/// A shard starts out loading: [`Shard::restore`] (optional), then [`Shard::load_record`] for every committed record
/// from [`Shard::applied_offset`] on, then [`Shard::load_finished`]; only then does it take requests. After each call,
/// [`Shard::poll_effect`] until there are none, and [`Shard::tick`] at [`Shard::next_deadline`].
#[derive(Debug)]
pub struct Shard {
    pub(super) groups: BTreeMap<Arc<str>, Group>,
    pub(super) runtime: Runtime,
    /// The end of the committed records that the state contains.
    pub(super) applied: i64,
}

impl Shard {
    /// An empty shard; `uuids` makes member ids unique.
    pub fn new(config: GroupConfig, uuids: UuidSource) -> Self {
        Self {
            groups: BTreeMap::new(),
            runtime: Runtime::new(config, uuids),
            applied: 0,
        }
    }

    /// The next thing that the shard wants done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.runtime.effects.pop_front()
    }

    /// When [`Shard::tick`] is to be called next, on the monotonic clock.
    pub fn next_deadline(&self) -> Option<u64> {
        self.runtime.timers.next_deadline()
    }

    /// Fires the timers that are due.
    pub fn tick(&mut self, now: Now) {
        self.runtime.now = now;
        let mark = self.runtime.timers.mark();
        while let Some(timer) = self.runtime.timers.pop_due(now.monotonic_ms, mark) {
            self.fire(timer);
        }
    }

    fn fire(&mut self, timer: Timer) {
        let group_id = match &timer {
            Timer::Session { group, .. }
            | Timer::InitialDelay { group, .. }
            | Timer::JoinPhase { group }
            | Timer::SyncPhase { group, .. } => Arc::clone(group),
            Timer::AppendTimeout(id) => return self.append_timed_out(*id),
            Timer::OffsetExpiry => return expiry::expire(self),
        };
        let Some(group) = self.groups.get_mut(&group_id) else {
            return;
        };
        let Kind::Classic(classic) = &mut group.kind;
        match timer {
            Timer::Session { member, .. } => heartbeat::session_expired(classic, &mut self.runtime, &member),
            Timer::InitialDelay {
                delay_ms, remaining_ms, ..
            } => {
                rebalance::initial_delay_passed(classic, &mut self.runtime, delay_ms, remaining_ms);
            }
            Timer::JoinPhase { .. } => {
                classic.join_timer = None;
                rebalance::complete_join(classic, &mut self.runtime);
            }
            Timer::SyncPhase { generation, .. } => {
                rebalance::sync_phase_expired(classic, &mut self.runtime, generation);
            }
            Timer::AppendTimeout(_) | Timer::OffsetExpiry => {}
        }
        self.drop_if_vacant(&group_id);
    }

    /// Tells what became of an append: the offset of its first record once all of it is committed, or the error with
    /// which it failed, in which case nothing of it is or will be in the log. Every append needs one call, in any order;
    /// results take effect in the order of the appends. An unknown id is ignored.
    pub fn appended(&mut self, id: AppendId, result: Result<i64, ResponseError>, now: Now) {
        self.runtime.now = now;
        self.runtime.appends.set_result(id, result);
        self.resolve_appends();
    }

    /// The offset from which on the log's records are not in the state yet.
    pub fn applied_offset(&self) -> i64 {
        self.applied
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is a group of this id.
    pub fn has_group(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// Takes over changed settings (they apply to what happens from now on).
    pub fn set_config(&mut self, config: GroupConfig) {
        self.runtime.config = config;
    }

    /// The group, made if it is not there.
    pub(super) fn group_or_new(&mut self, group_id: &str) -> &mut Group {
        // Two look-ups, so that the usual case copies no string.
        if !self.groups.contains_key(group_id) {
            let id: Arc<str> = group_id.into();
            let group = Group::new(
                Arc::clone(&id),
                self.runtime.now.wall_ms,
                &self.runtime.config.offset_memory,
            );
            self.groups.insert(id, group);
        }
        self.groups
            .get_mut(group_id)
            .expect("it was there or has just been inserted")
    }

    /// Forgets a group that nobody would miss, so that ids tried once do not pile up.
    pub(super) fn drop_if_vacant(&mut self, group_id: &str) {
        if self
            .groups
            .get(group_id)
            .is_some_and(|group| group.is_vacant(&self.runtime.appends))
        {
            self.groups.remove(group_id);
        }
    }
}

/// Whether names can be stored.
pub(super) fn are_storable<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
    names.into_iter().all(|name| name.len() <= MAX_NAME_BYTES)
}
