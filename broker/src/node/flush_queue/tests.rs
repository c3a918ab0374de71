//! The queue with two threads and a clock that the test sets.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{FAST_PASSES, IDLE, LINGER, PATIENCE, State, Turn, Urgency};

const MICROSECOND: Duration = Duration::from_micros(1);
/// The longest time between two events of the model.
const PAUSE: Duration = Duration::from_micros(800);

/// A queue after so many fast passes, and the time at which nothing has happened for long.
fn after_fast_passes(count: i64) -> (State<u32>, Instant) {
    let mut state = State::default();
    let mut now = Instant::now();
    for _ in 0..count {
        state.push(0, Urgency::Now, now);
        assert_eq!(state.turn(now), Turn::Pass(vec![0]));
        now += MICROSECOND;
        state.done(true, now);
    }
    (state, now + IDLE)
}

/// What one who waits gets to flush himself.
fn of_waiter<T>(state: &mut State<T>, now: Instant) -> Option<Vec<T>> {
    state.is_for_waiter(now).then(|| state.begin(now)).flatten()
}

#[test]
fn what_nobody_waits_for_lingers_until_somebody_does() {
    let now = Instant::now();
    let mut state = State::default();
    assert!(state.push(1, Urgency::Later, now));
    assert_eq!(state.turn(now), Turn::Watch(now + LINGER));
    // The thread that watches need not be woken for more of the kind, the other one sleeps.
    assert!(!state.push(2, Urgency::Later, now));
    assert_eq!(state.turn(now), Turn::Sleep);
    assert!(state.push(3, Urgency::Now, now));
    assert_eq!(state.turn(now), Turn::Pass(vec![1, 2, 3]));
}

#[test]
fn what_is_sure_to_be_awaited_wakes_nobody_until_it_is() {
    let now = Instant::now();
    let mut state = State::default();
    assert!(!state.push(1, Urgency::WhenAwaited, now));
    assert!(!state.push(2, Urgency::WhenAwaited, now));
    assert!(state.await_it());
    assert!(!state.await_it(), "one wake is enough");
    assert_eq!(state.turn(now), Turn::Pass(vec![1, 2]));
}

#[test]
fn what_is_left_unawaited_hides_nothing() {
    let now = Instant::now();
    let mut state = State::default();
    assert!(!state.push(1, Urgency::WhenAwaited, now));
    assert!(state.push(2, Urgency::Later, now), "nobody looks after it yet");
    assert!(!state.push(3, Urgency::Later, now), "one is woken already");
    assert_eq!(state.turn(now), Turn::Watch(now + LINGER));
}

#[test]
fn passes_without_work_say_nothing_of_the_disk() {
    let (mut state, mut now) = after_fast_passes(FAST_PASSES - 1);
    for _ in 0..FAST_PASSES {
        state.push(1, Urgency::Now, now);
        assert_eq!(state.turn(now), Turn::Pass(vec![1]));
        state.done(false, now);
    }
    now += IDLE;
    state.push(1, Urgency::WhenAwaited, now);
    assert_eq!(of_waiter(&mut state, now), None);
}

#[test]
fn a_second_pass_begins_beside_a_slow_one_only() {
    let begun = Instant::now();
    let mut state = State::default();
    state.push(1, Urgency::Now, begun);
    assert_eq!(state.turn(begun), Turn::Pass(vec![1]));
    assert!(state.push(2, Urgency::Now, begun));
    assert_eq!(state.turn(begun), Turn::Watch(begun + PATIENCE));
    // Nobody is woken for more: one thread is in a pass, one watches it.
    assert!(!state.push(3, Urgency::Now, begun));
    state.watched = None;
    assert_eq!(state.turn(begun + PATIENCE), Turn::Pass(vec![2, 3]));
}

#[test]
fn who_waits_flushes_himself_where_that_has_been_fast() {
    let (mut state, now) = after_fast_passes(FAST_PASSES - 1);
    state.push(1, Urgency::WhenAwaited, now);
    assert_eq!(of_waiter(&mut state, now), None, "not often enough");
    let (mut state, now) = after_fast_passes(FAST_PASSES);
    assert_eq!(of_waiter(&mut state, now), None, "there is nothing");
    state.push(1, Urgency::WhenAwaited, now);
    assert_eq!(
        of_waiter(&mut state, now - MICROSECOND),
        None,
        "the last pass was just now"
    );
    assert_eq!(of_waiter(&mut state, now), Some(vec![1]));
    state.push(2, Urgency::WhenAwaited, now);
    assert_eq!(of_waiter(&mut state, now + IDLE), None, "one is under way");
    state.done(true, now + Duration::from_millis(5));
    assert_eq!(
        of_waiter(&mut state, now + Duration::from_millis(6)),
        None,
        "that was slow"
    );
}

#[test]
fn after_a_long_stall_nobody_flushes_himself_for_long() {
    let (mut state, mut now) = after_fast_passes(4 * FAST_PASSES);
    state.push(1, Urgency::Now, now);
    assert_eq!(state.turn(now), Turn::Pass(vec![1]));
    now += 100 * PATIENCE;
    state.done(true, now);
    let mut passes = 0;
    loop {
        now += IDLE;
        state.push(1, Urgency::WhenAwaited, now);
        if of_waiter(&mut state, now).is_some() {
            break;
        }
        state.await_it();
        assert_eq!(state.turn(now), Turn::Pass(vec![1]));
        state.done(true, now);
        passes += 1;
    }
    // 100 quarters, less what there was before, and what it takes anyway.
    assert_eq!(passes, 25 * FAST_PASSES - 4 * FAST_PASSES + FAST_PASSES);
}

#[test]
fn a_queue_that_is_stopped_is_flushed_to_its_end() {
    let now = Instant::now();
    let mut state = State::default();
    state.push(1, Urgency::Later, now);
    state.stopped = true;
    assert_eq!(state.turn(now), Turn::Pass(vec![1]));
    state.push(2, Urgency::Later, now);
    assert_eq!(state.turn(now), Turn::Watch(now + PATIENCE));
    state.done(true, now);
    assert_eq!(state.turn(now), Turn::Pass(vec![2]));
    state.done(true, now);
    assert_eq!(state.turn(now), Turn::End);
}

/// What a thread of the flusher is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Thread {
    Runs,
    Passes { until: Instant },
    Watches { until: Instant },
    Sleeps,
}

/// Two threads as [`super::FlushQueue::wait`] has them, and a connection's, on which passes may be done as well. `notify_one`
/// wakes any that waits.
struct Model {
    state: State<Instant>,
    threads: [Thread; 2],
    /// Until when the connection's thread is in a pass.
    here: Option<Instant>,
    now: Instant,
    slow: Duration,
    /// When somebody began to wait for what is queued, of each that was not taken.
    awaited: Option<Instant>,
    /// Whether both threads were in passes since.
    was_full: bool,
    /// Whether the next pass to end finds that there is to be another.
    again: bool,
}

impl Model {
    fn wake(&mut self, first: usize) {
        for number in [first, 1 - first] {
            if matches!(self.threads[number], Thread::Watches { .. } | Thread::Sleeps) {
                if let Thread::Watches { .. } = self.threads[number] {
                    self.state.watched = None;
                }
                self.threads[number] = Thread::Runs;
                return;
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.settle();
            self.now += MICROSECOND;
        }
    }

    /// Takes what a pass gets.
    fn take(&mut self, queued: Vec<Instant>) {
        for pushed in queued {
            let waited = self.now - pushed;
            assert!(
                waited <= LINGER + PAUSE + self.slow + 2 * PATIENCE,
                "queued for {waited:?}"
            );
        }
        if let Some(since) = self.awaited.take() {
            let waited = self.now - since;
            let most = if self.was_full { self.slow + PATIENCE } else { PATIENCE };
            assert!(waited <= most + MICROSECOND, "awaited for {waited:?}");
        }
    }

    /// What was written to during a pass, and is awaited, is queued again at its end.
    fn push_again(&mut self) {
        if std::mem::take(&mut self.again) {
            self.state.add(self.now, self.now);
            self.state.is_awaited = true;
            self.awaited.get_or_insert(self.now);
        }
    }

    /// Somebody waits for what he queued.
    fn hurry(&mut self, first: usize) {
        if self.state.queued.is_empty() {
            return;
        }
        if let Some(queued) = of_waiter(&mut self.state, self.now) {
            self.take(queued);
            self.here = Some(self.now + self.slow);
            return;
        }
        self.awaited.get_or_insert(self.now);
        if self.state.await_it() {
            self.wake(first);
        }
    }

    /// Lets the threads go on until they wait or pass.
    fn settle(&mut self) {
        if self.here.is_some_and(|until| until <= self.now) {
            self.here = None;
            self.push_again();
            if self.state.done_here(true, self.now) {
                self.wake(0);
            }
        }
        let is_full = self
            .threads
            .iter()
            .all(|thread| matches!(thread, Thread::Passes { .. }));
        self.was_full = self.awaited.is_some() && (self.was_full || is_full);
        for number in 0..2 {
            match self.threads[number] {
                Thread::Passes { until } if until <= self.now => {
                    self.push_again();
                    self.state.done(true, self.now);
                    self.threads[number] = Thread::Runs;
                }
                Thread::Watches { until } if until <= self.now => {
                    self.state.watched = None;
                    self.threads[number] = Thread::Runs;
                }
                _ => {}
            }
            if self.threads[number] == Thread::Runs {
                self.threads[number] = match self.state.turn(self.now) {
                    Turn::Pass(queued) => {
                        self.take(queued);
                        Thread::Passes {
                            until: self.now + self.slow,
                        }
                    }
                    Turn::Watch(until) => Thread::Watches { until },
                    Turn::Sleep => Thread::Sleeps,
                    Turn::End => unreachable!("it is not stopped"),
                };
            }
        }
    }
}

proptest! {
    /// Whatever comes, in whatever order, is taken in time: no wake is lost.
    #[test]
    fn nothing_is_left_in_the_queue(
        slow in prop_oneof![0u64..100, 100u64..2_000],
        events in prop::collection::vec((0..PAUSE.as_micros() as u64, 0usize..4, 0usize..2), 1..200),
    ) {
        let now = Instant::now();
        let mut model = Model {
            state: State::default(),
            threads: [Thread::Sleeps; 2],
            here: None,
            now,
            slow: Duration::from_micros(slow),
            awaited: None,
            was_full: false,
            again: false,
        };
        let mut will_hurry = false;
        for (pause, kind, first) in events {
            // Who is in a pass does nothing else; other connections queue meanwhile.
            if model.here.is_none() && std::mem::take(&mut will_hurry) {
                model.hurry(first);
            }
            let wakes = match kind {
                0 => model.state.push(model.now, Urgency::Later, model.now),
                1 => {
                    model.awaited.get_or_insert(model.now);
                    model.state.push(model.now, Urgency::Now, model.now)
                }
                2 if model.here.is_none() => {
                    will_hurry = true;
                    model.state.push(model.now, Urgency::WhenAwaited, model.now)
                }
                _ => {
                    model.again = model.state.under_way > 0;
                    false
                }
            };
            if wakes {
                model.wake(first);
            }
            model.run(Duration::from_micros(pause));
        }
        if will_hurry && model.here.is_none() {
            model.hurry(0);
        }
        model.run(LINGER + 2 * model.slow + 3 * PATIENCE);
        prop_assert!(model.state.is_empty());
    }
}
