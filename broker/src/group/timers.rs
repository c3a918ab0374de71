//! Everything that happens because time passes, ordered by when.
//!
//! Invariant: a timer that was cancelled or has fired is not in the queue; its key never comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::appends::AppendId;

/// Names one scheduled timer. Its owner keeps it, to cancel the timer in O(log n).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    deadline_ms: u64,
    /// Makes keys unique and lets timers of one deadline fire in the order in which they were set.
    sequence: u64,
}

/// What to do at a deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A member (or one that was given its id and has not yet joined) was silent for its session timeout.
    Session { group: Arc<str>, member: Arc<str> },
    /// An empty group has waited for its first members; `remaining_ms` is what the wait may still be extended by.
    InitialDelay {
        group: Arc<str>,
        delay_ms: u64,
        remaining_ms: u64,
    },
    /// The rebalance timeout has passed in the join phase.
    JoinPhase { group: Arc<str> },
    /// The rebalance timeout has passed in the sync phase of this generation.
    SyncPhase { group: Arc<str>, generation: i32 },
    /// The answers that wait for this append have waited long enough.
    AppendTimeout(AppendId),
    /// Time to look for expired offsets and groups.
    OffsetExpiry,
}

/// The ordered set of timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<TimerKey, Timer>,
    next_sequence: u64,
}

impl Timers {
    /// Adds a timer that fires at `deadline_ms` on the monotonic clock.
    pub(crate) fn schedule(&mut self, deadline_ms: u64, timer: Timer) -> TimerKey {
        let key = TimerKey {
            deadline_ms,
            sequence: self.next_sequence,
        };
        self.next_sequence += 1;
        self.queue.insert(key, timer);
        key
    }

    /// Takes a timer out, if it is still there.
    pub(crate) fn cancel(&mut self, key: Option<TimerKey>) {
        if let Some(key) = key {
            self.queue.remove(&key);
        }
    }

    /// When the next timer fires.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.queue.keys().next().map(|key| key.deadline_ms)
    }

    /// A bound for [`Timers::pop_due`]: timers set from now on are not below it.
    pub(crate) fn mark(&self) -> u64 {
        self.next_sequence
    }

    /// Takes out the next timer that is due. Timers set after `mark` wait for the next round, so that a timer which
    /// sets itself again cannot keep the caller busy.
    pub(crate) fn pop_due(&mut self, now_ms: u64, mark: u64) -> Option<Timer> {
        let end = TimerKey {
            deadline_ms: now_ms,
            sequence: u64::MAX,
        };
        let key = *self
            .queue
            .range(..=end)
            .map(|(key, _)| key)
            .find(|key| key.sequence < mark)?;
        self.queue.remove(&key)
    }

    /// Drops every timer.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }
}
