//! Appends that wait to be committed.
//!
//! Invariant: results are taken in the order of the appends, which is the order of the log. A result that comes early
//! is kept until those before it have come.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{LeaveGroupResponse, OffsetCommitResponse};

use super::offsets::CommittedOffset;
use super::records;
use super::runtime::{Response, Token};
use super::timers::TimerKey;

/// Names one append of a shard; later ones are larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppendId(pub u64);

/// What a record does to the committed state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Sets a committed offset, or removes it.
    Offset {
        group: Arc<str>,
        topic: Arc<str>,
        partition: i32,
        offset: Option<CommittedOffset>,
    },
    /// Sets a group's stored metadata, or removes it.
    Metadata { group: Arc<str>, value: Option<Bytes> },
}

impl Change {
    /// The record that stores it.
    pub(crate) fn record(&self) -> (Bytes, Option<Bytes>) {
        match self {
            Change::Offset {
                group,
                topic,
                partition,
                offset,
            } => (
                records::offset_key(group, topic, *partition),
                offset.as_ref().map(records::offset_value),
            ),
            Change::Metadata { group, value } => (records::metadata_key(group), value.clone()),
        }
    }
}

/// What a group does when its append is done.
#[derive(Debug)]
pub(crate) enum Completion {
    /// Nothing more than the changes.
    Nothing,
    /// The assignment of a generation is stored: hand it out.
    Assignment {
        group: Arc<str>,
        generation: i32,
        assignment: BTreeMap<Arc<str>, Bytes>,
    },
    /// A static member's new id is stored: let it in; or put the old one back.
    StaticMember(Box<StaticMemberStored>),
}

/// See [`Completion::StaticMember`].
#[derive(Debug)]
pub(crate) struct StaticMemberStored {
    pub(crate) group: Arc<str>,
    pub(crate) generation: i32,
    pub(crate) token: Token,
    pub(crate) new_member_id: Arc<str>,
    /// The leader before the member was replaced, for clients that cannot skip the assignment.
    pub(crate) previous_leader: Option<Arc<str>>,
    pub(crate) can_skip_assignment: bool,
    /// The member as it was, without waiting requests.
    pub(crate) previous: super::member::Member,
}

/// A request that is answered when an append is done.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// An offset commit, with the answer for success.
    OffsetCommit {
        token: Token,
        response: OffsetCommitResponse,
    },
    /// A fetch that must see the commits before it.
    OffsetFetch {
        token: Token,
        request: OffsetFetchRequestGroup,
    },
    /// Members that left; the group became empty.
    LeaveGroup { token: Token, response: LeaveGroupResponse },
    /// Tombstones that may take several appends, by the number of their deletion.
    Deletion(u64),
}

/// Tombstones of several appends that give one answer.
#[derive(Debug)]
pub(crate) struct Deletion {
    pub(crate) token: Token,
    /// The answer for success.
    pub(crate) response: Response,
    /// How many of the appends are not done.
    pub(crate) remaining: usize,
    pub(crate) error: Option<ResponseError>,
}

/// An append under way.
#[derive(Debug)]
pub(crate) struct PendingAppend {
    pub(crate) changes: Vec<Change>,
    pub(crate) completion: Completion,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) timer: Option<TimerKey>,
    /// A result that came before those of earlier appends.
    result: Option<Result<i64, ResponseError>>,
}

/// The appends under way, in order.
#[derive(Debug, Default)]
pub(crate) struct Appends {
    pending: BTreeMap<AppendId, PendingAppend>,
    last_id: u64,
    pub(crate) deletions: BTreeMap<u64, Deletion>,
}

impl Appends {
    pub(crate) fn next_id(&mut self) -> AppendId {
        self.last_id += 1;
        AppendId(self.last_id)
    }

    pub(crate) fn push(
        &mut self,
        id: AppendId,
        changes: Vec<Change>,
        completion: Completion,
        waiters: Vec<Waiter>,
        timer: TimerKey,
    ) {
        let append = PendingAppend {
            changes,
            completion,
            waiters,
            timer: Some(timer),
            result: None,
        };
        self.pending.insert(id, append);
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether an append is still under way.
    pub(crate) fn is_pending(&self, id: Option<AppendId>) -> bool {
        id.is_some_and(|id| self.pending.contains_key(&id))
    }

    pub(crate) fn get_mut(&mut self, id: AppendId) -> Option<&mut PendingAppend> {
        self.pending.get_mut(&id)
    }

    /// Notes a result; of an append that is not known, or has one, nothing is noted.
    pub(crate) fn set_result(&mut self, id: AppendId, result: Result<i64, ResponseError>) {
        if let Some(append) = self.pending.get_mut(&id) {
            append.result.get_or_insert(result);
        }
    }

    /// Takes the first append, if its result has come.
    pub(crate) fn pop_done(&mut self) -> Option<(PendingAppend, Result<i64, ResponseError>)> {
        let first = self.pending.first_entry()?;
        let result = first.get().result?;
        Some((first.remove(), result))
    }

    /// Everything that is under way will change, in order.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.pending.values().flat_map(|append| &append.changes)
    }

    /// Takes all appends out; their results will be ignored.
    pub(crate) fn take_all(&mut self) -> Vec<PendingAppend> {
        std::mem::take(&mut self.pending).into_values().collect()
    }

    /// Remembers an answer that waits for `appends` appends, and returns its number.
    pub(crate) fn new_deletion(&mut self, token: Token, response: Response, appends: usize) -> u64 {
        let number = self.next_id().0;
        self.deletions.insert(
            number,
            Deletion {
                token,
                response,
                remaining: appends,
                error: None,
            },
        );
        number
    }
}
