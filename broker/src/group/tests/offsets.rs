//! Offsets: committed, shown, expired, deleted.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest};
use uuid::Uuid;

use super::harness::{GROUP, Harness, code, text, topic_name};
use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

#[test]
fn an_offset_is_shown_and_its_commit_answered_once_it_is_in_the_log() {
    let mut harness = Harness::new();
    harness.commits_at_once = false;
    let token = harness.commit_offset("", -1, "t", 7);
    assert!(!harness.is_answered(token));
    assert_eq!(harness.offset_of("t"), -1);
    harness.commit();
    assert_eq!(harness.committed(token), 0);
    assert_eq!(harness.offset_of("t"), 7);
    assert_eq!(harness.state(), "Empty", "a simple group");
}

#[test]
fn offsets_that_need_more_memory_than_there_is_are_refused_and_those_that_replace_go_on() {
    let mut harness = Harness::with_config(GroupConfig {
        offset_memory: OffsetMemory::new(700),
        ..GroupConfig::default()
    });
    let mut commit = |topic: &str, offset: i64| {
        let token = harness.commit_offset("", -1, topic, offset);
        harness.committed(token)
    };
    assert_eq!((commit("a", 1), commit("b", 1)), (0, 0));
    assert_eq!(commit("c", 1), code(ResponseError::PolicyViolation));
    assert_eq!((commit("a", 2), commit("b", 2)), (0, 0));
    assert_eq!((harness.offset_of("a"), harness.offset_of("c")), (2, -1));
}

#[test]
fn of_two_commits_under_way_the_later_one_in_the_log_wins() {
    let mut harness = Harness::new();
    harness.commits_at_once = false;
    let first = harness.commit_offset("", -1, "t", 1);
    let second = harness.commit_offset("", -1, "t", 2);
    let [(first_id, _), (second_id, _)] = &harness.appends[..] else {
        panic!("two appends")
    };
    let (first_id, second_id) = (*first_id, *second_id);
    harness.shard.appended(second_id, Ok(1), harness.now);
    harness.run();
    assert_eq!(harness.offset_of("t"), -1, "the first one is still open");
    harness.shard.appended(first_id, Ok(0), harness.now);
    harness.run();
    assert_eq!((harness.committed(first), harness.committed(second)), (0, 0));
    assert_eq!(harness.offset_of("t"), 2);
    assert_eq!(harness.shard.applied_offset(), 2);
}

#[test]
fn a_commit_that_fails_changes_nothing_and_leaves_nothing() {
    let mut harness = Harness::new();
    harness.commits_at_once = false;
    let token = harness.commit_offset("", -1, "t", 7);
    harness.fail(ResponseError::NotEnoughReplicas);
    assert_eq!(harness.committed(token), code(ResponseError::CoordinatorNotAvailable));
    assert_eq!(harness.state(), "Dead");
    assert_eq!(harness.shard.metrics().failed_appends_total, 1);
}

#[test]
fn a_commit_that_takes_too_long_is_answered_and_counts_when_it_comes() {
    let mut harness = Harness::new();
    harness.commits_at_once = false;
    let token = harness.commit_offset("", -1, "t", 7);
    harness.pass(5_000);
    assert_eq!(harness.committed(token), code(ResponseError::CoordinatorNotAvailable));
    let stable = harness.send_fetch(Some("t"), true);
    assert_eq!(
        harness.fetched(stable),
        Err(code(ResponseError::NotCoordinator)),
        "nobody knows yet"
    );
    harness.commit();
    assert_eq!(harness.offset_of("t"), 7);
}

#[test]
fn a_stable_fetch_waits_for_the_commits_before_it() {
    let mut harness = Harness::new();
    harness.commits_at_once = false;
    harness.commit_offset("", -1, "t", 7);
    let stable = harness.send_fetch(Some("t"), true);
    let plain = harness.send_fetch(Some("t"), false);
    assert!(!harness.is_answered(stable));
    assert_eq!(harness.fetched(plain), Ok(vec![("t".into(), -1)]));
    harness.commit();
    assert_eq!(harness.fetched(stable), Ok(vec![("t".into(), 7)]));
}

#[test]
fn a_fetch_of_everything_lists_what_there_is() {
    let mut harness = Harness::new();
    let all = harness.send_fetch(None, false);
    assert_eq!(harness.fetched(all), Ok(vec![]), "no group is no error");
    harness.send_commit(&Harness::commit_request("", -1, &[("b", 0, 2), ("a", 0, 1)]));
    let all = harness.send_fetch(None, false);
    assert_eq!(harness.fetched(all), Ok(vec![("a".into(), 1), ("b".into(), 2)]));
    assert_eq!(harness.shard.committed_offsets().count(), 2);
}

#[test]
fn members_commit_in_their_generation_and_others_do_not() {
    let mut harness = Harness::new();
    let (first, _, generation) = harness.stable_pair();
    let mut commit = |member: &str, generation| {
        let token = harness.commit_offset(member, generation, "t", 1);
        harness.committed(token)
    };
    assert_eq!(commit(&first, generation), 0);
    assert_eq!(commit(&first, generation + 1), code(ResponseError::IllegalGeneration));
    assert_eq!(commit("stranger", generation), code(ResponseError::UnknownMemberId));
    assert_eq!(commit("", -1), code(ResponseError::UnknownMemberId));
}

#[test]
fn commits_are_taken_while_members_gather_and_not_while_the_leader_assigns() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    harness.join(&first);
    assert_eq!(harness.state(), "PreparingRebalance");
    let token = harness.commit_offset(&second, generation, "t", 1);
    assert_eq!(harness.committed(token), 0);
    harness.join(&second);
    assert_eq!(harness.state(), "CompletingRebalance");
    let token = harness.commit_offset(&second, generation + 1, "t", 2);
    assert_eq!(harness.committed(token), code(ResponseError::RebalanceInProgress));
}

#[test]
fn a_commit_keeps_the_session() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    for _ in 0..3 {
        harness.pass(9_000);
        harness.commit_offset(&first, generation, "t", 1);
        harness.commit_offset(&second, generation, "t", 1);
    }
    assert_eq!(harness.state(), "Stable");
}

#[test]
fn a_commit_to_no_group_fails_as_its_version_says() {
    let mut harness = Harness::new();
    let request = Harness::commit_request("m", 3, &[("t", 0, 1)]);
    for (version, error) in [
        (8, ResponseError::IllegalGeneration),
        (9, ResponseError::GroupIdNotFound),
    ] {
        let token = harness.token();
        harness.shard.offset_commit(token, version, &request, harness.now);
        harness.run();
        assert_eq!(harness.committed(token), code(error));
    }
}

#[test]
fn metadata_that_is_too_large_fails_alone() {
    let mut harness = Harness::new();
    let mut request = Harness::commit_request("", -1, &[("a", 0, 1), ("b", 0, 2)]);
    request.topics[0].partitions[0].committed_metadata = Some(text(&"x".repeat(4_097)));
    let token = harness.send_commit(&request);
    assert_eq!(harness.committed(token), code(ResponseError::OffsetMetadataTooLarge));
    assert_eq!((harness.offset_of("a"), harness.offset_of("b")), (-1, 2));
}

#[test]
fn an_offset_of_a_topic_that_was_made_anew_is_not_shown() {
    let mut harness = Harness::new();
    let mut request = Harness::commit_request("", -1, &[("t", 0, 5)]);
    request.topics[0].topic_id = Uuid::from_u128(1);
    harness.send_commit(&request);
    for (id, offset) in [(0, 5), (1, 5), (2, -1)] {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(topic_name("t"))
            .with_topic_id(Uuid::from_u128(id))
            .with_partition_indexes(vec![0]);
        let request = OffsetFetchRequestGroup::default()
            .with_group_id(text(GROUP).into())
            .with_topics(Some(vec![topic]));
        let token = harness.token();
        harness.shard.offset_fetch(token, &request, false, harness.now);
        harness.run();
        assert_eq!(harness.fetched(token), Ok(vec![("t".into(), offset)]));
    }
}

#[test]
fn a_simple_groups_offsets_expire_by_their_commit_and_the_group_with_them() {
    let mut harness = Harness::new();
    harness.commit_offset("", -1, "old", 1);
    harness.pass(4 * DAY_MS);
    harness.commit_offset("", -1, "new", 1);
    harness.pass(4 * DAY_MS);
    assert_eq!((harness.offset_of("old"), harness.offset_of("new")), (-1, 1));
    harness.pass(4 * DAY_MS);
    assert_eq!(harness.state(), "Dead");
    assert_eq!(harness.shard.metrics().offset_expirations_total, 2);
    assert_eq!(harness.replayed().checkpoint(), harness.shard.checkpoint());
}

#[test]
fn a_groups_offsets_expire_by_when_it_became_empty() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    harness.commit_offset(&first, generation, "t", 1);
    harness.leave(&[(&first, None), (&second, None)]);
    harness.pass(6 * DAY_MS);
    assert_eq!(harness.offset_of("t"), 1);
    harness.pass(2 * DAY_MS);
    assert_eq!((harness.offset_of("t"), harness.state()), (-1, "Dead".into()));
}

#[test]
fn in_a_stable_group_only_topics_that_nobody_reads_expire() {
    let mut harness = Harness::new();
    let (first, second, generation) = harness.stable_pair();
    harness.send_commit(&Harness::commit_request(
        &first,
        generation,
        &[("t", 0, 1), ("left", 0, 1)],
    ));
    for _ in 0..(8 * DAY_MS / 9_000) {
        harness.heartbeat(&first, None, generation);
        harness.heartbeat(&second, None, generation);
        harness.pass(9_000);
        harness.answers.clear();
    }
    assert_eq!(harness.state(), "Stable");
    assert_eq!((harness.offset_of("t"), harness.offset_of("left")), (1, -1));
}

#[test]
fn a_commit_with_its_own_retention_expires_by_that() {
    let mut harness = Harness::new();
    let request: OffsetCommitRequest =
        Harness::commit_request("", -1, &[("t", 0, 1)]).with_retention_time_ms(DAY_MS as i64);
    harness.send_commit(&request);
    assert_eq!(harness.replayed().checkpoint(), harness.shard.checkpoint());
    harness.restart();
    harness.pass(DAY_MS - 600_000);
    assert_eq!(harness.offset_of("t"), 1);
    harness.pass(DAY_MS);
    assert_eq!(harness.offset_of("t"), -1);
}

#[test]
fn an_expiry_does_not_take_a_commit_that_is_under_way() {
    let mut harness = Harness::with_config(GroupConfig {
        offset_commit_timeout_ms: DAY_MS,
        ..GroupConfig::default()
    });
    harness.commit_offset("", -1, "t", 1);
    harness.pass(7 * DAY_MS - 1_000_000);
    harness.commits_at_once = false;
    harness.commit_offset("", -1, "t", 2);
    harness.pass(2_000_000);
    assert_eq!(harness.appends.len(), 1, "no tombstones behind the commit");
    harness.commit();
    assert_eq!(harness.offset_of("t"), 2);
}

fn delete_request(topic: &str) -> OffsetDeleteRequest {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    OffsetDeleteRequest::default()
        .with_group_id(text(GROUP).into())
        .with_topics(vec![topic])
}

#[test]
fn names_of_groups_count_with_their_offsets() {
    let mut harness = Harness::with_config(GroupConfig {
        offset_memory: OffsetMemory::new(100_000),
        ..GroupConfig::default()
    });
    let long = |number: usize| format!("{number}{}", "x".repeat(30_000));
    let commit_to = |harness: &mut Harness, group: &str| {
        let request = Harness::commit_request("", -1, &[("t", 0, 1)]).with_group_id(text(group).into());
        let token = harness.send_commit(&request);
        harness.committed(token)
    };
    assert_eq!(commit_to(&mut harness, &long(1)), 0);
    let refused = code(ResponseError::PolicyViolation);
    assert_eq!(commit_to(&mut harness, &long(2)), refused);
    // Short names have room, and who is known goes on.
    assert_eq!(commit_to(&mut harness, "short"), 0);
    assert_eq!(commit_to(&mut harness, &long(1)), 0);
}

#[test]
fn offsets_are_deleted_unless_somebody_reads_the_topic() {
    let mut harness = Harness::new();
    let (first, _, generation) = harness.stable_pair();
    harness.send_commit(&Harness::commit_request(
        &first,
        generation,
        &[("t", 0, 1), ("left", 0, 1)],
    ));
    for (topic, error, offset) in [("t", code(ResponseError::GroupSubscribedToTopic), 1), ("left", 0, -1)] {
        let token = harness.token();
        harness.shard.offset_delete(token, &delete_request(topic), harness.now);
        harness.run();
        let Some(Response::OffsetDelete(response)) = harness.answers.get(&token) else {
            panic!("no answer")
        };
        assert_eq!(response.topics[0].partitions[0].error_code, error);
        assert_eq!(harness.offset_of(topic), offset);
    }
}

#[test]
fn a_deleted_topic_takes_its_offsets_along_even_those_under_way() {
    let mut harness = Harness::new();
    harness.send_commit(&Harness::commit_request(
        "",
        -1,
        &[("t", 0, 1), ("t", 1, 1), ("u", 0, 1)],
    ));
    harness.commits_at_once = false;
    let token = harness.send_commit(&Harness::commit_request("", -1, &[("t", 2, 1)]));
    harness.shard.topic_deleted("t", harness.now);
    harness.run();
    harness.commit();
    assert_eq!(harness.committed(token), 0);
    harness.commit();
    let left: Vec<_> = harness
        .shard
        .committed_offsets()
        .map(|(_, topic, ..)| topic.to_owned())
        .collect();
    assert_eq!(left, ["u"]);
    assert_eq!(harness.shard.metrics().offsets, 1);
    assert_eq!(harness.replayed().checkpoint(), harness.shard.checkpoint());
}
