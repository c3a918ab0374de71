//! Described, listed, deleted, loaded, checkpointed.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::GroupId;

use super::harness::{GROUP, Harness, SESSION_MS, code, subscription, text, uuids};
use super::*;

#[test]
fn a_stable_group_is_described_with_everything() {
    let mut harness = Harness::new();
    let (first, ..) = harness.stable_pair();
    let described = harness.shard.describe_groups(&[GroupId(text(GROUP))], 6).remove(0);
    assert_eq!(described.group_state.as_str(), "Stable");
    assert_eq!(
        (described.protocol_type.as_str(), described.protocol_data.as_str()),
        ("consumer", "range")
    );
    assert_eq!(described.authorized_operations, i32::MIN);
    let member = &described.members[0];
    assert_eq!(member.member_id.as_str(), first);
    assert_eq!(
        (member.client_id.as_str(), member.client_host.as_str()),
        ("app", "/127.0.0.1")
    );
    assert_eq!(member.member_metadata, subscription(&["t"]));
    assert_eq!(member.member_assignment, "even");
}

#[test]
fn a_missing_group_is_dead_or_from_version_6_on_an_error() {
    let harness = Harness::new();
    let describe = |version| {
        harness
            .shard
            .describe_groups(&[GroupId(text("none"))], version)
            .remove(0)
    };
    assert_eq!((describe(5).error_code, describe(5).group_state.as_str()), (0, "Dead"));
    assert_eq!(describe(6).error_code, code(ResponseError::GroupIdNotFound));
    assert!(describe(6).error_message.is_some());
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut harness = Harness::new();
    harness.stable_pair();
    let list = |states: &[&'static str], types: &[&'static str]| {
        let filter = |names: &[&'static str]| names.iter().map(|name| text(name)).collect::<Vec<_>>();
        harness.shard.list_groups(&filter(states), &filter(types)).len()
    };
    assert_eq!(list(&[], &[]), 1);
    assert_eq!(list(&["stable", "Empty"], &["Classic"]), 1);
    assert_eq!(list(&["empty"], &[]), 0);
    assert_eq!(list(&[], &["consumer"]), 0);
    let listed = harness.shard.list_groups(&[], &[]).remove(0);
    assert_eq!(
        (listed.group_type.as_str(), listed.group_state.as_str()),
        ("classic", "Stable")
    );
}

#[test]
fn only_an_empty_group_can_be_deleted() {
    let mut harness = Harness::new();
    let token = harness.delete_group();
    assert_eq!(harness.deleted(token), code(ResponseError::GroupIdNotFound));
    let (first, second, generation) = harness.stable_pair();
    harness.commit_offset(&first, generation, "t", 1);
    let token = harness.delete_group();
    assert_eq!(harness.deleted(token), code(ResponseError::NonEmptyGroup));
    harness.leave(&[(&first, None), (&second, None)]);
    let token = harness.delete_group();
    assert_eq!(harness.deleted(token), 0);
    assert_eq!((harness.state(), harness.offset_of("t")), ("Dead".into(), -1));
    assert_eq!(harness.replayed().metrics().groups, StateCounts::default());
    assert_eq!(harness.replayed().checkpoint(), harness.shard.checkpoint());
}

#[test]
fn while_a_group_is_being_deleted_clients_are_told_to_retry() {
    let mut harness = Harness::new();
    harness.commit_offset("", -1, "t", 1);
    harness.commits_at_once = false;
    let deletion = harness.delete_group();
    assert_eq!(harness.offset_of("t"), 1, "still there");
    let retry = code(ResponseError::CoordinatorLoadInProgress);
    let token = harness.join("");
    assert_eq!(harness.joined(token).error_code, retry);
    let token = harness.commit_offset("", -1, "t", 2);
    assert_eq!(harness.committed(token), retry);
    let token = harness.delete_group();
    assert_eq!(harness.deleted(token), retry);
    harness.fail(ResponseError::KafkaStorageError);
    assert_eq!(harness.deleted(deletion), code(ResponseError::NotCoordinator));
    assert_eq!(harness.offset_of("t"), 1);
    let token = harness.commit_offset("", -1, "t", 2);
    harness.commit();
    assert_eq!(harness.committed(token), 0);
}

#[test]
fn a_large_group_is_deleted_in_several_batches_and_answered_once() {
    let mut harness = Harness::new();
    let topic = "a-rather-long-name-of-a-topic-".repeat(8);
    let offsets: Vec<_> = (0..3_000).map(|partition| (topic.as_str(), partition, 1)).collect();
    harness.send_commit(&Harness::commit_request("", -1, &offsets));
    harness.commits_at_once = false;
    let token = harness.delete_group();
    assert_eq!(harness.appends.len(), 4);
    harness.fail(ResponseError::NotEnoughReplicas);
    for _ in 0..3 {
        assert!(!harness.is_answered(token));
        harness.commit();
    }
    assert_eq!(harness.deleted(token), code(ResponseError::CoordinatorNotAvailable));
    let left = harness.shard.metrics().offsets;
    assert!(left > 0, "what could not be deleted is still there");
    assert_eq!(harness.replayed().checkpoint(), harness.shard.checkpoint());
    let token = harness.delete_group();
    while !harness.appends.is_empty() {
        harness.commit();
    }
    assert_eq!(harness.deleted(token), 0);
    assert_eq!((harness.state(), harness.shard.metrics().offsets), ("Dead".into(), 0));
}

#[test]
fn a_restart_keeps_members_and_offsets_and_starts_sessions_anew() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    harness.commit_offset(&first, generation, "t", 7);
    harness.pass(9_000);
    harness.restart();
    assert_eq!(harness.state(), "Stable");
    assert_eq!(harness.offset_of("t"), 7);
    harness.pass(9_000);
    assert_eq!(
        harness.heartbeat(&first, None, generation),
        0,
        "the session began with the restart"
    );
    let token = harness.send_sync(&second, generation, &[]);
    assert_eq!(harness.synced(token).assignment, "odd");
    harness.pass(SESSION_MS as u64 - 9_000);
    assert_eq!(
        harness.heartbeat(&second, None, generation),
        code(ResponseError::UnknownMemberId)
    );
}

#[test]
fn a_generation_that_was_never_stored_is_begun_again_after_a_restart() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    let before = harness.join(&first);
    harness.join(&second);
    assert_eq!(harness.joined(before).generation_id, generation + 1);
    harness.restart();
    assert_eq!(
        harness.heartbeat(&first, None, generation + 1),
        code(ResponseError::IllegalGeneration)
    );
    harness.join(&first);
    let again = harness.join(&second);
    assert_eq!(harness.joined(again).generation_id, generation + 1);
}

#[test]
fn a_loaded_group_over_the_size_limit_rebalances() {
    let mut harness = Harness::new();
    let (first, second, _) = harness.stable_pair();
    let mut shard = Shard::new(
        GroupConfig {
            max_size: 1,
            ..GroupConfig::default()
        },
        uuids(),
    );
    shard
        .restore(&harness.shard.checkpoint())
        .expect("our own checkpoint can be read");
    shard.load_finished(harness.now);
    harness.shard = shard;
    assert_eq!(harness.state(), "PreparingRebalance");
    let waiting = harness.join(&first);
    let refused = harness.join(&second);
    assert_eq!(
        harness.joined(refused).error_code,
        code(ResponseError::GroupMaxSizeReached)
    );
    assert_eq!(harness.joined(waiting).error_code, 0);
}

#[test]
fn a_checkpoint_and_the_tail_give_what_the_whole_log_gives() {
    let mut harness = Harness::new();
    let (first, _, generation) = harness.stable_pair();
    harness.commit_offset(&first, generation, "t", 1);
    let checkpoint = harness.shard.checkpoint();
    harness.commit_offset(&first, generation, "t", 2);
    harness.commit_offset(&first, generation, "u", 3);

    let mut shard = Shard::new(GroupConfig::default(), uuids());
    let from = shard.restore(&checkpoint).expect("our own checkpoint can be read");
    assert_eq!(from, harness.shard.applied_offset() - 2);
    // Records below it may be given again, and are skipped.
    for (offset, (key, value)) in harness.log.iter().enumerate() {
        shard
            .load_record(key, value.as_deref(), offset as i64)
            .expect("our own records can be read");
    }
    shard.load_finished(harness.now);
    assert_eq!(shard.checkpoint(), harness.shard.checkpoint());
    assert_eq!(shard.topics().len(), 2);
    assert_eq!(shard.metrics().members, 2);
}

#[test]
fn a_damaged_checkpoint_is_refused_wherever_the_damage_is() {
    let mut harness = Harness::new();
    let (first, _, generation) = harness.stable_pair();
    harness.commit_offset(&first, generation, "t", 1);
    let checkpoint = harness.shard.checkpoint();
    let mut shard = Shard::new(GroupConfig::default(), uuids());
    for byte in 0..checkpoint.len() {
        let mut damaged = checkpoint.clone();
        damaged[byte] ^= 0x10;
        assert!(shard.restore(&damaged).is_err(), "byte {byte}");
        assert!(shard.restore(&checkpoint[..byte]).is_err(), "cut at {byte}");
        assert_eq!((shard.metrics(), shard.applied_offset()), (GroupMetrics::default(), 0));
    }
    assert!(shard.restore(&checkpoint).is_ok());
}
