//! Members with an instance id (KIP-345).

use kafka_protocol::ResponseError;

use super::harness::{Harness, REBALANCE_MS, SESSION_MS, code, subscription};

/// A static leader and a static follower in a Stable group; their ids and the generation.
fn stable_static_pair(harness: &mut Harness) -> (String, String, i32) {
    let leader_join = harness.join_static("", "i1");
    let follower_join = harness.join_static("", "i2");
    harness.pass(6_000);
    let leader = harness.joined(leader_join).member_id.to_string();
    let follower = harness.joined(follower_join).member_id.to_string();
    assert_eq!(
        harness.joined(leader_join).members[0].group_instance_id.as_deref(),
        Some("i1")
    );
    let generation = harness.joined(leader_join).generation_id;
    harness.send_sync(&follower, generation, &[]);
    harness.send_sync(&leader, generation, &[(&leader, "a"), (&follower, "b")]);
    assert_eq!(harness.state(), "Stable");
    (leader, follower, generation)
}

#[test]
fn a_static_member_that_comes_back_keeps_its_place_without_a_rebalance() {
    let mut harness = Harness::new();
    let (_, follower, generation) = stable_static_pair(&mut harness);
    harness.commits_at_once = false;
    let token = harness.join_static("", "i2");
    assert!(!harness.is_answered(token), "the new id is not stored yet");
    harness.commit();
    let answer = harness.joined(token);
    assert_eq!((answer.error_code, answer.generation_id), (0, generation));
    assert_ne!(answer.member_id.as_str(), follower);
    assert!(!answer.skip_assignment && answer.members.is_empty());
    assert_eq!(harness.state(), "Stable");

    let synced = harness.send_sync(&answer.member_id, generation, &[]);
    assert_eq!(harness.synced(synced).assignment, "b");
    let fenced = harness.heartbeat(&follower, Some("i2"), generation);
    assert_eq!(fenced, code(ResponseError::FencedInstanceId));
    assert_eq!(harness.heartbeat(&answer.member_id, Some("i2"), generation), 0);
    assert_eq!(harness.replayed().checkpoint(), harness.shard.checkpoint());
}

#[test]
fn a_static_leader_that_comes_back_skips_the_assignment() {
    let mut harness = Harness::new();
    let (leader, _, generation) = stable_static_pair(&mut harness);
    let token = harness.join_static("", "i1");
    let answer = harness.joined(token);
    assert!(answer.skip_assignment);
    assert_eq!(answer.leader, answer.member_id);
    assert_eq!(answer.members.len(), 2);

    let request = Harness::join_request("", Some("i1"), &[("range", &subscription(&["t"]))]);
    let old_client = harness.send_join(8, &request);
    let answer = harness.joined(old_client);
    assert_eq!(answer.generation_id, generation);
    assert_ne!(answer.leader, answer.member_id, "an old client must not assign anew");
    assert_ne!(answer.leader.as_str(), leader);
    assert!(answer.members.is_empty());
}

#[test]
fn a_static_member_that_is_being_replaced_gets_its_old_id_back_when_the_append_fails() {
    let mut harness = Harness::new();
    let (_, follower, generation) = stable_static_pair(&mut harness);
    harness.commits_at_once = false;
    let token = harness.join_static("", "i2");
    harness.fail(ResponseError::NotEnoughReplicas);
    assert_eq!(
        harness.joined(token).error_code,
        code(ResponseError::CoordinatorNotAvailable)
    );
    assert_eq!(harness.heartbeat(&follower, Some("i2"), generation), 0);
    assert_eq!(harness.state(), "Stable");
}

#[test]
fn a_static_member_that_changes_the_protocol_starts_a_rebalance() {
    let mut harness = Harness::new();
    let both: &[(&str, &[u8])] = &[("range", b""), ("sticky", b"")];
    let leader_join = harness.send_join(9, &Harness::join_request("", Some("i1"), both));
    let follower_join = harness.send_join(9, &Harness::join_request("", Some("i2"), both));
    harness.pass(6_000);
    let leader = harness.joined(leader_join).member_id.to_string();
    assert!(harness.is_answered(follower_join));
    harness.send_sync(&leader, 1, &[]);
    assert_eq!(harness.state(), "Stable");
    harness.send_join(9, &Harness::join_request("", Some("i2"), &[("sticky", b"")]));
    assert_eq!(harness.state(), "PreparingRebalance");
}

#[test]
fn a_static_member_that_comes_back_fences_the_requests_of_its_old_self() {
    let mut harness = Harness::new();
    let waiting = harness.join_static("", "i1");
    let again = harness.join_static("", "i1");
    assert_eq!(
        harness.joined(waiting).error_code,
        code(ResponseError::FencedInstanceId)
    );
    harness.pass(6_000);
    assert_eq!(harness.joined(again).error_code, 0);
}

#[test]
fn a_static_member_that_comes_back_during_the_sync_phase_starts_a_rebalance() {
    let mut harness = Harness::new();
    let leader_join = harness.join_static("", "i1");
    let follower_join = harness.join_static("", "i2");
    harness.pass(6_000);
    let leader = harness.joined(leader_join).member_id.to_string();
    let follower = harness.joined(follower_join).member_id.to_string();
    let waiting = harness.send_sync(&follower, 1, &[]);
    harness.join_static("", "i2");
    assert_eq!(
        harness.synced(waiting).error_code,
        code(ResponseError::FencedInstanceId)
    );
    assert_eq!(harness.state(), "PreparingRebalance");
    assert_eq!(
        harness.heartbeat(&leader, Some("i1"), 1),
        code(ResponseError::RebalanceInProgress)
    );
}

#[test]
fn a_static_member_leaves_by_its_instance_id() {
    let mut harness = Harness::new();
    let (leader, follower, _) = stable_static_pair(&mut harness);
    let left = harness.leave(&[("", Some("i1")), ("", Some("i9")), (&leader, Some("i2"))]);
    let unknown = code(ResponseError::UnknownMemberId);
    assert_eq!(harness.left(left), [0, unknown, code(ResponseError::FencedInstanceId)]);
    let token = harness.join_static(&follower, "i2");
    assert_eq!(harness.joined(token).leader.as_str(), follower);
}

#[test]
fn a_static_member_that_misses_a_rebalance_stays_until_its_session_ends() {
    let mut harness = Harness::new();
    let (leader, follower, generation) = stable_static_pair(&mut harness);
    let token = harness.join_static(&leader, "i1");
    for _ in 0..REBALANCE_MS / 5_000 {
        assert!(!harness.is_answered(token));
        harness.heartbeat(&follower, Some("i2"), generation);
        harness.pass(5_000);
    }
    let answer = harness.joined(token);
    assert_eq!(answer.members.len(), 2, "it did not join and is still a member");
    harness.send_sync(&leader, generation + 1, &[]);
    harness.pass(SESSION_MS as u64 - 5_000);
    harness.heartbeat(&leader, Some("i1"), generation + 1);
    harness.pass(5_000);
    assert_eq!(harness.state(), "PreparingRebalance");
}

#[test]
fn only_static_members_none_of_whom_comes_back_do_not_spin() {
    let mut harness = Harness::new();
    let request = Harness::join_request("", Some("i1"), &[("range", b"")]).with_rebalance_timeout_ms(0);
    let token = harness.send_join(9, &request);
    harness.pass(6_000);
    let member = harness.joined(token).member_id.to_string();
    harness.send_sync(&member, 1, &[]);
    // A dynamic member comes and is lost again; the static one never joins.
    harness.join_anew();
    harness.pass(10 * SESSION_MS as u64);
    assert_eq!(harness.state(), "Empty");
}
