//! The cleaner's threads: as many as `log.cleaner.threads` says at the moment, together no faster than
//! `log.cleaner.io.max.bytes.per.second`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use uuid::Uuid;

use super::pace::{LOOK, Pace};
use crate::config::{BrokerConfig, CleanerConfig};
use crate::node::{CleanRound, CleanerSettings, Node};

/// The shortest time between two looks for a log to be cleaned, whatever `log.cleaner.backoff.ms` says: a look is not for
/// nothing.
const LEAST_BACKOFF: Duration = Duration::from_millis(100);
/// The most bytes of one thread's map, as in Kafka.
const MAX_MAP_BYTES: usize = i32::MAX as usize;

/// The threads, while the broker serves.
pub(super) struct CleanerThreads {
    shared: Arc<Shared>,
    manager: JoinHandle<()>,
}

struct Shared {
    node: Arc<Node>,
    config: Arc<ArcSwap<BrokerConfig>>,
    secret: (u64, u64),
    is_ending: Mutex<bool>,
    ending: Condvar,
    pace: Mutex<Pace>,
}

impl CleanerThreads {
    /// Starts them.
    pub(super) fn start(node: Arc<Node>, config: Arc<ArcSwap<BrokerConfig>>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            node,
            config,
            secret: Uuid::new_v4().as_u64_pair(),
            is_ending: Mutex::new(false),
            ending: Condvar::new(),
            pace: Mutex::new(Pace::new(Instant::now())),
        });
        let managing = shared.clone();
        let manager = std::thread::Builder::new()
            .name("weir-cleaner".to_string())
            .spawn(move || managing.manage())?;
        Ok(CleanerThreads { shared, manager })
    }

    /// Ends them: each within a step.
    pub(super) fn stop(self) {
        *self.shared.is_ending.lock() = true;
        self.shared.ending.notify_all();
        let _ = self.manager.join();
    }
}

impl Shared {
    /// Keeps as many threads as are configured.
    fn manage(self: Arc<Self>) {
        let mut threads: Vec<Option<JoinHandle<()>>> = Vec::new();
        loop {
            let wanted = self.wanted();
            threads.resize_with(threads.len().max(wanted), || None);
            for (number, thread) in threads.iter_mut().enumerate().take(wanted) {
                if thread.as_ref().is_none_or(JoinHandle::is_finished) {
                    *thread = self.clone().spawn(number);
                }
            }
            if self.wait(LOOK) {
                break;
            }
        }
        for thread in threads.into_iter().flatten() {
            let _ = thread.join();
        }
    }

    fn spawn(self: Arc<Self>, number: usize) -> Option<JoinHandle<()>> {
        let work = move || {
            // What fails is left to the next thread; the round's partition waits for a restart.
            if catch_unwind(AssertUnwindSafe(|| self.work(number))).is_err() {
                tracing::error!(number, "a thread of the cleaner has failed");
            }
        };
        let thread = std::thread::Builder::new().name(format!("weir-cleaner-{number}"));
        match thread.spawn(work) {
            Ok(thread) => Some(thread),
            Err(error) => {
                tracing::error!(number, %error, "a thread of the cleaner cannot be started");
                None
            }
        }
    }

    /// The threads that there should be.
    fn wanted(&self) -> usize {
        let cleaner = &self.config.load().cleaner;
        if cleaner.enable { cleaner.threads } else { 0 }
    }

    fn work(&self, number: usize) {
        while number < self.wanted() && !*self.is_ending.lock() {
            let cleaner = self.config.load().cleaner.clone();
            match self.node.begin_clean(&self.settings(&cleaner)) {
                Some(round) => self.run(round, number),
                None => self.back_off(number),
            }
        }
    }

    /// Waits for `log.cleaner.backoff.ms`, which may change meanwhile, as may the number of threads.
    fn back_off(&self, number: usize) {
        let began = Instant::now();
        loop {
            let time = Duration::from_millis(self.config.load().cleaner.backoff_ms).max(LEAST_BACKOFF);
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() || number >= self.wanted() || self.wait(left.min(LOOK)) {
                return;
            }
        }
    }

    fn run(&self, round: CleanRound, number: usize) {
        let mut round = Some(round);
        while let Some(at) = round.take() {
            let Some(step) = self.wait_for_pace(number) else {
                self.node.abandon_clean(at);
                return;
            };
            let (more, bytes) = self.node.clean(at, step);
            self.pace.lock().add(bytes);
            round = more;
        }
    }

    fn settings(&self, cleaner: &CleanerConfig) -> CleanerSettings {
        let threads = cleaner.threads.max(1);
        CleanerSettings {
            map_bytes: (cleaner.dedupe_buffer_size / threads).min(MAX_MAP_BYTES),
            load_factor: cleaner.io_buffer_load_factor,
            // One buffer to read, one to write.
            io_bytes: cleaner.io_buffer_size / threads / 2,
            max_decompressed: self.config.load().log.max_decompressed_batch_bytes,
            secret: self.secret,
        }
    }

    /// Waits until the rate allows more; the bytes of the next step, or `None` where the thread is to end.
    fn wait_for_pace(&self, number: usize) -> Option<u64> {
        loop {
            let rate = self.config.load().cleaner.io_max_bytes_per_second;
            let owed = self.pace.lock().wait(Instant::now(), rate);
            if number >= self.wanted() || self.wait(owed.unwrap_or_default()) {
                return None;
            }
            if owed.is_none() {
                return Some(Pace::step(rate));
            }
        }
    }

    /// Waits, but no longer than the broker serves; whether it is ending.
    fn wait(&self, time: Duration) -> bool {
        let mut is_ending = self.is_ending.lock();
        if !*is_ending && !time.is_zero() {
            self.ending.wait_for(&mut is_ending, time);
        }
        *is_ending
    }
}
