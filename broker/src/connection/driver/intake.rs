//! What a connection takes in: reads, frames, their charges, calls.
//!
//! Invariant: no byte of a large frame is read, and no whole frame called, before it is charged; and what has to wait for
//! that is not read meanwhile.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;

use super::super::budget::{Charge, Grant, Pool};
use super::super::frames::FrameError;
use super::super::limits::{DECODED_MULTIPLE, FRAME_STEP, FREE_BYTES, SMALL_FRAME, WAITING_BYTES};
use super::super::response_memory::{POLL, may_be_large};
use super::super::service::{Outcome, Request, Service};
use super::{Connection, Ended, Pending, in_turn, ready_bytes};
use crate::metrics::Limit;
use crate::wire::{RequestHeader, versions};

/// Requests above this size, in bytes, whose answers may be larger still are handled in their turn.
const LARGE_REQUEST: usize = 16 * 1024;

impl<S: Service> Connection<S> {
    /// The limit that keeps the connection from being read.
    pub(super) fn full(&self) -> Option<Limit> {
        let limits = &self.shared.limits;
        if self.pending.len() >= limits.max_pipelined || self.waiting >= WAITING_BYTES {
            Some(Limit::MaxPipelinedRequests)
        } else if self.output.memory() + self.ready_memory >= limits.max_connection_response_bytes {
            Some(Limit::MaxConnectionResponseBytes)
        } else if self.responses.must_drain() {
            Some(Limit::MaxResponseBytes)
        } else {
            None
        }
    }

    fn count_full(&mut self) {
        let full = self.full();
        if full != self.held_back
            && let Some(limit) = full
        {
            self.shared.metrics.limits.reached(limit);
            self.tick_soon();
        }
        self.held_back = full;
    }

    /// Calls the requests that have arrived; reads once if there are none.
    pub(super) fn take_requests(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        let mut called = false;
        while self.may_take() {
            self.held_back = None;
            if !self.poll_budget(cx) {
                return Ok(called);
            }
            let is_new = self.whole.is_none();
            let whole = match self.whole.take() {
                Some(frame) => Some(frame),
                None => match self.frames.next_frame() {
                    Ok(frame) => frame,
                    Err(error) => {
                        self.refuse(&error);
                        return Ok(true);
                    }
                },
            };
            match whole {
                Some(frame) if may_be_large(key_of(&frame)) && !self.responses.room().is_there() => {
                    self.whole = Some(frame);
                    self.wait_for_response_memory(is_new);
                    return Ok(called);
                }
                Some(frame) if self.must_wait(&frame) => {
                    // It has arrived: its time is over.
                    self.frame_since = None;
                    self.whole = Some(frame);
                    return Ok(called);
                }
                Some(frame) if self.charge_whole(&frame) => {
                    self.frame_since = None;
                    self.call(frame);
                    called = true;
                    if Instant::now() >= self.turn_ends {
                        return Ok(true);
                    }
                }
                Some(frame) => self.whole = Some(frame),
                // What was called is answered before more is read.
                None if called => return Ok(true),
                None => return self.read(cx),
            }
        }
        self.count_full();
        Ok(called)
    }

    /// Whether this frame must not overtake a request that is not done. Only other produces may overtake a produce, so
    /// that a client that asks behind its produce sees it, as in Kafka, which takes one request of a connection at a
    /// time; nothing may overtake what is handled in its turn, because it has not even been looked at.
    fn must_wait(&self, frame: &Bytes) -> bool {
        let is_later = |pending: &Pending| matches!(pending.outcome, Outcome::Later(_));
        let last = self.pending.back();
        last.is_some_and(|last| last.is_large && is_later(last))
            || !is_produce(frame)
                && self
                    .pending
                    .iter()
                    .any(|pending| pending.is_produce && is_later(pending))
    }

    /// What is next may have a large answer, while its address's other answers take too much.
    fn wait_for_response_memory(&mut self, is_new: bool) {
        if is_new {
            self.shared.metrics.limits.reached(Limit::MaxResponseBytes);
        }
        // It has arrived: its time is over.
        self.frame_since = None;
        self.held_back = Some(Limit::MaxResponseBytes);
        // Nobody tells that there is memory again.
        self.timer.as_mut().reset((Instant::now() + POLL).into());
    }

    /// Whether the connection is not, or no longer, waiting for the budget.
    fn poll_budget(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(wait) = &mut self.wait else { return true };
        let Poll::Ready(grant) = wait.poll(cx) else {
            return false;
        };
        self.wait = None;
        if let Some(charge) = &mut self.charge {
            charge.receive(grant);
        }
        if grant == Grant::Overdraft {
            self.tick_soon();
        }
        let now = Instant::now();
        self.frame_begun += now.duration_since(self.wait_since);
        if self.frame_since.is_some() {
            self.frame_since = Some(now);
        }
        true
    }

    /// Charges a whole frame what it takes while it is handled; false if that has to be waited for.
    fn charge_whole(&mut self, frame: &Bytes) -> bool {
        let budget = &self.shared.budget;
        let (len, is_produce) = (frame.len(), is_produce(frame));
        if len > SMALL_FRAME {
            let multiple = if is_produce { 1 } else { DECODED_MULTIPLE };
            let total = len.saturating_mul(multiple);
            return self.charge_to(&budget.large.clone(), total, total);
        }
        if !is_produce {
            self.charge = None;
            return true;
        }
        let pool = budget.produce.clone();
        if self
            .charge
            .as_ref()
            .is_none_or(|charge| !Arc::ptr_eq(charge.pool(), &pool))
        {
            let mut charge = Charge::new(&pool, self.address);
            if charge.try_take(pool.frame_cap(len)) {
                self.charge = Some(charge);
                return true;
            }
            let mut charge = Charge::new(&budget.large, self.address);
            if charge.try_take(len) {
                self.charge = Some(charge);
                return true;
            }
        }
        self.charge_to(&pool, len, len)
    }

    /// Brings the charge of the current frame, which is to be `whole` in the end, to `total` of a pool; false if that has
    /// to be waited for.
    fn charge_to(&mut self, pool: &Arc<Pool>, total: usize, whole: usize) -> bool {
        let address = self.address;
        // Of another pool: this frame's when it was not whole yet.
        if self
            .charge
            .as_ref()
            .is_some_and(|charge| !Arc::ptr_eq(charge.pool(), pool))
        {
            self.charge = None;
        }
        let charge = self.charge.get_or_insert_with(|| Charge::new(pool, address));
        if charge.is_overdrawn() || charge.bytes() >= total {
            return true;
        }
        let is_large = Arc::ptr_eq(pool, &self.shared.budget.large);
        let cap = pool.frame_cap(whole);
        let more = match total.min(cap).saturating_sub(charge.bytes()) {
            _ if is_large && total > cap => None,
            0 => return true,
            more => Some(more),
        };
        if more.is_some_and(|more| charge.try_take(more)) {
            return true;
        }
        // Who has to wait does so for a good part of what is to come, and not with a few bytes at each turn.
        let rest = cap.min(whole).saturating_sub(charge.bytes());
        self.wait = charge.wait(more.map(|more| rest.min(pool.turn_bytes()).max(more)));
        if self.wait.is_none() {
            if charge.is_overdrawn() {
                self.tick_soon();
            }
            return true;
        }
        self.wait_since = Instant::now();
        let metrics = &self.shared.metrics;
        metrics.network.budget_waits.add(1);
        metrics.limits.reached(Limit::QueuedMaxRequestBytes);
        self.shared.service.press();
        false
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        let declared = match self.frames.declared() {
            Ok(declared) => declared,
            Err(error) => {
                self.refuse(&error);
                return Ok(true);
            }
        };
        let low = self.shared.budget.arriving.is_low();
        let mut limit = if low { FREE_BYTES } else { SMALL_FRAME };
        let whole = declared.map_or(0, |size| 4 + size);
        if let Some(size) = declared
            && size > SMALL_FRAME
        {
            // Charged ahead, step by step; only what came with the size, SMALL_FRAME at most, was read before.
            let step_end = (self.frames.buffered() / FRAME_STEP + 1) * FRAME_STEP;
            let end = step_end.min(whole);
            let charged = self.charge.as_ref().map_or(0, Charge::bytes);
            if self.charge.is_none() || self.step_end != end {
                self.begin_step();
                self.step_end = end;
            }
            let is_charged = charged >= end || self.charge.as_ref().is_some_and(Charge::is_overdrawn);
            if !is_charged && !self.charge_to(&self.shared.budget.large.clone(), end, whole) {
                return Ok(true);
            }
            limit = end - self.frames.buffered();
        } else if whole > FREE_BYTES && self.charge.is_none() {
            self.begin_step();
            if !self.charge_to(&self.shared.budget.arriving.clone(), whole, whole) {
                return Ok(true);
            }
        }
        if low && declared.is_some_and(|size| size <= SMALL_FRAME) {
            limit = whole - self.frames.buffered();
        }
        match self.frames.poll_read(&mut self.stream, cx, declared, limit, low) {
            Poll::Pending => {
                self.has_read_all = true;
                if self.frames.buffered() > 0 && self.frame_since.is_none() {
                    (self.frame_since, self.frame_begun) = (Some(self.received_at), self.received_at);
                }
                Ok(false)
            }
            Poll::Ready(Ok(0)) => {
                self.eof = true;
                Ok(true)
            }
            Poll::Ready(Ok(n)) => {
                let now = Instant::now();
                self.has_read_all = false;
                (self.received_at, self.active_at) = (now, now);
                if self.frame_since.is_none() {
                    (self.frame_since, self.frame_begun) = (Some(now), now);
                }
                self.shared.metrics.network.bytes_in.add(n as u64);
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error.into()),
        }
    }

    /// A step of a frame begins that is charged.
    fn begin_step(&mut self) {
        let now = Instant::now();
        if self.charge.is_none() {
            self.frame_begun = self.frame_since.unwrap_or(now);
            self.tick_soon();
        }
        self.frame_since = Some(now);
    }

    fn call(&mut self, mut frame: Bytes) {
        let mut charge = self.charge.take();
        self.hurried = None;
        let (len, is_produce) = (frame.len(), is_produce(&frame));
        if let Some(charge) = &mut charge
            && is_produce
        {
            // From here on it depends on us how long it takes.
            charge.settle(len, false);
        }
        let received_at = self.received_at;
        let (outcome, api) = match RequestHeader::decode(&mut frame) {
            Ok(header) => {
                let api = versions::position(header.api.key as i16).unwrap_or(usize::MAX);
                let is_large = len > LARGE_REQUEST && may_be_large(header.api.key as i16);
                let request = Request {
                    header,
                    body: frame,
                    connection: self.info.clone(),
                    received_at,
                };
                let outcome = if is_large {
                    let service = self.shared.service.clone();
                    Outcome::large(move || service.call(request))
                } else {
                    self.shared.service.call(request)
                };
                (outcome, api)
            }
            Err(error) => (Outcome::Close(error.to_string().into()), usize::MAX),
        };
        let is_large = matches!(outcome, Outcome::Large(_));
        let outcome = in_turn(outcome, &self.responses);
        self.refused = matches!(outcome, Outcome::Close(_));
        let mut waits = 0;
        if !matches!(outcome, Outcome::Later(_)) {
            charge = None;
        } else if !is_produce {
            // The decoded request has become what a handler holds, and slices of the frame.
            match &mut charge {
                Some(charge) => charge.settle(len, true),
                None => waits = len,
            }
        }
        self.waiting += waits;
        let memory = ready_bytes(&outcome);
        self.ready_memory += memory;
        self.responses.set(self.output.memory() + self.ready_memory);
        self.pending.push_back(Pending {
            outcome,
            api,
            received_at,
            charge,
            is_produce,
            is_large,
            waits,
            memory,
        });
    }

    /// Refuses what arrived, after the answers to what came before.
    fn refuse(&mut self, error: &FrameError) {
        let limit = match error {
            FrameError::Size { size, .. } => (*size > 0).then_some(Limit::SocketRequestMaxBytes),
            FrameError::Request { .. } => Some(Limit::MaxRequestBytes),
        };
        if let Some(limit) = limit {
            self.shared.metrics.limits.reached(limit);
        }
        self.refused = true;
        self.charge = None;
        self.pending.push_back(Pending {
            outcome: Outcome::Close(error.to_string().into()),
            api: usize::MAX,
            received_at: self.received_at,
            charge: None,
            is_produce: false,
            is_large: false,
            waits: 0,
            memory: 0,
        });
    }
}

fn is_produce(frame: &Bytes) -> bool {
    key_of(frame) == ApiKey::Produce as i16
}

/// The API key that a frame begins with, or −1.
fn key_of(frame: &Bytes) -> i16 {
    frame.first_chunk().map_or(-1, |key| i16::from_be_bytes(*key))
}
