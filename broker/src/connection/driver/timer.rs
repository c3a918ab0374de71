//! When a connection has been idle, or a frame under way, for too long.
//!
//! Invariant: a client's time runs only while we read from it, or do not because it does not read its answers.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::Interest;

use super::super::budget::Charge;
use super::super::limits::{CONTENDED, LEAST_READ, Limits, OVERDRAFT, SLOWEST_BYTES_PER_SECOND};
use super::super::service::Service;
use super::{Connection, Ended};
use crate::metrics::Limit;

impl<S: Service> Connection<S> {
    /// Ends the connection when it has been idle, or within a frame, for too long.
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.is_closed_unread() {
                return Some(Ended::ByClient);
            }
            if self.is_unread(now) {
                return Some(Ended::Unread);
            }
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
            let next = tick(limits, self.pace());
            let next = match limits.idle_timeout {
                Some(timeout) if !is_idle => next.min(timeout - inactive),
                _ => next,
            };
            self.ticked_at = now;
            self.timer.as_mut().reset((now + next).into());
        }
        None
    }

    /// Whether the client reads too little of its answers while all answers together take too much.
    fn is_unread(&mut self, now: Instant) -> bool {
        if !self.holds_others_up() {
            self.unread = None;
            return false;
        }
        let (since, had) = *self.unread.get_or_insert((now, self.sent));
        if self.sent - had >= LEAST_READ {
            self.unread = Some((now, self.sent));
            return false;
        }
        now.duration_since(since) >= tick(&self.shared.limits, CONTENDED.0)
    }

    /// Whether it holds a good part of too much.
    fn holds_others_up(&self) -> bool {
        self.responses.must_drain() && self.output.memory() + self.ready_memory >= LEAST_READ
    }

    /// Others wait for the memory of answers that this client does not read: it is looked at again soon.
    pub(super) fn tick_while_unread(&mut self) {
        let now = Instant::now();
        if self.holds_others_up() {
            self.unread.get_or_insert((now, self.sent));
            let soon = now + tick(&self.shared.limits, CONTENDED.0);
            if self.timer.deadline() > soon.into() {
                self.timer.as_mut().reset(soon.into());
            }
        }
    }

    /// Whether a frame that has begun takes too long.
    fn is_late(&mut self, now: Instant) -> bool {
        let timeout = self.shared.limits.frame_timeout;
        if self.wait.is_some() {
            // For us.
            return false;
        }
        let Some(since) = self.frame_since else { return false };
        let is_our_doing = || self.charge.is_none() || !self.does_not_read();
        if !self.may_take() && is_our_doing() {
            // Not the client's fault.
            self.hurried = None;
            self.frame_since = Some(now);
            self.frame_begun = (self.frame_begun + now.duration_since(self.ticked_at)).min(now);
            return false;
        }
        let worth = |bytes: usize, bytes_per_second: usize| {
            Duration::from_millis((bytes as u64).saturating_mul(1000) / bytes_per_second as u64)
        };
        let buffered = self.frames.buffered();
        let age = now.saturating_duration_since(self.frame_begun);
        if now.duration_since(since) >= timeout || age >= timeout + worth(buffered, SLOWEST_BYTES_PER_SECOND) {
            return true;
        }
        let Some(charge) = self.charge.as_ref().filter(|charge| charge.pool().is_contended()) else {
            self.hurried = None;
            return false;
        };
        // Others wait for what it holds. Nothing came for a while, or too little.
        let (divisor, rate) = CONTENDED;
        let soon = timeout / divisor;
        if now.saturating_duration_since(since.max(self.received_at)) >= soon || age >= soon + worth(buffered, rate) {
            return true;
        }
        if !charge.is_overdrawn() {
            return false;
        }
        let (hurried, had) = *self.hurried.get_or_insert((now, buffered));
        let (divisor, rate) = OVERDRAFT;
        let time = timeout / divisor + worth(buffered.saturating_sub(had), rate);
        self.has_read_all && now.duration_since(hurried) >= time
    }

    /// Whether the connection is not read because its client does not read.
    fn does_not_read(&self) -> bool {
        let full = self.full();
        !self.output.is_empty() && matches!(full, Some(Limit::MaxConnectionResponseBytes | Limit::MaxResponseBytes))
    }

    /// Whether the client is gone, though we do not read what would say so. One that has only ended its sending may have
    /// sent what we have not read yet: unless that stands behind a request that waits as long as clients like.
    fn is_closed_unread(&self) -> bool {
        if self.wait.is_none() && self.held_back.is_none() {
            return false;
        }
        let ready = pin!(self.stream.ready(Interest::READABLE | Interest::WRITABLE));
        let Poll::Ready(Ok(ready)) = ready.poll(&mut Context::from_waker(Waker::noop())) else {
            return false;
        };
        let waits_for_others = self.wait.is_none() && self.pending.front().is_some_and(|front| !front.is_produce);
        ready.is_read_closed() && (ready.is_write_closed() || waits_for_others)
    }

    /// By what the frame timeout is divided for the next tick.
    fn pace(&self) -> u32 {
        match &self.charge {
            Some(charge) if charge.is_overdrawn() => OVERDRAFT.0,
            _ if self.output.memory() + self.ready_memory >= LEAST_READ => CONTENDED.0,
            _ if self.frame_since.is_some() || self.held_back.is_some() || self.wait.is_some() => CONTENDED.0,
            _ => 1,
        }
    }

    /// A step of a frame begins, or it got the overdraft: it is late soon if others wait for what it holds.
    pub(super) fn tick_soon(&mut self) {
        let is_overdrawn = self.charge.as_ref().is_some_and(Charge::is_overdrawn);
        let divisor = if is_overdrawn { OVERDRAFT.0 } else { CONTENDED.0 };
        let soon = Instant::now() + tick(&self.shared.limits, divisor);
        if self.timer.deadline() > soon.into() {
            self.timer.as_mut().reset(soon.into());
        }
    }
}

/// How long until a connection is looked at again.
pub(super) fn tick(limits: &Limits, divisor: u32) -> Duration {
    let tick = (limits.frame_timeout / divisor).max(Duration::from_millis(1));
    limits.idle_timeout.map_or(tick, |timeout| tick.min(timeout))
}
