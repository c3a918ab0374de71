//! Offsets and groups that nobody uses any more (Kafka: `cleanupGroupMetadata`, `offsetExpirationCondition`; KIP-211).
//!
//! Expired are: in a group without members, everything, once it has been empty for the retention; in a simple group,
//! what was committed that long ago; in a Stable consumer group the same, of topics that no member reads. A group
//! without members and offsets goes as well. An offset that brought its own expiry goes by that.

use std::sync::Arc;

use super::appends::Change;
use super::classic::{ClassicGroup, State};
use super::deletion::append_tombstones;
use super::group_entry::{Group, Kind};
use super::offset_delete::tombstone;
use super::offsets::CommittedOffset;
use super::runtime::Runtime;
use super::shard::Shard;
use super::timers::Timer;

/// Writes the tombstones that are due, and sets the timer for the next time.
pub(crate) fn expire(shard: &mut Shard) {
    schedule(&mut shard.runtime);
    let runtime = &mut shard.runtime;
    let mut tombstones = Vec::new();
    let mut touched = Vec::new();
    let mut unused = Vec::new();
    for group in shard.groups.values() {
        // What is being committed is newer than what is known here; the next round will see it.
        if runtime.appends.is_pending(group.offsets_append) || group.is_being_deleted(&runtime.appends) {
            continue;
        }
        let (expired, is_all) = expired(group, runtime);
        runtime.counters.offset_expirations += expired.len() as u64;
        if !expired.is_empty() {
            tombstones.extend(expired);
            touched.push(Arc::clone(&group.id));
        }
        let Kind::Classic(classic) = &group.kind;
        if is_all && classic.state() == State::Empty && classic.pending_joins.is_empty() {
            tombstones.push(Change::Metadata {
                group: Arc::clone(&group.id),
                value: None,
            });
            unused.push(Arc::clone(&group.id));
        }
    }
    let last = append_tombstones(runtime, tombstones, None);
    for group_id in touched {
        if let Some(group) = shard.groups.get_mut(&group_id) {
            group.offsets_append = last;
        }
    }
    for group_id in unused {
        if let Some(group) = shard.groups.get_mut(&group_id) {
            group.deletion_append = last;
        }
    }
}

/// Sets the timer for the next round.
pub(crate) fn schedule(runtime: &mut Runtime) {
    runtime.schedule(runtime.config.offsets_retention_check_interval_ms, Timer::OffsetExpiry);
}

/// Tombstones of the expired offsets, and whether that is all that the group has.
fn expired(group: &Group, runtime: &Runtime) -> (Vec<Change>, bool) {
    let Kind::Classic(classic) = &group.kind;
    let now_ms = runtime.now.wall_ms;
    let retention_ms = runtime.config.offsets_retention_ms;
    let mut tombstones = Vec::new();
    let mut count = 0;
    for (topic, partition, offset) in group.offsets.iter() {
        count += 1;
        let Some(base_ms) = retention_base(classic, offset) else {
            continue;
        };
        let is_expired = match offset.expire_timestamp_ms {
            Some(expire_ms) => now_ms >= expire_ms,
            None => now_ms.saturating_sub(base_ms) >= retention_ms,
        };
        if is_expired && !classic.is_subscribed_to(topic) {
            tombstones.push(tombstone(&group.id, topic, partition));
        }
    }
    let is_all = tombstones.len() == count;
    (tombstones, is_all)
}

/// From when on an offset's retention counts; `None` where the group's offsets do not expire now.
fn retention_base(group: &ClassicGroup, offset: &CommittedOffset) -> Option<i64> {
    let is_simple = group.protocol_type.is_none();
    match group.state() {
        _ if is_simple => Some(offset.commit_timestamp_ms),
        State::Empty => Some(group.state_timestamp_ms().unwrap_or(offset.commit_timestamp_ms)),
        State::Stable if group.is_consumer_group() && group.knows_subscribed_topics() => {
            Some(offset.commit_timestamp_ms)
        }
        _ => None,
    }
}
