//! The task of one connection.
//!
//! Each time it is woken it goes round: take requests that have arrived and call them, move answers that are ready to
//! the output, write; until nothing moves any more. So all requests of one read are answered by one write, and a request
//! whose answer is known at once costs no task, channel or wake-up.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use kafka_protocol::messages::ApiKey;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::budget::{Budget, Charge, Pool, Wait};
use super::fault_in::FaultIn;
use super::frames::{FrameError, FrameReader};
use super::limits::{
    CONTENDED, DECODED_MULTIPLE, FRAME_STEP, FREE_BYTES, Limits, SLOWEST_BYTES_PER_SECOND, SMALL_FRAME, WAITING_BYTES,
};
use super::output::Output;
use super::response_memory::{ResponseMemory, ResponseShare};
use super::service::{ConnectionInfo, Outcome, Request, Service};
use crate::metrics::{Limit, Metrics};
use crate::wire::{Part, RequestHeader, Response, versions};

/// What all connections share.
pub struct Shared<S> {
    /// Answers requests.
    pub service: Arc<S>,
    /// Of every connection.
    pub limits: Limits,
    /// Bytes in flight.
    pub budget: Arc<Budget>,
    /// Answers that wait to be sent.
    pub responses: Arc<ResponseMemory>,
    /// Reads what `sendfile` would wait for.
    pub fault_in: FaultIn,
    /// Counted into.
    pub metrics: Arc<Metrics>,
}

impl<S: Service> Shared<S> {
    /// A service behind these limits. The budget's use becomes a metric.
    pub fn new(service: Arc<S>, limits: Limits, metrics: Arc<Metrics>) -> Self {
        let budget = Budget::new(limits.in_flight_bytes);
        metrics.register(budget.clone());
        let responses = ResponseMemory::new(limits.max_response_bytes);
        metrics.register(responses.clone());
        let fault_in = FaultIn::new(limits.cold_reads, metrics.limits.clone());
        Self {
            service,
            limits,
            budget,
            responses,
            fault_in,
            metrics,
        }
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The client closed it.
    #[error("closed by the client")]
    ByClient,
    /// The server stops; all requests taken were answered.
    #[error("server stops")]
    Stopped,
    /// The server stops, and its deadline has passed.
    #[error("server stops, requests in flight were dropped")]
    Aborted,
    /// `connections.max.idle.ms`.
    #[error("idle")]
    Idle,
    /// `weir.frame.timeout.ms`.
    #[error("a frame did not arrive in time")]
    FrameTimeout,
    /// A request that cannot be answered.
    #[error("{0}")]
    Refused(String),
    /// The socket, or a file that was being sent.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// After so long a connection lets others have the thread, though there is more to do.
const TURN: Duration = Duration::from_millis(2);

const RUN: u8 = 0;
const DRAIN: u8 = 1;
const ABORT: u8 = 2;

/// Ends a connection from outside.
#[derive(Debug, Default)]
pub struct Control {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Control {
    /// Takes no more requests, answers those taken, then closes.
    pub fn drain(&self) {
        self.state.fetch_max(DRAIN, SeqCst);
        self.waker.wake();
    }

    /// Closes at once.
    pub fn abort(&self) {
        self.state.store(ABORT, SeqCst);
        self.waker.wake();
    }
}

/// A request that was called and is not answered yet.
struct Pending {
    outcome: Outcome,
    /// Position in the table of APIs; `usize::MAX` where there is no request behind it.
    api: usize,
    received_at: Instant,
    /// What its frame is charged until it is answered.
    charge: Option<Charge>,
    is_produce: bool,
    /// Bytes of a small request that is not charged.
    waits: usize,
    /// Bytes in memory of an answer that is ready.
    memory: u64,
}

/// One connection.
pub struct Connection<S> {
    stream: TcpStream,
    shared: Arc<Shared<S>>,
    info: Arc<ConnectionInfo>,
    control: Arc<Control>,
    frames: FrameReader,
    address: IpAddr,
    /// Of the frame that is arriving, or whole and waiting for the rest of its charge.
    charge: Option<Charge>,
    whole: Option<Bytes>,
    wait: Option<Wait>,
    wait_since: Instant,
    /// Why the connection is not read, when it was last looked at.
    held_back: Option<Limit>,
    pending: VecDeque<Pending>,
    /// Bytes in memory of answers that are ready behind one that is not.
    ready_memory: u64,
    /// Bytes of small requests that wait.
    waiting: usize,
    responses: ResponseShare,
    output: Output,
    eof: bool,
    /// Set once a request is refused: nothing more is taken.
    refused: bool,
    /// The refusal, once all answers before it are in the output.
    refusal: Option<String>,
    timer: Pin<Box<Sleep>>,
    /// Of the last read or write.
    active_at: Instant,
    /// Since when a frame, or a step of one, is awaited.
    frame_since: Option<Instant>,
    /// When the frame began, later by what we did not read.
    frame_begun: Instant,
    ticked_at: Instant,
    turn_ends: Instant,
    /// Of the last read.
    received_at: Instant,
}

impl<S: Service> Connection<S> {
    /// A connection over a socket that was just accepted.
    pub fn new(stream: TcpStream, shared: Arc<Shared<S>>, info: Arc<ConnectionInfo>, control: Arc<Control>) -> Self {
        let now = Instant::now();
        let limits = &shared.limits;
        let first_tick = tick(limits, false);
        Self {
            stream,
            frames: FrameReader::new(limits.max_frame_bytes, limits.max_request_bytes),
            address: info.peer.ip().to_canonical(),
            responses: ResponseShare::new(shared.responses.clone()),
            timer: Box::pin(tokio::time::sleep(first_tick)),
            shared,
            info,
            control,
            charge: None,
            whole: None,
            wait: None,
            wait_since: now,
            held_back: None,
            pending: VecDeque::new(),
            ready_memory: 0,
            waiting: 0,
            output: Output::default(),
            eof: false,
            refused: false,
            refusal: None,
            active_at: now,
            frame_since: None,
            frame_begun: now,
            ticked_at: now,
            turn_ends: now,
            received_at: now,
        }
    }

    /// Serves the connection until it ends.
    pub async fn run(mut self) -> Ended {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        let (network, limits) = (&self.shared.metrics.network, &self.shared.metrics.limits);
        match &ended {
            Ended::Refused(_) => network.closed_malformed.add(1),
            Ended::Idle => {
                network.closed_idle.add(1);
                limits.reached(Limit::ConnectionsMaxIdleMs);
            }
            Ended::FrameTimeout => {
                network.closed_idle.add(1);
                limits.reached(Limit::FrameTimeoutMs);
            }
            _ => {}
        }
        ended
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.control.waker.register(cx.waker());
        self.turn_ends = Instant::now() + TURN;
        loop {
            let moved = match self.round(cx) {
                Ok(moved) => moved,
                Err(ended) => return Poll::Ready(ended),
            };
            if let Some(ended) = self.ended() {
                return Poll::Ready(ended);
            }
            if !moved {
                break;
            }
            if Instant::now() >= self.turn_ends {
                cx.waker().wake_by_ref();
                break;
            }
        }
        match self.poll_timer(cx) {
            Some(ended) => Poll::Ready(ended),
            None => Poll::Pending,
        }
    }

    /// One round; whether anything moved.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        let taken = self.take_requests(cx)?;
        let answered = self.collect_answers(cx);
        let network = &self.shared.metrics.network;
        let wrote = self
            .output
            .poll_write(&mut self.stream, &self.shared.fault_in, network, cx);
        let written = self.output.take_written();
        if written > 0 {
            network.bytes_out.add(written);
            self.active_at = Instant::now();
        }
        self.responses.set(self.output.memory() + self.ready_memory);
        if let Poll::Ready(result) = wrote {
            result?;
        }
        Ok(taken || answered || written > 0)
    }

    fn ended(&mut self) -> Option<Ended> {
        let state = self.control.state.load(SeqCst);
        if state == ABORT {
            return Some(Ended::Aborted);
        }
        if !self.output.is_empty() {
            return None;
        }
        if let Some(reason) = self.refusal.take() {
            return Some(Ended::Refused(reason));
        }
        // What is still pending is not ready, and nobody is there to read it.
        if self.eof {
            return Some(Ended::ByClient);
        }
        (state == DRAIN && self.pending.is_empty()).then_some(Ended::Stopped)
    }

    fn may_take(&self) -> bool {
        !self.eof && !self.refused && self.control.state.load(SeqCst) == RUN && self.full().is_none()
    }

    /// The limit that keeps the connection from being read.
    fn full(&self) -> Option<Limit> {
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
        }
        self.held_back = full;
    }

    /// Calls the requests that have arrived; reads once if there are none.
    fn take_requests(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        let mut called = false;
        while self.may_take() {
            self.held_back = None;
            if !self.poll_budget(cx) {
                return Ok(called);
            }
            let whole = match self.whole.take() {
                Some(frame) => Some(frame),
                None => match self.frames.next() {
                    Ok(frame) => frame,
                    Err(error) => {
                        self.refuse(&error);
                        return Ok(true);
                    }
                },
            };
            match whole {
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
            return self.charge_to(&budget.large.clone(), len.saturating_mul(multiple));
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
            if charge.try_take(len.min(pool.frame_cap())) {
                self.charge = Some(charge);
                return true;
            }
            let mut charge = Charge::new(&budget.large, self.address);
            if charge.try_take(len) {
                self.charge = Some(charge);
                return true;
            }
        }
        self.charge_to(&pool, len)
    }

    /// Brings the charge of the current frame to `total` of a pool; false if that has to be waited for.
    fn charge_to(&mut self, pool: &Arc<Pool>, total: usize) -> bool {
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
        let more = match total.min(pool.frame_cap()) - charge.bytes().min(pool.frame_cap()) {
            _ if is_large && total > pool.frame_cap() => None,
            0 => return true,
            more => Some(more),
        };
        if more.is_some_and(|more| charge.try_take(more)) {
            return true;
        }
        self.wait = Some(charge.wait(more));
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
            if charged < end && self.charge.as_ref().is_none_or(|charge| !charge.is_overdrawn()) {
                self.begin_step();
                if !self.charge_to(&self.shared.budget.large.clone(), end) {
                    return Ok(true);
                }
            }
            limit = end - self.frames.buffered();
        } else if whole > FREE_BYTES && self.charge.is_none() {
            self.begin_step();
            if !self.charge_to(&self.shared.budget.arriving.clone(), whole) {
                return Ok(true);
            }
        }
        if low && declared.is_some_and(|size| size <= SMALL_FRAME) {
            limit = whole - self.frames.buffered();
        }
        match self.frames.poll_read(&mut self.stream, cx, declared, limit, low) {
            Poll::Pending => {
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

    /// A step of a frame begins that is charged: it is late soon if others wait for what it holds.
    fn begin_step(&mut self) {
        let now = Instant::now();
        if self.charge.is_none() {
            self.frame_begun = self.frame_since.unwrap_or(now);
            let soon = now + tick(&self.shared.limits, true);
            self.timer.as_mut().reset(soon.into());
        }
        self.frame_since = Some(now);
    }

    fn call(&mut self, mut frame: Bytes) {
        let mut charge = self.charge.take();
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
                let connection = self.info.clone();
                (
                    self.shared.service.call(Request {
                        header,
                        body: frame,
                        connection,
                        received_at,
                    }),
                    api,
                )
            }
            Err(error) => (Outcome::Close(error.to_string().into()), usize::MAX),
        };
        self.refused = matches!(outcome, Outcome::Close(_));
        let mut waits = 0;
        if !matches!(outcome, Outcome::Later(_)) {
            charge = None;
        } else if !is_produce {
            // The decoded request has become what a handler holds; the frame may still be held.
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
            waits: 0,
            memory: 0,
        });
    }

    /// Moves answers from the front to the output, as far as they are there.
    fn collect_answers(&mut self, cx: &mut Context<'_>) -> bool {
        let mut now = None;
        while let Some(front) = self.pending.front_mut() {
            if let Outcome::Later(future) = &mut front.outcome {
                match future.as_mut().poll(cx) {
                    Poll::Ready(outcome) => front.outcome = outcome,
                    Poll::Pending => break,
                }
                continue;
            }
            let Some(front) = self.pending.pop_front() else { break };
            let now = *now.get_or_insert_with(Instant::now);
            self.ready_memory -= front.memory;
            self.waiting -= front.waits;
            drop(front.charge);
            let mut failed = false;
            match front.outcome {
                Outcome::Ready(response) => {
                    failed = response.failed;
                    self.output.push(response);
                }
                Outcome::Close(reason) => {
                    failed = true;
                    self.refused = true;
                    self.refusal = Some(reason.into_owned());
                    self.pending.clear();
                    (self.ready_memory, self.waiting) = (0, 0);
                }
                Outcome::Silent | Outcome::Later(_) => {}
            }
            self.shared
                .metrics
                .requests
                .answered(front.api, failed, now.duration_since(front.received_at));
        }
        self.settle_produces(cx);
        now.is_some()
    }

    /// Behind a request that waits as long as its client likes, produces give their frames back when they are done.
    fn settle_produces(&mut self, cx: &mut Context<'_>) {
        let mut pending = self.pending.iter_mut();
        if pending.next().is_none_or(|front| front.is_produce) {
            return;
        }
        for produce in pending.filter(|pending| pending.is_produce && pending.charge.is_some()) {
            if let Outcome::Later(future) = &mut produce.outcome
                && let Poll::Ready(outcome) = future.as_mut().poll(cx)
            {
                produce.outcome = outcome;
                produce.charge = None;
                produce.memory = ready_bytes(&produce.outcome);
                self.ready_memory += produce.memory;
            }
        }
    }

    /// Ends the connection when it has been idle, or within a frame, for too long.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
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
        now.duration_since(since) >= timeout
            || age >= timeout + worth(SLOWEST_BYTES_PER_SECOND)
            || (age >= timeout / divisor + worth(rate)
                && self.charge.as_ref().is_some_and(|charge| charge.pool().is_contended()))
    }
}

/// How long until a connection is looked at again.
fn tick(limits: &Limits, within_frame: bool) -> Duration {
    let divisor = if within_frame { CONTENDED.0 } else { 1 };
    let tick = (limits.frame_timeout / divisor).max(Duration::from_millis(1));
    limits.idle_timeout.map_or(tick, |timeout| tick.min(timeout))
}

fn is_produce(frame: &Bytes) -> bool {
    frame
        .first_chunk()
        .is_some_and(|key| i16::from_be_bytes(*key) == ApiKey::Produce as i16)
}

fn ready_bytes(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Ready(response) => in_memory(response),
        _ => 0,
    }
}

fn in_memory(response: &Response) -> u64 {
    let bytes = |part: &Part| if matches!(part, Part::Bytes(_)) { part.len() } else { 0 };
    response.head.len() as u64 + response.rest.iter().map(bytes).sum::<u64>()
}
