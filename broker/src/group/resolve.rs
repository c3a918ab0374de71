//! What happens when appends are committed, fail, or take too long.
//!
//! A commit first changes the committed state, record by record, then lets groups go on, then answers who waits. A
//! failure changes nothing. After a timeout the outcome is open: those who wait are told to retry, and the commit, if it
//! still comes, is taken into the state then.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::LeaveGroupResponse;

use super::appends::{AppendId, Change, Completion, Waiter};
use super::classic::{ClassicGroup, PendingJoin};
use super::errors::{append_error, fetch_error};
use super::group_entry::Kind;
use super::offset_commit::error_answer;
use super::offset_fetch;
use super::runtime::Response;
use super::shard::Shard;
use super::{deletion, static_member, sync};

impl Shard {
    /// Takes the results that have come, in the order of the appends.
    pub(super) fn resolve_appends(&mut self) {
        while let Some((append, result)) = self.runtime.appends.pop_done() {
            self.runtime.timers.cancel(append.timer);
            let touched = touched_groups(&append.changes);
            match result {
                Ok(base_offset) => {
                    let count = append.changes.len();
                    for (record_offset, change) in (base_offset..).zip(append.changes) {
                        self.apply(change, record_offset);
                    }
                    let end = base_offset.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
                    self.applied = self.applied.max(end);
                }
                Err(error) => {
                    self.runtime.counters.failed_appends += 1;
                    tracing::warn!(%error, "an append to the group's log failed");
                }
            }
            let result = result.map(|_| ());
            self.complete(append.completion, result.map_err(append_error));
            for waiter in append.waiters {
                self.answer(waiter, result);
            }
            for group_id in touched {
                self.drop_if_vacant(&group_id);
            }
        }
    }

    /// Those who wait for an append have waited for long enough.
    pub(super) fn append_timed_out(&mut self, id: AppendId) {
        let Some(append) = self.runtime.appends.get_mut(id) else {
            return;
        };
        append.timer = None;
        let waiters = std::mem::take(&mut append.waiters);
        let completion = std::mem::replace(&mut append.completion, Completion::Nothing);
        let error = ResponseError::RequestTimedOut;
        match completion {
            // The new id may be stored or not. Its join is told to retry, and that will store yet another.
            Completion::StaticMember(stored) => self.answer_static_member(&stored, append_error(error)),
            completion => self.complete(completion, Err(append_error(error))),
        }
        for waiter in waiters {
            self.answer(waiter, Err(error));
        }
    }

    /// Takes a committed change into the state; also used to replay the log.
    pub(super) fn apply(&mut self, change: Change, record_offset: i64) {
        match change {
            Change::Offset {
                group,
                topic,
                partition,
                offset: Some(mut offset),
            } => {
                offset.record_offset = record_offset;
                let memory = self.runtime.config.offset_memory.clone();
                let group = self.group_or_new(&group);
                let is_new = group.offsets.put(&topic, partition, offset, &memory);
                self.runtime.counters.offsets += usize::from(is_new);
            }
            Change::Offset {
                group,
                topic,
                partition,
                offset: None,
            } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    self.runtime.counters.offsets -= usize::from(group.offsets.remove(&topic, partition));
                }
            }
            Change::Metadata {
                group,
                value: Some(value),
            } => {
                let group = self.group_or_new(&group);
                group.stored_metadata = Some(value);
                group.weigh();
            }
            Change::Metadata { group, value: None } => self.metadata_removed(&group),
        }
    }

    /// A group's tombstone was committed: the group is as if it had never had members. Its offsets have tombstones of
    /// their own; should one of those have failed, what remains is a simple group, just as a replay would find it.
    fn metadata_removed(&mut self, group_id: &Arc<str>) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        group.stored_metadata = None;
        let Kind::Classic(classic) = &mut group.kind;
        for PendingJoin { timer, .. } in std::mem::take(&mut classic.pending_joins).into_values() {
            self.runtime.timers.cancel(Some(timer));
        }
        *classic = ClassicGroup::new(Arc::clone(group_id), self.runtime.now.wall_ms);
        group.weigh();
    }

    fn complete(&mut self, completion: Completion, result: Result<(), ResponseError>) {
        match completion {
            Completion::Nothing => {}
            Completion::Assignment {
                group,
                generation,
                assignment,
            } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    let Kind::Classic(classic) = &mut group.kind;
                    sync::assignment_stored(classic, &mut self.runtime, generation, assignment, result);
                }
            }
            Completion::StaticMember(stored) => {
                if let Some(group) = self.groups.get_mut(&stored.group) {
                    let Kind::Classic(classic) = &mut group.kind;
                    static_member::stored(classic, &mut self.runtime, *stored, result);
                }
            }
        }
    }

    fn answer_static_member(&mut self, stored: &super::appends::StaticMemberStored, error: ResponseError) {
        if let Some(group) = self.groups.get_mut(&stored.group) {
            let Kind::Classic(classic) = &mut group.kind;
            static_member::store_timed_out(classic, &mut self.runtime, stored, error);
        }
    }

    pub(super) fn answer(&mut self, waiter: Waiter, result: Result<(), ResponseError>) {
        match waiter {
            Waiter::OffsetCommit { token, response } => {
                let response = match result {
                    Ok(()) => response,
                    Err(error) => error_answer(response, append_error(error)),
                };
                self.runtime.respond(token, Response::OffsetCommit(response));
            }
            Waiter::OffsetFetch { token, request } => {
                let response = match result {
                    Ok(()) => self.fetch_offsets(&request),
                    Err(error) => offset_fetch::error_answer(&request, fetch_error(error)),
                };
                self.runtime.respond(token, Response::OffsetFetch(response));
            }
            Waiter::LeaveGroup { token, response } => {
                let response = match result {
                    Ok(()) => response,
                    Err(error) => LeaveGroupResponse::default().with_error_code(append_error(error).code()),
                };
                self.runtime.respond(token, Response::LeaveGroup(response));
            }
            Waiter::Deletion(number) => deletion::part_done(&mut self.runtime, number, result.map_err(append_error)),
        }
    }
}

/// The groups that nobody may miss after these changes, each once where they follow each other.
fn touched_groups(changes: &[Change]) -> Vec<Arc<str>> {
    let mut groups: Vec<Arc<str>> = Vec::new();
    for change in changes {
        // A group whose last offset goes stays until the next look for what is unused, as in Kafka.
        let (Change::Offset {
            group, offset: Some(_), ..
        }
        | Change::Metadata { group, .. }) = change
        else {
            continue;
        };
        if groups.last() != Some(group) {
            groups.push(Arc::clone(group));
        }
    }
    groups
}
