//! What a producer waits for before it is answered.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use super::partition::Partition;
use super::waiters::Committed;

/// The end of a batch, which the high watermark has to reach. Until it is awaited, hurried or dropped, nobody is woken to
/// flush the batch, so that one pass takes all that arrives together.
#[must_use = "what it stands for is flushed when it is awaited, hurried or dropped"]
pub struct Commit {
    partition: Arc<Partition>,
    end: i64,
}

impl Commit {
    /// Of the batch that ends before offset `end`.
    pub fn new(partition: Arc<Partition>, end: i64) -> Self {
        partition.expect(end);
        Commit { partition, end }
    }

    /// Whether the high watermark has reached it.
    pub fn is_done(&self) -> bool {
        self.partition.has_committed(self.end)
    }

    /// Has it flushed, for one who will wait later.
    pub fn hurry(&self) {
        if !self.is_done() {
            self.partition.hurry();
        }
    }

    /// Waits until it is done, or never will be. Polled again while it waits, it hurries all that is queued: requests behind
    /// this one on its connection are not polled before it is answered.
    pub async fn done(self) -> Committed {
        if self.is_done() {
            return Committed::Yes;
        }
        let mut told = self.partition.committed(self.end);
        let mut is_first = true;
        let polled = poll_fn(|cx| {
            let polled = Pin::new(&mut told).poll(cx);
            if polled.is_pending() && !std::mem::take(&mut is_first) {
                self.partition.hurry_all();
            }
            polled
        });
        // Its sender tells before it goes.
        polled.await.unwrap_or(Committed::Never)
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        self.hurry();
    }
}
