//! How many producers the logs of a node remember together.
//!
//! Invariant: every producer of every [`ProducerStates`](super::ProducerStates) in the room counts, from when it is noted
//! until it is forgotten. What is in a log is always noted, room or not: only new producers are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The limit, and how many there are; clones are of the same room.
#[derive(Debug, Clone)]
pub struct ProducerRoom {
    max: usize,
    used: Arc<AtomicUsize>,
}

impl ProducerRoom {
    /// For so many producers.
    pub fn new(max: usize) -> Self {
        ProducerRoom {
            max,
            used: Arc::default(),
        }
    }

    /// The limit.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Producers that are remembered.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.used() >= self.max
    }
}

impl Default for ProducerRoom {
    /// Without a limit.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl PartialEq for ProducerRoom {
    /// Whether it is the same room.
    fn eq(&self, other: &Self) -> bool {
        self.max == other.max && Arc::ptr_eq(&self.used, &other.used)
    }
}

/// What one log takes of the room.
#[derive(Debug)]
pub(super) struct Share {
    room: ProducerRoom,
    count: usize,
}

impl Share {
    pub(super) fn of(room: ProducerRoom) -> Self {
        Share { room, count: 0 }
    }

    pub(super) fn room(&self) -> &ProducerRoom {
        &self.room
    }

    pub(super) fn set(&mut self, count: usize) {
        // Never more than there are, not even for a moment: somebody would be refused.
        if count > self.count {
            self.room.used.fetch_add(count - self.count, Ordering::Relaxed);
        } else {
            self.room.used.fetch_sub(self.count - count, Ordering::Relaxed);
        }
        self.count = count;
    }
}

impl Clone for Share {
    fn clone(&self) -> Self {
        let mut share = Share::of(self.room.clone());
        share.set(self.count);
        share
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
