//! One replica of one partition: Raft's decisions, carried out on the log and the journal.
//!
//! The owner calls [`Replica::append`] (a leader's produce), [`Replica::step`] (a peer's message) and [`Replica::tick`];
//! takes a [`ReplicaFlush`], syncs it outside any lock, and hands it back with [`Replica::flushed`]. Every call ends with
//! the high watermark moved as far as Raft's commit index allows. Where an append can move nothing (nobody else is to be
//! told, and the batch counts only once it is synced), it leaves Raft's part to the next call of another kind: one Ready,
//! then, for all that a flush takes.
//!
//! Order on disk: what a Ready asks for is durable in journal **and** segments before its messages leave or its entries
//! count ([`Durability::Written`] waives the segments). No batch is written before every journal record of its group
//! with a lower index is synced.
//!
//! Absent: a group of several voters under [`Durability::Written`] goes on after kills, but a voter whose machine lost its
//! power may miss what it reported, and then only refuses the leader's heartbeats; a follower behind the log's beginning
//! gets nothing here.

mod clean;
mod flush;
mod lead;
mod membership;
mod peer;
mod ready;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use raft::eraftpb::{ConfState, Message};
use raft::{Config, RawNode, StateRole};
use storage::journal::{GroupId, GroupState, Journal, JournalPosition, Record, SyncedMark};
use storage::log::{Damage, Log, LogPosition, LogReader, Recovered};

pub use clean::Readiness;
pub use flush::ReplicaFlush;
pub use lead::Append;
pub use membership::{Membership, MembershipChange};
pub use peer::PeerMessage;

use crate::error::ReplicaError;
use crate::raft_log::RaftLog;
use flush::Flight;
use membership::decode_membership;

/// When a replica counts as having a batch (`write.caching`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When it is synced.
    #[default]
    Synced,
    /// When it is in the page cache.
    Written,
}

/// A replica's part in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads, in this term.
    Leader(u64),
    /// It follows, or campaigns.
    Follower,
    /// It is out of service: failed, or quarantined.
    Down,
}

/// What it takes to open a replica.
pub struct OpenReplica<'a> {
    /// The group.
    pub group: GroupId,
    /// This node's id.
    pub node_id: u64,
    /// The group's voters, where the journal has no membership yet.
    pub voters: &'a [u64],
    /// The node's journal.
    pub journal: Arc<Journal>,
    /// What the journal says of the group.
    pub state: &'a GroupState,
    /// The opened log.
    pub recovered: Recovered,
    /// When a batch counts as held.
    pub durability: Durability,
    /// Bytes that may be appended and not yet committed.
    pub max_uncommitted_bytes: u64,
}

/// One replica.
pub struct Replica {
    group: GroupId,
    reader: Arc<LogReader>,
    state: State,
}

enum State {
    Up(Box<Core>),
    Quarantined(Damage),
    Failed(ReplicaError),
}

/// A replica in service.
pub(crate) struct Core {
    group: GroupId,
    node: RawNode<RaftLog>,
    journal: Arc<Journal>,
    durability: Durability,
    /// Readies that are not durable yet, in order.
    unpersisted: VecDeque<Unpersisted>,
    /// Every batch up to this index is written.
    written_index: u64,
    /// Every batch up to this index is synced, and the log's end there.
    synced: (u64, LogPosition),
    /// No batch is written before the journal is synced up to here.
    barrier: JournalPosition,
    /// How far the journal was synced when this replica last asked: most calls need not ask again.
    journal_synced: JournalPosition,
    /// A leader's batches that are written and not yet in a Ready: index and end.
    proposed: VecDeque<(u64, LogPosition)>,
    /// A follower's batches that wait for the barrier.
    queued: VecDeque<peer::Queued>,
    /// Their bytes.
    queued_bytes: usize,
    /// The disk refused the first of them.
    is_refused: bool,
    /// Batches that came with the message being stepped, by index.
    incoming: BTreeMap<u64, Bytes>,
    outbound: Vec<Message>,
    applied: u64,
    uncommitted_bytes: u64,
    max_uncommitted_bytes: u64,
    /// Flushes that are taken and not reported, in order.
    flights: VecDeque<Flight>,
    next_flight: u64,
    /// The mark that the journal was last given.
    marked: Option<(u64, LogPosition, u64)>,
    /// How far the journal's mark may reach, as an index.
    mark_index: u64,
    /// Segments whose anchors the journal gets with the next mark.
    new_anchors: Vec<i64>,
}

struct Unpersisted {
    ready: u64,
    journal: JournalPosition,
    last_batch: u64,
    /// Its last entry of any kind, 0 for none.
    last_entry: u64,
    /// Some of its entries were cut since. Raft may hear that it is durable only together with the Ready that cut them:
    /// the same entries may have come again meanwhile, and those are not durable yet.
    is_overruled: bool,
    messages: Vec<Message>,
}

impl Replica {
    /// Opens a replica on a recovered log. After an orderly stop the journal has been told before that the node runs again
    /// ([`Journal::started`]): no batch is written before that is durable. A damaged log is only read. A group's single voter campaigns at once; it leads
    /// when its own term's entry is durable ([`Replica::take_flush`]).
    pub fn open(open: OpenReplica<'_>) -> Result<Replica, ReplicaError> {
        let group = open.group;
        let reader = open.recovered.log.reader().clone();
        if let Some(damage) = open.recovered.damage {
            return Ok(Replica {
                group,
                reader,
                state: State::Quarantined(damage),
            });
        }
        if let Some(index) = open.recovered.drop_entries_from {
            open.journal.append(&[(group, Record::Cut { from_index: index })])?;
        }
        // A log that was repaired may end below what was deleted: what it gets there from now on is not deleted.
        let end = open.recovered.log.end().offset;
        if open.state.start_offset.is_some_and(|start| start > end) {
            open.journal.append(&[(group, Record::StartOffset { offset: end })])?;
        }
        if open.recovered.is_replaced {
            open.journal.append(&[(group, Record::CleanedInPlace)])?;
        }
        // Before this is durable no batch may stand where a dropped entry stood, nor may the journal still say that the
        // node stopped in order.
        let barrier = open.journal.written();
        let conf_state = match &open.state.checkpoint {
            Some(checkpoint) if !checkpoint.membership.is_empty() => decode_membership(&checkpoint.membership)?,
            _ => ConfState {
                voters: open.voters.to_vec(),
                ..ConfState::default()
            },
        };
        let last_index = open.recovered.last_index;
        let log = open.recovered.log;
        let end = log.end();
        let start = log.first_uncleaned();
        let mut raft_log = RaftLog::new(log, open.state, conf_state, last_index).map_err(ReplicaError::Poisoned)?;
        let mark = open.state.synced_mark.unwrap_or(SyncedMark {
            segment_base: start,
            position: 0,
            next_offset: start,
            last_index: raft_log.first() - 1,
        });
        let applied = open
            .state
            .checkpoint
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.applied);
        let applied = open
            .state
            .anchors
            .values()
            .map(|anchor| anchor.applied)
            .fold(applied, u64::max);
        let applied = applied.clamp(raft_log.first() - 1, raft_log.hard_state.commit);
        raft_log
            .fill(applied, mark, &open.recovered.tail)
            .map_err(ReplicaError::Poisoned)?;
        let visible = if applied == mark.last_index {
            LogPosition {
                offset: mark.next_offset,
                segment_base: mark.segment_base,
                position: mark.position,
            }
        } else {
            raft_log.end_of(applied).map_err(ReplicaError::Poisoned)?
        };
        raft_log.log.set_high_watermark(visible);
        let new_anchors = raft_log
            .anchored()
            .filter(|base| !open.state.anchors.contains_key(base))
            .collect();
        let single = raft_log.conf_state.voters == [open.node_id];
        let config = Config {
            id: open.node_id,
            applied,
            election_tick: ELECTION_TICKS,
            heartbeat_tick: HEARTBEAT_TICKS,
            max_size_per_msg: MAX_MESSAGE_BYTES,
            max_inflight_msgs: MAX_MESSAGES_IN_FLIGHT,
            check_quorum: true,
            pre_vote: true,
            ..Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let build = AssertUnwindSafe(|| RawNode::new(&config, raft_log, &logger));
        let node = catch_unwind(build)
            .map_err(|panic| ReplicaError::Panicked(panic_text(&*panic)))?
            .map_err(|error| ReplicaError::Panicked(error.to_string()))?;
        let core = Core {
            group,
            node,
            journal: open.journal,
            durability: open.durability,
            unpersisted: VecDeque::new(),
            written_index: last_index,
            synced: (last_index, end),
            barrier,
            journal_synced: JournalPosition::default(),
            proposed: VecDeque::new(),
            queued: VecDeque::new(),
            queued_bytes: 0,
            is_refused: false,
            incoming: BTreeMap::new(),
            outbound: Vec::new(),
            applied,
            uncommitted_bytes: 0,
            max_uncommitted_bytes: open.max_uncommitted_bytes,
            flights: VecDeque::new(),
            next_flight: 0,
            marked: None,
            mark_index: mark.last_index,
            new_anchors,
        };
        let mut replica = Replica {
            group,
            reader,
            state: State::Up(Box::new(core)),
        };
        replica.run(|core| {
            if single {
                core.node
                    .campaign()
                    .map_err(|error| ReplicaError::Panicked(error.to_string()))?;
            }
            core.pump()
        })?;
        Ok(replica)
    }

    /// The group.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// The reading half of the log, which outlives a failed replica.
    pub fn reader(&self) -> &Arc<LogReader> {
        &self.reader
    }

    /// The replica's part in its group.
    pub fn role(&self) -> Role {
        match &self.state {
            State::Up(core) if core.node.raft.state == StateRole::Leader => Role::Leader(core.node.raft.term),
            State::Up(_) => Role::Follower,
            _ => Role::Down,
        }
    }

    /// Whether it leads and takes batches: its term's first entry is durable and committed.
    pub fn is_writable(&mut self) -> bool {
        match &mut self.state {
            State::Up(core) => core.check_writable().is_ok(),
            _ => false,
        }
    }

    /// The damage that keeps it out of service.
    pub fn damage(&self) -> Option<&Damage> {
        match &self.state {
            State::Quarantined(damage) => Some(damage),
            _ => None,
        }
    }

    /// Why it is out of service, if it failed.
    pub fn failure(&self) -> Option<&ReplicaError> {
        match &self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// One tick of Raft's clock. A follower or candidate that has not persisted all it has is not ticked.
    pub fn tick(&mut self) -> Result<(), ReplicaError> {
        self.run(|core| {
            if core.node.raft.state == StateRole::Leader || core.is_persisted() {
                core.node.tick();
            }
            core.pump()
        })
    }

    /// Sets the ticks until the next election, in place of Raft's own random draw, so that a run can be repeated.
    pub fn set_election_timeout(&mut self, ticks: usize) {
        if let State::Up(core) = &mut self.state {
            core.node
                .raft
                .set_randomized_election_timeout(ticks.clamp(ELECTION_TICKS, 2 * ELECTION_TICKS - 1));
        }
    }

    /// Changes when a batch counts as held.
    pub fn set_durability(&mut self, durability: Durability) -> Result<(), ReplicaError> {
        self.run(|core| {
            core.durability = durability;
            core.pump()
        })
    }

    /// The writing half of the log, for what is not Raft's (settings, retention).
    pub fn with_log<T>(&mut self, act: impl FnOnce(&mut Log) -> T) -> Result<T, ReplicaError> {
        self.run(|core| Ok(act(&mut core.node.mut_store().log)))
    }

    /// A sync of the filesystem failed: where the log has new names that no flush has taken yet, no later sync proves that
    /// they are durable, and the replica goes out of service. Whether it did.
    pub fn doubt_names(&mut self) -> bool {
        let is_in_doubt = matches!(&self.state, State::Up(core) if core.node.store().log.has_new_names());
        if is_in_doubt {
            self.poison("the filesystem could not be synced, and names of new files are in doubt".to_string());
        }
        is_in_doubt
    }

    /// Damage was found in the log while it served: from now on it is only read, up to `end`, where the good batches end.
    pub fn quarantine(&mut self, damage: Damage, end: LogPosition) {
        if let State::Up(core) = &mut self.state {
            tracing::error!(group = ?self.group, %damage, "the partition is quarantined");
            core.raft_log().log.quarantine_noted(damage.clone(), end);
            self.state = State::Quarantined(damage);
        }
    }

    /// Takes the replica out of service for good.
    pub fn poison(&mut self, reason: String) {
        if let State::Up(_) = self.state {
            tracing::error!(group = ?self.group, reason, "the partition is out of service until a restart");
            self.state = State::Failed(ReplicaError::Poisoned(reason));
        }
    }

    /// Runs one step, once what earlier appends left for Raft is carried out.
    fn run<T>(&mut self, step: impl FnOnce(&mut Core) -> Result<T, ReplicaError>) -> Result<T, ReplicaError> {
        self.run_append(|core| {
            if !core.proposed.is_empty() {
                core.pump()?;
            }
            step(core)
        })
    }

    /// Runs one step; an error or a panic takes the replica out of service, so that nothing half-done goes on.
    fn run_append<T>(&mut self, step: impl FnOnce(&mut Core) -> Result<T, ReplicaError>) -> Result<T, ReplicaError> {
        let core = match &mut self.state {
            State::Up(core) => core,
            State::Failed(error) => return Err(error.clone()),
            State::Quarantined(damage) => return Err(ReplicaError::Poisoned(damage.to_string())),
        };
        let result = catch_unwind(AssertUnwindSafe(|| step(core)))
            .unwrap_or_else(|panic| Err(ReplicaError::Panicked(panic_text(&*panic))));
        if let Err(error) = &result {
            tracing::error!(group = ?self.group, %error, "a replica failed");
            self.state = State::Failed(error.clone());
        }
        result
    }
}

const ELECTION_TICKS: usize = 10;
const HEARTBEAT_TICKS: usize = 2;
/// Bytes of descriptors in one message; the batches that they name are bounded apart.
const MAX_MESSAGE_BYTES: u64 = 1 << 20;
/// Messages with entries on their way to one follower.
const MAX_MESSAGES_IN_FLIGHT: usize = 32;

impl Core {
    fn raft_log(&mut self) -> &mut RaftLog {
        self.node.mut_store()
    }

    /// Whether the journal is synced up to `position`.
    fn is_synced(&mut self, position: JournalPosition) -> bool {
        if self.journal_synced < position {
            self.journal_synced = self.journal.synced();
        }
        self.journal_synced >= position
    }

    /// Whether the group has no other member.
    fn is_alone(&self) -> bool {
        let members = &self.node.store().conf_state;
        members.voters.len() + members.learners.len() == 1
    }

    fn is_persisted(&self) -> bool {
        self.unpersisted.is_empty()
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_string())
}
