//! Who waits for a partition's high watermark: produces for their offset, fetches for anything new.
//!
//! Invariant: a waiter is told exactly once: when the watermark reaches its offset, or when the partition goes out of
//! service.

use std::collections::BinaryHeap;
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

/// What a produce learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The high watermark has reached the offset.
    Yes,
    /// The partition went out of service before.
    Never,
}

/// The waiters of one partition.
#[derive(Default)]
pub(crate) struct Waiters {
    produces: BinaryHeap<Waiting>,
    fetches: Vec<Arc<Notify>>,
    writable: Vec<oneshot::Sender<()>>,
}

struct Waiting {
    offset: i64,
    tell: oneshot::Sender<Committed>,
}

impl Waiters {
    /// A receiver that is told when the high watermark reaches `offset`.
    pub(crate) fn wait_for(&mut self, offset: i64) -> oneshot::Receiver<Committed> {
        let (tell, told) = oneshot::channel();
        self.produces.push(Waiting { offset, tell });
        told
    }

    /// A receiver that is told when the partition takes batches; its sender is dropped if it never will.
    pub(crate) fn wait_writable(&mut self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        self.writable.push(tell);
        told
    }

    /// Whether somebody waits for the partition to take batches.
    pub(crate) fn awaits_writable(&self) -> bool {
        !self.writable.is_empty()
    }

    /// Whether somebody waits for the high watermark.
    pub(crate) fn await_watermark(&self) -> bool {
        !self.produces.is_empty() || !self.fetches.is_empty()
    }

    /// The partition takes batches now.
    pub(crate) fn writable(&mut self) {
        for tell in self.writable.drain(..) {
            let _ = tell.send(());
        }
    }

    /// Wakes `fetch` at the next change.
    pub(crate) fn watch(&mut self, fetch: Arc<Notify>) {
        self.fetches.push(fetch);
    }

    /// The watermark moved to `offset`.
    pub(crate) fn advance(&mut self, offset: i64) {
        while self.produces.peek().is_some_and(|waiting| waiting.offset <= offset) {
            if let Some(waiting) = self.produces.pop() {
                // A produce whose connection is gone no longer listens.
                let _ = waiting.tell.send(Committed::Yes);
            }
        }
        self.wake_fetches();
    }

    /// The partition is out of service.
    pub(crate) fn fail(&mut self) {
        for waiting in self.produces.drain() {
            let _ = waiting.tell.send(Committed::Never);
        }
        self.writable.clear();
        self.wake_fetches();
    }

    fn wake_fetches(&mut self) {
        for fetch in self.fetches.drain(..) {
            fetch.notify_one();
        }
    }

    /// Forgets fetches that have gone: nobody else holds their handle.
    pub(crate) fn prune(&mut self) {
        self.fetches.retain(|fetch| Arc::strong_count(fetch) > 1);
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.offset == other.offset
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    /// The heap's top is the lowest offset.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.offset.cmp(&self.offset)
    }
}
