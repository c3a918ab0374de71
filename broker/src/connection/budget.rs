//! The bytes of requests that all connections together may hold (`queued.max.request.bytes`).
//!
//! Invariant: granted bytes never exceed the total, and waiters are served in the order in which they came; nobody is
//! refused or closed. A frame that holds bytes already while it waits for more could wait for another one in the same
//! place, for ever: so one frame at a time may complete without further charge (the overdraft). Resident request bytes
//! are therefore bounded by the total and one largest frame.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::metrics::{Collector, Kind, TextWriter};

/// The budget. Taking and returning are one atomic operation each while nobody waits.
#[derive(Debug)]
pub struct Budget {
    total: usize,
    available: AtomicUsize,
    /// Entries in `queue`. Read after `available` grows, written before it is looked at again: of a taker that begins to
    /// wait and a holder that returns bytes, at least one sees the other.
    waiting: AtomicUsize,
    overdrawn: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    next_ticket: u64,
    waiters: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    bytes: usize,
    /// Its frame holds bytes already: the overdraft is for such.
    holds: bool,
    waker: Option<Waker>,
    granted: Option<Grant>,
}

/// What a waiter got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    Bytes,
    Overdraft,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            available: AtomicUsize::new(total),
            waiting: AtomicUsize::new(0),
            overdrawn: AtomicBool::new(false),
            queue: Mutex::default(),
        })
    }

    /// Bytes taken at the moment.
    pub fn in_use(&self) -> usize {
        self.total - self.available.load(SeqCst)
    }

    fn take(&self, bytes: usize) -> bool {
        self.available
            .fetch_update(SeqCst, SeqCst, |available| available.checked_sub(bytes))
            .is_ok()
    }

    fn give(&self, bytes: usize) {
        self.available.fetch_add(bytes, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.grant(&mut self.queue.lock());
        }
    }

    /// Serves waiters from the front as far as there are bytes, and one that holds bytes with the overdraft.
    fn grant(&self, queue: &mut Queue) {
        for waiter in queue.waiters.iter_mut().filter(|waiter| waiter.granted.is_none()) {
            if !self.take(waiter.bytes) {
                break;
            }
            waiter.grant(Grant::Bytes);
        }
        let holder = queue
            .waiters
            .iter_mut()
            .find(|waiter| waiter.granted.is_none() && waiter.holds);
        if let Some(waiter) = holder
            && !self.overdrawn.swap(true, SeqCst)
        {
            waiter.grant(Grant::Overdraft);
        }
    }

    fn end_overdraft(&self) {
        self.overdrawn.store(false, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.grant(&mut self.queue.lock());
        }
    }
}

impl Waiter {
    fn grant(&mut self, grant: Grant) {
        self.granted = Some(grant);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Collector for Budget {
    fn collect(&self, out: &mut TextWriter) {
        let help = "Bytes of requests in flight, as charged to queued.max.request.bytes.";
        out.single("weir_requests_in_flight_bytes", Kind::Gauge, help, self.in_use());
    }
}

/// What one connection holds of the budget; returned when it is dropped.
#[derive(Debug)]
pub(super) struct Account {
    budget: Arc<Budget>,
    held: usize,
    overdrawn: bool,
}

impl Account {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            held: 0,
            overdrawn: false,
        }
    }

    /// The most that one frame can be charged.
    pub(super) fn cap(&self) -> usize {
        self.budget.total
    }

    /// Takes bytes if there are enough and nobody waits for them.
    pub(super) fn try_take(&mut self, bytes: usize) -> bool {
        let taken = self.budget.waiting.load(SeqCst) == 0 && self.budget.take(bytes);
        if taken {
            self.held += bytes;
        }
        taken
    }

    /// Gets in line. `holds`: the frame that needs them holds bytes already.
    pub(super) fn wait(&self, bytes: usize, holds: bool) -> Wait {
        let budget = self.budget.clone();
        let mut queue = budget.queue.lock();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiters.push_back(Waiter {
            ticket,
            bytes,
            holds,
            waker: None,
            granted: None,
        });
        budget.waiting.fetch_add(1, SeqCst);
        budget.grant(&mut queue);
        drop(queue);
        Wait {
            budget,
            ticket,
            bytes,
            done: false,
        }
    }

    /// Notes what a [`Wait`] brought.
    pub(super) fn receive(&mut self, grant: Grant, bytes: usize) {
        match grant {
            Grant::Bytes => self.held += bytes,
            Grant::Overdraft => self.overdrawn = true,
        }
    }

    pub(super) fn give(&mut self, bytes: usize) {
        if bytes > 0 {
            self.held -= bytes;
            self.budget.give(bytes);
        }
    }

    pub(super) fn end_overdraft(&mut self) {
        self.overdrawn = false;
        self.budget.end_overdraft();
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.give(self.held);
        if self.overdrawn {
            self.end_overdraft();
        }
    }
}

/// A place in line; given up when it is dropped.
#[derive(Debug)]
pub(super) struct Wait {
    budget: Arc<Budget>,
    ticket: u64,
    pub(super) bytes: usize,
    done: bool,
}

impl Wait {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Grant> {
        let mut queue = self.budget.queue.lock();
        // Tickets stand in line in order.
        let found = queue.waiters.binary_search_by_key(&self.ticket, |waiter| waiter.ticket);
        let index = found.expect("a waiter leaves the line only here and on drop");
        if let Some(grant) = queue.waiters[index].granted {
            queue.waiters.remove(index);
            self.budget.waiting.fetch_sub(1, SeqCst);
            self.done = true;
            return Poll::Ready(grant);
        }
        queue.waiters[index].waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut queue = self.budget.queue.lock();
        if let Ok(index) = queue.waiters.binary_search_by_key(&self.ticket, |waiter| waiter.ticket) {
            let waiter = queue.waiters.remove(index);
            self.budget.waiting.fetch_sub(1, SeqCst);
            match waiter.and_then(|waiter| waiter.granted) {
                Some(Grant::Bytes) => _ = self.budget.available.fetch_add(self.bytes, SeqCst),
                Some(Grant::Overdraft) => self.budget.overdrawn.store(false, SeqCst),
                None => {}
            }
        }
        self.budget.grant(&mut queue);
    }
}

#[cfg(test)]
mod tests;
