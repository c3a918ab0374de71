//! What the committed offsets of all groups, and the names of these groups, hold in memory, for as long as they are retained.
//!
//! Invariant: every committed offset and every group counts. At the limit only those are committed that need no more than what they
//! replace, so that who has committed before goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::member_memory::Charge;
use crate::metrics::{Limit, LimitCounters};

/// The limit, and what is in use; clones are of the same memory.
#[derive(Debug, Clone)]
pub struct OffsetMemory {
    max: usize,
    used: Arc<AtomicUsize>,
    limits: Arc<LimitCounters>,
}

impl Default for OffsetMemory {
    /// 32 MiB.
    fn default() -> Self {
        Self::new(32 << 20)
    }
}

impl OffsetMemory {
    /// `max` is `weir.max.offsets.bytes`.
    pub fn new(max: usize) -> Self {
        Self {
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

    /// Whether so much more may be held. Where not, that is counted: it is to be refused.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        let has_room = more == 0 || self.used.load(Ordering::Relaxed).saturating_add(more) <= self.max;
        if !has_room {
            self.limits.reached(Limit::MaxOffsetsBytes);
        }
        has_room
    }

    /// Counts nothing yet.
    pub(crate) fn charge(&self) -> Charge {
        Charge::of(&self.used)
    }
}
