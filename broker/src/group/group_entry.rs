//! What the coordinator knows of one group id: the group, by its type, and its committed offsets.

use std::sync::Arc;

use bytes::Bytes;

use super::appends::{AppendId, Appends};
use super::classic::{ClassicGroup, State};
use super::member_memory::Charge;
use super::offset_memory::OffsetMemory;
use super::offsets::Offsets;

/// See the module.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) offsets: Offsets,
    /// The last committed metadata record: what a restart would find. The group itself may be ahead of it.
    pub(crate) stored_metadata: Option<Bytes>,
    /// The last append that changes offsets.
    pub(crate) offsets_append: Option<AppendId>,
    /// The last append of the group's deletion. Until it is done the group takes no members and no commits.
    pub(crate) deletion_append: Option<AppendId>,
    /// What its names hold, with or without members: they stay as long as its offsets, and count with them.
    names: Charge,
}

/// What the names of a group take: its own and its protocol's, in memory more than once. How many groups there are has
/// a limit of its own.
pub(crate) fn names_bytes(id: &str, protocol_type: &str) -> usize {
    2 * (id.len() + protocol_type.len())
}

/// The types of groups. Those of KIP-848 will stand beside the classic one.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Rebalances by JoinGroup and SyncGroup. Also simple groups, which only commit offsets.
    Classic(ClassicGroup),
}

impl Kind {
    /// As ListGroups says it, and as its filter is compared (without case).
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Classic(_) => "classic",
        }
    }
}

impl Group {
    /// A classic group without members.
    pub(crate) fn new(id: Arc<str>, wall_ms: i64, memory: &OffsetMemory) -> Self {
        let mut names = memory.charge();
        names.set(names_bytes(&id, ""));
        Self {
            names,
            kind: Kind::Classic(ClassicGroup::new(Arc::clone(&id), wall_ms)),
            id,
            offsets: Offsets::default(),
            stored_metadata: None,
            offsets_append: None,
            deletion_append: None,
        }
    }

    /// Counts what its names hold now: the protocol's has come or gone.
    pub(crate) fn weigh(&mut self) {
        let Kind::Classic(classic) = &self.kind;
        let protocol_type = classic.protocol_type.as_deref().unwrap_or_default();
        self.names.set(names_bytes(&self.id, protocol_type));
    }

    pub(crate) fn is_being_deleted(&self, appends: &Appends) -> bool {
        appends.is_pending(self.deletion_append)
    }

    /// Whether nothing would be lost with the group: it was never stored, has no offsets, and nobody is in it or about
    /// to be.
    pub(crate) fn is_vacant(&self, appends: &Appends) -> bool {
        let Kind::Classic(classic) = &self.kind;
        classic.state() == State::Empty
            && classic.generation == 0
            && classic.pending_joins.is_empty()
            && self.stored_metadata.is_none()
            && self.offsets.is_empty()
            && !appends.is_pending(self.offsets_append)
            && !appends.is_pending(self.deletion_append)
    }
}
