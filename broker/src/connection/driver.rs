//! The task of one connection.
//!
//! Each time it is woken it goes round: take requests that have arrived and call them, move answers that are ready to
//! the output, write; until nothing moves any more. So all requests of one read are answered by one write, and a request
//! whose answer is known at once costs no task, channel or wake-up. [`intake`] is the first part of a round, [`timer`] what
//! ends a connection that nothing comes from.

mod intake;
mod timer;

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
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::budget::{Budget, Charge, Wait};
use super::fault_in::FaultIn;
use super::frames::FrameReader;
use super::limits::Limits;
use super::output::Output;
use super::response_memory::{ResponseMemory, ResponseShare};
use super::service::{ConnectionInfo, Outcome, Service};
use crate::metrics::{Limit, Metrics};
use crate::wire::{Part, Response};
use timer::tick;

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
    /// `weir.max.response.bytes`.
    #[error("answers were not read while there was no memory for others")]
    Unread,
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
    /// Nothing overtakes it.
    is_large: bool,
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
    /// Since when all connections' answers are too much while this one's are not read, and what was sent until then.
    unread: Option<(Instant, u64)>,
    /// Bytes sent.
    sent: u64,
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
    /// Where the step ends.
    step_end: usize,
    /// Since when a frame that has the overdraft was found to keep others waiting, and what had arrived of it then.
    hurried: Option<(Instant, usize)>,
    /// Whether the last read found that there is no more yet.
    has_read_all: bool,
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
        let first_tick = tick(limits, 1);
        let address = info.peer.ip().to_canonical();
        Self {
            stream,
            frames: FrameReader::new(limits.max_frame_bytes, limits.max_request_bytes),
            address,
            responses: ResponseShare::new(shared.responses.clone(), address),
            timer: Box::pin(tokio::time::sleep(first_tick)),
            shared,
            info,
            control,
            charge: None,
            whole: None,
            wait: None,
            wait_since: now,
            held_back: None,
            unread: None,
            sent: 0,
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
            step_end: 0,
            hurried: None,
            has_read_all: false,
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
            Ended::Refused(reason) => {
                network.closed_malformed.add(1);
                if reason.contains(Limit::RequestFields.property()) {
                    limits.reached(Limit::RequestFields);
                }
            }
            Ended::Idle => {
                network.closed_idle.add(1);
                limits.reached(Limit::ConnectionsMaxIdleMs);
            }
            Ended::Unread => {
                network.closed_idle.add(1);
                limits.reached(Limit::MaxResponseBytes);
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
            self.sent += written;
            self.active_at = Instant::now();
        }
        self.responses.set(self.output.memory() + self.ready_memory);
        match wrote {
            Poll::Ready(result) => result?,
            Poll::Pending if self.responses.must_drain() => self.tick_while_unread(),
            Poll::Pending => {}
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

    /// Moves answers from the front to the output, as far as they are there.
    fn collect_answers(&mut self, cx: &mut Context<'_>) -> bool {
        let mut now = None;
        while let Some(front) = self.pending.front_mut() {
            if let Outcome::Large(_) = front.outcome {
                // What was to come later turns out to be large.
                let outcome = std::mem::replace(&mut front.outcome, Outcome::Silent);
                front.outcome = in_turn(outcome, &self.responses);
            }
            if let Outcome::Later(future) | Outcome::Detached(future) = &mut front.outcome {
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
                Outcome::Silent | Outcome::Later(_) | Outcome::Detached(_) | Outcome::Large(_) => {}
            }
            self.shared
                .metrics
                .requests
                .answered(front.api, failed, now.duration_since(front.received_at));
        }
        let settled = self.settle_produces(cx);
        now.is_some() || settled
    }

    /// Behind a request that waits as long as its client likes, produces give their frames back when they are done.
    /// Whether one did.
    fn settle_produces(&mut self, cx: &mut Context<'_>) -> bool {
        let mut settled = false;
        let mut pending = self.pending.iter_mut();
        if pending.next().is_none_or(|front| front.is_produce) {
            return settled;
        }
        for produce in pending.filter(|pending| pending.is_produce && pending.charge.is_some()) {
            if let Outcome::Later(future) = &mut produce.outcome
                && let Poll::Ready(outcome) = future.as_mut().poll(cx)
            {
                produce.outcome = outcome;
                produce.charge = None;
                produce.memory = ready_bytes(&produce.outcome);
                self.ready_memory += produce.memory;
                settled = true;
            }
        }
        settled
    }
}

/// The outcome, if it is large to be built in its turn.
fn in_turn(outcome: Outcome, responses: &ResponseShare) -> Outcome {
    match outcome {
        Outcome::Large(build) => Outcome::later(responses.room().build(build)),
        other => other,
    }
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
