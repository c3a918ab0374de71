//! What one answer may take.
//!
//! Kafka answers each of the groups, resources or keys that a request names, the same name as often as it stands there.
//! So do we; but a small request must not build an answer of gigabytes. Invariant: an answer is built of at most
//! [`MAX_ANSWER_BYTES`] and what its last item takes; what the request names beyond is answered POLICY_VIOLATION, and a
//! request that names more than [`MAX_NAMES`] closes its connection.

use kafka_protocol::error::ResponseError;
use kafka_protocol::protocol::Encodable;

use crate::connection::Outcome;
use crate::metrics::{Limit, LimitCounters};

/// Bytes of one answer, about: as it is built and as it is sent.
pub(super) const MAX_ANSWER_BYTES: usize = 32 << 20;

/// Names of one request: groups, resources, keys. More than anything here has by default.
pub(super) const MAX_NAMES: usize = 100_000;

/// What is answered for a name for which there is no room in the answer.
pub(super) const NO_ROOM: ResponseError = ResponseError::PolicyViolation;

/// The words for it, where an answer has room for some.
pub(super) const NO_ROOM_TEXT: &str = "The answer would be too large: ask for less in one request.";

/// What an answer may still take.
#[derive(Debug)]
pub(super) struct AnswerBudget<'a> {
    left: usize,
    limits: &'a LimitCounters,
}

impl<'a> AnswerBudget<'a> {
    /// With what it refuses counted here.
    pub(super) fn new(limits: &'a LimitCounters) -> Self {
        Self {
            left: MAX_ANSWER_BYTES,
            limits,
        }
    }

    /// Whether there is room for this many more bytes; where not, the item is to be refused.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let has_room = bytes <= self.left;
        if !has_room {
            self.limits.reached(Limit::Answer);
        }
        has_room
    }

    /// Whether nothing more is to be built: the item is to be refused.
    pub(super) fn is_spent(&self) -> bool {
        !self.has_room(1)
    }

    /// Takes what an item takes, or all that is left.
    pub(super) fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

/// Bytes that an item takes when it is sent; one that cannot be encoded takes none, and fails later.
pub(super) fn encoded_len(item: &impl Encodable, version: i16) -> usize {
    item.compute_size(version).unwrap_or(0)
}

/// Closes the connection of a request that names too much.
pub(super) fn check_names(limits: &LimitCounters, count: usize) -> Result<(), Outcome> {
    if count <= MAX_NAMES {
        return Ok(());
    }
    limits.reached(Limit::Answer);
    let reason = format!("a request names {count} groups, resources or keys; {MAX_NAMES} are allowed");
    Err(Outcome::Close(reason.into()))
}
