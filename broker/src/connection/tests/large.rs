//! Answers that take memory or time to build.

use super::*;

#[tokio::test]
async fn large_answers_are_built_one_at_a_time_and_overtaken_by_nothing() {
    let fixture = start_default().await;
    let mut clients = [fixture.connect().await, fixture.connect_from("127.0.0.2").await];
    for client in &mut clients {
        client.send(&frame(1, b"H")).await;
        client.send(&frame(2, b"behind")).await;
        client.send(&frame_of(0, 3, 3, b"a produce")).await;
    }
    let building = fixture.service.building.clone();
    fixture.until(|_| building.0.load(SeqCst) == 1).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(fixture.called(), 2);
    // Those who ask for little are answered meanwhile.
    let mut other = fixture.connect().await;
    other.send(&frame(4, b"x")).await;
    assert_eq!(other.receive().await.0, 4);
    fixture.service.gate.add_permits(2);
    for client in &mut clients {
        for id in 1..=3 {
            assert_eq!(client.receive().await.0, id);
        }
    }
    assert_eq!(building.1.load(SeqCst), 1);
}

#[tokio::test]
async fn large_requests_are_handled_in_their_turn() {
    let fixture = start_default().await;
    let (metadata, offset_commit) = (3, 8);
    let large = vec![b'x'; 20_000];
    let mut first = fixture.connect().await;
    first.send(&frame(1, b"H")).await;
    fixture
        .until(|fixture| fixture.service.building.0.load(SeqCst) == 1)
        .await;
    let mut second = fixture.connect().await;
    second.send(&frame_of(metadata, 1, 2, &large)).await;
    second.nothing_comes().await;
    assert_eq!(fixture.called(), 1);
    // Its answer is not larger than itself.
    let mut third = fixture.connect().await;
    third.send(&frame_of(offset_commit, 2, 3, &large)).await;
    assert_eq!(third.receive().await, (3, large.clone()));
    fixture.service.gate.add_permits(1);
    assert_eq!(second.receive().await, (2, large));
    assert_eq!(first.receive().await.0, 1);
}

#[tokio::test]
async fn who_leaves_before_its_turn_keeps_nobody() {
    let fixture = start_default().await;
    let mut first = fixture.connect().await;
    first.send(&frame(1, b"H")).await;
    fixture
        .until(|fixture| fixture.service.building.0.load(SeqCst) == 1)
        .await;
    for _ in 0..3 {
        let mut gone = fixture.connect().await;
        gone.send(&frame(1, b"H")).await;
    }
    let mut last = fixture.connect().await;
    last.send(&frame(1, b"H")).await;
    fixture.until(|fixture| fixture.called() >= 2).await;
    fixture.service.gate.add_permits(5);
    assert_eq!(first.receive().await.0, 1);
    assert_eq!(last.receive().await.0, 1);
}
