//! The threads that connections live on: each connection stays on one, with a reactor of its own.
//!
//! A runtime that shares its tasks among threads wakes a second thread for most of the events that one brings, to help with
//! work that is done before it is there. Pinned, a produce of one record on each of 64 connections cost 7.0 µs of CPU in place
//! of 9.1, and twice as many came through (two cores, beside other work); what is lost is that one busy thread's connections
//! cannot move to an idle one.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Threads for blocking calls that one worker starts at most.
const MAX_BLOCKING_THREADS: usize = 128;
/// How long the end waits for blocking calls.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Threads for connections, in turns.
pub struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    end: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts so many threads.
    pub fn start(count: usize) -> io::Result<Self> {
        let mut workers = Workers {
            handles: Vec::with_capacity(count),
            next: AtomicUsize::new(0),
            end: watch::Sender::new(false),
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(MAX_BLOCKING_THREADS)
                .thread_name("weir-blocking")
                .build()?;
            workers.handles.push(runtime.handle().clone());
            let mut end = workers.end.subscribe();
            let thread = std::thread::Builder::new().name(format!("weir-worker-{number}"));
            workers.threads.push(thread.spawn(move || {
                // An error means that the sender is gone, which ends it as well.
                let _ = runtime.block_on(end.wait_for(|end| *end));
                runtime.shutdown_timeout(END_TIMEOUT);
            })?);
        }
        Ok(workers)
    }

    /// The worker whose turn it is. Each round has another order: clients open several connections after each other, of which
    /// always the same ones have all the work.
    pub fn next(&self) -> &Handle {
        let turn = self.next.fetch_add(1, Relaxed);
        let (round, place) = (turn / self.handles.len(), turn % self.handles.len());
        let mut order: Vec<&Handle> = self.handles.iter().collect();
        order.shuffle(&mut StdRng::seed_from_u64(round as u64));
        order[place]
    }
}

impl Drop for Workers {
    /// Ends the threads, and what is left on them.
    fn drop(&mut self) {
        self.end.send_replace(true);
        for thread in self.threads.drain(..) {
            // The last to hold it may be a task on one of them.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}
