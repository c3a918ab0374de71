//! Who is in the group, and changes of it.
//!
//! Invariant: one member changes at a time, and never the last voter goes. A change acts when it is committed, on every
//! replica at the same entry.
//!
//! A change has a form of its own on disk and between nodes; Raft's protobuf is parsed only where this node wrote it a
//! moment before.

use raft::eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState, Entry, EntryType};

use super::{Core, Replica, State};
use crate::error::{AppendError, MembershipError, ReplicaError};

/// A change of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChange {
    /// Makes this node a voter, whether it was a learner or none.
    AddVoter(u64),
    /// Makes this node a learner, whether it was a voter or none.
    AddLearner(u64),
    /// Takes this node out.
    Remove(u64),
}

/// The members of a group, by node id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Membership {
    /// Those that vote, and make a majority.
    pub voters: Vec<u64>,
    /// Those that only follow.
    pub learners: Vec<u64>,
}

impl Replica {
    /// Proposes a change of the members. It acts once it is committed: see [`Replica::membership`].
    pub fn propose_membership(&mut self, change: MembershipChange) -> Result<(), MembershipError> {
        if let State::Up(core) = &mut self.state {
            core.check_membership(change)?;
        }
        self.run(|core| {
            let proposed = core.node.propose_conf_change(encode(change), change.to_raft());
            core.pump()?;
            Ok(proposed.map_err(|error| {
                tracing::debug!(group = ?core.group, %error, "a membership change was refused");
                MembershipError::NotLeader
            }))
        })?
    }

    /// The members, as far as the committed changes are known here. Empty where the replica is out of service.
    pub fn membership(&self) -> Membership {
        match &self.state {
            State::Up(core) => {
                let ConfState { voters, learners, .. } = &core.node.store().conf_state;
                let mut membership = Membership {
                    voters: voters.clone(),
                    learners: learners.clone(),
                };
                membership.voters.sort_unstable();
                membership.learners.sort_unstable();
                membership
            }
            _ => Membership::default(),
        }
    }
}

impl Core {
    fn check_membership(&mut self, change: MembershipChange) -> Result<(), MembershipError> {
        match self.check_writable() {
            Ok(()) | Err(AppendError::Backlog { .. }) => {}
            Err(AppendError::NotLeader) => return Err(MembershipError::NotLeader),
            Err(_) => return Err(MembershipError::NotReady),
        }
        if self.node.raft.has_pending_conf() {
            return Err(MembershipError::NotReady);
        }
        let (MembershipChange::AddLearner(id) | MembershipChange::Remove(id)) = change else {
            return Ok(());
        };
        match self.node.store().conf_state.voters[..] == [id] {
            true => Err(MembershipError::LastVoter(id)),
            false => Ok(()),
        }
    }

    /// A committed change. One that does not fit is passed over, on every replica alike.
    pub(super) fn apply_membership(&mut self, entry: &Entry) -> Result<(), ReplicaError> {
        let damaged = || ReplicaError::Panicked(format!("an unreadable membership change at index {}", entry.index));
        let change = decode(&entry.data).ok_or_else(damaged)?;
        match self.node.apply_conf_change(&change.to_raft()) {
            Ok(state) => self.raft_log().conf_state = state,
            Err(error) => {
                tracing::warn!(group = ?self.group, ?change, %error, "a membership change does not fit");
                return Ok(());
            }
        }
        tracing::info!(group = ?self.group, ?change, "the group's members changed");
        let record = self.checkpoint_record(entry.index);
        self.write_journal(&[(self.group, record)])?;
        Ok(())
    }
}

impl MembershipChange {
    fn to_raft(self) -> ConfChangeV2 {
        let (change_type, node_id) = match self {
            MembershipChange::AddVoter(id) => (ConfChangeType::AddNode, id),
            MembershipChange::AddLearner(id) => (ConfChangeType::AddLearnerNode, id),
            MembershipChange::Remove(id) => (ConfChangeType::RemoveNode, id),
        };
        let single = ConfChangeSingle {
            change_type,
            node_id,
            ..ConfChangeSingle::default()
        };
        ConfChangeV2 {
            changes: vec![single].into(),
            ..ConfChangeV2::default()
        }
    }
}

/// What Raft proposed carries Raft's coding as its data and ours as its context: from here on ours alone.
pub(super) fn in_own_form(entry: &mut Entry) {
    if entry.entry_type != EntryType::EntryNormal && !entry.context.is_empty() {
        entry.data = std::mem::take(&mut entry.context);
    }
}

/// A change in our own form: what u8 (0 add voter, 1 remove, 2 add learner), node id u64, big-endian.
fn encode(change: MembershipChange) -> Vec<u8> {
    let (what, id) = match change {
        MembershipChange::AddVoter(id) => (0, id),
        MembershipChange::Remove(id) => (1, id),
        MembershipChange::AddLearner(id) => (2, id),
    };
    let mut bytes = vec![what];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes
}

/// The reverse; `None` for anything but an encoded change.
pub(super) fn decode(bytes: &[u8]) -> Option<MembershipChange> {
    let (what, id) = bytes.split_first()?;
    let id = u64::from_be_bytes(id.try_into().ok()?);
    match what {
        0 => Some(MembershipChange::AddVoter(id)),
        1 => Some(MembershipChange::Remove(id)),
        2 => Some(MembershipChange::AddLearner(id)),
        _ => None,
    }
    .filter(|_| id != 0)
}

/// Membership in a checkpoint: count of voters u16, each u64; the same for learners; big-endian.
pub(super) fn encode_membership(state: &ConfState) -> Vec<u8> {
    let mut bytes = Vec::new();
    for members in [&state.voters, &state.learners] {
        bytes.extend_from_slice(&(members.len() as u16).to_be_bytes());
        for id in members.iter() {
            bytes.extend_from_slice(&id.to_be_bytes());
        }
    }
    bytes
}

pub(super) fn decode_membership(bytes: &[u8]) -> Result<ConfState, ReplicaError> {
    let mut rest = bytes;
    let mut members = || -> Option<Vec<u64>> {
        let (count, after) = rest.split_first_chunk::<2>()?;
        rest = after;
        (0..u16::from_be_bytes(*count))
            .map(|_| {
                let (id, after) = rest.split_first_chunk::<8>()?;
                rest = after;
                Some(u64::from_be_bytes(*id))
            })
            .collect()
    };
    match (members(), members()) {
        (Some(voters), Some(learners)) => Ok(ConfState {
            voters,
            learners,
            ..ConfState::default()
        }),
        _ => Err(ReplicaError::Poisoned(
            "the journal's membership record is unreadable".to_string(),
        )),
    }
}
