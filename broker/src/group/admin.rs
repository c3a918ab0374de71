//! DescribeGroups 0–6, ListGroups 0–5, DeleteGroups 0–2 (Kafka: `GroupMetadataManager.describeGroups`, `listGroups`,
//! `GroupCoordinatorShard.deleteGroups`).

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::GroupId;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::protocol::StrBytes;

use super::appends::Change;
use super::classic::{ClassicGroup, State};
use super::deletion::append_tombstones;
use super::group_entry::Kind;
use super::member::{Member, str_bytes};
use super::offset_delete::{live_offsets, tombstone};
use super::runtime::{Now, Response, Token};
use super::shard::Shard;

/// The version from which on a missing group is an error, not a dead group.
const GROUP_NOT_FOUND_VERSION: i16 = 6;
/// What a group that does not exist is described as.
const DEAD: &str = "Dead";
/// Authorized operations of a group where they were not asked for, or are not known.
const NO_AUTHORIZED_OPERATIONS: i32 = i32::MIN;

impl Shard {
    /// The groups of a DescribeGroups of this version, in the order in which they were asked for.
    pub fn describe_groups(&self, group_ids: &[GroupId], api_version: i16) -> Vec<DescribedGroup> {
        let describe = |group_id: &GroupId| {
            let described = match self.groups.get(&*group_id.0) {
                Some(group) => {
                    let Kind::Classic(classic) = &group.kind;
                    describe(classic)
                }
                None if api_version >= GROUP_NOT_FOUND_VERSION => DescribedGroup::default()
                    .with_group_state(StrBytes::from_static_str(DEAD))
                    .with_error_code(ResponseError::GroupIdNotFound.code())
                    .with_error_message(Some(format!("Group {} not found.", group_id.0).into())),
                None => DescribedGroup::default().with_group_state(StrBytes::from_static_str(DEAD)),
            };
            described
                .with_group_id(group_id.clone())
                .with_authorized_operations(NO_AUTHORIZED_OPERATIONS)
        };
        group_ids.iter().map(describe).collect()
    }

    /// The groups in one of these states and of one of these types; an empty filter lets all pass. Case does not matter.
    pub fn list_groups(&self, states: &[StrBytes], types: &[StrBytes]) -> Vec<ListedGroup> {
        let passes = |filter: &[StrBytes], name: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
        };
        let mut listed = Vec::new();
        for group in self.groups.values() {
            let Kind::Classic(classic) = &group.kind;
            if passes(states, classic.state().name()) && passes(types, group.kind.name()) {
                listed.push(
                    ListedGroup::default()
                        .with_group_id(str_bytes(&group.id).into())
                        .with_protocol_type(classic.protocol_type.as_deref().map(str_bytes).unwrap_or_default())
                        .with_group_state(StrBytes::from_static_str(classic.state().name()))
                        .with_group_type(StrBytes::from_static_str(group.kind.name())),
                );
            }
        }
        listed
    }

    /// Handles the groups of a DeleteGroups that belong to this shard. Answered when their tombstones are committed.
    /// Until then they take neither members nor commits.
    pub fn delete_groups(&mut self, token: Token, group_ids: &[GroupId], now: Now) {
        self.runtime.now = now;
        let mut tombstones = Vec::new();
        let mut deleted: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut results = Vec::with_capacity(group_ids.len());
        for group_id in group_ids {
            let error = self.deletion_error(group_id, &deleted);
            let result = DeletableGroupResult::default().with_group_id(group_id.clone());
            results.push(result.with_error_code(error.map_or(0, |error| error.code())));
            let Some(group) = self.groups.get(&*group_id.0).filter(|_| error.is_none()) else {
                continue;
            };
            let before = tombstones.len();
            for (topic, partition) in live_offsets(group, &self.runtime.appends, |_| true) {
                tombstones.push(tombstone(&group.id, &topic, partition));
            }
            self.runtime.counters.offset_deletions += (tombstones.len() - before) as u64;
            tombstones.push(Change::Metadata {
                group: Arc::clone(&group.id),
                value: None,
            });
            deleted.insert(Arc::clone(&group.id));
        }
        let answer = Some((token, Response::DeleteGroups(results)));
        let last = append_tombstones(&mut self.runtime, tombstones, answer);
        for group_id in deleted {
            if let Some(group) = self.groups.get_mut(&group_id) {
                group.deletion_append = last;
            }
        }
    }

    fn deletion_error(&self, group_id: &GroupId, deleted: &BTreeSet<Arc<str>>) -> Option<ResponseError> {
        let Some(group) = self.groups.get(&*group_id.0) else {
            return Some(ResponseError::GroupIdNotFound);
        };
        let Kind::Classic(classic) = &group.kind;
        if deleted.contains(&group.id) {
            Some(ResponseError::GroupIdNotFound)
        } else if group.is_being_deleted(&self.runtime.appends) {
            Some(ResponseError::CoordinatorLoadInProgress)
        } else if classic.state() != State::Empty {
            Some(ResponseError::NonEmptyGroup)
        } else {
            None
        }
    }
}

fn describe(group: &ClassicGroup) -> DescribedGroup {
    let is_stable = group.state() == State::Stable;
    let protocol = group.protocol_name.as_deref().filter(|_| is_stable);
    let member = |member: &Member| {
        DescribedGroupMember::default()
            .with_member_id(str_bytes(&member.id))
            .with_group_instance_id(member.instance_id())
            .with_client_id(str_bytes(&member.client_id))
            .with_client_host(str_bytes(&member.client_host))
            .with_member_metadata(protocol.map(|_| member.metadata(protocol)).unwrap_or_default())
            .with_member_assignment(member.assignment.clone())
    };
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state().name()))
        .with_protocol_type(group.protocol_type.as_deref().map(str_bytes).unwrap_or_default())
        .with_protocol_data(protocol.map(str_bytes).unwrap_or_default())
        .with_members(group.members().map(member).collect())
}
