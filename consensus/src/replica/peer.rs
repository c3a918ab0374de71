//! The follower's side: batches that come with Raft's messages, and messages that go out with theirs.

use bytes::Bytes;
use raft::StateRole;
use raft::eraftpb::{Entry, EntryType, Message, MessageType};
use storage::journal::Record;
use storage::log::{LogError, LogPosition, Slice};
use storage::record_batch::{BatchHeader, verify_crc};

use super::membership::{self, in_own_form};
use super::{Core, Replica};
use crate::descriptor::Descriptor;
use crate::error::ReplicaError;

/// Batches that may wait for the journal, or for room on the disk; a follower that has more takes no further entries,
/// and is sent them again.
const MAX_QUEUED: usize = 256;

/// Their bytes.
const MAX_QUEUED_BYTES: usize = 32 << 20;

/// A Raft message and the batches that its entries name, in their order.
#[derive(Debug, Clone)]
pub struct PeerMessage {
    /// Raft's part.
    pub message: Message,
    /// One batch for each entry that names one.
    pub batches: Vec<Bytes>,
}

/// A batch that is in Raft's log, and not yet in the segment.
pub(crate) struct Queued {
    entry: u64,
    header: BatchHeader,
    bytes: Bytes,
}

impl Queued {
    pub(super) fn expected_end(&self) -> LogPosition {
        LogPosition {
            offset: self.header.next_offset(),
            segment_base: 0,
            position: 0,
        }
    }
}

impl Replica {
    /// Takes a peer's message. Messages of one peer must come in the order in which it sent them.
    pub fn step(&mut self, peer: PeerMessage) -> Result<(), ReplicaError> {
        self.run(|core| {
            if !core.admit(&peer) {
                return Ok(());
            }
            // A refused message (an unknown peer's, say) changes nothing.
            if let Err(error) = core.node.step(peer.message) {
                tracing::debug!(group = ?core.group, %error, "a message was refused");
            }
            core.pump()?;
            core.incoming.clear();
            Ok(())
        })
    }

    /// The messages for the peers, each with its batches read from the log and checked.
    pub fn take_outbound(&mut self) -> Vec<PeerMessage> {
        self.run(|core| {
            let messages = std::mem::take(&mut core.outbound);
            Ok(messages
                .into_iter()
                .filter_map(|message| core.with_batches(message))
                .collect())
        })
        .unwrap_or_default()
    }

    /// Asks Raft to hand leadership to `peer`.
    pub fn transfer_leader(&mut self, peer: u64) -> Result<(), ReplicaError> {
        self.run(|core| {
            core.node.transfer_leader(peer);
            core.pump()
        })
    }
}

impl Core {
    /// Checks a message and keeps its batches for the entries; whether it is to be stepped at all. Nothing that a peer
    /// sends reaches the log, or Raft's assertions, unchecked.
    fn admit(&mut self, peer: &PeerMessage) -> bool {
        let message = &peer.message;
        let is_kept_away = match message.msg_type {
            // Proposals come from this node alone; who is behind the log's beginning gets files.
            MessageType::MsgPropose | MessageType::MsgSnapshot => true,
            MessageType::MsgTimeoutNow => self.node.raft.state != StateRole::Leader && !self.is_persisted(),
            _ => false,
        };
        if message.msg_type == MessageType::MsgHeartbeat && message.commit > self.node.store().last() {
            // Raft would not survive it: a tail that was reported to that leader is gone.
            tracing::error!(group = ?self.group, commit = message.commit, "a leader has committed more than is here");
            return false;
        }
        let is_full = self.queued.len() >= MAX_QUEUED || self.queued_bytes >= MAX_QUEUED_BYTES;
        let is_absurd = message.index >= i64::MAX as u64;
        if is_kept_away || is_absurd || (is_full && !message.entries.is_empty()) {
            return false;
        }
        self.incoming.clear();
        let mut batches = peer.batches.iter();
        for (entry, index) in message.entries.iter().zip(message.index + 1..) {
            let is_sound = entry.index == index && (1..=message.term).contains(&entry.term);
            let is_sound = is_sound && (is_batch(entry) || is_own(entry));
            if !is_sound {
                tracing::warn!(group = ?self.group, index, from = message.from, "a peer sent an entry that is none");
                return false;
            }
            if !is_batch(entry) {
                continue;
            }
            let (Some(descriptor), Some(bytes)) = (Descriptor::decode(&entry.data), batches.next()) else {
                return false;
            };
            if !names(&descriptor, entry.term, bytes) {
                tracing::warn!(group = ?self.group, index, from = message.from, "a peer sent a batch that is not the one named");
                return false;
            }
            self.incoming.insert(index, bytes.clone());
        }
        true
    }

    fn with_batches(&self, mut message: Message) -> Option<PeerMessage> {
        message.entries.iter_mut().for_each(in_own_form);
        let mut batches = Vec::new();
        for entry in message.entries.iter().filter(|entry| is_batch(entry)) {
            let descriptor = Descriptor::decode(&entry.data)?;
            let bytes = self.read_batch(entry.index, &descriptor)?;
            // It may have been overruled since, or be damaged: then the message stays here.
            if !names(&descriptor, entry.term, &bytes) {
                return None;
            }
            batches.push(bytes);
        }
        Some(PeerMessage { message, batches })
    }

    fn read_batch(&self, index: u64, descriptor: &Descriptor) -> Option<Bytes> {
        let raft_log = self.node.store();
        let reader = raft_log.log.reader();
        let slice = match raft_log.slot(index).map(|slot| slot.end) {
            Some(end) => {
                let segments = reader.segments();
                let found = segments
                    .binary_search_by_key(&end.segment_base, |segment| segment.base_offset())
                    .ok()?;
                let len = u64::from(descriptor.size);
                Slice {
                    file: segments[found].file().clone(),
                    position: end.position.checked_sub(len)?,
                    len,
                }
            }
            None => reader.read(descriptor.base_offset, reader.end(), 1).ok()??,
        };
        slice.read().ok().map(Bytes::from)
    }

    /// Takes a leader's batch: written now, or once the journal is synced.
    pub(super) fn take_replicated(&mut self, entry: Entry) -> Result<(), ReplicaError> {
        let bytes = self.incoming.remove(&entry.index);
        let bytes = bytes.ok_or_else(|| ReplicaError::Panicked(format!("no batch came with entry {}", entry.index)))?;
        let header = BatchHeader::parse(&bytes).map_err(|error| ReplicaError::Panicked(error.to_string()))?;
        self.queued_bytes += bytes.len();
        let queued = Queued {
            entry: entry.index,
            header,
            bytes,
        };
        // The place in the segment is known when it is written; Raft needs only that the entry is there.
        let end = queued.expected_end();
        self.raft_log().push(entry, end);
        self.queued.push_back(queued);
        Ok(())
    }

    /// Writes what waits, as far as the journal allows; whether anything was written. A write that the disk refuses for
    /// the moment is tried again at the next call.
    pub(super) fn write_queued(&mut self) -> Result<bool, ReplicaError> {
        let mut any = false;
        while !self.queued.is_empty() && self.is_synced(self.barrier) {
            let Some(queued) = self.queued.front() else { break };
            let (header, index) = (queued.header, queued.entry);
            let log = &mut self.node.mut_store().log;
            if log.end().offset != header.base_offset {
                let end = log.end().offset;
                let base = header.base_offset;
                return Err(ReplicaError::Panicked(format!(
                    "a batch for offset {base}, the log ends at {end}"
                )));
            }
            let appended = match log.append(&header, &queued.bytes, header.leader_epoch, header.max_timestamp) {
                Ok(appended) => appended,
                Err(error @ (LogError::Full { .. } | LogError::Io { .. })) if !log.is_poisoned() => {
                    tracing::debug!(group = ?self.group, %error, "a batch waits for the disk");
                    self.is_refused = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            self.queued_bytes -= queued.bytes.len();
            self.queued.pop_front();
            self.is_refused = false;
            if appended.rolled {
                self.note_anchor(appended.start.segment_base, index - 1);
            }
            self.wrote(index, appended.end);
            any = true;
        }
        Ok(any)
    }

    /// The batch at `index` is written, and with it the journal's entries behind it have their place.
    fn wrote(&mut self, index: u64, end: LogPosition) {
        let raft_log = self.node.mut_store();
        raft_log.set_end(index, end);
        self.written_index = raft_log.last_own_after(index);
        let epoch = raft_log.own_after(index).last().map(|own| own.term);
        if let Some(epoch) = epoch {
            raft_log.log.begin_epoch(epoch as i32);
        }
    }

    /// Another leader overrules entries from `index` on: the segment is cut first and synced, then the journal.
    pub(super) fn cut_from(&mut self, index: u64) -> Result<(), ReplicaError> {
        self.queued.retain(|queued| queued.entry < index);
        self.queued_bytes = self.queued.iter().map(|queued| queued.bytes.len()).sum();
        self.is_refused &= !self.queued.is_empty();
        self.proposed.clear();
        if self.queued.is_empty() {
            let to = self.node.store().end_of(index - 1).map_err(ReplicaError::Poisoned)?;
            let from = self.node.store().log.end().offset;
            if to.offset < from {
                self.lower_mark(index - 1, to)?;
                tracing::info!(group = ?self.group, index, to = to.offset, from, "cutting what was overruled");
                self.raft_log().log.truncate_to(to)?;
            }
        }
        let raft_log = self.raft_log();
        raft_log.cut(index);
        if self.queued.is_empty() {
            let raft_log = self.raft_log();
            let epoch = raft_log.epoch_at_end().map(|term| term as i32);
            raft_log.log.settle_epochs(epoch);
        }
        self.written_index = self.written_index.min(index - 1);
        self.cut_flights(index);
        for waiting in &mut self.unpersisted {
            waiting.last_batch = waiting.last_batch.min(index - 1);
            waiting.is_overruled |= waiting.last_entry >= index;
        }
        self.write_journal_cut(index)
    }

    fn write_journal_cut(&mut self, index: u64) -> Result<(), ReplicaError> {
        let mut records = vec![(self.group, Record::Cut { from_index: index })];
        // The cut takes a mark that covered it along: the new one comes with it.
        self.marked = None;
        let mark = self.take_mark();
        records.extend(mark.into_iter().map(|record| (self.group, record)));
        self.write_journal(&records)?;
        Ok(())
    }
}

fn is_batch(entry: &Entry) -> bool {
    entry.entry_type == EntryType::EntryNormal && !entry.data.is_empty()
}

/// Whether the entry is one of Raft's own, in our coding.
fn is_own(entry: &Entry) -> bool {
    match entry.entry_type {
        EntryType::EntryNormal => entry.data.is_empty(),
        EntryType::EntryConfChange => false,
        EntryType::EntryConfChangeV2 => membership::decode(&entry.data).is_some(),
    }
}

/// Whether these bytes are the batch that a descriptor names, whole.
fn names(descriptor: &Descriptor, term: u64, bytes: &[u8]) -> bool {
    BatchHeader::parse(bytes).is_ok_and(|header| {
        Descriptor::of(&header) == *descriptor
            && header.leader_epoch as u64 == term
            && header.size() == bytes.len()
            && verify_crc(bytes, &header).is_ok()
    })
}
