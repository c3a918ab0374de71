//! A classic group: its state, generation and members (Kafka: `ClassicGroup`).
//!
//! ```text
//! Empty ──join──▶ PreparingRebalance ──all joined──▶ CompletingRebalance ──leader synced, stored──▶ Stable
//!   ▲                 │        ▲                            │                                        │
//!   └────nobody left──┘        └──── a member joins, leaves, is lost, or changes its metadata ───────┘
//! ```
//!
//! Invariants: `awaiting_join` counts the members with a join request waiting; `protocol_support` how many members know
//! each protocol; the leader is a member, except while the group is Empty; a static member's instance id leads to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::appends::AppendId;
use super::consumer_protocol::{CONSUMER, add_subscribed_topics};
use super::member::{Member, Protocol};
use super::member_memory::{Charge, MemberMemory};
use super::records::{GroupMetadata, MemberMetadata};
use super::runtime::Token;
use super::timers::TimerKey;

/// The states of a classic group that exists. Dead is what a group that does not is described as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl State {
    /// As ListGroups and DescribeGroups say it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    pub(crate) id: Arc<str>,
    state: State,
    previous_state: State,
    /// When the group came into its state, wall clock. Absent where an old record did not say.
    state_timestamp_ms: Option<i64>,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) protocol_name: Option<Arc<str>>,
    pub(crate) leader: Option<Arc<str>>,
    members: BTreeMap<Arc<str>, Member>,
    static_members: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids that were handed out (KIP-394) and are not used yet.
    pub(crate) pending_joins: BTreeMap<Arc<str>, PendingJoin>,
    /// Members of this generation that have not asked for their assignment yet.
    pub(crate) pending_syncs: BTreeSet<Arc<str>>,
    awaiting_join: usize,
    protocol_support: BTreeMap<Arc<str>, usize>,
    /// Absent where the members' metadata do not say.
    subscribed_topics: Option<BTreeSet<String>>,
    /// A member came while the initial delay ran, so that it may be extended.
    pub(crate) new_member_added: bool,
    pub(crate) join_timer: Option<TimerKey>,
    pub(crate) sync_timer: Option<TimerKey>,
    /// Stores the assignment of this generation.
    pub(crate) assignment_append: Option<AppendId>,
}

/// An id that was handed out.
#[derive(Debug)]
pub(crate) struct PendingJoin {
    /// Its session.
    pub(crate) timer: TimerKey,
    /// What it holds.
    _charge: Charge,
}

impl PendingJoin {
    /// For an id of so many bytes.
    pub(crate) fn new(timer: TimerKey, id_bytes: usize, memory: &MemberMemory) -> Self {
        let mut charge = memory.charge();
        charge.set(size_of::<Self>() + id_bytes);
        Self { timer, _charge: charge }
    }
}

impl ClassicGroup {
    /// An empty group that came to be at this time.
    pub(crate) fn new(id: Arc<str>, wall_ms: i64) -> Self {
        Self {
            id,
            state: State::Empty,
            previous_state: State::Empty,
            state_timestamp_ms: Some(wall_ms),
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_joins: BTreeMap::new(),
            pending_syncs: BTreeSet::new(),
            awaiting_join: 0,
            protocol_support: BTreeMap::new(),
            subscribed_topics: None,
            new_member_added: false,
            join_timer: None,
            sync_timer: None,
            assignment_append: None,
        }
    }

    /// A group as it was stored: Stable where it has members.
    pub(crate) fn from_metadata(id: Arc<str>, stored: &GroupMetadata, memory: &MemberMemory) -> Self {
        let mut group = Self::new(id, 0);
        group.generation = stored.generation;
        group.protocol_type = Some(stored.protocol_type.as_str())
            .filter(|name| !name.is_empty())
            .map(Into::into);
        group.protocol_name = stored.protocol.as_deref().map(Into::into);
        group.leader = stored.leader.as_deref().map(Into::into);
        group.state_timestamp_ms = stored.state_timestamp_ms;
        let protocol = group.protocol_name.clone().unwrap_or_else(|| "".into());
        for member in &stored.members {
            group.add(Member::from_metadata(member, &protocol, memory));
        }
        if !group.members.is_empty() {
            group.state = State::Stable;
            // A leader that is no member would never be replaced.
            if group
                .leader
                .as_ref()
                .is_none_or(|leader| !group.members.contains_key(leader))
            {
                group.leader = group.members.keys().next().cloned();
            }
        }
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// The group as it is to be stored, with this assignment.
    pub(crate) fn to_metadata(&self, assignment: &BTreeMap<Arc<str>, Bytes>) -> GroupMetadata {
        let protocol = self.protocol_name.as_deref();
        let members = self.members.values().map(|member| MemberMetadata {
            member_id: member.id.as_ref().into(),
            instance_id: member.instance_id.as_deref().map(Into::into),
            client_id: member.client_id.as_ref().into(),
            client_host: member.client_host.as_ref().into(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(protocol),
            assignment: assignment.get(&member.id).cloned().unwrap_or_default(),
        });
        GroupMetadata {
            protocol_type: self.protocol_type.as_deref().unwrap_or_default().into(),
            generation: self.generation,
            protocol: protocol.map(Into::into),
            leader: self.leader.as_deref().map(Into::into),
            state_timestamp_ms: self.state_timestamp_ms,
            members: members.collect(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Whether the running rebalance is the first one since the group was empty.
    pub(crate) fn is_initial_rebalance(&self) -> bool {
        self.state == State::PreparingRebalance && self.previous_state == State::Empty
    }

    pub(crate) fn transition(&mut self, state: State, wall_ms: i64) {
        let allowed = matches!(
            (self.state, state),
            (
                State::Empty | State::CompletingRebalance | State::Stable,
                State::PreparingRebalance
            ) | (State::PreparingRebalance, State::Empty | State::CompletingRebalance)
                | (State::CompletingRebalance, State::Stable)
        );
        assert!(
            allowed,
            "group {} cannot go from {} to {}",
            self.id,
            self.state.name(),
            state.name()
        );
        self.previous_state = self.state;
        self.state = state;
        self.state_timestamp_ms = Some(wall_ms);
    }

    pub(crate) fn state_timestamp_ms(&self) -> Option<i64> {
        self.state_timestamp_ms
    }

    pub(crate) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(crate) fn has_member(&self, member_id: &str) -> bool {
        self.members.contains_key(member_id)
    }

    pub(crate) fn member(&self, member_id: &str) -> Option<&Member> {
        self.members.get(member_id)
    }

    /// For everything but the fields that the group keeps count of: the join request and the protocols.
    pub(crate) fn member_mut(&mut self, member_id: &str) -> Option<&mut Member> {
        self.members.get_mut(member_id)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    pub(crate) fn member_ids(&self) -> Vec<Arc<str>> {
        self.members.keys().cloned().collect()
    }

    pub(crate) fn size(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn static_member_id(&self, instance_id: &str) -> Option<&Arc<str>> {
        self.static_members.get(instance_id)
    }

    pub(crate) fn awaiting_join(&self) -> usize {
        self.awaiting_join
    }

    pub(crate) fn all_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending_joins.is_empty()
    }

    /// The longest of the members' rebalance timeouts.
    pub(crate) fn rebalance_timeout_ms(&self) -> u64 {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        longest.and_then(|timeout| u64::try_from(timeout).ok()).unwrap_or(0)
    }

    /// Checks that a member is who it says (KIP-345).
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID where another one has taken its instance id.
    pub(crate) fn validate_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ResponseError> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(current) if current.as_ref() != member_id => return Err(ResponseError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) {
            Ok(())
        } else {
            Err(ResponseError::UnknownMemberId)
        }
    }

    /// Adds a member that the group can take; the first one sets its protocol type before.
    pub(crate) fn add(&mut self, mut member: Member) {
        member.recharge();
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(Arc::clone(instance_id), Arc::clone(&member.id));
        }
        self.leader.get_or_insert_with(|| Arc::clone(&member.id));
        self.count_protocols(&member.protocols);
        self.awaiting_join += usize::from(member.awaiting_join.is_some());
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Removes a member, or an id that was handed out. Whoever takes the member out cancels its timer and answers its
    /// requests. A leader that goes is followed by the first of the others.
    pub(crate) fn remove(&mut self, member_id: &str) -> Option<Member> {
        let member = self.members.remove(member_id);
        if let Some(member) = &member {
            self.discount_protocols(&member.protocols);
            self.awaiting_join -= usize::from(member.awaiting_join.is_some());
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_syncs.remove(member_id);
        member
    }

    /// Gives a static member another id and leaves everything else as it is; false where it is not there.
    pub(crate) fn rename_member(&mut self, old_id: &str, new_id: &Arc<str>) -> bool {
        let Some(mut member) = self.members.remove(old_id) else {
            return false;
        };
        member.id = Arc::clone(new_id);
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(Arc::clone(instance_id), Arc::clone(new_id));
        }
        if self.is_leader(old_id) {
            self.leader = Some(Arc::clone(new_id));
        }
        if self.pending_syncs.remove(old_id) {
            self.pending_syncs.insert(Arc::clone(new_id));
        }
        self.members.insert(Arc::clone(new_id), member);
        true
    }

    /// Sets or takes the join request that a member waits with; returns the one before.
    pub(crate) fn set_awaiting_join(&mut self, member_id: &str, token: Option<Token>) -> Option<Token> {
        let member = self.members.get_mut(member_id)?;
        let before = std::mem::replace(&mut member.awaiting_join, token);
        self.awaiting_join += usize::from(token.is_some());
        self.awaiting_join -= usize::from(before.is_some());
        before
    }

    /// Replaces what a member knows; returns what it knew.
    pub(crate) fn set_protocols(&mut self, member_id: &str, protocols: Vec<Protocol>) -> Option<Vec<Protocol>> {
        self.count_protocols(&protocols);
        let Some(member) = self.members.get_mut(member_id) else {
            self.discount_protocols(&protocols);
            return None;
        };
        let before = std::mem::replace(&mut member.protocols, protocols);
        member.recharge();
        self.discount_protocols(&before);
        Some(before)
    }

    /// Whether a member of this protocol type, knowing these protocols, fits the others.
    pub(crate) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.is_known_by_all(&protocol.name))
    }

    /// The protocol that most members prefer among those that all know; of equals the first by name.
    pub(crate) fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let choice = member
                .protocols
                .iter()
                .find(|protocol| self.is_known_by_all(&protocol.name));
            *votes.entry(&choice?.name).or_default() += 1;
        }
        votes
            .into_iter()
            .rev()
            .max_by_key(|(_, count)| *count)
            .map(|(name, _)| Arc::clone(name))
    }

    fn is_known_by_all(&self, protocol: &str) -> bool {
        self.protocol_support.get(protocol).copied().unwrap_or(0) == self.members.len()
    }

    fn count_protocols(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            *self.protocol_support.entry(Arc::clone(&protocol.name)).or_default() += 1;
        }
    }

    fn discount_protocols(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            if let Some(count) = self.protocol_support.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.protocol_support.remove(&protocol.name);
                }
            }
        }
    }

    /// Makes sure that the leader is a member that has joined; false where none has.
    pub(crate) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = self.leader.as_ref().and_then(|leader| self.members.get(leader)) else {
            return false;
        };
        if leader.awaiting_join.is_none() {
            let Some(joined) = self.members.values().find(|member| member.awaiting_join.is_some()) else {
                return false;
            };
            self.leader = Some(Arc::clone(&joined.id));
        }
        true
    }

    /// Begins the next generation, with the members there are.
    pub(crate) fn begin_generation(&mut self, wall_ms: i64) {
        // Kafka's generation would turn negative, which no client could use.
        self.generation = self.generation.checked_add(1).unwrap_or(0);
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        self.pending_syncs.clear();
        self.assignment_append = None;
        let state = if self.members.is_empty() {
            State::Empty
        } else {
            State::CompletingRebalance
        };
        self.transition(state, wall_ms);
    }

    fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.is_consumer_group() {
            return None;
        }
        let mut topics = BTreeSet::new();
        if !self.members.is_empty() {
            let protocol = self.protocol_name.as_deref()?;
            for member in self.members.values() {
                add_subscribed_topics(&member.metadata(Some(protocol)), &mut topics)?;
            }
        }
        Some(topics)
    }

    pub(crate) fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    pub(crate) fn knows_subscribed_topics(&self) -> bool {
        self.subscribed_topics.is_some()
    }

    /// Whether members read this topic; where a consumer group's topics are not known, it may.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.is_consumer_group(),
        }
    }
}
