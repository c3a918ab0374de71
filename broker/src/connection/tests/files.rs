//! Responses around file ranges.

use super::*;

async fn fetch_file(prepare: impl FnOnce(&mut TestFile)) -> (Fixture, Arc<TestFile>, bool) {
    let content: Vec<u8> = (0..3_000_001u32).map(|i| (i * 7 % 251) as u8).collect();
    let mut file = TestFile::new(&content);
    prepare(&mut file);
    let file = Arc::new(file);
    let fixture = start_default().await;
    *fixture.service.file.lock() = Some(file.clone());
    let mut client = fixture.connect().await;
    client.send(&[frame(1, b"F-"), frame(2, b"after")].concat()).await;
    if file.broken.load(SeqCst) {
        // The size has been sent, so all that can be done is to close.
        let mut rest = Vec::new();
        _ = timeout(PATIENCE, client.stream.read_to_end(&mut rest)).await.unwrap();
        return (fixture, file, rest.len() < 100);
    }
    let (correlation_id, body) = client.receive().await;
    let expected = [b"F-", &content[1..], b"F-", &content[1..], b"F-"].concat();
    let same = correlation_id == 1 && body == expected;
    assert_eq!(client.receive().await, (2, b"after".to_vec()));
    (fixture, file, same)
}

#[tokio::test]
async fn sendfile_sends_what_is_in_memory() {
    let (fixture, file, same) = fetch_file(|_| {}).await;
    assert!(same);
    assert_eq!(file.reads.load(SeqCst), 0, "bytes passed through our memory");
    assert_eq!(fixture.metrics.network.cold_reads.get(), 0);
}

#[tokio::test]
async fn cold_ranges_are_read_in_first() {
    let (fixture, file, same) = fetch_file(|file| *file.cold.get_mut() = true).await;
    assert!(same);
    assert!(file.reads.load(SeqCst) > 0);
    assert_eq!(fixture.metrics.network.cold_reads.get(), 12);
}

#[tokio::test]
async fn a_disk_without_descriptors_is_copied() {
    let (_, file, same) = fetch_file(|file| file.has_descriptor = false).await;
    assert!(same);
    assert!(file.reads.load(SeqCst) > 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_closes_the_connection() {
    let (fixture, _, same) = fetch_file(|file| {
        *file.cold.get_mut() = true;
        *file.broken.get_mut() = true;
    })
    .await;
    assert!(same);
    fixture.until(|fixture| fixture.server.connections() == 0).await;
}
