//! The budget of requests in flight, reached.

use super::*;

fn limits() -> Limits {
    Limits::default()
}

#[tokio::test]
async fn the_budget_makes_connections_wait_and_closes_none() {
    let limits = Limits {
        in_flight_bytes: 1 << 20,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    // Twenty clients whose frames hold 200 KB each until they are answered.
    let mut clients = Vec::new();
    for i in 0..20 {
        let mut client = fixture.connect().await;
        let body = [&b"L"[..], &vec![0; 200_000]].concat();
        clients.push(tokio::spawn(async move {
            client.send(&frame_of(0, 3, i, &body)).await;
            let (correlation_id, answer) = client.receive().await;
            assert!(correlation_id == i && answer == body);
        }));
    }
    fixture.until(|fixture| fixture.called() >= 3).await;
    tokio::time::sleep(A_WHILE).await;
    assert!(fixture.called() <= 5, "{} frames were let in", fixture.called());
    fixture.service.gate.add_permits(20);
    for client in clients {
        client.await.unwrap();
    }
    assert!(fixture.metrics.network.budget_waits.get() > 0);
    let text = fixture.metrics.render();
    assert!(text.contains("weir_requests_in_flight_bytes 0\n"), "{text}");
}

#[tokio::test]
async fn half_frames_cannot_lock_each_other_out() {
    let limits = Limits {
        in_flight_bytes: 1 << 20,
        frame_timeout: PATIENCE,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let body = vec![b'x'; 900_000];
    let frame = frame_of(0, 3, 1, &body);
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = fixture.connect().await;
        client.send(&frame[..400_000]).await;
        clients.push(client);
    }
    tokio::time::sleep(A_WHILE).await;
    let tasks = clients.into_iter().map(|mut client| {
        let rest = frame.slice(400_000..);
        tokio::spawn(async move {
            client.send(&rest).await;
            client.receive().await.1.len()
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(timeout(PATIENCE, task).await.expect("no deadlock").unwrap(), body.len());
    }
}

#[tokio::test]
async fn a_frame_larger_than_the_whole_budget_passes() {
    let limits = Limits {
        in_flight_bytes: 100_000,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut client = fixture.connect().await;
    client.send(&frame_of(0, 3, 1, &vec![b'x'; 1_000_000])).await;
    assert_eq!(client.receive().await.1.len(), 1_000_000);
    client.send(&frame(2, &vec![b'x'; 90_000])).await;
    assert_eq!(client.receive().await.1.len(), 90_000);
}

#[tokio::test]
async fn who_has_the_overdraft_must_hurry_while_others_wait() {
    let limits = Limits {
        in_flight_bytes: 1 << 20,
        frame_timeout: PATIENCE,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let frame = frame_of(0, 3, 1, &vec![b'x'; 900_000]);
    let mut slow = fixture.connect().await;
    slow.send(&frame[..500_000]).await;
    // As slow as it likes while nobody waits.
    tokio::time::sleep(Duration::from_secs(1)).await;
    slow.send(b"x").await;
    let mut other = fixture.connect().await;
    let started = std::time::Instant::now();
    other.send(&frame).await;
    let drip = tokio::spawn(async move {
        while slow.stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(other.receive().await.1.len(), 900_000);
    assert!(
        started.elapsed() < Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(fixture.metrics.limits.get(Limit::FrameTimeoutMs), 1);
    timeout(PATIENCE, drip).await.unwrap().unwrap();
}

#[tokio::test]
async fn slow_frames_of_others_do_not_hold_up_an_address() {
    let limits = Limits {
        in_flight_bytes: 16 << 20,
        frame_timeout: Duration::from_secs(3),
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let frame = frame_of(0, 3, 1, &vec![b'x'; 5 << 20]);
    let mut drips = Vec::new();
    for i in 0..20 {
        let mut slow = fixture.connect_from(["127.0.0.2", "127.0.0.3"][i % 2]).await;
        let frame = frame.clone();
        drips.push(tokio::spawn(async move {
            for piece in frame.chunks(100_000) {
                if slow.stream.write_all(piece).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(70)).await;
            }
        }));
    }
    fixture
        .until(|fixture| fixture.metrics.network.budget_waits.get() > 10)
        .await;
    let mut client = fixture.connect().await;
    let started = std::time::Instant::now();
    client.send(&frame).await;
    assert_eq!(client.receive().await.0, 1);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    drips.iter().for_each(|drip| drip.abort());
}

#[tokio::test]
async fn a_frame_that_fits_waits_for_no_other() {
    let fixture = start_default().await;
    let mut slow = fixture.connect().await;
    // Larger than an address can hold: it has the overdraft, and comes no further.
    slow.send(&frame_of(0, 3, 1, &vec![b'x'; 60 << 20])[..6 << 20]).await;
    fixture
        .until(|fixture| gauge(fixture, "weir_requests_in_flight_bytes ") > 0)
        .await;
    let mut other = fixture.connect().await;
    other.send(&frame_of(0, 3, 2, &vec![b'x'; 10 << 20])).await;
    assert_eq!(other.receive().await.0, 2);
    assert_eq!(fixture.metrics.network.budget_waits.get(), 0);
    assert_eq!(fixture.metrics.limits.get(Limit::QueuedMaxRequestBytes), 0);
}

#[tokio::test]
async fn requests_that_wait_keep_nothing_from_small_ones() {
    let limits = Limits {
        in_flight_bytes: 1 << 20,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    // Large ones that wait as long as their clients like, and halves of large and of small frames.
    let mut clients = Vec::new();
    for i in 0..12 {
        let mut client = fixture.connect().await;
        client.send(&frame(i, &[&b"L"[..], &vec![0; 200_000]].concat())).await;
        clients.push(client);
    }
    for i in 0..12 {
        let mut client = fixture.connect().await;
        client.send(&frame_of(0, 3, i, &vec![b'x'; 900_000])[..300_000]).await;
        clients.push(client);
        let mut client = fixture.connect().await;
        client.send(&frame(i, &vec![b'x'; 60_000])[..50_000]).await;
        clients.push(client);
    }
    tokio::time::sleep(A_WHILE).await;
    let mut bystander = fixture.connect().await;
    for i in 0..10 {
        for request in [frame(i, b"small"), frame_of(0, 3, i, b"small"), frame(i, &[b'x'; 3000])] {
            bystander.send(&request).await;
            assert_eq!(bystander.receive().await.0, i);
        }
    }
    assert!(fixture.service.pressed.load(SeqCst) > 0, "nobody was told to hurry");
    assert!(fixture.metrics.limits.get(Limit::QueuedMaxRequestBytes) > 0);
    drop(clients);
    fixture.until(|fixture| fixture.server.connections() == 1).await;
    assert_eq!(gauge(&fixture, "weir_requests_in_flight_bytes "), 0);
}

#[tokio::test]
async fn requests_that_keep_nothing_of_their_frames_are_not_charged_while_they_wait() {
    let limits = Limits {
        in_flight_bytes: 4 << 20,
        ..limits()
    };
    let fixture = start(limits, ConnectionQuotas::default()).await;
    let mut clients = Vec::new();
    let (join_group, version) = (11, 3);
    for i in 0..20 {
        let mut client = fixture.connect().await;
        let body = [&b"W"[..], &vec![0; 800_000]].concat();
        client.send(&frame_of(join_group, version, i, &body)).await;
        clients.push(client);
    }
    fixture.until(|fixture| fixture.called() == 20).await;
    assert_eq!(gauge(&fixture, "weir_requests_in_flight_bytes "), 0);
    let mut other = fixture.connect().await;
    other.send(&frame_of(0, 3, 1, &vec![b'x'; 800_000])).await;
    assert_eq!(other.receive().await.0, 1);
    fixture.service.gate.add_permits(20);
    for client in &mut clients {
        client.receive().await;
    }
}

#[tokio::test]
async fn a_produce_behind_a_request_that_waits_gives_its_bytes_back() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    client.send(&frame(1, b"L")).await;
    client
        .send(&frame_of(0, 3, 2, &[&b"D"[..], &vec![0; 300_000]].concat()))
        .await;
    client.send(&frame_of(0, 3, 3, b"D small")).await;
    fixture.until(|fixture| fixture.called() == 3).await;
    fixture
        .until(|fixture| gauge(fixture, "weir_requests_in_flight_bytes ") == 0)
        .await;
    client.nothing_comes().await;
    fixture.service.gate.add_permits(1);
    for i in 1..=3 {
        assert_eq!(client.receive().await.0, i);
    }
}

#[tokio::test]
async fn halves_of_small_frames_are_charged() {
    let fixture = start_default().await;
    let mut clients = Vec::new();
    for i in 0..50 {
        let mut client = fixture.connect().await;
        client.send(&frame(i, &vec![b'x'; 60_000])[..50_000]).await;
        clients.push(client);
    }
    fixture
        .until(|fixture| gauge(fixture, "weir_requests_in_flight_bytes ") >= 50 * 60_000)
        .await;
    for client in &mut clients {
        client.send(&[b'x'; 10_014]).await;
        assert_eq!(client.receive().await.1.len(), 60_000);
    }
    assert_eq!(gauge(&fixture, "weir_requests_in_flight_bytes "), 0);
}
