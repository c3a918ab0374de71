//! When a pass of the flusher begins, and who does it.
//!
//! A pass costs the same for one batch as for many. So what nobody waits for (acks=1, and no consumer at the log's end) is
//! left in the queue for [`LINGER`]; what somebody waits for takes all that is queued along, at once. And what comes while a
//! pass is under way waits for its end, so that one thread does all that a fast disk needs; beside one that takes longer
//! than [`PATIENCE`] another begins. Where passes are so fast that the threads' switches cost more (tmpfs, a disk whose
//! cache outlives a power cut), who waits for one of a few does it himself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::partition::Partition;

/// How long a pass may be put off while nobody waits for it. Long enough to make a pass of thousands of batches a second,
/// short beside the time for which a machine's loss costs what was not synced. With a millisecond, acks=1 by Kafka's perf
/// tool in default batches took 13 and 15 % more CPU than with `write.caching`, with four 4 and 7 % (1 KB, 100 B; tmpfs).
const LINGER: Duration = Duration::from_millis(4);

/// A pass that takes longer is slow: while it is under way another begins beside it. With a millisecond in its place,
/// 4 × 32 produces of one record in flight were 72,000 a second on a disk, not 86,000.
const PATIENCE: Duration = Duration::from_micros(200);

/// So many fast passes, and who waits for one does it himself, on a thread that connections live on. End to end, on
/// tmpfs, 1,000 records a second: 0.14 ms in place of 0.19, and 45 µs of CPU a record in place of 67. A slow pass takes a
/// quarter of that back for each [`PATIENCE`] that it lasts, more than there were if it is long: those threads have other
/// things to do than to wait for disks.
const FAST_PASSES: i64 = 16;

/// So long after a pass there are few of them. Where there are many, a thread's way to its pass is the time in which more
/// comes that the pass takes along.
const IDLE: Duration = Duration::from_micros(300);

/// How soon a queued partition is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// In the next pass, which begins now.
    Now,
    /// After [`LINGER`], or as soon as somebody waits.
    Later,
    /// As `Later`, by one who calls [`FlushQueue::hurry`] before long, so that no thread need be woken before.
    WhenAwaited,
}

/// The partitions that wait for the flusher.
#[derive(Default)]
pub(super) struct FlushQueue {
    state: Mutex<State<Arc<Partition>>>,
    filled: Condvar,
}

impl FlushQueue {
    /// Queues a partition unless it is queued or in a flush; one that is to be flushed now is then flushed again.
    pub(super) fn push(&self, partition: &Arc<Partition>, urgency: Urgency) {
        if urgency == Urgency::Now {
            // Before `queued` is looked at: the end of a flush looks in the other order.
            partition.flush_again.store(true, Ordering::SeqCst);
        }
        if partition.queued.swap(true, Ordering::SeqCst) {
            if urgency == Urgency::Now {
                self.hurry();
            }
            return;
        }
        let mut state = self.state.lock();
        // Looked at after `queued` is set: who begins to wait now sees that, and hurries.
        let urgency = match urgency {
            Urgency::Later if partition.is_awaited() => Urgency::Now,
            other => other,
        };
        let wakes = state.push(partition.clone(), urgency, Instant::now());
        drop(state);
        self.wake_if(wakes);
    }

    /// As [`FlushQueue::push`], at the end of a pass: who did that looks into the queue next, and wakes nobody before.
    pub(super) fn push_again(&self, partition: &Arc<Partition>) {
        if !partition.queued.swap(true, Ordering::SeqCst) {
            let mut state = self.state.lock();
            state.add(partition.clone(), Instant::now());
            state.is_awaited |= partition.is_awaited();
        }
    }

    /// Has a thread look after what is queued, where none would in time: whoever said to hurry it will not, or it was left to
    /// a pass that has become slow.
    pub(super) fn look_after(&self) {
        let mut state = self.state.lock();
        let wakes = state.is_left_alone(Instant::now()) && state.wake();
        drop(state);
        self.wake_if(wakes);
    }

    /// Somebody waits for what is queued, if anything is.
    pub(super) fn hurry(&self) {
        let mut state = self.state.lock();
        let wakes = !state.queued.is_empty() && state.await_it();
        drop(state);
        self.wake_if(wakes);
    }

    /// Asks for a pass because the journal wants one, though no partition may.
    pub(super) fn push_journal(&self) {
        let mut state = self.state.lock();
        state.journal = true;
        let wakes = state.await_it();
        drop(state);
        self.wake_if(wakes);
    }

    /// What is queued; `None` if nothing is.
    pub(super) fn take(&self) -> Option<Vec<Arc<Partition>>> {
        self.state.lock().drain()
    }

    /// What is queued, waiting until something is and its time has come; `None` once the queue is stopped and empty. Say
    /// when it is flushed ([`FlushQueue::done`]).
    pub(super) fn wait(&self) -> Option<Vec<Arc<Partition>>> {
        let mut state = self.state.lock();
        loop {
            match state.turn(Instant::now()) {
                Turn::Pass(partitions) => return Some(partitions),
                Turn::End => return None,
                Turn::Sleep => self.filled.wait(&mut state),
                Turn::Watch(until) => {
                    self.filled.wait_until(&mut state, until);
                    state.watched = None;
                }
            }
        }
    }

    /// What is queued, for one who waits for it and flushes it himself. `None` where passes have not been fast of late, where
    /// there are many, and where there is more to do than to sync one partition and tell its waiters. Say when it is
    /// flushed ([`FlushQueue::done`]).
    pub(super) fn take_if_fast(&self) -> Option<Vec<Arc<Partition>>> {
        let mut state = self.state.lock();
        let now = Instant::now();
        if !state.is_for_waiter(now) || state.queued.iter().any(|partition| partition.is_observed()) {
            return None;
        }
        state.begin(now)
    }

    /// A pass that [`FlushQueue::wait`] gave is over, whose thread waits again next.
    pub(super) fn done(&self, has_synced: bool) {
        self.state.lock().done(has_synced, Instant::now());
    }

    /// A pass that [`FlushQueue::take_if_fast`] gave is over, after which nobody looks into the queue.
    pub(super) fn done_here(&self, has_synced: bool) {
        let mut state = self.state.lock();
        let wakes = state.done_here(has_synced, Instant::now());
        drop(state);
        self.wake_if(wakes);
    }

    /// Lets the flusher threads end once all is flushed.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.filled.notify_all();
    }

    fn wake_if(&self, wakes: bool) {
        if wakes {
            self.filled.notify_one();
        }
    }
}

/// What a flusher's thread does next.
#[derive(Debug, PartialEq, Eq)]
enum Turn<T> {
    /// A pass over these.
    Pass(Vec<T>),
    /// It looks again when it is woken, or at this time.
    Watch(Instant),
    /// It looks again when it is woken.
    Sleep,
    /// It ends.
    End,
}

/// What is queued, and what the threads do; the clock is an argument.
struct State<T> {
    queued: Vec<T>,
    /// The journal waits for a sync of its own.
    journal: bool,
    /// Somebody waits for what is queued.
    is_awaited: bool,
    /// When it is the turn of what nobody waits for.
    due: Option<Instant>,
    /// Passes under way, and when the last of them began, until one of them ends.
    under_way: usize,
    begun: Option<Instant>,
    /// When the last one ended.
    ended: Option<Instant>,
    /// When a thread that waits will look into the queue without being woken.
    watched: Option<Instant>,
    /// A thread was woken and has not looked into the queue yet.
    is_woken: bool,
    /// How many passes were fast of late, of those that had something to sync, less what slow ones take back.
    fast_passes: i64,
    stopped: bool,
}

impl<T> State<T> {
    /// Whether a thread has to be woken.
    fn push(&mut self, partition: T, urgency: Urgency, now: Instant) -> bool {
        self.add(partition, now);
        match urgency {
            Urgency::Now => self.await_it(),
            Urgency::Later => self.is_left_alone(now) && self.wake(),
            Urgency::WhenAwaited => false,
        }
    }

    fn add(&mut self, partition: T, now: Instant) {
        self.queued.push(partition);
        self.due.get_or_insert(now + LINGER);
    }

    /// Somebody waits for what is queued. Whether a thread has to be woken for it: not where one looks again before a pass
    /// that is under way has taken too long.
    fn await_it(&mut self) -> bool {
        self.is_awaited = true;
        let is_seen = match (self.watched, self.patience_ends()) {
            (Some(watched), Some(ends)) => watched <= ends,
            _ => false,
        };
        !is_seen && self.wake()
    }

    /// Whether something is queued for which nobody waits, and which nobody would look at in time.
    fn is_left_alone(&self, now: Instant) -> bool {
        let is_in_pass = self.patience_ends().is_some_and(|ends| now < ends);
        let is_seen = is_in_pass || (self.watched.is_some() && !self.is_awaited);
        !self.is_empty() && !is_seen
    }

    /// A thread is to be woken; whether that is not done already.
    fn wake(&mut self) -> bool {
        !std::mem::replace(&mut self.is_woken, true)
    }

    fn turn(&mut self, now: Instant) -> Turn<T> {
        self.is_woken = false;
        let is_time = self.is_awaited || self.stopped || self.due.is_some_and(|due| due <= now);
        let taken = self.patience_ends().filter(|&ends| now < ends);
        if is_time
            && taken.is_none()
            && let Some(partitions) = self.begin(now)
        {
            return Turn::Pass(partitions);
        }
        if self.is_empty() {
            return if self.stopped { Turn::End } else { Turn::Sleep };
        }
        let until = taken.or(self.due).unwrap_or(now);
        if self.watched.is_some_and(|watched| watched <= until) && !self.stopped {
            return Turn::Sleep;
        }
        self.watched = Some(until);
        Turn::Watch(until)
    }

    /// When the pass that is under way has taken too long for another one to wait for it.
    fn patience_ends(&self) -> Option<Instant> {
        self.begun.map(|begun| begun + PATIENCE)
    }

    /// Whether one who waits for what is queued does the pass himself.
    fn is_for_waiter(&self, now: Instant) -> bool {
        let is_quiet = self.under_way == 0 && self.ended.is_none_or(|ended| ended + IDLE <= now);
        let is_alone = self.queued.len() == 1 && !self.is_awaited && !self.journal;
        is_quiet && is_alone && self.fast_passes >= FAST_PASSES && !self.stopped
    }

    /// Takes what is queued for a pass that begins now.
    fn begin(&mut self, now: Instant) -> Option<Vec<T>> {
        let partitions = self.drain()?;
        self.under_way += 1;
        self.begun = Some(now);
        Some(partitions)
    }

    fn done(&mut self, has_synced: bool, now: Instant) {
        self.under_way -= 1;
        self.ended = Some(now);
        // Of two at a time the first was slow, and from now on nobody has patience with the one that is left.
        let Some(begun) = self.begun.take().filter(|_| self.under_way == 0) else {
            self.fast_passes = self.fast_passes.min(0);
            return;
        };
        let times_too_slow = ((now - begun).as_micros() / PATIENCE.as_micros()) as i64;
        if times_too_slow > 0 {
            self.fast_passes -= FAST_PASSES / 4 * times_too_slow;
        } else if has_synced {
            self.fast_passes = (self.fast_passes + 1).min(4 * FAST_PASSES);
        }
    }

    /// As [`State::done`], where nobody looks into the queue next; whether a thread has to be woken for that.
    fn done_here(&mut self, has_synced: bool, now: Instant) -> bool {
        self.done(has_synced, now);
        match self.is_awaited && !self.is_empty() {
            true => self.await_it(),
            false => self.is_left_alone(now) && self.wake(),
        }
    }

    fn is_empty(&self) -> bool {
        self.queued.is_empty() && !self.journal
    }

    fn drain(&mut self) -> Option<Vec<T>> {
        if self.is_empty() {
            return None;
        }
        self.journal = false;
        self.is_awaited = false;
        self.due = None;
        Some(std::mem::take(&mut self.queued))
    }
}

impl<T> Default for State<T> {
    fn default() -> Self {
        State {
            queued: Vec::new(),
            journal: false,
            is_awaited: false,
            due: None,
            under_way: 0,
            begun: None,
            ended: None,
            watched: None,
            is_woken: false,
            fast_passes: 0,
            stopped: false,
        }
    }
}

#[cfg(test)]
mod tests;
