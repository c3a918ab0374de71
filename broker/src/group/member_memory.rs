//! What the members of all groups hold in memory: names, what they tell their leaders, what they are assigned.
//!
//! Invariant: every member counts, from when it is made until it is dropped, wherever it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafka_protocol::ResponseError;

use crate::metrics::{Limit, LimitCounters};

/// The limits, and what is in use; clones are of the same memory.
#[derive(Debug, Clone)]
pub struct MemberMemory {
    max_of_member: usize,
    max: usize,
    used: Arc<AtomicUsize>,
    limits: Arc<LimitCounters>,
}

impl Default for MemberMemory {
    /// 2 MiB for a member, 64 MiB for all.
    fn default() -> Self {
        Self::new(2 << 20, 64 << 20)
    }
}

impl MemberMemory {
    /// `max_of_member` is `weir.max.member.metadata.bytes`, `max` is `weir.max.group.memory.bytes`.
    pub fn new(max_of_member: usize, max: usize) -> Self {
        Self {
            max_of_member,
            max,
            used: Arc::default(),
            limits: Arc::default(),
        }
    }

    /// The same, with its refusals counted here.
    #[must_use]
    pub fn counted_in(self, limits: Arc<LimitCounters>) -> Self {
        Self { limits, ..self }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether a member may bring this much in its join, instead of what it has.
    ///
    /// # Errors
    /// POLICY_VIOLATION. A member that brings no more than it has is always let in again.
    pub(crate) fn admit(&self, bytes: usize, before: usize) -> Result<(), ResponseError> {
        if bytes <= before {
            return Ok(());
        }
        if bytes > self.max_of_member {
            self.limits.reached(Limit::MaxMemberMetadataBytes);
        } else if self.has_room(bytes - before) {
            return Ok(());
        }
        Err(ResponseError::PolicyViolation)
    }

    /// Whether so much more may be held. Where not, that is counted: it is to be refused.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let has_room = self.used().saturating_add(bytes) <= self.max;
        if !has_room {
            self.limits.reached(Limit::MaxGroupMemoryBytes);
        }
        has_room
    }

    /// Counts nothing yet.
    pub(crate) fn charge(&self) -> Charge {
        Charge::of(&self.used)
    }
}

/// What one member, or one group's offsets, hold.
#[derive(Debug)]
pub(crate) struct Charge {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Charge {
    /// Of nothing yet, in this sum.
    pub(super) fn of(used: &Arc<AtomicUsize>) -> Self {
        Charge {
            used: Arc::clone(used),
            bytes: 0,
        }
    }

    pub(crate) fn set(&mut self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Clone for Charge {
    fn clone(&self) -> Self {
        self.used.fetch_add(self.bytes, Ordering::Relaxed);
        Self {
            used: Arc::clone(&self.used),
            bytes: self.bytes,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
