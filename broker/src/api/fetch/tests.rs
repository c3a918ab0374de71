use std::path::Path;
use std::time::{Duration, Instant};

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{DeleteTopicsRequest, FetchRequest, FetchResponse};
use storage::disk::simulated::Fault;
use uuid::Uuid;

use crate::api::test_node::{TestNode, batch, name};

/// A partition and the offset from which it is fetched.
type Asked<'a> = (&'a str, i32, i64);

fn fetch(asked: &[Asked<'_>]) -> FetchRequest {
    let topics = asked.iter().map(|(topic, partition, offset)| {
        let partition = FetchPartition::default()
            .with_partition(*partition)
            .with_fetch_offset(*offset)
            .with_partition_max_bytes(1 << 20);
        FetchTopic::default()
            .with_topic(name(topic))
            .with_partitions(vec![partition])
    });
    FetchRequest::default()
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(topics.collect())
}

/// Topic `a` with two partitions, the first with one record.
async fn node() -> TestNode {
    let node = TestNode::start(&[]);
    node.create_topic("a", 2, &[]).await;
    append(&node).await;
    node
}

async fn append(node: &TestNode) {
    let partition = node.context.node.topics().partition("a", 0).unwrap();
    node.context.node.append(&partition, &batch(b"v")).unwrap();
    partition.committed(partition.reader().end_offset()).await.unwrap();
}

fn partitions(response: &FetchResponse) -> Vec<(String, &PartitionData)> {
    let topics = response.responses.iter();
    topics
        .flat_map(|topic| topic.partitions.iter().map(|data| (topic.topic.to_string(), data)))
        .collect()
}

fn errors(response: &FetchResponse) -> Vec<i16> {
    let partitions = partitions(response).into_iter();
    partitions.map(|(_, data)| data.error_code).collect()
}

#[tokio::test]
async fn a_partition_that_does_not_exist_does_not_end_the_wait_of_others() {
    let node = node().await;
    let wait = async |asked: &[Asked<'_>], errors_wanted: &[i16]| {
        let began = Instant::now();
        let response = node.call(12, &fetch(asked).with_max_wait_ms(300)).await;
        assert_eq!(errors(&response), errors_wanted, "{asked:?}");
        began.elapsed() >= Duration::from_millis(300)
    };
    assert!(wait(&[("none", 0, 0), ("a", 0, 1)], &[0, 3]).await);
    assert!(wait(&[("a", 7, 0), ("a", 0, 1)], &[0, 3]).await);
    assert!(!wait(&[("none", 0, 0)], &[3]).await, "nothing to wait for");
    assert!(!wait(&[], &[]).await);
    assert!(!wait(&[("none", 0, 0), ("a", 0, 0)], &[0, 3]).await, "there is data");
    assert!(
        !wait(&[("a", 0, 99), ("a", 1, 0)], &[1, 0]).await,
        "the log has no such offset"
    );
}

/// As after a produce with acks=1, whose answer comes before the sync.
#[tokio::test]
async fn what_is_written_and_not_committed_is_waited_for() {
    let mut node = node().await;
    node.stop_flusher();
    let partition = node.context.node.topics().partition("a", 0).unwrap();
    for _ in 0..3 {
        node.context.node.append(&partition, &batch(b"later")).unwrap();
    }
    let asked = [("a", 0, 3)];
    assert_eq!(errors(&node.call(12, &fetch(&asked).with_max_wait_ms(0)).await), [0]);
    assert_eq!(
        errors(&node.call(12, &fetch(&[("a", 0, 5)]).with_max_wait_ms(0)).await),
        [1]
    );
    let synced = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(node.context.node.flush_pass());
    };
    let request = fetch(&asked).with_max_wait_ms(30_000);
    let (response, ()) = tokio::join!(node.call(12, &request), synced);
    let (_, data) = partitions(&response)[0];
    assert_eq!((data.error_code, data.high_watermark), (0, 4));
    assert!(data.records.as_ref().is_some_and(|records| !records.is_empty()));
    // What is written to a partition that goes out of service then is never committed.
    node.disk
        .fail_next(Fault::SyncDataError, Path::new("/data/a-0"), u32::MAX);
    node.context.node.append(&partition, &batch(b"never")).unwrap();
    assert!(node.context.node.flush_pass());
    assert_eq!(
        errors(&node.call(12, &fetch(&[("a", 0, 5)]).with_max_wait_ms(0)).await),
        [56]
    );
}

#[tokio::test]
async fn data_ends_the_wait_beside_a_partition_that_does_not_exist() {
    let node = node().await;
    let began = Instant::now();
    let request = fetch(&[("none", 0, 0), ("a", 0, 1)]).with_max_wait_ms(20_000);
    let waiting = node.call(12, &request);
    let produce = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        append(&node).await;
    };
    let (response, ()) = tokio::join!(waiting, produce);
    assert_eq!(errors(&response), [0, 3], "what does not exist stands last");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_the_limits_leave_out_counts_for_the_wait() {
    let node = node().await;
    append(&node).await;
    append(&node).await;
    let partition = node.context.node.topics().partition("a", 0).unwrap();
    let size = partition.reader().size() as i32;
    let began = Instant::now();
    for (in_all, each) in [(1, 1 << 20), (size - 1, size)] {
        let mut request = fetch(&[("a", 0, 0)]).with_min_bytes(size).with_max_wait_ms(20_000);
        request.max_bytes = in_all;
        request.topics[0].partitions[0].partition_max_bytes = each;
        let response = node.call(12, &request).await;
        let read = partitions(&response)[0]
            .1
            .records
            .as_ref()
            .map_or(0, |records| records.len());
        assert!(0 < read && read < size as usize, "{read} of {size}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_epoch_that_the_log_does_not_know_is_out_of_range() {
    let node = node().await;
    let epoch = node
        .context
        .node
        .topics()
        .partition("a", 0)
        .unwrap()
        .leader_epoch()
        .unwrap();
    let ask = async |offset: i64, last_fetched: i32| {
        let mut request = fetch(&[("a", 0, offset)]);
        request.topics[0].partitions[0].last_fetched_epoch = last_fetched;
        let response = node.call(12, &request).await;
        let data = partitions(&response)[0].1.clone();
        (data.error_code, data.high_watermark, data.diverging_epoch)
    };
    for newer in [epoch + 1, epoch + 50] {
        let (error, high_watermark, diverging) = ask(1, newer).await;
        assert_eq!((error, high_watermark, diverging.end_offset), (1, -1, -1));
    }
    let (error, _, diverging) = ask(1, epoch).await;
    assert_eq!((error, diverging.epoch), (0, -1));
    let (error, _, diverging) = ask(9, epoch).await;
    assert_eq!((error, diverging.epoch, diverging.end_offset), (0, epoch, 1));
}

#[tokio::test]
async fn transactions_are_told_of_what_is_read_and_of_what_there_is_not() {
    let node = node().await;
    let aborted = async |asked: Asked<'_>, level: i8, epoch: i32| {
        let mut request = fetch(&[asked]).with_isolation_level(level);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        let response = node.call(12, &request).await;
        let data = partitions(&response)[0].1;
        (data.error_code, data.aborted_transactions.as_ref().map(Vec::len))
    };
    assert_eq!(aborted(("a", 0, 0), 0, -1).await, (0, None));
    assert_eq!(aborted(("a", 0, 0), 1, -1).await, (0, Some(0)));
    assert_eq!(
        aborted(("a", 0, 0), 0, -7).await,
        (0, None),
        "any negative epoch is none"
    );
    assert_eq!(aborted(("a", 0, 0), 1, 1_000).await, (75, None));
    assert_eq!(aborted(("a", 0, 99), 1, -1).await, (1, None));
    assert_eq!(aborted(("a", 9, 0), 0, -1).await, (3, Some(0)));
}

#[tokio::test]
async fn a_broker_that_is_no_replica_is_given_nothing() {
    let node = node().await;
    let by = async |version: i16, id: i32| {
        let mut request = fetch(&[("a", 0, 0)]);
        if version < 15 {
            request.replica_id = id.into();
        } else {
            request.replica_state.replica_id = id.into();
        }
        if version >= 13 {
            let topics = node.context.node.topics();
            request.topics[0].topic = name("");
            request.topics[0].topic_id = topics.load().by_name("a").unwrap().id;
        }
        let response = node.call(version, &request).await;
        let data = partitions(&response)[0].1.clone();
        (data.error_code, data.high_watermark)
    };
    for version in [4, 12, 14, 15, 17] {
        assert_eq!(by(version, 1).await, (6, -1), "{version}");
        assert_eq!(by(version, 7).await, (6, -1), "{version}");
        assert_eq!(by(version, -2).await, (0, 1), "{version}: a tool that looks");
    }
}

#[tokio::test]
async fn an_isolation_level_that_nobody_knows_is_refused() {
    let node = node().await;
    for level in [-1, 2, 7] {
        let response = node.call(12, &fetch(&[("a", 0, 0)]).with_isolation_level(level)).await;
        assert_eq!((response.error_code, errors(&response)), (-1, vec![-1]));
        let mut by_id = fetch(&[("", 0, 0)]).with_isolation_level(level);
        by_id.topics[0].topic_id = Uuid::from_u128(7);
        let response = node.call(13, &by_id).await;
        assert_eq!((response.error_code, errors(&response)), (-1, vec![]));
    }
}

#[tokio::test]
async fn a_partition_that_is_named_twice_is_answered_once() {
    let node = node().await;
    let response = node.call(12, &fetch(&[("a", 0, 0), ("a", 1, 0), ("a", 0, 1)])).await;
    let answered: Vec<_> = partitions(&response)
        .into_iter()
        .map(|(_, data)| {
            (
                data.partition_index,
                data.records.as_ref().map_or(0, |records| records.len()),
            )
        })
        .collect();
    assert_eq!(answered, [(0, 0), (1, 0)]);
}

#[tokio::test]
async fn an_empty_first_fetch_begins_a_session() {
    let node = node().await;
    let response = node.call(12, &fetch(&[]).with_session_epoch(0)).await;
    assert_ne!(response.session_id, 0);
    let next = fetch(&[("a", 0, 0)])
        .with_session_id(response.session_id)
        .with_session_epoch(1);
    let response = node.call(12, &next).await;
    assert_eq!((response.error_code, errors(&response)), (0, vec![0]));
}

#[tokio::test]
async fn a_topic_that_is_deleted_ends_the_wait() {
    let node = node().await;
    let began = Instant::now();
    let request = fetch(&[("a", 0, 1)]).with_max_wait_ms(20_000);
    let delete = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![name("a")])
            .with_timeout_ms(10_000);
        assert_eq!(node.call(5, &request).await.responses[0].error_code, 0);
    };
    let (response, ()) = tokio::join!(node.call(12, &request), delete);
    assert_eq!(errors(&response), [3]);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_stop_ends_every_wait_and_a_lack_of_memory_the_large_ones() {
    let node = node().await;
    let small = fetch(&[("a", 0, 1)]).with_max_wait_ms(20_000);
    let mut large = small.clone();
    large.rack_id = name(&"r".repeat(30_000)).0;
    large.topics = vec![large.topics[0].clone(), fetch(&[("a", 1, 0)]).topics[0].clone()];
    large.forgotten_topics_data = (0..5)
        .map(|_| ForgottenTopic::default().with_topic(name(&"f".repeat(10_000))))
        .collect();
    let began = Instant::now();
    let press = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.context.patience.press();
    };
    let (response, ()) = tokio::join!(node.call(12, &large), press);
    assert_eq!(errors(&response), [0, 0]);
    assert!(began.elapsed() < Duration::from_secs(10));

    let end = async {
        node.context.patience.press();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let pressed = Instant::now();
        node.context.patience.drain();
        pressed
    };
    let answered = async { (node.call(12, &small).await, Instant::now()) };
    let ((response, answered), drained) = tokio::join!(answered, end);
    assert_eq!(errors(&response), [0]);
    assert!(answered >= drained, "a small fetch goes on waiting");
    assert!(began.elapsed() < Duration::from_secs(10));
    // And from now on none waits.
    node.call(12, &small).await;
    assert!(began.elapsed() < Duration::from_secs(10));
}
