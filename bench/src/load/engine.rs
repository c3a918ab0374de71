//! Connections on a few threads: each waits for its sockets, reads, asks again, and keeps times.
//!
//! A load warms up, is measured, and stops; what is counted was answered while it was measured. In an open loop requests
//! are due at fixed times, whatever the answers do, and their time counts from when they were due.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::Problem;
use super::connection::Connection;
use super::dialogue::{Heard, Latencies};

/// Bytes that one read takes: stays in the processor's cache.
const READ: usize = 256 << 10;
/// Events that one wait returns.
const EVENTS: usize = 256;
/// The longest wait, so that a thread sees when it is to end.
const WAIT: Duration = Duration::from_millis(20);
/// What the poll says of the timer.
const TIMER: u64 = u64::MAX;
/// Requests that are due and cannot be sent; more, and the rate is far beyond what the broker does.
const MAX_BEHIND: usize = 10_000_000;

/// What all threads count together.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) payload_bytes: AtomicU64,
    pub(super) errors: AtomicU64,
    /// The last error's code.
    pub(super) error_code: AtomicI16,
    pub(super) is_measuring: AtomicBool,
    pub(super) is_over: AtomicBool,
}

impl Counts {
    fn count(&self, heard: Heard) {
        if heard.error != 0 {
            self.error_code.store(heard.error, Ordering::Relaxed);
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(heard.records, Ordering::Relaxed);
        self.payload_bytes.fetch_add(heard.payload_bytes, Ordering::Relaxed);
    }
}

/// When requests are due.
#[derive(Debug)]
struct Pace {
    next: Instant,
    every: Duration,
    behind: VecDeque<Instant>,
    /// The connection whose turn it is.
    turn: usize,
    /// Wakes the poll when the next is due: its own timeout has only milliseconds.
    timer: OwnedFd,
}

/// One thread's connections, `rate` requests per second on those of them that are paced.
pub(super) fn drive(
    mut connections: Vec<Connection>,
    rate: Option<f64>,
    counts: &Counts,
) -> Result<Latencies, Problem> {
    // Without it each wait ends up to 50 µs late.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    for (index, connection) in connections.iter().enumerate() {
        epoll::add(
            &poll,
            &connection.stream,
            EventData::new_u64(index as u64),
            EventFlags::IN,
        )?;
    }
    let paced: Vec<usize> = (0..connections.len())
        .filter(|index| connections[*index].is_paced)
        .collect();
    let pace = rate.filter(|_| !paced.is_empty()).map(|rate| Pace::new(rate, &poll));
    let mut pace = pace.transpose()?;
    let mut latencies = Latencies::new();
    let mut buffer = vec![0; READ];
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
    for (index, connection) in connections.iter_mut().enumerate() {
        go_on(&poll, index, connection)?;
    }
    while !counts.is_over.load(Ordering::Relaxed) {
        if let Some(pace) = &mut pace {
            pace.fall_due()?;
            pace.ask(&poll, &paced, &mut connections)?;
            pace.set_timer()?;
        }
        let timeout = timespec(WAIT);
        events.clear();
        match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_measuring = counts.is_measuring.load(Ordering::Relaxed);
        for event in &events {
            if event.data.u64() == TIMER {
                continue;
            }
            let index = event.data.u64() as usize;
            let connection = &mut connections[index];
            let flags = event.flags;
            if flags.contains(EventFlags::IN) {
                connection.read(&mut buffer, is_measuring.then_some(&mut latencies), &mut |heard| {
                    if is_measuring {
                        counts.count(heard);
                    }
                })?;
            } else if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
                connection.take_error()?;
                return Err(Problem::Closed);
            }
            go_on(&poll, index, connection)?;
        }
    }
    Ok(latencies)
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: time.as_secs() as i64,
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}

impl Pace {
    fn new(rate: f64, poll: &OwnedFd) -> Result<Self, Problem> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(poll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Pace {
            next: Instant::now(),
            every: Duration::from_secs_f64(1.0 / rate),
            behind: VecDeque::new(),
            turn: 0,
            timer,
        })
    }

    /// Also takes back that it has rung.
    fn set_timer(&self) -> Result<(), Problem> {
        // A time of zero would stop it.
        let left = self
            .next
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(left),
        };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn fall_due(&mut self) -> Result<(), Problem> {
        let now = Instant::now();
        while self.next <= now {
            self.behind.push_back(self.next);
            self.next += self.every;
        }
        match self.behind.len() > MAX_BEHIND {
            true => Err(Problem::Unexpected("the broker is far behind the rate")),
            false => Ok(()),
        }
    }

    /// Sends what is due where there is room.
    fn ask(
        &mut self,
        poll: &impl std::os::fd::AsFd,
        paced: &[usize],
        connections: &mut [Connection],
    ) -> Result<(), Problem> {
        let mut full = 0;
        while !self.behind.is_empty() && full < paced.len() {
            let index = paced[self.turn];
            self.turn = (self.turn + 1) % paced.len();
            let connection = &mut connections[index];
            if !connection.has_room() {
                full += 1;
                continue;
            }
            full = 0;
            let due = self.behind.pop_front().unwrap_or(self.next);
            connection.ask(due);
            connection.write()?;
            wait_for_what_matters(poll, index, connection)?;
        }
        Ok(())
    }
}

/// Asks as much as may be in flight, and writes.
fn go_on(poll: &impl std::os::fd::AsFd, index: usize, connection: &mut Connection) -> Result<(), Problem> {
    if !connection.is_paced {
        while connection.has_room() {
            connection.ask(Instant::now());
        }
    }
    connection.write()?;
    wait_for_what_matters(poll, index, connection)
}

fn wait_for_what_matters(
    poll: &impl std::os::fd::AsFd,
    index: usize,
    connection: &mut Connection,
) -> Result<(), Problem> {
    let waits = connection.has_outgoing();
    if waits != connection.waits_for_room {
        connection.waits_for_room = waits;
        let mut flags = EventFlags::IN;
        flags.set(EventFlags::OUT, waits);
        epoll::modify(poll, &connection.stream, EventData::new_u64(index as u64), flags)?;
    }
    Ok(())
}
