//! The bytes of requests that all connections together may hold (`queued.max.request.bytes`).
//!
//! Invariant: nobody is refused for want of bytes, and nothing that a client alone decides on holds all of them. So the
//! budget is cut into [`Pool`]s: large frames cannot take what small ones need; of the pools of frames that are still
//! arriving, one address gets half at most; and addresses take turns: what is given goes to the one whose last turn is
//! longest ago, and there to who waits longest.
//!
//! A frame that holds bytes already while it waits for more could wait for another one in the same place, for ever: so
//! one frame at a time may complete without further charge (the overdraft), if its pool and its address owe nothing. A
//! frame larger than the share of an address has no other way. Whoever has the overdraft while others wait must hurry
//! ([`super::limits::OVERDRAFT`]); a frame that waits for us is never late.
//! Resident request bytes are therefore bounded by the total and one largest frame.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::limits::FRAME_STEP;
use crate::metrics::{Collector, Kind, TextWriter};

/// The budget, by what it is for.
#[derive(Debug)]
pub struct Budget {
    /// Small frames of which a part has arrived: an eighth.
    pub(super) arriving: Arc<Pool>,
    /// Small Produce requests that wait for their answers: an eighth.
    pub(super) produce: Arc<Pool>,
    /// Large frames, until they are answered: the rest.
    pub(super) large: Arc<Pool>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(total: usize) -> Arc<Self> {
        let part = total / 8;
        let large = total - 2 * part;
        Arc::new(Self {
            arriving: Pool::new(part, part / 2),
            produce: Pool::new(part, part),
            large: Pool::new(large, large / 2),
        })
    }

    /// Bytes taken at the moment.
    pub fn in_use(&self) -> usize {
        [&self.arriving, &self.produce, &self.large]
            .map(|pool| pool.in_use())
            .into_iter()
            .sum()
    }
}

impl Collector for Budget {
    fn collect(&self, out: &mut TextWriter) {
        let help = "Bytes of requests in flight, as charged to queued.max.request.bytes.";
        out.single("weir_requests_in_flight_bytes", Kind::Gauge, help, self.in_use());
    }
}

/// A part of the budget.
#[derive(Debug)]
pub(super) struct Pool {
    total: usize,
    /// Of one address, at most. As much as the total where addresses are not told apart.
    share: usize,
    state: Mutex<State>,
}

/// Turns are taken at bytes and at the overdraft apart.
const BYTES: usize = 0;
const OVERDRAFT: usize = 1;

#[derive(Debug, Default)]
struct State {
    /// May exceed the total by what an overdraft has brought in.
    used: usize,
    /// Addresses that hold anything against their share.
    of_address: BTreeMap<IpAddr, usize>,
    overdrawn: bool,
    next_ticket: u64,
    waiters: VecDeque<Waiter>,
    /// When an address that holds something or waits was last given bytes, and the overdraft: counts of turns.
    last_turn: BTreeMap<IpAddr, [u64; 2]>,
    turns: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    address: IpAddr,
    /// `None`: more than one frame is ever given, so it waits for the overdraft.
    bytes: Option<usize>,
    /// Its frame holds bytes already: the overdraft is for such, too.
    holds: bool,
    waker: Option<Waker>,
    granted: Option<Grant>,
}

/// What a waiter got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    Bytes(usize),
    Overdraft,
}

impl Pool {
    pub(super) fn new(total: usize, share: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            share,
            state: Mutex::default(),
        })
    }

    pub(super) fn in_use(&self) -> usize {
        self.state.lock().used
    }

    /// The most that a frame is charged while it arrives or is decoded, of which so much is to be charged in the end. One
    /// that an address can never hold is charged little, and needs the overdraft for the rest.
    pub(super) fn frame_cap(&self, whole: usize) -> usize {
        if whole <= self.share {
            whole
        } else {
            (self.total / 24).max(4 * FRAME_STEP).min(self.share)
        }
    }

    /// The most that an arriving frame waits for at once.
    pub(super) fn turn_bytes(&self) -> usize {
        self.total / 12
    }

    /// Whether somebody waits.
    pub(super) fn is_contended(&self) -> bool {
        !self.state.lock().waiters.is_empty()
    }

    /// Whether little is left, so that nothing is to be read ahead.
    pub(super) fn is_low(&self) -> bool {
        let state = self.state.lock();
        !state.waiters.is_empty() || state.used > self.total - self.total / 4
    }

    fn has_shares(&self) -> bool {
        self.share < self.total
    }

    fn in_line(&self, state: &State) -> bool {
        state.waiters.iter().any(|waiter| waiter.granted.is_none())
    }

    /// Serves waiters by the turns of their addresses; one whose address has its share already holds up nobody.
    fn grant(&self, state: &mut State) {
        while let Some(index) = state.next(BYTES, |waiter| {
            let bytes = waiter.bytes?;
            (!self.has_shares() || state.held(waiter.address) + bytes <= self.share).then_some(())
        }) {
            let waiter = &mut state.waiters[index];
            let (address, bytes) = (waiter.address, waiter.bytes.unwrap_or(0));
            if state.used + bytes > self.total {
                break;
            }
            waiter.grant(Grant::Bytes(bytes));
            state.used += bytes;
            if self.has_shares() {
                *state.of_address.entry(address).or_default() += bytes;
                state.has_turn(BYTES, address);
            }
        }
        if state.overdrawn || state.used > self.total {
            return;
        }
        let next = state.next(OVERDRAFT, |waiter| {
            let may = waiter.holds || waiter.bytes.is_none();
            (may && state.held(waiter.address) <= self.share).then_some(())
        });
        if let Some(index) = next {
            let waiter = &mut state.waiters[index];
            let address = waiter.address;
            waiter.grant(Grant::Overdraft);
            state.overdrawn = true;
            if self.has_shares() {
                state.has_turn(OVERDRAFT, address);
            }
        }
    }

    fn give(&self, state: &mut State, address: Option<IpAddr>, bytes: usize) {
        state.used -= bytes;
        if let Some(address) = address {
            state.give_share(address, bytes);
        }
        self.grant(state);
    }
}

impl State {
    fn held(&self, address: IpAddr) -> usize {
        self.of_address.get(&address).copied().unwrap_or(0)
    }

    fn give_share(&mut self, address: IpAddr, bytes: usize) {
        if let Some(held) = self.of_address.get_mut(&address) {
            *held -= bytes;
            if *held == 0 {
                self.of_address.remove(&address);
            }
        }
        self.forget_turn(address);
    }

    /// The place in line of whoever is next among those that `may` be served.
    fn next(&self, what: usize, may: impl Fn(&Waiter) -> Option<()>) -> Option<usize> {
        let mut waiters = self.waiters.iter().enumerate();
        let (mut best, mut best_turn) = (None, u64::MAX);
        // The line is in the order of arrival.
        while best_turn > 0
            && let Some((index, waiter)) = waiters.next()
        {
            let turn = self.last_turn.get(&waiter.address).map_or(0, |turns| turns[what]);
            if waiter.granted.is_none() && turn < best_turn && may(waiter).is_some() {
                (best, best_turn) = (Some(index), turn);
            }
        }
        best
    }

    fn has_turn(&mut self, what: usize, address: IpAddr) {
        self.turns += 1;
        self.last_turn.entry(address).or_default()[what] = self.turns;
    }

    /// An address that holds nothing and does not wait is like one that was never here.
    fn forget_turn(&mut self, address: IpAddr) {
        let is_here =
            self.of_address.contains_key(&address) || self.waiters.iter().any(|waiter| waiter.address == address);
        if !is_here {
            self.last_turn.remove(&address);
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

/// What one frame holds of a pool; returned when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    pool: Arc<Pool>,
    address: IpAddr,
    /// Whether it counts against the share of its address.
    shares: bool,
    bytes: usize,
    overdrawn: bool,
}

impl Charge {
    /// Nothing yet.
    pub(super) fn new(pool: &Arc<Pool>, address: IpAddr) -> Self {
        Self {
            pool: pool.clone(),
            address,
            shares: pool.has_shares(),
            bytes: 0,
            overdrawn: false,
        }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the frame completes without further charge.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.overdrawn
    }

    /// Takes bytes if there are enough and nobody waits for them.
    pub(super) fn try_take(&mut self, bytes: usize) -> bool {
        let mut state = self.pool.state.lock();
        let held = if self.shares { state.held(self.address) } else { 0 };
        if state.used + bytes > self.pool.total || held + bytes > self.pool.share || self.pool.in_line(&state) {
            return false;
        }
        state.used += bytes;
        if self.shares {
            *state.of_address.entry(self.address).or_default() += bytes;
        }
        self.bytes += bytes;
        true
    }

    /// Gets in line for bytes, or (`None`) for the overdraft; `None` if that was to be had at once.
    pub(super) fn wait(&mut self, bytes: Option<usize>) -> Option<Wait> {
        let pool = self.pool.clone();
        let mut state = pool.state.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiters.push_back(Waiter {
            ticket,
            address: self.address,
            bytes,
            holds: self.bytes > 0,
            waker: None,
            granted: None,
        });
        pool.grant(&mut state);
        if let Some(grant) = state.waiters.pop_back_if(|waiter| waiter.granted.is_some()) {
            self.receive(grant.granted?);
            return None;
        }
        drop(state);
        Some(Wait {
            pool,
            address: self.address,
            ticket,
            done: false,
        })
    }

    /// Notes what a [`Wait`] brought.
    pub(super) fn receive(&mut self, grant: Grant) {
        match grant {
            Grant::Bytes(bytes) => self.bytes += bytes,
            Grant::Overdraft => self.overdrawn = true,
        }
    }

    /// The frame is handled: from now on it is charged its own length, whether that is there or not, and no longer
    /// overdrawn. `shares`: still against its address.
    pub(super) fn settle(&mut self, len: usize, shares: bool) {
        let shares = shares && self.shares;
        if (self.bytes, self.shares, self.overdrawn) == (len, shares, false) {
            return;
        }
        let mut state = self.pool.state.lock();
        if shares {
            *state.of_address.entry(self.address).or_default() += len;
        }
        if self.shares {
            state.give_share(self.address, self.bytes);
        }
        state.used = state.used - self.bytes + len;
        if self.overdrawn {
            state.overdrawn = false;
        }
        (self.bytes, self.shares, self.overdrawn) = (len, shares, false);
        self.pool.grant(&mut state);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes == 0 && !self.overdrawn {
            return;
        }
        let mut state = self.pool.state.lock();
        if self.overdrawn {
            state.overdrawn = false;
        }
        self.pool
            .give(&mut state, self.shares.then_some(self.address), self.bytes);
    }
}

/// A place in line; given up when it is dropped.
#[derive(Debug)]
pub(super) struct Wait {
    pool: Arc<Pool>,
    address: IpAddr,
    ticket: u64,
    done: bool,
}

impl Wait {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Grant> {
        let mut state = self.pool.state.lock();
        // Tickets stand in line in order.
        let found = state.waiters.binary_search_by_key(&self.ticket, |waiter| waiter.ticket);
        let index = found.expect("a waiter leaves the line only here and on drop");
        if let Some(grant) = state.waiters[index].granted {
            state.waiters.remove(index);
            self.done = true;
            return Poll::Ready(grant);
        }
        state.waiters[index].waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut state = self.pool.state.lock();
        let granted = match state.waiters.binary_search_by_key(&self.ticket, |waiter| waiter.ticket) {
            Ok(index) => state.waiters.remove(index).and_then(|waiter| waiter.granted),
            Err(_) => None,
        };
        let bytes = match granted {
            Some(Grant::Bytes(bytes)) => bytes,
            Some(Grant::Overdraft) => {
                state.overdrawn = false;
                0
            }
            None => 0,
        };
        let address = self.pool.has_shares().then_some(self.address);
        // Forgets the turn as well, if that was all the address had here.
        self.pool.give(&mut state, address, bytes);
    }
}

#[cfg(test)]
mod tests;
