//! Members come, stay and go.

use kafka_protocol::ResponseError;

use super::harness::{GROUP, Harness, REBALANCE_MS, SESSION_MS, code, subscription, text};
use super::*;

#[test]
fn a_group_belongs_to_the_partition_of_its_java_hash() {
    // "abc".hashCode() = 96354, "".hashCode() = 0; "polygenelubricants" has the least integer.
    assert_eq!(partition_for("abc", 50), 96354 % 50);
    assert_eq!(partition_for("", 50), 0);
    assert_eq!(partition_for("polygenelubricants", 50), 0);
    // "orders".hashCode() = -1008770331
    assert_eq!(partition_for("orders", 50), 31);
}

#[test]
fn a_new_member_is_told_its_id_and_joins_with_it() {
    let mut harness = Harness::new();
    let asked = harness.join("");
    let answer = harness.joined(asked);
    assert_eq!(answer.error_code, code(ResponseError::MemberIdRequired));
    assert_eq!(answer.member_id.as_str(), "app-00000000-0000-0000-0000-000000000001");

    let token = harness.join(&answer.member_id);
    assert!(!harness.is_answered(token), "the group waits for more members");
    harness.pass(3_000);
    let joined = harness.joined(token);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, subscription(&["t"]));
}

#[test]
fn clients_before_version_4_join_without_an_id() {
    let mut harness = Harness::new();
    let token = harness.send_join(3, &Harness::join_request("", None, &[("range", b"")]));
    harness.pass(3_000);
    assert_eq!(harness.joined(token).generation_id, 1);
}

#[test]
fn an_id_that_is_not_used_expires_and_leaves_nothing() {
    let mut harness = Harness::new();
    let token = harness.join("");
    let member = harness.joined(token).member_id.to_string();
    assert_eq!(harness.state(), "Empty");
    harness.pass(SESSION_MS as u64);
    assert_eq!(harness.state(), "Dead");
    let late = harness.join(&member);
    assert_eq!(harness.joined(late).error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(harness.shard.metrics().groups, StateCounts::default());
}

#[test]
fn the_first_rebalance_waits_longer_while_members_keep_coming() {
    let mut harness = Harness::new();
    let (_, first) = harness.join_anew();
    harness.pass(2_000);
    let (_, second) = harness.join_anew();
    harness.pass(1_000);
    assert!(!harness.is_answered(first), "a member came, so the delay runs again");
    harness.pass(3_000);
    assert_eq!(harness.joined(first).generation_id, 1);
    assert_eq!(harness.joined(first).members.len(), 2, "the leader sees everyone");
    assert!(harness.joined(second).members.is_empty(), "the others see nobody");
}

#[test]
fn the_first_rebalance_never_waits_longer_than_the_rebalance_timeout() {
    let mut harness = Harness::new();
    let (_, first) = harness.join_anew();
    for _ in 0..(REBALANCE_MS / 1_000) - 1 {
        harness.pass(1_000);
        assert!(!harness.is_answered(first));
        harness.join_anew();
    }
    harness.pass(1_000);
    assert_eq!(harness.joined(first).generation_id, 1);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut harness = Harness::new();
    let request = Harness::join_request("", None, &[("range", b"")]);
    let mut refused = |request, error| {
        let token = harness.send_join(9, &request);
        assert_eq!(harness.joined(token).error_code, code(error));
    };
    refused(
        request.clone().with_group_id(text("").into()),
        ResponseError::InvalidGroupId,
    );
    refused(
        request.clone().with_session_timeout_ms(5_999),
        ResponseError::InvalidSessionTimeout,
    );
    refused(
        request.clone().with_session_timeout_ms(1_800_001),
        ResponseError::InvalidSessionTimeout,
    );
    refused(
        request.clone().with_protocols(Vec::new()),
        ResponseError::InconsistentGroupProtocol,
    );
    refused(
        request.clone().with_protocol_type(text("")),
        ResponseError::InconsistentGroupProtocol,
    );
    refused(
        request.clone().with_member_id(text("somebody")),
        ResponseError::UnknownMemberId,
    );
    refused(
        request.with_group_instance_id(Some(text(&"x".repeat(40_000)))),
        ResponseError::InvalidRequest,
    );
    assert_eq!(harness.state(), "Dead", "nothing is left of them");
}

#[test]
fn a_member_with_another_protocol_does_not_fit() {
    let mut harness = Harness::new();
    harness.stable_pair();
    let other = Harness::join_request("", None, &[("sticky", b"")]);
    let token = harness.send_join(9, &other);
    assert_eq!(
        harness.joined(token).error_code,
        code(ResponseError::InconsistentGroupProtocol)
    );
    let token = harness.send_join(9, &other.with_protocol_type(text("connect")));
    assert_eq!(
        harness.joined(token).error_code,
        code(ResponseError::InconsistentGroupProtocol)
    );
    assert_eq!(harness.state(), "Stable");
}

#[test]
fn the_protocol_that_most_members_prefer_is_chosen_among_those_that_all_know() {
    let mut harness = Harness::new();
    let mut join = |protocols: &[(&str, &[u8])]| harness.send_join(3, &Harness::join_request("", None, protocols));
    let first = join(&[("exotic", b""), ("range", b""), ("sticky", b"")]);
    join(&[("sticky", b""), ("range", b"")]);
    join(&[("sticky", b""), ("range", b"")]);
    harness.pass(6_000);
    assert_eq!(harness.joined(first).protocol_name.as_deref(), Some("sticky"));
}

#[test]
fn a_member_that_comes_makes_the_others_join_again() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    let (third, third_join) = harness.join_anew();
    assert_eq!(harness.state(), "PreparingRebalance");
    assert_eq!(
        harness.heartbeat(&first, None, generation),
        code(ResponseError::RebalanceInProgress)
    );
    let first_join = harness.join(&first);
    assert!(!harness.is_answered(first_join), "one is missing");
    harness.join(&second);
    assert_eq!(harness.joined(first_join).generation_id, generation + 1);
    assert_eq!(harness.joined(first_join).members.len(), 3);
    assert_eq!(harness.joined(third_join).leader.as_str(), first);
    assert_eq!(
        harness.heartbeat(&third, None, generation),
        code(ResponseError::IllegalGeneration)
    );
    assert_eq!(harness.heartbeat(&third, None, generation + 1), 0);
}

#[test]
fn who_does_not_join_within_the_rebalance_timeout_is_removed_even_the_leader() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    let (third, third_join) = harness.join_anew();
    harness.join(&second);
    for _ in 0..REBALANCE_MS / 5_000 {
        harness.heartbeat(&first, None, generation);
        harness.pass(5_000);
    }
    let answer = harness.joined(third_join);
    assert_eq!(answer.generation_id, generation + 1);
    assert!([&second, &third].contains(&&answer.leader.to_string()));
    assert_eq!(
        harness.heartbeat(&first, None, generation),
        code(ResponseError::UnknownMemberId)
    );
}

#[test]
fn a_silent_member_is_removed_after_its_session() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    harness.pass(SESSION_MS as u64 - 1);
    assert_eq!(harness.heartbeat(&first, None, generation), 0);
    harness.pass(1);
    assert_eq!(harness.state(), "PreparingRebalance");
    assert_eq!(
        harness.heartbeat(&second, None, generation),
        code(ResponseError::UnknownMemberId)
    );
    let token = harness.join(&first);
    assert_eq!(harness.joined(token).generation_id, generation + 1);
}

#[test]
fn a_member_that_waits_is_not_expired() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    let token = harness.join(&first);
    for _ in 0..5 {
        harness.pass(SESSION_MS as u64 - 1);
        harness.heartbeat(&second, None, generation);
    }
    assert!(!harness.is_answered(token));
    harness.join(&second);
    assert_eq!(harness.joined(token).error_code, 0);
}

#[test]
fn a_follower_that_joins_again_unchanged_gets_the_running_generation() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    let token = harness.join(&second);
    assert_eq!(harness.joined(token).generation_id, generation);
    assert_eq!(harness.state(), "Stable");
    harness.join(&first);
    assert_eq!(
        harness.state(),
        "PreparingRebalance",
        "a leader that joins again asks for a rebalance"
    );
}

#[test]
fn a_follower_with_new_metadata_starts_a_rebalance() {
    let mut harness = Harness::new();
    let (_, second, _) = harness.stable_pair();
    harness.send_join(9, &Harness::join_request(&second, None, &[("range", b"other topics")]));
    assert_eq!(harness.state(), "PreparingRebalance");
}

#[test]
fn a_join_that_is_sent_again_replaces_the_one_that_waits() {
    let mut harness = Harness::new();
    let (member, first) = harness.join_anew();
    let second = harness.join(&member);
    assert_eq!(
        harness.joined(first).error_code,
        code(ResponseError::RebalanceInProgress)
    );
    harness.pass(6_000);
    assert_eq!(harness.joined(second).error_code, 0);
}

#[test]
fn an_id_that_a_dynamic_member_was_given_is_not_for_a_static_one() {
    let mut harness = Harness::new();
    let token = harness.join("");
    let member = harness.joined(token).member_id.to_string();
    let token = harness.join_static(&member, "i1");
    assert_eq!(harness.joined(token).error_code, code(ResponseError::InvalidRequest));
}

#[test]
fn a_full_group_takes_nobody() {
    let mut harness = Harness::with_config(GroupConfig {
        max_size: 2,
        ..GroupConfig::default()
    });
    harness.stable_pair();
    let token = harness.join("");
    assert_eq!(
        harness.joined(token).error_code,
        code(ResponseError::GroupMaxSizeReached)
    );
    assert_eq!(harness.state(), "Stable");
}

#[test]
fn members_leave_one_by_one_and_the_last_one_empties_the_group() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    let left = harness.leave(&[(&first, None), ("stranger", None)]);
    assert_eq!(harness.left(left), [0, code(ResponseError::UnknownMemberId)]);
    assert_eq!(harness.state(), "PreparingRebalance");
    let token = harness.join(&second);
    assert_eq!(harness.joined(token).leader.as_str(), second);

    harness.commits_at_once = false;
    let left = harness.leave(&[(&second, None)]);
    assert_eq!(harness.state(), "Empty");
    assert!(!harness.is_answered(left), "that the group is empty is not stored yet");
    harness.commit();
    assert_eq!(harness.left(left), [0]);
    assert_eq!(
        harness.heartbeat(&second, None, generation + 1),
        code(ResponseError::UnknownMemberId)
    );
    let replayed = harness.replayed();
    assert_eq!(replayed.metrics().groups.empty, 1);
    assert_eq!(replayed.checkpoint(), harness.shard.checkpoint());
}

#[test]
fn old_clients_leave_by_one_id_at_the_top() {
    let mut harness = Harness::new();
    let (first, ..) = harness.stable_pair();
    for (member, error) in [
        (first.as_str(), 0),
        ("stranger", code(ResponseError::UnknownMemberId)),
        ("", code(ResponseError::UnknownMemberId)),
    ] {
        let request = kafka_protocol::messages::LeaveGroupRequest::default()
            .with_group_id(text(GROUP).into())
            .with_member_id(text(member));
        let token = harness.token();
        harness.shard.leave_group(token, 2, &request, harness.now);
        harness.run();
        let Some(Response::LeaveGroup(response)) = harness.answers.get(&token) else {
            panic!("no answer")
        };
        assert_eq!((response.error_code, response.members.len()), (error, 0));
    }
}

#[test]
fn when_the_empty_group_cannot_be_stored_the_leave_says_so() {
    let mut harness = Harness::new();
    let (first, second, _) = harness.stable_pair();
    harness.commits_at_once = false;
    let left = harness.leave(&[(&first, None), (&second, None)]);
    harness.fail(ResponseError::KafkaStorageError);
    assert_eq!(harness.left(left), [code(ResponseError::NotCoordinator)]);
    assert_eq!(harness.state(), "Empty");
}
