//! Time as the schedule wants it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use broker::node::Clock;

/// When every run begins, milliseconds since the epoch.
const START_MS: i64 = 1_700_000_000_000;

/// Both clocks of a node; they move when told to.
#[derive(Debug)]
pub(crate) struct SimulatedClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicU64,
}

impl SimulatedClock {
    pub(crate) fn new() -> Self {
        SimulatedClock {
            wall_ms: AtomicI64::new(START_MS),
            monotonic_ms: AtomicU64::new(1_000),
        }
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, ms: u64) {
        self.wall_ms.fetch_add(ms as i64, Ordering::Relaxed);
        self.monotonic_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::Relaxed)
    }
}
