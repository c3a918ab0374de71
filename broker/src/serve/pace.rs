//! How fast the log cleaner goes: what it has read and written is owed, and paid off at the configured rate.
//!
//! Invariant: no rate makes it panic, and none makes anybody wait for longer than a moment at a time: then the rate may be
//! another. One that is no rate (zero, below, not a number) lets nothing be paid off, as in Kafka.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

/// The longest wait before the rate is looked at again.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Bytes that are read and written before it is looked whether to go on.
const MAX_STEP: f64 = (4 << 20) as f64;
/// Into how many steps a second's bytes are cut, where they are bounded.
const STEPS_PER_SECOND: f64 = 10.0;

/// What is owed, of all threads together.
#[derive(Debug)]
pub(super) struct Pace {
    /// As of when.
    at: Instant,
    /// Bytes, not below zero: what was not used is not saved up.
    owed: f64,
}

impl Pace {
    /// Nothing is owed.
    pub(super) fn new(now: Instant) -> Self {
        Pace { at: now, owed: 0.0 }
    }

    /// The bytes of a step at `rate` bytes a second; at least one.
    pub(super) fn step(rate: f64) -> u64 {
        let bytes = rate / STEPS_PER_SECOND;
        // Not a number is not more than one.
        if bytes > 1.0 { bytes.min(MAX_STEP) as u64 } else { 1 }
    }

    /// So many bytes more were read and written.
    pub(super) fn add(&mut self, bytes: u64) {
        self.owed += bytes as f64;
    }

    /// How long to wait now, at `rate` bytes a second, before it is asked again; `None` where nothing is owed.
    pub(super) fn wait(&mut self, now: Instant, rate: f64) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let is_rate = rate > 0.0;
        if is_rate {
            // Not a number is less than zero here: an infinite rate, and no time.
            self.owed = (self.owed - elapsed * rate).max(0.0);
        }
        if self.owed == 0.0 {
            return None;
        }
        let seconds = self.owed / rate;
        let is_soon = is_rate && seconds < LOOK.as_secs_f64();
        // Not at once: a wait of nothing would not let anything be paid off.
        let wait = if is_soon {
            Duration::from_secs_f64(seconds)
        } else {
            LOOK
        };
        Some(wait.max(Duration::from_micros(1)))
    }
}
