//! Groups of members, and coordinators that come and go.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiKey, DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, SyncGroupRequest,
};
use storage::disk::simulated::{CrashOptions, Fault, Keep};

use super::rig::{GROUP, Rig, TOPIC, commit_request, group_id, join_request, text};
use crate::api::test_node::TestNode;
use crate::metrics::{Collector, Limit, TextWriter};

const POWER_CUT: CrashOptions = CrashOptions {
    data: Keep::Nothing,
    names: Keep::Nothing,
};

/// A member that has its assignment, alone in generation 1.
fn settled_member(rig: &Rig) -> String {
    settled_member_with(rig, "subscription".into())
}

fn settled_member_with(rig: &Rig, metadata: Vec<u8>) -> String {
    let refused = rig.call(9, &join_request(GROUP, ""));
    assert_eq!(refused.error_code, ResponseError::MemberIdRequired.code());
    let member = refused.member_id.to_string();
    let mut request = join_request(GROUP, &member);
    request.protocols[0].metadata = metadata.into();
    let mut join = rig.send(ApiKey::JoinGroup as i16, 9, &request);
    assert!(!rig.poll(&mut join), "an empty group waits for more members");
    rig.pass(3_000);
    let joined = rig.answer::<JoinGroupRequest>(join, 9);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(joined.leader.as_str(), member);
    let mut sync = rig.send(ApiKey::SyncGroup as i16, 5, &sync_request(&member));
    assert!(!rig.poll(&mut sync), "the assignment is not stored yet");
    rig.flush();
    let synced = rig.answer::<SyncGroupRequest>(sync, 5);
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"assignment"[..]));
    member
}

fn sync_request(member: &str) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(text(member))
        .with_assignment("assignment".into());
    SyncGroupRequest::default()
        .with_group_id(group_id(GROUP))
        .with_generation_id(1)
        .with_member_id(text(member))
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(vec![assignment])
}

fn heartbeat(rig: &Rig, member: &str) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group_id(GROUP))
        .with_generation_id(1)
        .with_member_id(text(member));
    rig.call(4, &request).error_code
}

fn state(rig: &Rig) -> String {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(GROUP)]);
    rig.call(5, &request).groups[0].group_state.to_string()
}

#[test]
fn the_life_of_a_group() {
    let rig = Rig::start(&[]);
    let member = settled_member(&rig);
    assert_eq!(heartbeat(&rig, &member), 0);
    assert_eq!(state(&rig), "Stable");
    let listed = rig
        .call(
            5,
            &ListGroupsRequest::default().with_states_filter(vec![text("stable")]),
        )
        .groups;
    assert_eq!((listed.len(), listed[0].group_id.as_str()), (1, GROUP));

    let commit = commit_request(GROUP, TOPIC, &[(1, 42)])
        .with_generation_id_or_member_epoch(1)
        .with_member_id(text(&member));
    assert_eq!(rig.call(9, &commit).topics[0].partitions[0].error_code, 0);
    assert_eq!(rig.fetch(GROUP, 1), 42);

    rig.context.coordinators.take_snapshot();
    let mut out = TextWriter::default();
    rig.context.coordinators.collect(&mut out);
    let metrics = out.finish();
    assert!(metrics.contains("weir_groups{state=\"Stable\"} 1\n"), "{metrics}");
    assert!(metrics.contains("weir_group_committed_offset{group=\"orders\",topic=\"t\",partition=\"1\"} 42\n"));
    assert!(metrics.contains("weir_group_lag{group=\"orders\",topic=\"t\",partition=\"1\"} 0\n"));

    let not_empty = rig.call(
        2,
        &DeleteGroupsRequest::default().with_groups_names(vec![group_id(GROUP)]),
    );
    assert_eq!(not_empty.results[0].error_code, ResponseError::NonEmptyGroup.code());
    let leave = LeaveGroupRequest::default()
        .with_group_id(group_id(GROUP))
        .with_members(vec![MemberIdentity::default().with_member_id(text(&member))]);
    let left = rig.call(5, &leave);
    assert_eq!((left.error_code, left.members[0].error_code), (0, 0));
    assert_eq!(state(&rig), "Empty");
    let missing = group_id("nobody");
    let deleted = rig.call(
        2,
        &DeleteGroupsRequest::default().with_groups_names(vec![group_id(GROUP), missing]),
    );
    let mut results: Vec<_> = deleted
        .results
        .iter()
        .map(|result| (result.group_id.to_string(), result.error_code))
        .collect();
    results.sort();
    assert_eq!(
        results,
        [
            ("nobody".into(), ResponseError::GroupIdNotFound.code()),
            (GROUP.into(), 0)
        ]
    );
    assert_eq!(rig.fetch(GROUP, 1), -1);
}

#[test]
fn a_silent_member_is_expired_by_the_timers() {
    let rig = Rig::start(&[]);
    let member = settled_member(&rig);
    assert!(rig.context.coordinators.next_deadline().is_some());
    rig.pass(9_000);
    assert_eq!(heartbeat(&rig, &member), 0);
    rig.pass(9_000);
    assert_eq!(state(&rig), "Stable");
    rig.pass(1_000);
    rig.flush();
    assert_eq!(state(&rig), "Empty");
    assert_eq!(heartbeat(&rig, &member), ResponseError::UnknownMemberId.code());
}

#[test]
fn a_power_cut_keeps_members_and_commits() {
    let rig = Rig::start(&[]);
    let member = settled_member(&rig);
    assert_eq!(rig.commit("other", &[(0, 7), (3, 9)]), [0, 0]);
    rig.disk.crash(POWER_CUT);
    let rig = Rig::open(rig.disk.clone(), &[]);
    assert_eq!(rig.fetch("other", 3), 9);
    assert_eq!(heartbeat(&rig, &member), 0);
    assert_eq!(state(&rig), "Stable");
}

#[test]
fn every_version_of_every_api_is_answered() {
    let rig = Rig::start(&[]);
    for version in 0..=9 {
        let mut request = join_request("versions", "");
        if version == 0 {
            request.rebalance_timeout_ms = -1;
        }
        let mut pending = rig.send(ApiKey::JoinGroup as i16, version, &request);
        if version >= 4 {
            let response = rig.answer::<JoinGroupRequest>(pending, version);
            assert_eq!(response.error_code, ResponseError::MemberIdRequired.code());
        } else {
            assert!(!rig.poll(&mut pending));
        }
    }
    for version in 0..=5 {
        let mut request = sync_request("nobody");
        if version < 5 {
            (request.protocol_type, request.protocol_name) = (None, None);
        }
        assert_eq!(
            rig.call(version, &request).error_code,
            ResponseError::UnknownMemberId.code()
        );
    }
    let unnamed = sync_request("nobody").with_protocol_name(None);
    assert_eq!(
        rig.call(5, &unnamed).error_code,
        ResponseError::InconsistentGroupProtocol.code()
    );
    for version in 0..=4 {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id("no such"))
            .with_member_id(text("m"));
        assert_eq!(
            rig.call(version, &request).error_code,
            ResponseError::UnknownMemberId.code()
        );
        assert_eq!(
            rig.call(version, &HeartbeatRequest::default()).error_code,
            ResponseError::InvalidGroupId.code()
        );
    }
    for version in 0..=5 {
        let request = LeaveGroupRequest::default().with_group_id(group_id("no such"));
        let request = match version {
            0..=2 => request.with_member_id(text("m")),
            _ => request.with_members(vec![MemberIdentity::default().with_member_id(text("m"))]),
        };
        let response = rig.call(version, &request);
        let code = response
            .members
            .first()
            .map_or(response.error_code, |member| member.error_code);
        assert_eq!(code, ResponseError::UnknownMemberId.code());
    }
    for version in 0..=6 {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id("no such")]);
        let group = &rig.call(version, &request).groups[0];
        let expected = if version >= 6 {
            ResponseError::GroupIdNotFound.code()
        } else {
            0
        };
        assert_eq!((group.error_code, group.group_state.as_str()), (expected, "Dead"));
    }
    for version in 0..=5 {
        assert_eq!(rig.call(version, &ListGroupsRequest::default()).error_code, 0);
    }
    for version in 0..=2 {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id("no such")]);
        assert_eq!(
            rig.call(version, &request).results[0].error_code,
            ResponseError::GroupIdNotFound.code()
        );
    }
}

#[test]
fn find_coordinator_tells_this_broker_or_why_not() {
    let rig = Rig::open(storage::disk::simulated::SimulatedDisk::new(1), &[]);
    for version in 0..=3 {
        let request = FindCoordinatorRequest::default().with_key(text(GROUP));
        let response = rig.call(version, &request);
        assert_eq!((response.error_code, response.node_id.0, response.port), (0, 1, 9092));
        assert_eq!(response.host.as_str(), "test");
    }
    for version in 4..=6 {
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(GROUP), text("")]);
        let response = rig.call(version, &request);
        let found: Vec<_> = response
            .coordinators
            .iter()
            .map(|found| (found.key.as_str(), found.error_code))
            .collect();
        assert_eq!(found, [(GROUP, 0), ("", 0)]);
    }
    let transactional = FindCoordinatorRequest::default().with_key(text("tx")).with_key_type(1);
    let response = rig.call(2, &transactional);
    assert_eq!(response.error_code, ResponseError::ClusterAuthorizationFailed.code());
    assert!(
        response
            .error_message
            .unwrap()
            .contains("Transactions are not supported")
    );
    let share = FindCoordinatorRequest::default()
        .with_coordinator_keys(vec![text("s")])
        .with_key_type(2);
    assert_eq!(
        rig.call(6, &share).coordinators[0].error_code,
        ResponseError::InvalidRequest.code()
    );
}

#[test]
fn a_partition_that_fails_answers_everyone() {
    let rig = Rig::start(&[]);
    let member = settled_member(&rig);
    let mut join = rig.send(ApiKey::JoinGroup as i16, 3, &join_request(GROUP, ""));
    assert!(!rig.poll(&mut join), "a rebalance waits for the member");
    let commit = rig.send(
        ApiKey::OffsetCommit as i16,
        9,
        &commit_request("other", TOPIC, &[(0, 1)]),
    );
    let directory = rig.directory();
    let is_same = rig.context.coordinators.partition_of("other") == rig.context.coordinators.partition_of(GROUP);
    assert!(is_same, "choose another name");
    rig.disk.fail_next(Fault::SyncDataError, &directory, 1);
    rig.flush();
    let not_coordinator = ResponseError::NotCoordinator.code();
    assert_eq!(
        rig.answer::<OffsetCommitRequest>(commit, 9).topics[0].partitions[0].error_code,
        not_coordinator
    );
    assert_eq!(rig.answer::<JoinGroupRequest>(join, 3).error_code, not_coordinator);
    assert_eq!(heartbeat(&rig, &member), not_coordinator);
    assert_eq!(rig.commit("other", &[(0, 1)]), [not_coordinator]);
    assert_eq!(rig.fetch_topics(GROUP, None).groups[0].error_code, not_coordinator);
    let code = rig.find_coordinator(GROUP).coordinators[0].error_code;
    assert_eq!(code, ResponseError::CoordinatorNotAvailable.code());
}

#[test]
fn a_stop_answers_who_waits() {
    let rig = Rig::start(&[]);
    let mut join = rig.send(ApiKey::JoinGroup as i16, 3, &join_request(GROUP, ""));
    let mut commit = rig.send(
        ApiKey::OffsetCommit as i16,
        9,
        &commit_request("other", TOPIC, &[(0, 1)]),
    );
    rig.context.coordinators.stop();
    assert!(
        !rig.poll(&mut join) && !rig.poll(&mut commit),
        "what is appended is waited for"
    );
    rig.flush();
    assert_eq!(
        rig.answer::<OffsetCommitRequest>(commit, 9).topics[0].partitions[0].error_code,
        0
    );
    let not_coordinator = ResponseError::NotCoordinator.code();
    assert_eq!(rig.answer::<JoinGroupRequest>(join, 3).error_code, not_coordinator);
    assert_eq!(rig.commit(GROUP, &[(0, 2)]), [not_coordinator]);
}

#[tokio::test]
async fn the_timers_run_by_themselves() {
    let properties = [
        ("offsets.topic.num.partitions", "1"),
        ("group.initial.rebalance.delay.ms", "50"),
    ];
    let node = TestNode::start(&properties);
    let timers = tokio::spawn(node.context.coordinators.clone().run_timers());
    let find = FindCoordinatorRequest::default().with_key(text(GROUP));
    assert_eq!(node.call(2, &find).await.error_code, 0);
    let request = join_request(GROUP, "");
    let joined = tokio::time::timeout(Duration::from_secs(60), node.call(3, &request)).await;
    assert_eq!(joined.unwrap().error_code, 0);
    timers.abort();
}

#[test]
fn a_group_that_is_named_again_and_again_is_answered_as_long_as_there_is_room() {
    let rig = Rig::start(&[]);
    // As much as a member may bring, and more names than there is room for.
    let member = settled_member_with(&rig, vec![7; 900_000]);
    assert!(!member.is_empty());
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(GROUP); 100]);
    let groups = rig.call(6, &request).groups;
    let answered = groups.iter().take_while(|group| group.error_code == 0).count();
    assert_eq!((answered, groups.len()), (38, 100));
    assert_eq!(rig.context.limits.get(Limit::Answer), 62);
    let no_room = ResponseError::PolicyViolation.code();
    assert!(
        groups[answered..].iter().all(|group| group.error_code == no_room
            && group.group_id.as_str() == GROUP
            && group.error_message.is_some())
    );
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(GROUP); 3]);
    assert_eq!(rig.call(6, &request).groups.len(), 3);
}

#[test]
fn each_group_is_deleted_and_answered_once() {
    let rig = Rig::start(&[]);
    assert_eq!(rig.commit(GROUP, &[(0, 1), (1, 1)]), [0, 0]);
    let names = [GROUP, "none", GROUP, "none"].map(group_id);
    let request = DeleteGroupsRequest::default().with_groups_names(names.to_vec());
    let mut results: Vec<_> = rig
        .call(2, &request)
        .results
        .into_iter()
        .map(|result| (result.group_id.to_string(), result.error_code))
        .collect();
    results.sort();
    assert_eq!(results, [("none".to_owned(), 69), (GROUP.to_owned(), 0)]);
}

#[test]
fn segments_of_groups_may_be_small() {
    let rig = Rig::start(&[("offsets.topic.segment.bytes", "2000")]);
    for offset in 0..100 {
        assert_eq!(rig.commit(GROUP, &[(0, offset)]), [0]);
    }
    let coordinator = rig.coordinator();
    assert_eq!(coordinator.partition.settings().rules.segment_bytes, 2_000);
    rig.disk.crash(POWER_CUT);
    let rig = Rig::open(rig.disk.clone(), &[("offsets.topic.segment.bytes", "2000")]);
    assert_eq!(rig.fetch(GROUP, 0), 99);
}

#[test]
fn what_members_bring_is_limited() {
    let limits = [
        ("weir.max.member.metadata.bytes", "1000"),
        ("weir.max.group.memory.bytes", "5200"),
    ];
    let rig = Rig::start(&limits);
    let memory = |rig: &Rig| {
        let mut out = TextWriter::default();
        rig.context.coordinators.collect(&mut out);
        let text = out.finish();
        let line = text.lines().find(|line| line.starts_with("weir_group_member_bytes "));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<usize>().ok())
            .unwrap()
    };
    // At a version that needs no member id first.
    let join = |group: &str, metadata: usize| {
        let mut request = join_request(group, "");
        request.protocol_type = text("consumer");
        request.protocols[0].metadata = vec![7; metadata].into();
        rig.send(ApiKey::JoinGroup as i16, 3, &request)
    };
    let refused = |pending| rig.answer::<JoinGroupRequest>(pending, 3).error_code;
    let policy = ResponseError::PolicyViolation.code();
    assert_eq!(
        refused(join("large", 996)),
        policy,
        "with its name more than a member may bring"
    );
    assert_eq!(memory(&rig), 0);
    let refusal = rig.call(9, &join_request("id", ""));
    assert_eq!(refusal.error_code, ResponseError::MemberIdRequired.code());
    assert!(
        memory(&rig) > refusal.member_id.len(),
        "an id that is handed out counts"
    );
    let leave = LeaveGroupRequest::default()
        .with_group_id(group_id("id"))
        .with_member_id(refusal.member_id);
    rig.call(2, &leave);
    assert_eq!(memory(&rig), 0);
    let mut waiting: Vec<_> = (0..4).map(|group| join(&format!("g{group}"), 990)).collect();
    assert!(waiting.iter_mut().all(|pending| !rig.poll(pending)));
    let used = memory(&rig);
    assert!((4_000..6_000).contains(&used), "{used}");
    assert_eq!(refused(join("g9", 990)), policy, "there is no more room");
    let limits = &rig.context.limits;
    assert_eq!(limits.get(Limit::MaxMemberMetadataBytes), 1);
    assert_eq!(limits.get(Limit::MaxGroupMemoryBytes), 1);
    rig.pass(3_000);
    let joined = rig.answer::<JoinGroupRequest>(waiting.remove(0), 3);
    assert_eq!(joined.error_code, 0);
    // Who is in may come again, as it is or with less.
    let mut again = join_request("g0", &joined.member_id);
    again.protocols[0].metadata = vec![8; 900].into();
    let mut pending = rig.send(ApiKey::JoinGroup as i16, 3, &again);
    assert!(rig.poll(&mut pending));
    assert_eq!(rig.answer::<JoinGroupRequest>(pending, 3).error_code, 0);
    assert_eq!(memory(&rig), used - 90);
    // An assignment takes room as well.
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(vec![9; 2_000].into());
    let sync = SyncGroupRequest::default()
        .with_group_id(group_id("g0"))
        .with_generation_id(2)
        .with_member_id(joined.member_id.clone())
        .with_assignments(vec![assignment]);
    assert_eq!(rig.call(2, &sync).error_code, policy);
    // Who leaves makes room.
    let leave = LeaveGroupRequest::default()
        .with_group_id(group_id("g0"))
        .with_member_id(joined.member_id);
    assert_eq!(rig.call(2, &leave).error_code, 0);
    assert!(memory(&rig) < used - 1_000);
    let mut let_in = join("g9", 990);
    assert!(!rig.poll(&mut let_in));
}

#[test]
fn members_that_are_loaded_count() {
    let rig = Rig::start(&[]);
    settled_member_with(&rig, vec![7; 5_000]);
    let rig = {
        rig.disk.crash(POWER_CUT);
        Rig::open(rig.disk.clone(), &[])
    };
    let mut out = TextWriter::default();
    rig.context.coordinators.collect(&mut out);
    let text = out.finish();
    assert!(text.contains("weir_group_member_bytes 5"), "{text}");
}
