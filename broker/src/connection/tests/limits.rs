//! Every limit, reached.

use std::time::Duration;

use super::*;

fn limits() -> Limits {
    Limits::default()
}

#[tokio::test]
async fn pipelining_is_bounded() {
    let limits = Limits {
        max_pipelined: 3,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut client = fixture.connect().await;
    for i in 0..5 {
        client.send(&frame(i, b"L")).await;
    }
    fixture.until(|fixture| fixture.called() == 3).await;
    client.nothing_comes().await;
    assert_eq!(fixture.called(), 3);
    assert_eq!(fixture.metrics.limits.get(Limit::MaxPipelinedRequests), 1);
    fixture.service.gate.add_permits(5);
    for i in 0..5 {
        assert_eq!(client.receive().await.0, i);
    }
}

#[tokio::test]
async fn a_slow_reader_is_not_read() {
    let limits = Limits {
        max_connection_response_bytes: 4 << 20,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut client = fixture.connect().await;
    let count = 200;
    let all: Vec<u8> = (0..count).flat_map(|i| frame(i, b"B")).collect();
    client.send(&all).await;
    fixture.until(|fixture| fixture.called() > 0).await;
    tokio::time::sleep(A_WHILE).await;
    // What the kernel's buffers take, and the limit, are far from 200 MB.
    assert!(
        fixture.called() < 40,
        "{} responses of a megabyte each were made",
        fixture.called()
    );
    for i in 0..count {
        let (correlation_id, body) = client.receive().await;
        assert_eq!((correlation_id, body.len()), (i, 1 << 20));
    }
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed_though_nothing_is_read() {
    let limits = Limits {
        max_pipelined: 3,
        frame_timeout: Duration::from_millis(300),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut client = fixture.connect().await;
    for i in 0..5 {
        client.send(&frame(i, b"L")).await;
    }
    fixture.until(|fixture| fixture.called() == 3).await;
    drop(client);
    fixture.until(|fixture| fixture.server.connections() == 0).await;
    // What was sent before the end, and is to be answered by us, is not lost.
    let mut producer = fixture.connect().await;
    for i in 0..5 {
        producer.send(&frame_of(0, 3, i, b"L")).await;
    }
    fixture.until(|fixture| fixture.called() == 6).await;
    producer.stream.shutdown().await.unwrap();
    tokio::time::sleep(A_WHILE).await;
    fixture.service.gate.add_permits(5);
    fixture.until(|fixture| fixture.called() == 8).await;
}

#[tokio::test]
async fn a_frame_of_a_client_that_does_not_read_is_late() {
    let limits = Limits {
        max_connection_response_bytes: 1 << 20,
        frame_timeout: Duration::from_millis(300),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut client = fixture.connect().await;
    let mut sent = 0;
    for i in 0..30 {
        let large = frame_of(0, 3, i, &[&b"L"[..], &vec![0; 1 << 20]].concat());
        client.send(&large).await;
        sent += large.len();
    }
    client.send(&frame_of(0, 3, 99, &vec![b'x'; 300_000])[..100_000]).await;
    sent += 100_000;
    // The last frame has to have begun: once answers wait nothing more is read.
    let bytes_in = |fixture: &Fixture| fixture.metrics.network.bytes_in.get();
    fixture
        .until(|fixture| fixture.called() == 30 && bytes_in(fixture) == sent as u64)
        .await;
    // Answers that nobody reads.
    fixture.service.gate.add_permits(30);
    fixture.until(|fixture| fixture.server.connections() == 0).await;
    assert_eq!(fixture.metrics.limits.get(Limit::MaxConnectionResponseBytes), 1);
    assert_eq!(fixture.metrics.limits.get(Limit::FrameTimeoutMs), 1);
    assert_eq!(gauge(&fixture, "weir_requests_in_flight_bytes "), 0);
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let limits = Limits {
        idle_timeout: Some(Duration::from_millis(300)),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut idle = fixture.connect().await;
    let mut waiting = fixture.connect().await;
    idle.send(&frame(1, b"x")).await;
    idle.receive().await;
    waiting.send(&frame(1, b"L")).await;
    idle.is_closed().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    fixture.service.gate.add_permits(1);
    assert_eq!(waiting.receive().await.0, 1);
    assert_eq!(fixture.metrics.network.closed_idle.get(), 1);
    assert_eq!(fixture.metrics.limits.get(Limit::ConnectionsMaxIdleMs), 1);
}

#[tokio::test]
async fn frames_must_arrive_in_time() {
    let limits = Limits {
        frame_timeout: Duration::from_millis(300),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut silent = fixture.connect().await;
    let mut drips = fixture.connect().await;
    let mut rides_along = fixture.connect().await;
    let mut fine = fixture.connect().await;
    fine.send(&frame(1, b"x")).await;
    fine.receive().await;
    drips.send(&frame(1, b"abc")[..5]).await;
    rides_along.send(&[&frame(1, b"abc")[..], b"\0"].concat()).await;
    rides_along.receive().await;
    drips.is_closed().await;
    rides_along.is_closed().await;
    // Between frames, and before the first, it is only the idle timeout that counts.
    tokio::time::sleep(Duration::from_millis(400)).await;
    fine.send(&frame(2, b"x")).await;
    assert_eq!(fine.receive().await.0, 2);
    silent.send(&frame(3, b"x")).await;
    assert_eq!(silent.receive().await.0, 3);
    assert_eq!(fixture.metrics.network.closed_idle.get(), 2);
    assert_eq!(fixture.metrics.limits.get(Limit::FrameTimeoutMs), 2);
}

#[tokio::test]
async fn a_whole_frame_must_arrive_in_time_however_it_drips() {
    let limits = Limits {
        frame_timeout: Duration::from_millis(300),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    for len in [1000, 50_000, 10_000_000] {
        let mut drips = fixture.connect().await;
        drips.send(&frame_of(0, 3, 1, &vec![b'x'; len])[..500]).await;
        let started = std::time::Instant::now();
        // Each piece comes well within the timeout of a step.
        while started.elapsed() < PATIENCE && drips.stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn without_an_idle_timeout_connections_live_on() {
    let limits = Limits {
        idle_timeout: None,
        frame_timeout: Duration::from_millis(20),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut client = fixture.connect().await;
    tokio::time::sleep(A_WHILE).await;
    client.send(&frame(1, b"x")).await;
    client.receive().await;
    tokio::time::sleep(A_WHILE).await;
    client.send(&frame(2, b"x")).await;
    assert_eq!(client.receive().await.0, 2);
}

#[tokio::test]
async fn small_requests_that_wait_are_not_charged_and_few() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    let body = [&b"L"[..], &[0; 30_000]].concat();
    let (offset_commit, version) = (8, 2);
    for i in 0..10 {
        client.send(&frame_of(offset_commit, version, i, &body)).await;
    }
    fixture.until(|fixture| fixture.called() == 3).await;
    client.nothing_comes().await;
    assert_eq!(fixture.called(), 3);
    fixture.service.gate.add_permits(10);
    for i in 0..10 {
        assert_eq!(client.receive().await.0, i);
    }
}

#[tokio::test]
async fn slow_readers_are_bounded_together() {
    let limits = Limits {
        max_response_bytes: 6 << 20,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let all: Vec<u8> = (0..40).flat_map(|i| frame(i, b"B")).collect();
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = fixture.connect().await;
        client.send(&all).await;
        clients.push(client);
    }
    tokio::time::sleep(A_WHILE).await;
    // One answer of each beyond the limit.
    let held = gauge(&fixture, "weir_responses_in_memory_bytes ");
    assert!((6 << 20..17 << 20).contains(&held), "{held} bytes are held");
    assert!(fixture.metrics.limits.get(Limit::MaxResponseBytes) > 0);
    let mut other = fixture.connect_from("127.0.0.2").await;
    other.send(&frame(1, b"x")).await;
    assert_eq!(other.receive().await.0, 1);
    let read = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            for i in 0..40 {
                assert_eq!(client.receive().await.0, i);
            }
        })
    });
    for read in read.collect::<Vec<_>>() {
        read.await.unwrap();
    }
    fixture
        .until(|fixture| gauge(fixture, "weir_responses_in_memory_bytes ") == 0)
        .await;
}

#[tokio::test]
async fn who_does_not_read_is_closed_while_answers_take_too_much() {
    let limits = Limits {
        max_response_bytes: 2 << 20,
        frame_timeout: Duration::from_secs(3),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let all: Vec<u8> = (0..40).flat_map(|i| frame(i, b"B")).collect();
    let mut client = fixture.connect().await;
    client.send(&all).await;
    fixture
        .until(|fixture| fixture.metrics.network.closed_idle.get() == 1)
        .await;
    assert_eq!(fixture.server.connections(), 0);
}

#[tokio::test]
async fn connections_per_address_and_in_all() {
    let quotas = ConnectionQuotas {
        max_per_ip: 2,
        ..ConnectionQuotas::default()
    };
    let fixture = start(limits(), quotas).await;
    let (first, _second) = (fixture.connect().await, fixture.connect().await);
    fixture.connect().await.is_closed().await;
    assert_eq!(fixture.metrics.network.refused_per_ip.get(), 1);
    assert_eq!(fixture.metrics.limits.get(Limit::MaxConnectionsPerIp), 1);
    drop(first);
    fixture.until(|fixture| fixture.server.connections() == 1).await;
    let mut third = fixture.connect().await;
    third.send(&frame(1, b"x")).await;
    third.receive().await;

    let overrides = [("127.0.0.1".parse().unwrap(), 1)].into();
    let quotas = ConnectionQuotas {
        per_ip_overrides: overrides,
        ..ConnectionQuotas::default()
    };
    let fixture = start(limits(), quotas).await;
    let _first = fixture.connect().await;
    fixture.connect().await.is_closed().await;

    let quotas = ConnectionQuotas {
        max_connections: 1,
        ..ConnectionQuotas::default()
    };
    let fixture = start(limits(), quotas).await;
    let mut first = fixture.connect().await;
    first.send(&frame(1, b"x")).await;
    first.receive().await;
    let mut second = fixture.connect().await;
    second.send(&frame(2, b"x")).await;
    second.nothing_comes().await;
    assert_eq!(fixture.metrics.limits.get(Limit::MaxConnections), 1);
    drop(first);
    assert_eq!(second.receive().await.0, 2);
    // The quotas change while it runs.
    let mut third = fixture.connect().await;
    third.send(&frame(3, b"x")).await;
    third.nothing_comes().await;
    fixture.server.set_quotas(ConnectionQuotas {
        max_per_ip: 2,
        ..ConnectionQuotas::default()
    });
    assert_eq!(third.receive().await.0, 3);
    fixture.connect().await.is_closed().await;
}
