//! Committing and fetching offsets.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    ApiKey, DeleteTopicsRequest, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};
use uuid::Uuid;

use super::rig::{GROUP, PARTITIONS, Rig, TOPIC, commit_request, group_id, text, topic_name};
use crate::api::test_node::request;
use crate::metrics::Limit;

#[test]
fn a_commit_is_shown_and_answered_only_once_it_is_synced() {
    let rig = Rig::start(&[]);
    assert_eq!(rig.commit(GROUP, &[(0, 5)]), [0]);
    let mut commit = rig.send(ApiKey::OffsetCommit as i16, 9, &commit_request(GROUP, TOPIC, &[(0, 6)]));
    assert!(!rig.poll(&mut commit));
    let fetch = OffsetFetchRequest::default()
        .with_group_id(group_id(GROUP))
        .with_topics(None);
    let shown = rig.send(ApiKey::OffsetFetch as i16, 6, &fetch);
    let shown = rig.answer::<OffsetFetchRequest>(shown, 6);
    assert_eq!(shown.topics[0].partitions[0].committed_offset, 5);
    rig.flush();
    assert_eq!(
        rig.answer::<OffsetCommitRequest>(commit, 9).topics[0].partitions[0].error_code,
        0
    );
    assert_eq!(rig.fetch(GROUP, 0), 6);
}

#[test]
fn commits_of_one_partition_are_pipelined() {
    let rig = Rig::start(&[]);
    let send = |offset| {
        rig.send(
            ApiKey::OffsetCommit as i16,
            9,
            &commit_request(GROUP, TOPIC, &[(0, offset)]),
        )
    };
    let pending: Vec<_> = (0..100).map(send).collect();
    rig.flush();
    for pending in pending {
        assert_eq!(
            rig.answer::<OffsetCommitRequest>(pending, 9).topics[0].partitions[0].error_code,
            0
        );
    }
    assert_eq!(rig.fetch(GROUP, 0), 99);
}

#[test]
fn what_does_not_exist_is_refused_one_by_one() {
    let rig = Rig::start(&[]);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(
        rig.commit(GROUP, &[(PARTITIONS, 1), (2, 8), (-1, 1), (3, 9)]),
        [unknown, 0, unknown, 0]
    );
    assert_eq!((rig.fetch(GROUP, 2), rig.fetch(GROUP, 3)), (8, 9));
    let response = rig.call(9, &commit_request(GROUP, "no such", &[(0, 1)]));
    assert_eq!(response.topics[0].partitions[0].error_code, unknown);
    let too_large = ResponseError::OffsetMetadataTooLarge.code();
    let mut request = commit_request(GROUP, TOPIC, &[(0, 1), (9, 1), (1, 1)]);
    request.topics[0].partitions[0].committed_metadata = Some(text(&"m".repeat(5_000)));
    let partitions = rig.call(9, &request).topics.remove(0).partitions;
    let codes: Vec<_> = partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [too_large, unknown, 0]);
}

#[test]
fn old_and_new_versions_agree() {
    let rig = Rig::start(&[]);
    for version in 2..=9 {
        let offset = i64::from(version);
        let mut request = commit_request(GROUP, TOPIC, &[(1, offset)]);
        request.topics[0].partitions[0].committed_leader_epoch = if version >= 6 { 3 } else { -1 };
        assert_eq!(rig.call(version, &request).topics[0].partitions[0].error_code, 0);
        assert_eq!(rig.fetch(GROUP, 1), offset);
    }
    for version in 1..=7 {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partition_indexes(vec![1, 2]);
        let request = OffsetFetchRequest::default()
            .with_group_id(group_id(GROUP))
            .with_topics(Some(vec![topic]));
        let response = rig.call(version, &request);
        let offsets: Vec<_> = response.topics[0]
            .partitions
            .iter()
            .map(|partition| partition.committed_offset)
            .collect();
        assert_eq!((response.error_code, offsets), (0, vec![9, -1]), "version {version}");
    }
}

#[test]
fn topics_by_id() {
    let rig = Rig::start(&[]);
    let id = rig.context.node.image().topic(TOPIC).unwrap().id;
    let unknown = Uuid::from_u128(0xabcd);
    let topics = [(id, &[(1, 77)][..]), (unknown, &[(0, 1)][..])];
    let committed: OffsetCommitResponse = call_10(&rig, ApiKey::OffsetCommit, commit_10(&topics));
    let codes: Vec<_> = committed
        .topics
        .iter()
        .map(|topic| (topic.topic_id, topic.partitions[0].error_code))
        .collect();
    assert_eq!(codes, [(id, 0), (unknown, ResponseError::UnknownTopicId.code())]);

    let fetched: OffsetFetchResponse = call_10(&rig, ApiKey::OffsetFetch, fetch_10(Some(&[id, unknown])));
    let partitions: Vec<_> = fetched.groups[0]
        .topics
        .iter()
        .map(|topic| {
            (
                topic.topic_id,
                topic.partitions[0].committed_offset,
                topic.partitions[0].error_code,
            )
        })
        .collect();
    assert_eq!(
        partitions,
        [(id, 77, 0), (unknown, -1, ResponseError::UnknownTopicId.code())]
    );

    let all: OffsetFetchResponse = call_10(&rig, ApiKey::OffsetFetch, fetch_10(None));
    assert_eq!(all.groups[0].topics.len(), 1);
    assert_eq!(all.groups[0].topics[0].topic_id, id);
}

/// Sends a request of version 10, which the codec cannot encode.
fn call_10<R: kafka_protocol::protocol::Decodable>(rig: &Rig, key: ApiKey, body: Bytes) -> R {
    let mut request = request(key as i16, 9, &OffsetFetchRequest::default());
    request.header.api_version = 10;
    request.body = body;
    let mut pending = rig.send_raw(request);
    while !rig.poll(&mut pending) {
        rig.flush();
    }
    let mut bytes = pending.into_bytes();
    // Size, correlation id, tagged fields of the header.
    bytes.advance(9);
    R::decode(&mut bytes, 10).unwrap()
}

fn commit_10(topics: &[(Uuid, &[(i32, i64)])]) -> Bytes {
    let mut body = BytesMut::new();
    put_text(&mut body, GROUP);
    body.put_i32(-1);
    put_text(&mut body, "");
    body.put_u8(0);
    body.put_u8(topics.len() as u8 + 1);
    for (id, partitions) in topics {
        body.put_slice(id.as_bytes());
        body.put_u8(partitions.len() as u8 + 1);
        for (partition, offset) in *partitions {
            body.put_i32(*partition);
            body.put_i64(*offset);
            body.put_i32(-1);
            put_text(&mut body, "m");
            body.put_u8(0);
        }
        body.put_u8(0);
    }
    body.put_u8(0);
    body.freeze()
}

/// Asks for partition 1 of these topics, or for all.
fn fetch_10(topics: Option<&[Uuid]>) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u8(2);
    put_text(&mut body, GROUP);
    body.put_u8(0);
    body.put_i32(-1);
    body.put_u8(topics.map_or(0, |topics| topics.len() as u8 + 1));
    for id in topics.unwrap_or_default() {
        body.put_slice(id.as_bytes());
        body.put_u8(2);
        body.put_i32(1);
        body.put_u8(0);
    }
    body.put_u8(0);
    body.put_u8(1);
    body.put_u8(0);
    body.freeze()
}

fn put_text(body: &mut BytesMut, text: &str) {
    body.put_u8(text.len() as u8 + 1);
    body.put_slice(text.as_bytes());
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    let rig = Rig::start(&[]);
    assert_eq!(rig.commit(GROUP, &[(0, 5)]), [0]);
    let delete = DeleteTopicsRequest::default()
        .with_topic_names(vec![topic_name(TOPIC)])
        .with_timeout_ms(10_000);
    assert_eq!(rig.call(5, &delete).responses[0].error_code, 0);
    rig.flush();
    rig.context.coordinators.housekeep();
    rig.create_topic(TOPIC, PARTITIONS);
    assert_eq!(rig.fetch(GROUP, 0), -1);
}

#[test]
fn more_groups_than_allowed_are_refused() {
    let rig = Rig::start(&[("weir.max.groups", "2")]);
    assert_eq!(
        (rig.commit("a", &[(0, 1)]), rig.commit("b", &[(0, 1)])),
        (vec![0], vec![0])
    );
    assert_eq!(rig.commit("c", &[(0, 1)]), [ResponseError::PolicyViolation.code()]);
    assert_eq!(rig.context.limits.get(Limit::MaxGroups), 1);
    assert_eq!(rig.commit("a", &[(0, 2)]), [0]);
}

#[test]
fn offsets_that_are_asked_for_again_and_again_are_answered_as_long_as_there_is_room() {
    let rig = Rig::start(&[]);
    let mut request = commit_request(GROUP, TOPIC, &[(0, 5)]);
    let metadata = "m".repeat(4_000);
    request.topics[0].partitions[0].committed_metadata = Some(text(&metadata));
    assert_eq!(rig.call(9, &request).topics[0].partitions[0].error_code, 0);
    let group = |partitions: Option<Vec<i32>>| {
        let topics = partitions.map(|partitions| {
            vec![
                OffsetFetchRequestTopics::default()
                    .with_name(topic_name(TOPIC))
                    .with_partition_indexes(partitions),
            ]
        });
        OffsetFetchRequestGroup::default()
            .with_group_id(group_id(GROUP))
            .with_topics(topics)
    };
    let fetch = |groups: Vec<OffsetFetchRequestGroup>| rig.call(8, &OffsetFetchRequest::default().with_groups(groups));
    let answered = fetch(vec![group(None), group(Some(vec![0; 3])), group(None)]);
    let counts = answered.groups.iter().map(|group| group.topics[0].partitions.len());
    assert_eq!(counts.collect::<Vec<_>>(), [1, 3, 1]);
    let no_room = ResponseError::PolicyViolation.code();
    let answered = fetch(vec![group(Some(vec![0; 20_000])), group(Some(vec![0]))]);
    let errors: Vec<_> = answered.groups.iter().map(|group| group.error_code).collect();
    assert_eq!(errors, [no_room, 0], "a partition 20,000 times is 80 MB of metadata");
    let answered = fetch(vec![group(None); 20_000]);
    let whole = answered.groups.iter().take_while(|group| group.error_code == 0).count();
    assert!((2_500..5_000).contains(&whole), "{whole}");
    assert!(answered.groups[whole..].iter().all(|group| group.error_code == no_room));
}
