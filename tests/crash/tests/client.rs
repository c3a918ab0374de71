//! The client of these tests against a broker: `WEIR_CLIENT_TEST_BROKER` names one that runs (Apache Kafka, to see that the
//! client is right); else the binary is started.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crash_tests::client::{Acks, ClientError, Committed, Connection, EARLIEST, LATEST, NewTopic};
use crash_tests::ledger::Ledger;
use crash_tests::payload;
use crash_tests::scene::Scene;
use storage::compression::Codec;

const TIMESTAMP: i64 = 1_790_000_000_000;

#[test]
fn the_client_speaks_with_a_broker() {
    if let Ok(address) = std::env::var("WEIR_CLIENT_TEST_BROKER") {
        return speak(address.parse().unwrap());
    }
    let mut scene = Scene::new(None, &[], Ledger::default()).unwrap();
    let broker = scene.start().unwrap();
    speak(broker.address);
    broker.stop(&scene.options).unwrap();
}

fn speak(address: SocketAddr) {
    let mut broker = Connection::open(address).unwrap();
    let name = format!("client-test-{}", std::process::id());
    let configs = [
        ("segment.bytes", "1048576"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
    ];
    let id = broker
        .create_topic(&NewTopic {
            name: &name,
            partitions: 2,
            configs: &configs,
        })
        .unwrap();
    await_leaders(&mut broker, &name);
    let topics = broker.describe_topics(Some(&[&name, "no-such-topic"])).unwrap();
    assert_eq!((topics.len(), topics[0].id, topics[0].partitions.len()), (1, id, 2));

    // Several in flight, and once more: the same offsets.
    let identity = retry(|| broker.init_producer_id());
    let batches = [(0, 3, Codec::None), (3, 2, Codec::Lz4), (5, 1, Codec::Zstd)];
    for round in 0..2 {
        for (first, count, codec) in batches {
            let batch = payload::batch(1, first, count, Some((identity, first as i32)), codec, TIMESTAMP);
            broker.send_produce(&name, 1, batch, Acks::All).unwrap();
        }
        assert_eq!(broker.under_way(), 3);
        let offsets = batches.map(|_| broker.receive_produced(&name, 1).unwrap());
        assert_eq!(offsets, [0, 3, 5], "round {round}");
    }
    let plain = payload::batch(2, 0, 2, None, Codec::None, TIMESTAMP);
    assert_eq!(broker.produce(&name, 1, plain, Acks::Leader).unwrap(), 6);

    let mut found = Vec::new();
    while found.len() < 8 {
        let fetched = broker.fetch(&name, 1, found.len() as i64, 500).unwrap();
        let next = found.len() as i64;
        let records = fetched.batches.iter().flat_map(|batch| &batch.records);
        found.extend(
            records
                .filter(|record| record.offset >= next)
                .map(|record| payload::identify(record).unwrap()),
        );
    }
    assert_eq!(found, [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 0), (2, 1)]);
    assert_eq!(broker.list_offset(&name, 1, EARLIEST).unwrap(), 0);
    assert_eq!(broker.list_offset(&name, 1, LATEST).unwrap(), 8);
    assert_eq!(broker.list_offset(&name, 0, LATEST).unwrap(), 0);

    let group = format!("{name}-group");
    let committed = Committed {
        offset: 5,
        metadata: "text".to_owned(),
    };
    retry(|| broker.find_coordinator(&group));
    retry(|| broker.commit(&group, &name, &[1], &committed));
    let none = Committed {
        offset: -1,
        metadata: String::new(),
    };
    assert_eq!(broker.committed(&group, &name, &[0, 1]).unwrap(), [none, committed]);

    // An error is an error.
    let gap = payload::batch(1, 9, 1, Some((identity, 9)), Codec::None, TIMESTAMP);
    let refused = broker.produce(&name, 1, gap, Acks::All).unwrap_err();
    assert!(matches!(refused, ClientError::Refused { code: 45, .. }), "{refused}");
}

/// Kafka answers CreateTopics before the topic's leaders know.
fn await_leaders(broker: &mut Connection, topic: &str) {
    let started = Instant::now();
    loop {
        let described = broker.describe_topics(Some(&[topic])).unwrap_or_default();
        if described.iter().any(|topic| {
            topic
                .partitions
                .iter()
                .all(|partition| partition.1 == 0 && partition.2 >= 0)
        }) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{described:?}");
        sleep(Duration::from_millis(50));
    }
}

/// Kafka makes its internal topics when they are first asked for.
fn retry<T>(mut ask: impl FnMut() -> Result<T, ClientError>) -> T {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(problem) => assert!(started.elapsed() < Duration::from_secs(60), "{problem}"),
        }
        sleep(Duration::from_millis(200));
    }
}
