//! The cleaner's threads: as many as `log.cleaner.threads` says at the moment, together no faster than
//! `log.cleaner.io.max.bytes.per.second`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use uuid::Uuid;

use crate::config::{BrokerConfig, CleanerConfig};
use crate::node::{CleanRound, CleanerSettings, Node};

/// How often the number of threads is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes that a thread reads and writes before it looks whether it is to go on.
const MAX_STEP: u64 = 4 << 20;
/// Into how many steps a second's bytes are cut, where they are bounded.
const STEPS_PER_SECOND: f64 = 10.0;

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
    /// When what was read and written so far would have been at the configured rate.
    paced_until: Mutex<Instant>,
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
            paced_until: Mutex::new(Instant::now()),
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
                None => {
                    self.wait(Duration::from_millis(cleaner.backoff_ms));
                }
            }
        }
    }

    fn run(&self, round: CleanRound, number: usize) {
        let mut round = Some(round);
        while let Some(at) = round.take() {
            let rate = self.config.load().cleaner.io_max_bytes_per_second;
            if number >= self.wanted() || self.wait_for_pace() {
                self.node.abandon_clean(at);
                return;
            }
            let step = (rate / STEPS_PER_SECOND).clamp(1.0, MAX_STEP as f64) as u64;
            let (more, bytes) = self.node.clean(at, step);
            self.pace(bytes, rate);
            round = more;
        }
    }

    fn settings(&self, cleaner: &CleanerConfig) -> CleanerSettings {
        let threads = cleaner.threads.max(1);
        CleanerSettings {
            map_bytes: cleaner.dedupe_buffer_size / threads,
            load_factor: cleaner.io_buffer_load_factor,
            // One buffer to read, one to write.
            io_bytes: cleaner.io_buffer_size / threads / 2,
            max_decompressed: self.config.load().log.max_decompressed_batch_bytes,
            secret: self.secret,
        }
    }

    fn pace(&self, bytes: u64, rate: f64) {
        let mut until = self.paced_until.lock();
        // What was not used is not saved up.
        *until = (*until).max(Instant::now()) + Duration::try_from_secs_f64(bytes as f64 / rate).unwrap_or(LOOK);
    }

    /// Waits until the rate allows more; whether the broker is ending.
    fn wait_for_pace(&self) -> bool {
        let until = *self.paced_until.lock();
        self.wait(until.saturating_duration_since(Instant::now()))
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
