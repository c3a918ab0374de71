use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

use super::*;

fn request(session_id: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions
        .iter()
        .map(|&(partition, offset)| {
            FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(offset)
        })
        .collect();
    FetchRequest::default()
        .with_session_id(session_id)
        .with_session_epoch(epoch)
        .with_topics(vec![
            FetchTopic::default()
                .with_topic(TopicName("t".to_string().into()))
                .with_partitions(partitions),
        ])
}

fn offsets(fetching: &Fetching) -> Vec<(i32, i64)> {
    fetching
        .asked
        .iter()
        .map(|asked| (asked.key.partition, asked.fetch_offset))
        .collect()
}

#[test]
fn a_session_remembers_what_is_fetched() {
    let sessions = FetchSessions::new(10, 1_000);
    let full = sessions
        .begin(&request(0, 0, &[(0, 5), (1, 6)]), 12, 0, |_| true, || 7)
        .unwrap();
    assert_eq!(full.session.as_ref().unwrap().0, 7);
    assert!(!full.incremental);
    let next = sessions
        .begin(&request(7, 1, &[(1, 9)]), 12, 1, |_| true, || 8)
        .unwrap();
    assert!(next.incremental);
    assert_eq!(offsets(&next), [(0, 5), (1, 9)]);
    let mut forget = request(7, 2, &[]);
    forget.forgotten_topics_data = vec![
        ForgottenTopic::default()
            .with_topic(TopicName("t".to_string().into()))
            .with_partitions(vec![0]),
    ];
    assert_eq!(
        offsets(&sessions.begin(&forget, 12, 2, |_| true, || 8).unwrap()),
        [(1, 9)]
    );
}

#[test]
fn what_is_named_and_forgotten_at_once_is_forgotten() {
    let sessions = FetchSessions::new(10, 1_000);
    sessions
        .begin(&request(0, 0, &[(0, 5), (1, 6)]), 12, 0, |_| true, || 7)
        .unwrap();
    let mut both = request(7, 1, &[(1, 9), (2, 3)]);
    both.forgotten_topics_data = vec![
        ForgottenTopic::default()
            .with_topic(TopicName("t".to_string().into()))
            .with_partitions(vec![1, 2]),
    ];
    let left = sessions.begin(&both, 12, 1, |_| true, || 8).unwrap();
    assert_eq!(offsets(&left), [(0, 5)]);
    assert_eq!(sessions.partitions(), 1);
}

#[test]
fn a_lost_or_doubled_request_is_noticed() {
    let sessions = FetchSessions::new(10, 1_000);
    sessions
        .begin(&request(0, 0, &[(0, 0)]), 12, 0, |_| true, || 7)
        .unwrap();
    let error = |session, epoch, version| {
        sessions
            .begin(&request(session, epoch, &[]), version, 0, |_| true, || 8)
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(error(7, 2, 12), ResponseError::InvalidFetchSessionEpoch);
    assert_eq!(error(9, 1, 12), ResponseError::FetchSessionIdNotFound);
    assert_eq!(error(7, 1, 13), ResponseError::FetchSessionTopicIdError);
    sessions.begin(&request(7, 1, &[]), 12, 0, |_| true, || 8).unwrap();
    assert_eq!(error(7, 1, 12), ResponseError::InvalidFetchSessionEpoch);
}

#[test]
fn without_a_slot_there_is_no_session_until_one_was_idle_for_long() {
    let sessions = FetchSessions::new(1, 1_000);
    assert!(
        sessions
            .begin(&request(0, 0, &[(0, 0)]), 12, 0, |_| true, || 1)
            .unwrap()
            .session
            .is_some()
    );
    assert!(
        sessions
            .begin(&request(0, 0, &[(0, 0)]), 12, 1_000, |_| true, || 2)
            .unwrap()
            .session
            .is_none()
    );
    assert!(
        sessions
            .begin(&request(0, 0, &[(0, 0)]), 12, MIN_EVICTION_MS, |_| true, || 3)
            .unwrap()
            .session
            .is_some()
    );
    assert_eq!(sessions.counts(), (1, 1));
}

#[test]
fn a_final_epoch_ends_the_session() {
    let sessions = FetchSessions::new(1, 1_000);
    sessions
        .begin(&request(0, 0, &[(0, 0)]), 12, 0, |_| true, || 1)
        .unwrap();
    assert!(
        sessions
            .begin(&request(1, FINAL_EPOCH, &[(0, 0)]), 12, 0, |_| true, || 2)
            .unwrap()
            .session
            .is_none()
    );
    assert_eq!(sessions.counts(), (0, 0));
}

#[test]
fn only_news_is_told_and_who_gave_data_goes_last() {
    let sessions = FetchSessions::new(1, 1_000);
    let full = sessions
        .begin(&request(0, 0, &[(0, 0), (1, 0)]), 12, 0, |_| true, || 1)
        .unwrap();
    let (_, session) = full.session.unwrap();
    let told = Told {
        high_watermark: 3,
        log_start_offset: 0,
    };
    let key = full.asked[0].key.clone();
    assert!(session.lock().is_news(&key, told));
    let other = full.asked[1].key.clone();
    let first = [(other, Some(told), false), (key.clone(), Some(told), true)];
    session.lock().tell(&first, false);
    session.lock().tell(&[], true);
    assert_eq!(
        session.lock().order,
        [first[0].0.clone(), key.clone()],
        "that of the first answer"
    );
    session.lock().tell(&[first[1].clone(), first[0].clone()], false);
    assert_eq!(session.lock().order[0], key);
    session.lock().tell(&[(key.clone(), Some(told), true)], true);
    assert!(!session.lock().is_news(&key, told));
    assert_eq!(
        offsets(&sessions.begin(&request(1, 1, &[]), 12, 0, |_| true, || 2).unwrap()),
        [(1, 0), (0, 0)]
    );
    session.lock().tell(&[(key.clone(), None, false)], true);
    assert!(session.lock().is_news(&key, told));
}

#[test]
fn partitions_in_sessions_are_limited() {
    let sessions = FetchSessions::new(10, 10);
    let begin = |session, epoch, partitions: std::ops::Range<i32>, id| {
        let partitions: Vec<_> = partitions.map(|partition| (partition, 0)).collect();
        let request = request(session, epoch, &partitions);
        let began = sessions.begin(&request, 12, 0, |_| true, || id);
        began.map(|fetching| fetching.session.map_or(0, |(id, _)| id))
    };
    assert_eq!(begin(0, 0, 0..6, 1), Ok(0), "more than half");
    assert_eq!((begin(0, 0, 0..5, 1), begin(0, 0, 0..4, 2)), (Ok(1), Ok(2)));
    assert_eq!((begin(0, 0, 0..2, 3), sessions.partitions()), (Ok(0), 9));
    assert_eq!((begin(2, 1, 4..5, 0), sessions.partitions()), (Ok(2), 10));
    let gone = Err(ResponseError::FetchSessionIdNotFound);
    assert_eq!((begin(2, 2, 5..6, 0), sessions.partitions()), (gone, 5));
    assert_eq!((begin(2, 3, 0..0, 0), sessions.counts().0), (gone, 1));
    // A session too large, a new one and one more partition for which there is no room.
    assert_eq!(sessions.limits.get(Limit::MaxFetchSessionPartitions), 3);
    assert_eq!(sessions.limits.get(Limit::MaxFetchSessions), 0);
    let mut forget = request(1, 1, &[]);
    forget.forgotten_topics_data = vec![
        ForgottenTopic::default()
            .with_topic(TopicName("t".to_string().into()))
            .with_partitions(vec![0, 1]),
    ];
    sessions.begin(&forget, 12, 0, |_| true, || 0).unwrap();
    assert_eq!(sessions.partitions(), 3);
    assert_eq!((begin(1, FINAL_EPOCH, 0..1, 0), sessions.partitions()), (Ok(0), 0));
}

#[test]
fn a_session_has_few_partitions_that_do_not_exist() {
    let sessions = FetchSessions::new(10, 10_000);
    let begin = |session, epoch, count| {
        let partitions: Vec<_> = (0..count).map(|partition| (partition, 0)).collect();
        let request = request(session, epoch, &partitions);
        let began = sessions.begin(&request, 12, 0, |key| key.partition < 5, || 1);
        began.map(|fetching| (fetching.session.is_some(), fetching.asked.len()))
    };
    let most = MAX_UNKNOWN as i32 + 5;
    assert_eq!(begin(0, 0, most + 1), Ok((false, MAX_UNKNOWN + 6)));
    assert_eq!(begin(0, 0, most), Ok((true, MAX_UNKNOWN + 5)));
    assert_eq!(begin(1, 1, most + 1), Err(ResponseError::FetchSessionIdNotFound));
    assert_eq!(sessions.partitions(), 0);
}

#[test]
fn a_partition_that_is_named_twice_is_asked_for_once_as_said_last() {
    let sessions = FetchSessions::new(10, 10);
    let twice = request(0, FINAL_EPOCH, &[(1, 3), (0, 5), (1, 6), (0, 7)]);
    let fetching = sessions.begin(&twice, 12, 0, |_| true, || 1).unwrap();
    assert_eq!(offsets(&fetching), [(1, 6), (0, 7)]);
}
