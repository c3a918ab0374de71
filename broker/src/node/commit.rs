//! What a producer waits for before it is answered.

use std::sync::Arc;

use super::partition::Partition;
use super::waiters::Committed;

/// The end of a batch, which the high watermark has to reach. While it is neither awaited nor dropped no flush begins for
/// its sake, so that one takes all that arrives together.
#[must_use = "what it stands for is flushed when it is awaited or dropped"]
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

    /// Whether the high watermark has reached it. Takes no lock.
    pub fn is_done(&self) -> bool {
        self.partition.has_committed(self.end)
    }

    /// Waits until it has, or never will.
    pub async fn done(self) -> Committed {
        if self.is_done() {
            return Committed::Yes;
        }
        // Its sender tells before it goes.
        self.partition.committed(self.end).await.unwrap_or(Committed::Never)
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        if !self.is_done() {
            self.partition.hurry();
        }
    }
}
