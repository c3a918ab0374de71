//! What a log shares with its flushes under way, which run on other threads.
//!
//! Invariant: a flush that began before a cut writes no snapshot after it, and nothing that was synced after the log was
//! poisoned is taken for durable.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::{Mutex, MutexGuard};

/// Shared by a log and its flushes.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// How often the log was cut. Held while a snapshot is written, and during a cut.
    cuts: Mutex<u64>,
    poisoned: AtomicBool,
    /// The newest snapshot whose name is durable.
    durable_snapshot: AtomicI64,
}

impl Shared {
    /// Keeps cuts, and snapshots of flushes, out.
    pub(super) fn cuts(&self) -> MutexGuard<'_, u64> {
        self.cuts.lock()
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// The newest snapshot that a crash would leave; 0 for none.
    pub(super) fn durable_snapshot(&self) -> i64 {
        self.durable_snapshot.load(Ordering::Acquire)
    }

    /// The snapshot at `offset` is durable, its name included, and is the newest. Not during a cut.
    pub(super) fn set_durable_snapshot(&self, offset: i64) {
        self.durable_snapshot.store(offset, Ordering::Release);
    }

    /// The snapshots above `offset` are gone.
    pub(super) fn drop_snapshots_above(&self, offset: i64) {
        self.durable_snapshot.fetch_min(offset, Ordering::AcqRel);
    }
}
