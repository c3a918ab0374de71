//! What a log shares with its flushes under way, which run on other threads.
//!
//! Invariant: a flush that began before a cut writes no snapshot after it, and nothing that was synced after the log was
//! poisoned is taken for durable.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

/// Shared by a log and its flushes.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// How often the log was cut. Held while a snapshot is written, and during a cut.
    cuts: Mutex<u64>,
    poisoned: AtomicBool,
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
}
