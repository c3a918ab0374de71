//! When a connection has been idle, or a frame under way, for too long.
//!
//! Invariant: a client's time runs only while we read from it.

use std::task::Context;
use std::time::{Duration, Instant};

use super::super::limits::{CONTENDED, Limits, SLOWEST_BYTES_PER_SECOND};
use super::super::service::Service;
use super::{Connection, Ended};

impl<S: Service> Connection<S> {
    /// Ends the connection when it has been idle, or within a frame, for too long.
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.is_late(now) {
                return Some(Ended::FrameTimeout);
            }
            let limits = &self.shared.limits;
            let nothing_in_the_works = self.pending.is_empty() && self.wait.is_none();
            let inactive = now.duration_since(self.active_at);
            let is_idle = limits.idle_timeout.is_some_and(|timeout| inactive >= timeout);
            if is_idle && (nothing_in_the_works || !self.output.is_empty()) {
                return Some(Ended::Idle);
            }
            self.frames.release();
            let next = tick(limits, self.frame_since.is_some());
            let next = match limits.idle_timeout {
                Some(timeout) if !is_idle => next.min(timeout - inactive),
                _ => next,
            };
            self.ticked_at = now;
            self.timer.as_mut().reset((now + next).into());
        }
        None
    }

    /// Whether a frame that has begun takes too long.
    fn is_late(&mut self, now: Instant) -> bool {
        let timeout = self.shared.limits.frame_timeout;
        if self.wait.is_some() {
            // What it holds, others may wait for.
            let holds = self.charge.as_ref().is_some_and(|charge| charge.bytes() > 0);
            return holds && now.duration_since(self.wait_since) >= timeout;
        }
        let Some(since) = self.frame_since else { return false };
        if !self.may_take() {
            // Not the client's fault.
            self.frame_since = Some(now);
            self.frame_begun = (self.frame_begun + now.duration_since(self.ticked_at)).min(now);
            return false;
        }
        let worth = |bytes_per_second: usize| {
            Duration::from_millis((self.frames.buffered() as u64).saturating_mul(1000) / bytes_per_second as u64)
        };
        let age = now.saturating_duration_since(self.frame_begun);
        let (divisor, rate) = CONTENDED;
        let soon = timeout / divisor;
        // While others wait for what it holds: nothing came for a while, or too little.
        let is_slow = now.saturating_duration_since(since.max(self.received_at)) >= soon || age >= soon + worth(rate);
        now.duration_since(since) >= timeout
            || age >= timeout + worth(SLOWEST_BYTES_PER_SECOND)
            || (is_slow && self.charge.as_ref().is_some_and(|charge| charge.pool().is_contended()))
    }
}

/// How long until a connection is looked at again.
pub(super) fn tick(limits: &Limits, within_frame: bool) -> Duration {
    let divisor = if within_frame { CONTENDED.0 } else { 1 };
    let tick = (limits.frame_timeout / divisor).max(Duration::from_millis(1));
    limits.idle_timeout.map_or(tick, |timeout| tick.min(timeout))
}
