use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{QuarantinedPartition, Readiness, ReadinessReport, serve};
use crate::metrics::Metrics;

#[derive(Default)]
struct Switch(Mutex<ReadinessReport>);

impl Readiness for Switch {
    fn report(&self) -> ReadinessReport {
        self.0.lock().clone()
    }
}

#[tokio::test]
async fn answers_probes_and_scrapes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let switch = Arc::new(Switch::default());
    let server = tokio::spawn(serve(listener, switch.clone(), Arc::new(Metrics::default())));
    let get = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };

    assert!(get("/livez").await.starts_with("HTTP/1.1 200"));
    let ready = get("/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 200") && ready.ends_with("\r\n\r\nready\n"),
        "{ready}"
    );

    let partition = QuarantinedPartition {
        topic: "t".into(),
        partition: 3,
        reason: "bad CRC at offset 5".into(),
    };
    *switch.0.lock() = ReadinessReport {
        waiting_for: Some("recovery".into()),
        quarantined: vec![partition],
    };
    let ready = get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(
        ready.ends_with("not ready: recovery\nquarantined t-3: bad CRC at offset 5\n"),
        "{ready}"
    );

    let metrics = get("/metrics").await;
    assert!(
        metrics.starts_with("HTTP/1.1 200") && metrics.contains("weir_connections 0\n"),
        "{metrics}"
    );
    server.abort();
}
