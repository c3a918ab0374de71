//! Time, as an argument: the broker's comes from the system, the simulation's from its schedule.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the node gets its time from.
pub trait Clock: Send + Sync + 'static {
    /// Wall clock, in milliseconds since the epoch: for records and retention.
    fn wall_ms(&self) -> i64;
    /// A clock that never goes back, in milliseconds: for timers.
    fn monotonic_ms(&self) -> u64;
}

/// The system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64)
    }

    fn monotonic_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}
