//! The task of one connection.
//!
//! Each time it is woken it goes round: take requests that have arrived and call them, move answers that are ready to
//! the output, write; until nothing moves any more. So all requests of one read are answered by one write, and a request
//! whose answer is known at once costs no task, channel or wake-up.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use kafka_protocol::messages::ApiKey;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::budget::{Account, Budget, Grant, Wait};
use super::fault_in::FaultIn;
use super::frames::FrameReader;
use super::limits::{DECODED_MULTIPLE, FRAME_STEP, Limits, SMALL_FRAME};
use super::output::Output;
use super::service::{ConnectionInfo, Outcome, Request, Service};
use crate::metrics::Metrics;
use crate::wire::{Part, RequestHeader, Response, versions};

/// What all connections share.
pub struct Shared<S> {
    /// Answers requests.
    pub service: Arc<S>,
    /// Of every connection.
    pub limits: Limits,
    /// Bytes in flight.
    pub budget: Arc<Budget>,
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
        let fault_in = FaultIn::new(limits.cold_reads);
        Self {
            service,
            limits,
            budget,
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
    /// `weir.connection.frame.timeout.ms`.
    #[error("a frame did not arrive in time")]
    FrameTimeout,
    /// A request that cannot be answered.
    #[error("{0}")]
    Refused(String),
    /// The socket, or a file that was being sent.
    #[error("{0}")]
    Io(#[from] io::Error),
}

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
    charge: usize,
    overdraft: bool,
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
    account: Account,
    /// Charged for the frame that is arriving, or whole and waiting for the rest of its charge.
    charged: usize,
    /// That frame completes without further charge.
    overdraft: bool,
    whole: Option<Bytes>,
    wait: Option<Wait>,
    pending: VecDeque<Pending>,
    /// Bytes in memory of answers that are ready behind one that is not.
    ready_memory: u64,
    output: Output,
    eof: bool,
    /// Set once a request is refused: nothing more is taken.
    refused: bool,
    /// The refusal, once all answers before it are in the output.
    refusal: Option<String>,
    timer: Pin<Box<Sleep>>,
    /// Of the last read or write.
    active_at: Instant,
    /// Since when a frame, or a step of one, or the first frame, is awaited.
    frame_since: Option<Instant>,
    /// Of the last read.
    received_at: Instant,
}

impl<S: Service> Connection<S> {
    /// A connection over a socket that was just accepted.
    pub fn new(stream: TcpStream, shared: Arc<Shared<S>>, info: Arc<ConnectionInfo>, control: Arc<Control>) -> Self {
        let now = Instant::now();
        let limits = &shared.limits;
        let first_deadline = limits.frame_timeout.min(limits.idle_timeout);
        Self {
            stream,
            frames: FrameReader::new(limits.max_frame_bytes, limits.max_request_bytes),
            account: Account::new(shared.budget.clone()),
            timer: Box::pin(tokio::time::sleep(first_deadline)),
            shared,
            info,
            control,
            charged: 0,
            overdraft: false,
            whole: None,
            wait: None,
            pending: VecDeque::new(),
            ready_memory: 0,
            output: Output::default(),
            eof: false,
            refused: false,
            refusal: None,
            active_at: now,
            frame_since: Some(now),
            received_at: now,
        }
    }

    /// Serves the connection until it ends.
    pub async fn run(mut self) -> Ended {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        let network = &self.shared.metrics.network;
        match &ended {
            Ended::Refused(_) => network.closed_malformed.add(1),
            Ended::Idle | Ended::FrameTimeout => network.closed_idle.add(1),
            _ => {}
        }
        ended
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.control.waker.register(cx.waker());
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
        let limits = &self.shared.limits;
        !self.eof
            && !self.refused
            && self.pending.len() < limits.max_pipelined
            && self.output.memory() + self.ready_memory < limits.max_response_bytes
            && self.control.state.load(SeqCst) == RUN
    }

    /// Calls the requests that have arrived; reads once if there are none.
    fn take_requests(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        let mut called = false;
        while self.may_take() {
            if !self.poll_budget(cx) {
                return Ok(called);
            }
            let whole = match self.whole.take() {
                Some(frame) => Some(frame),
                None => match self.frames.next() {
                    Ok(frame) => frame,
                    Err(error) => {
                        self.refuse(error.to_string());
                        return Ok(true);
                    }
                },
            };
            match whole {
                Some(frame) if self.charge(cost(&frame)) => {
                    self.frame_since = None;
                    self.call(frame);
                    called = true;
                }
                Some(frame) => self.whole = Some(frame),
                // What was called is answered before more is read.
                None if called => return Ok(true),
                None => return self.read(cx),
            }
        }
        Ok(called)
    }

    /// Whether the connection is not, or no longer, waiting for the budget.
    fn poll_budget(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(wait) = &mut self.wait else { return true };
        let Poll::Ready(grant) = wait.poll(cx) else {
            return false;
        };
        let bytes = wait.bytes;
        self.wait = None;
        self.account.receive(grant, bytes);
        match grant {
            Grant::Bytes => self.charged += bytes,
            Grant::Overdraft => self.overdraft = true,
        }
        true
    }

    /// Brings the charge of the current frame to `total`; false if that has to be waited for.
    fn charge(&mut self, total: usize) -> bool {
        let more = total.min(self.account.cap()).saturating_sub(self.charged);
        if more == 0 || self.overdraft {
            return true;
        }
        if self.account.try_take(more) {
            self.charged += more;
            return true;
        }
        self.shared.metrics.network.budget_waits.add(1);
        self.wait = Some(self.account.wait(more, self.charged > 0));
        false
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        let declared = match self.frames.declared() {
            Ok(declared) => declared,
            Err(error) => {
                self.refuse(error.to_string());
                return Ok(true);
            }
        };
        let mut limit = SMALL_FRAME;
        if let Some(size) = declared.filter(|size| *size > SMALL_FRAME) {
            // Charged ahead, step by step; only what came with the size, SMALL_FRAME at most, was read before.
            let whole = 4 + size;
            let step_end = (self.frames.buffered() / FRAME_STEP + 1) * FRAME_STEP;
            let end = step_end.min(whole);
            if self.charged < end.min(self.account.cap()) && !self.overdraft {
                self.frame_since = Some(Instant::now());
                if !self.charge(end) {
                    return Ok(true);
                }
            }
            limit = end - self.frames.buffered();
        }
        match self.frames.poll_read(&mut self.stream, cx, declared, limit) {
            Poll::Pending => {
                if self.frames.buffered() > 0 {
                    self.frame_since.get_or_insert(self.received_at);
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
                self.frame_since.get_or_insert(now);
                self.shared.metrics.network.bytes_in.add(n as u64);
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error.into()),
        }
    }

    fn call(&mut self, mut frame: Bytes) {
        let (charge, overdraft) = (std::mem::take(&mut self.charged), std::mem::take(&mut self.overdraft));
        let len = frame.len();
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
        // The decoded request is gone, or has become what a handler holds; the frame may still be held.
        let kept = charge.min(len);
        self.account.give(charge - kept);
        let memory = match &outcome {
            Outcome::Ready(response) => in_memory(response),
            _ => 0,
        };
        self.ready_memory += memory;
        self.pending.push_back(Pending {
            outcome,
            api,
            received_at,
            charge: kept,
            overdraft,
            memory,
        });
    }

    /// Refuses what arrived, after the answers to what came before.
    fn refuse(&mut self, reason: String) {
        self.refused = true;
        self.pending.push_back(Pending {
            outcome: Outcome::Close(reason.into()),
            api: usize::MAX,
            received_at: self.received_at,
            charge: 0,
            overdraft: false,
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
            self.account.give(front.charge);
            if front.overdraft {
                self.account.end_overdraft();
            }
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
                }
                Outcome::Silent | Outcome::Later(_) => {}
            }
            self.shared
                .metrics
                .requests
                .answered(front.api, failed, now.duration_since(front.received_at));
        }
        now.is_some()
    }

    /// Ends the connection when it has been idle, or within a frame, for too long.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let limits = &self.shared.limits;
            let reading = self.wait.is_none() && self.may_take();
            if self.frame_since.is_some() && !reading {
                // Not the client's fault.
                self.frame_since = Some(now);
            }
            if self
                .frame_since
                .is_some_and(|since| now.duration_since(since) >= limits.frame_timeout)
            {
                return Some(Ended::FrameTimeout);
            }
            let nothing_in_the_works = self.pending.is_empty() && self.wait.is_none();
            let idle = now.duration_since(self.active_at) >= limits.idle_timeout;
            if idle && (nothing_in_the_works || !self.output.is_empty()) {
                return Some(Ended::Idle);
            }
            self.frames.release();
            // A frame that begins after now is late one frame timeout from now at the earliest.
            let frame_deadline = self.frame_since.unwrap_or(now) + limits.frame_timeout;
            let idle_deadline = self.active_at + limits.idle_timeout;
            let idle_deadline = if idle {
                now + limits.frame_timeout
            } else {
                idle_deadline
            };
            self.timer.as_mut().reset(frame_deadline.min(idle_deadline).into());
        }
        None
    }
}

/// What a whole frame is charged while it is handled.
fn cost(frame: &Bytes) -> usize {
    match frame.first_chunk() {
        Some(key) if i16::from_be_bytes(*key) == ApiKey::Produce as i16 => frame.len(),
        _ => frame.len().saturating_mul(DECODED_MULTIPLE),
    }
}

fn in_memory(response: &Response) -> u64 {
    let bytes = |part: &Part| if matches!(part, Part::Bytes(_)) { part.len() } else { 0 };
    response.head.len() as u64 + response.rest.iter().map(bytes).sum::<u64>()
}
