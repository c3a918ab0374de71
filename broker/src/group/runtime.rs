//! What a shard's decisions act on besides its groups: the time, the timers, the appends under way, the effects.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use kafka_protocol::messages::{
    HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, OffsetDeleteResponse,
    SyncGroupResponse,
};
use uuid::Uuid;

use super::appends::{AppendId, Appends, Change, Completion, Waiter};
use super::config::GroupConfig;
use super::metrics::Counters;
use super::timers::{Timer, TimerKey, Timers};

/// The time of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For timers: milliseconds on a clock that only goes forward.
    pub monotonic_ms: u64,
    /// For timestamps and retention: milliseconds since the epoch.
    pub wall_ms: i64,
}

/// Names a request that waits for its response. The shard only hands it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Who sends a request, and in which version of its API.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The client id of the request header.
    pub id: &'a str,
    /// The peer's address as Kafka shows it: `/127.0.0.1`.
    pub host: &'a str,
    /// The version of the request.
    pub api_version: i16,
}

/// Makes the unique part of member ids. Injected, so that a simulation can replay.
pub type UuidSource = Box<dyn FnMut() -> Uuid + Send>;

/// What the shard wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Answer the request that waits under this token.
    Respond {
        /// The request.
        token: Token,
        /// Its answer, in the newest version of its API.
        response: Response,
    },
    /// Write these records (key, value; no value is a tombstone) to the partition of `__consumer_offsets` as one batch,
    /// in the order of the effects, and report the result to [`super::Shard::appended`].
    Append {
        /// Names the append in its result.
        id: AppendId,
        /// The records of the batch.
        records: Vec<(Bytes, Option<Bytes>)>,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// To JoinGroup.
    JoinGroup(JoinGroupResponse),
    /// To SyncGroup.
    SyncGroup(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    LeaveGroup(LeaveGroupResponse),
    /// To OffsetCommit.
    OffsetCommit(OffsetCommitResponse),
    /// To one group of an OffsetFetch.
    OffsetFetch(OffsetFetchResponseGroup),
    /// To OffsetDelete.
    OffsetDelete(OffsetDeleteResponse),
    /// To those groups of a DeleteGroups that this shard was asked to delete.
    DeleteGroups(Vec<DeletableGroupResult>),
}

/// See the module.
pub(crate) struct Runtime {
    pub(crate) config: GroupConfig,
    pub(crate) now: Now,
    pub(crate) timers: Timers,
    pub(crate) appends: Appends,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) counters: Counters,
    uuids: UuidSource,
}

impl Runtime {
    pub(crate) fn new(config: GroupConfig, uuids: UuidSource) -> Self {
        Self {
            config,
            now: Now::default(),
            timers: Timers::default(),
            appends: Appends::default(),
            effects: VecDeque::new(),
            counters: Counters::default(),
            uuids,
        }
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, token: Token, response: Response) {
        self.effects.push_back(Effect::Respond { token, response });
    }

    /// Sets a timer that fires `delay_ms` from now.
    pub(crate) fn schedule(&mut self, delay_ms: u64, timer: Timer) -> TimerKey {
        self.timers
            .schedule(self.now.monotonic_ms.saturating_add(delay_ms), timer)
    }

    /// Asks for an append; `completion` and `waiters` learn its result.
    pub(crate) fn append(&mut self, changes: Vec<Change>, completion: Completion, waiters: Vec<Waiter>) -> AppendId {
        let id = self.appends.next_id();
        let timer = self.schedule(self.config.offset_commit_timeout_ms, Timer::AppendTimeout(id));
        let records = changes.iter().map(Change::record).collect();
        self.appends.push(id, changes, completion, waiters, timer);
        self.effects.push_back(Effect::Append { id, records });
        id
    }

    /// A member id that nobody has: what the member is known by, and a UUID (Kafka: `ClassicGroup.generateMemberId`).
    pub(crate) fn new_member_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-{}", (self.uuids)())
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Runtime")
            .field("now", &self.now)
            .field("timers", &self.timers)
            .finish_non_exhaustive()
    }
}
