//! The leader's assignment, and what can come between.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::SyncGroupRequest;

use super::harness::{GROUP, Harness, REBALANCE_MS, code, text};
use super::*;

/// Two members that have joined and not synced.
fn joined_pair(harness: &mut Harness) -> (String, String, i32) {
    let (first, token) = harness.join_anew();
    let (second, _) = harness.join_anew();
    harness.pass(6_000);
    let generation = harness.joined(token).generation_id;
    (first, second, generation)
}

#[test]
fn nobody_gets_an_assignment_before_it_is_committed() {
    let mut harness = Harness::new();
    let (first, second, generation) = joined_pair(&mut harness);
    harness.commits_at_once = false;
    let followed = harness.send_sync(&second, generation, &[]);
    let led = harness.send_sync(&first, generation, &[(&first, "a"), ("stranger", "x")]);
    assert!(!harness.is_answered(led) && !harness.is_answered(followed));
    assert_eq!(harness.state(), "CompletingRebalance");
    harness.commit();
    assert_eq!(harness.synced(led).assignment, "a");
    assert_eq!(harness.synced(followed).assignment, "", "the leader gave it nothing");
    assert_eq!(harness.synced(led).protocol_name.as_deref(), Some("range"));
    assert_eq!(harness.state(), "Stable");
    assert_eq!(harness.shard.metrics().completed_rebalances_total, 1);
}

#[test]
fn a_stable_group_gives_the_assignment_again() {
    let mut harness = Harness::new();
    let (_, second, generation) = harness.stable_pair();
    let token = harness.send_sync(&second, generation, &[]);
    assert_eq!(harness.synced(token).assignment, "odd");
}

#[test]
fn a_sync_must_fit_the_generation() {
    let mut harness = Harness::new();
    let (first, _, generation) = joined_pair(&mut harness);
    let token = harness.send_sync(&first, generation + 1, &[]);
    assert_eq!(harness.synced(token).error_code, code(ResponseError::IllegalGeneration));
    let token = harness.send_sync("stranger", generation, &[]);
    assert_eq!(harness.synced(token).error_code, code(ResponseError::UnknownMemberId));
    let request = SyncGroupRequest::default()
        .with_group_id(text(GROUP).into())
        .with_generation_id(generation)
        .with_member_id(text(&first))
        .with_protocol_name(Some(text("sticky")));
    let token = harness.token();
    harness.shard.sync_group(token, &request, harness.now);
    harness.run();
    assert_eq!(
        harness.synced(token).error_code,
        code(ResponseError::InconsistentGroupProtocol)
    );
}

#[test]
fn a_failed_append_sends_everyone_back_to_join() {
    for (error, told) in [
        (ResponseError::NotLeaderOrFollower, ResponseError::NotCoordinator),
        (ResponseError::NotEnoughReplicas, ResponseError::CoordinatorNotAvailable),
        (ResponseError::MessageTooLarge, ResponseError::UnknownServerError),
    ] {
        let mut harness = Harness::new();
        let (first, second, generation) = joined_pair(&mut harness);
        harness.commits_at_once = false;
        let followed = harness.send_sync(&second, generation, &[]);
        let led = harness.send_sync(&first, generation, &[(&first, "a")]);
        harness.fail(error);
        assert_eq!(harness.synced(led).error_code, code(told));
        assert_eq!(harness.synced(followed).error_code, code(told));
        assert_eq!(harness.state(), "PreparingRebalance");
    }
}

#[test]
fn an_append_that_takes_too_long_counts_as_failed_and_may_still_come() {
    let mut harness = Harness::new();
    let (first, second, generation) = joined_pair(&mut harness);
    harness.commits_at_once = false;
    let led = harness.send_sync(&first, generation, &[(&first, "a")]);
    harness.pass(5_000);
    assert_eq!(
        harness.synced(led).error_code,
        code(ResponseError::CoordinatorNotAvailable)
    );
    assert_eq!(harness.state(), "PreparingRebalance");
    harness.commit();
    assert_eq!(harness.state(), "PreparingRebalance");
    harness.join(&first);
    harness.join(&second);
    let led = harness.send_sync(&first, generation + 1, &[(&first, "b")]);
    harness.commit();
    assert_eq!(harness.synced(led).assignment, "b");
    assert_eq!(harness.replayed().checkpoint(), harness.shard.checkpoint());
}

#[test]
fn a_rebalance_that_begins_meanwhile_wins_over_the_append() {
    let mut harness = Harness::new();
    let (first, _, generation) = joined_pair(&mut harness);
    harness.commits_at_once = false;
    let led = harness.send_sync(&first, generation, &[(&first, "a")]);
    harness.join_anew();
    assert_eq!(harness.synced(led).error_code, code(ResponseError::RebalanceInProgress));
    harness.commit();
    assert_eq!(harness.state(), "PreparingRebalance");
}

#[test]
fn a_leader_that_syncs_twice_has_one_assignment_stored() {
    let mut harness = Harness::new();
    let (first, _, generation) = joined_pair(&mut harness);
    harness.commits_at_once = false;
    let once = harness.send_sync(&first, generation, &[(&first, "a")]);
    let twice = harness.send_sync(&first, generation, &[(&first, "b")]);
    assert_eq!(
        harness.synced(once).error_code,
        code(ResponseError::RebalanceInProgress)
    );
    assert_eq!(harness.appends.len(), 1);
    harness.commit();
    assert_eq!(harness.synced(twice).assignment, "a");
}

#[test]
fn who_never_syncs_is_removed_after_the_rebalance_timeout() {
    let mut harness = Harness::new();
    let (first, second, generation) = joined_pair(&mut harness);
    harness.send_sync(&first, generation, &[(&first, "a")]);
    assert_eq!(harness.state(), "Stable");
    for _ in 0..REBALANCE_MS / 5_000 {
        harness.heartbeat(&first, None, generation);
        harness.heartbeat(&second, None, generation);
        harness.pass(5_000);
    }
    assert_eq!(harness.state(), "PreparingRebalance");
    assert_eq!(
        harness.heartbeat(&second, None, generation),
        code(ResponseError::UnknownMemberId)
    );
    assert_eq!(
        harness.heartbeat(&first, None, generation),
        code(ResponseError::RebalanceInProgress)
    );
}

#[test]
fn a_member_that_leaves_while_it_waits_for_its_assignment_is_answered() {
    let mut harness = Harness::new();
    let (_, second, generation) = joined_pair(&mut harness);
    let token = harness.send_sync(&second, generation, &[]);
    harness.leave(&[(&second, None)]);
    assert_eq!(harness.synced(token).error_code, code(ResponseError::UnknownMemberId));
}

#[test]
fn unloading_answers_everyone_who_waits() {
    let mut harness = Harness::new();
    let (first, second, generation) = joined_pair(&mut harness);
    harness.commits_at_once = false;
    let synced = harness.send_sync(&second, generation, &[]);
    let led = harness.send_sync(&first, generation, &[(&first, "a")]);
    harness.shard.unload(harness.now);
    harness.run();
    assert_eq!(harness.synced(synced).error_code, code(ResponseError::NotCoordinator));
    assert_eq!(harness.synced(led).error_code, code(ResponseError::NotCoordinator));
    assert_eq!(harness.shard.next_deadline(), None);
    harness.commit();
    assert_eq!(
        harness.shard.metrics(),
        GroupMetrics {
            offsets: 0,
            ..harness.shard.metrics()
        }
    );
    assert_eq!(harness.state(), "Dead");
}
