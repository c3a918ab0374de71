//! Carries out what Raft asks for, one Ready after the other.

use raft::eraftpb::{Entry, EntryType};
use raft::{Ready, StateRole};
use storage::journal::{Checkpoint, EntryKind, HardState, JournalPosition, RaftEntry, Record};
use storage::log::LogPosition;
use storage::planted::{Bug, is_planted};

use super::membership::{encode_membership, in_own_form};
use super::{Core, Durability, Unpersisted};
use crate::descriptor::Descriptor;
use crate::error::ReplicaError;

/// Entries kept in memory for followers that are a little behind; a group of one has none.
const KEPT_FOR_FOLLOWERS: usize = 256;

impl Core {
    /// Goes on until Raft has nothing more to say and nothing more is known to be durable.
    pub(super) fn pump(&mut self) -> Result<(), ReplicaError> {
        loop {
            if self.node.has_ready() {
                let ready = self.node.ready();
                self.carry_out(ready)?;
            } else if !self.write_queued()? && !self.persist() && !self.fetch_entries() {
                return Ok(());
            }
        }
    }

    fn carry_out(&mut self, mut ready: Ready) -> Result<(), ReplicaError> {
        let number = ready.number();
        let mut records = Vec::new();
        // A leader's messages need not wait for what it writes, but never name a term that it could forget.
        let mut messages = ready.take_messages();
        if ready.ss().is_some_and(|state| state.raft_state != StateRole::Leader) {
            self.uncommitted_bytes = 0;
        }
        if let Some(state) = ready.hs() {
            let known = &self.node.store().hard_state;
            if state.term != known.term || state.vote != known.vote {
                records.push((
                    self.group,
                    Record::HardState(HardState {
                        term: state.term,
                        vote: state.vote,
                    }),
                ));
            }
            self.raft_log().hard_state = state.clone();
        }
        if records.is_empty() {
            self.outbound.append(&mut messages);
        }
        let entries = ready.take_entries();
        let last_entry = entries.last().map_or(0, |entry| entry.index);
        let last_batch = self.take_entries(entries, &mut records)?;
        let journal = self.write_journal(&records)?;
        messages.append(&mut ready.take_persisted_messages());
        let committed = ready.take_committed_entries();
        self.node.advance_append_async(ready);
        let is_overruled = false;
        self.unpersisted.push_back(Unpersisted {
            ready: number,
            journal,
            last_batch,
            last_entry,
            is_overruled,
            messages,
        });
        self.apply(&committed)
    }

    /// Puts a Ready's entries where they belong: Raft's own into the journal's records, batches into the log (a leader
    /// has written its own already). Returns the index of the last batch.
    fn take_entries(
        &mut self,
        entries: Vec<Entry>,
        records: &mut Vec<(storage::journal::GroupId, Record)>,
    ) -> Result<u64, ReplicaError> {
        let mut last_batch = 0;
        if let Some(first) = entries.first().filter(|first| first.index <= self.node.store().last()) {
            self.cut_from(first.index)?;
        }
        for mut entry in entries {
            in_own_form(&mut entry);
            let index = entry.index;
            if entry.entry_type == EntryType::EntryNormal && !entry.data.is_empty() {
                last_batch = index;
                self.take_batch(entry)?;
                continue;
            }
            let end = self.end_of_last();
            let kind = match entry.entry_type {
                EntryType::EntryNormal => EntryKind::Empty,
                _ => EntryKind::ConfChange,
            };
            let own = RaftEntry {
                index,
                term: entry.term,
                next_offset: end.offset,
                kind,
                payload: entry.data.clone(),
            };
            if !is_planted(Bug::JournalEntryLost) {
                records.push((self.group, Record::Entry(own.clone())));
            }
            self.begin_epoch(entry.term);
            let no_batch_waits = self.written_index + 1 == index;
            let raft_log = self.raft_log();
            raft_log.push_own(own);
            raft_log.push(entry, end);
            if no_batch_waits {
                self.written_index = index;
            }
        }
        Ok(last_batch)
    }

    /// The epoch that an entry of the journal begins, once all batches before it are written.
    fn begin_epoch(&mut self, term: u64) {
        if self.queued.is_empty() {
            self.raft_log().log.begin_epoch(term as i32);
        }
    }

    /// The end of the log after the last entry that Raft knows of, which a queued batch may still have to reach.
    fn end_of_last(&self) -> LogPosition {
        self.queued
            .back()
            .map_or_else(|| self.node.store().log.end(), |queued| queued.expected_end())
    }

    fn take_batch(&mut self, entry: Entry) -> Result<(), ReplicaError> {
        match self.proposed.front() {
            Some(&(index, end)) if index == entry.index => {
                self.proposed.pop_front();
                self.raft_log().push(entry, end);
                self.written_index = index;
                Ok(())
            }
            _ => self.take_replicated(entry),
        }
    }

    pub(super) fn write_journal(
        &mut self,
        records: &[(storage::journal::GroupId, Record)],
    ) -> Result<JournalPosition, ReplicaError> {
        if records.is_empty() {
            return Ok(JournalPosition::default());
        }
        self.barrier = self.journal.append(records)?;
        // What waited for the disk waits for a sync now.
        self.is_refused = false;
        Ok(self.barrier)
    }

    /// Tells Raft what has become durable; whether anything had.
    fn persist(&mut self) -> bool {
        let held = match self.durability {
            Durability::Synced if is_planted(Bug::WatermarkAboveSyncedEnd) => self.written_index,
            Durability::Synced => self.synced.0,
            Durability::Written => self.written_index,
        };
        let mut any = false;
        let mut last = None;
        while let Some((journal, last_batch)) = self.unpersisted.front().map(|front| (front.journal, front.last_batch))
        {
            if last_batch > held || !self.is_synced(journal) {
                break;
            }
            let front = self.unpersisted.pop_front().expect("just seen");
            self.outbound.extend(front.messages);
            any = true;
            if !front.is_overruled {
                last = Some(front.ready);
            }
        }
        if let Some(ready) = last {
            self.node.on_persist_ready(ready);
        }
        any
    }

    /// Committed entries: the high watermark moves to the last of their batches' ends, membership changes act.
    fn apply(&mut self, committed: &[Entry]) -> Result<(), ReplicaError> {
        let Some(last) = committed.last() else { return Ok(()) };
        let index = last.index;
        for entry in committed {
            match entry.entry_type {
                EntryType::EntryNormal => {
                    if let Some(descriptor) = Descriptor::decode(&entry.data) {
                        let size = u64::from(descriptor.size);
                        self.uncommitted_bytes = self.uncommitted_bytes.saturating_sub(size);
                    }
                }
                EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => self.apply_membership(entry)?,
            }
        }
        let end = self.node.store().end_of(index).map_err(ReplicaError::Poisoned)?;
        self.raft_log().log.set_high_watermark(end);
        self.applied = index;
        self.node.advance_apply_to(index);
        let keep = if self.is_alone() { 0 } else { KEPT_FOR_FOLLOWERS };
        self.raft_log().release(index, keep);
        Ok(())
    }

    /// What a restart needs to know of Raft's progress, when all up to `applied` has acted.
    pub(super) fn checkpoint_record(&self, applied: u64) -> Record {
        let raft_log = &self.node.raft.raft_log;
        Record::Checkpoint(Checkpoint {
            commit: raft_log.committed.min(raft_log.persisted),
            applied,
            membership: encode_membership(&self.node.store().conf_state).into(),
            membership_index: applied,
        })
    }

    /// Reads the entries that Raft asked for on a follower's behalf; whether there were any.
    fn fetch_entries(&mut self) -> bool {
        let Some(context) = self.raft_log().fetch_wanted() else {
            return false;
        };
        self.node.on_entries_fetched(context);
        true
    }
}
