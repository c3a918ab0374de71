//! Raw sockets against a server whose service does what the first byte of a request's body says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::MetadataRequest;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use super::test_file::TestFile;
use super::{Limits, Outcome, Request, Service};
use crate::metrics::{Limit, Metrics};
use crate::server::{ConnectionQuotas, Server, Workers};
use crate::wire::{Part, Response};

mod files;
mod large;
mod limits;
mod memory;

/// Long enough for anything that does happen.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to watch that something does not happen.
const A_WHILE: Duration = Duration::from_millis(100);

struct Scripted {
    called: AtomicUsize,
    pressed: AtomicUsize,
    draining: Notify,
    /// A permit lets one `L`, `W` or `H` request be answered.
    gate: Arc<Semaphore>,
    /// `H` requests that are being built, and the most that were so together.
    building: Arc<(AtomicUsize, AtomicUsize)>,
    file: Mutex<Option<Arc<TestFile>>>,
}

impl Service for Scripted {
    fn call(&self, request: Request) -> Outcome {
        self.called.fetch_add(1, SeqCst);
        let header = request.header.clone();
        let echo = Part::Bytes(request.body.clone());
        match request.body.first() {
            Some(b'S') => Outcome::Silent,
            Some(b'C') => Outcome::Close("as told".into()),
            Some(b'L') => {
                let gate = self.gate.clone();
                Outcome::later(async move {
                    gate.acquire().await.unwrap().forget();
                    Response::from_parts(&header, vec![echo]).into()
                })
            }
            // The same, of its own.
            Some(b'W') => {
                let gate = self.gate.clone();
                Outcome::detached(async move {
                    gate.acquire().await.unwrap().forget();
                    Response::from_parts(&header, Vec::new()).into()
                })
            }
            // A large one.
            Some(b'H') => {
                let (gate, building) = (self.gate.clone(), self.building.clone());
                Outcome::large(move || {
                    let (now, most) = &*building;
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    while gate.try_acquire().map(|permit| permit.forget()).is_err() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    now.fetch_sub(1, SeqCst);
                    Response::from_parts(&header, vec![echo]).into()
                })
            }
            Some(b'D') => Outcome::later(async move {
                tokio::task::yield_now().await;
                Response::from_parts(&header, vec![echo]).into()
            }),
            // Twice the file, with bytes around.
            Some(b'F') => {
                let file = self.file.lock().clone().unwrap();
                let len = storage::disk::DiskFile::len(&*file).unwrap();
                let range = Part::File {
                    file,
                    position: 1,
                    len: len - 1,
                };
                Response::from_parts(&header, vec![echo.clone(), range.clone(), echo.clone(), range, echo]).into()
            }
            // A megabyte.
            Some(b'B') => Response::from_parts(&header, vec![Part::Bytes(vec![b'b'; 1 << 20].into())]).into(),
            Some(b'\x7f') => match request.decode::<MetadataRequest>() {
                Ok(_) => Outcome::Silent,
                Err(error) => error.into(),
            },
            _ => Response::from_parts(&header, vec![echo]).into(),
        }
    }

    fn press(&self) {
        self.pressed.fetch_add(1, SeqCst);
    }

    fn drain(&self) {
        self.draining.notify_one();
    }
}

struct Fixture {
    server: Arc<Server<Scripted>>,
    service: Arc<Scripted>,
    metrics: Arc<Metrics>,
    address: std::net::SocketAddr,
}

async fn start(limits: Limits, quotas: ConnectionQuotas) -> Fixture {
    let service = Arc::new(Scripted {
        called: AtomicUsize::new(0),
        pressed: AtomicUsize::new(0),
        draining: Notify::new(),
        gate: Arc::new(Semaphore::new(0)),
        building: Arc::default(),
        file: Mutex::new(None),
    });
    let metrics = Arc::new(Metrics::default());
    let server = Server::new(
        service.clone(),
        Workers::start(2).unwrap(),
        limits,
        quotas,
        metrics.clone(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    server.listen(listener);
    Fixture {
        server,
        service,
        metrics,
        address,
    }
}

async fn start_default() -> Fixture {
    start(Limits::default(), ConnectionQuotas::default()).await
}

impl Fixture {
    async fn connect(&self) -> Client {
        Client {
            stream: TcpStream::connect(self.address).await.unwrap(),
        }
    }

    async fn connect_from(&self, host: &str) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind((host.parse::<std::net::IpAddr>().unwrap(), 0).into())
            .unwrap();
        Client {
            stream: socket.connect(self.address).await.unwrap(),
        }
    }

    async fn until(&self, condition: impl Fn(&Self) -> bool) {
        timeout(PATIENCE, async {
            while !condition(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .expect("the condition comes true");
    }

    fn called(&self) -> usize {
        self.service.called.load(SeqCst)
    }
}

/// A request frame: Metadata 1, or Produce 3.
fn frame_of(key: i16, version: i16, correlation_id: i32, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32(body.len() as i32 + 10);
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(correlation_id);
    frame.put_i16(-1);
    frame.put_slice(body);
    frame.freeze()
}

fn frame(correlation_id: i32, body: &[u8]) -> Bytes {
    frame_of(3, 1, correlation_id, body)
}

struct Client {
    stream: TcpStream,
}

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn receive(&mut self) -> (i32, Vec<u8>) {
        timeout(PATIENCE, async {
            let size = self.stream.read_i32().await.unwrap();
            let correlation_id = self.stream.read_i32().await.unwrap();
            let mut body = vec![0; size as usize - 4];
            self.stream.read_exact(&mut body).await.unwrap();
            (correlation_id, body)
        })
        .await
        .expect("a response")
    }

    async fn nothing_comes(&mut self) {
        assert!(
            timeout(A_WHILE, self.stream.read_u8()).await.is_err(),
            "nothing was expected"
        );
    }

    /// The server closes, without sending anything first.
    async fn is_closed(&mut self) {
        let mut rest = Vec::new();
        match timeout(PATIENCE, self.stream.read_to_end(&mut rest))
            .await
            .expect("the end")
        {
            Ok(_) => assert_eq!(rest, b""),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

#[tokio::test]
async fn answers_in_order_while_later_requests_are_called() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    let all = [
        frame(1, b"L1"),
        frame(2, b"now"),
        frame(3, b"S"),
        frame(4, b"L2"),
        frame(5, b"end"),
    ]
    .concat();
    client.send(&all).await;
    fixture.until(|fixture| fixture.called() == 5).await;
    client.nothing_comes().await;
    fixture.service.gate.add_permits(1);
    assert_eq!(client.receive().await, (1, b"L1".to_vec()));
    assert_eq!(client.receive().await, (2, b"now".to_vec()));
    client.nothing_comes().await;
    fixture.service.gate.add_permits(1);
    assert_eq!(client.receive().await, (4, b"L2".to_vec()));
    assert_eq!(client.receive().await, (5, b"end".to_vec()));
    let text = fixture.metrics.render();
    assert!(text.contains("weir_requests_total{api=\"Metadata\"} 5\n"), "{text}");
    assert!(text.contains("weir_requests_in_flight_bytes 0\n"), "{text}");
    assert!(
        text.contains(&format!("weir_network_received_bytes_total {}\n", all.len())),
        "{text}"
    );
}

#[tokio::test]
async fn only_produces_are_called_while_a_produce_is_not_answered() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    client.send(&frame_of(0, 3, 1, b"L")).await;
    client.send(&frame_of(0, 3, 2, b"L")).await;
    client.send(&frame(3, b"now")).await;
    client.send(&frame_of(0, 3, 4, b"D")).await;
    fixture.until(|fixture| fixture.called() == 2).await;
    client.nothing_comes().await;
    fixture.service.gate.add_permits(1);
    assert_eq!(client.receive().await.0, 1);
    client.nothing_comes().await;
    assert_eq!(fixture.called(), 2);
    fixture.service.gate.add_permits(1);
    for i in 2..=4 {
        assert_eq!(client.receive().await.0, i);
    }
}

#[tokio::test]
async fn what_waits_for_a_produce_behind_a_wait_is_called_when_that_is_done() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    client.send(&frame(1, b"L")).await;
    client.send(&frame_of(0, 3, 2, b"D")).await;
    client.send(&frame(3, b"now")).await;
    fixture.until(|fixture| fixture.called() == 3).await;
    fixture.service.gate.add_permits(1);
    for i in 1..=3 {
        assert_eq!(client.receive().await.0, i);
    }
}

#[tokio::test]
async fn frames_may_come_byte_by_byte_and_in_any_pieces() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    client.stream.set_nodelay(true).unwrap();
    for byte in frame(1, b"slow") {
        client.send(&[byte]).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(client.receive().await, (1, b"slow".to_vec()));
    // Frames of all sizes, larger than every internal buffer among them, cut at odd places.
    let sizes = [0, 1, 4090, 70_000, 3, 65_536, 1_000_000, 300_000, 65_530, 10, 5_000_000];
    let bodies: Vec<Vec<u8>> = sizes
        .iter()
        .map(|size| (0..*size).map(|i| (i % 256) as u8 & 0x3f).collect())
        .collect();
    let all: Vec<u8> = bodies
        .iter()
        .enumerate()
        .flat_map(|(i, body)| frame(i as i32, body))
        .collect();
    let (mut read, mut write) = client.stream.into_split();
    let sender = tokio::spawn(async move {
        for piece in all.chunks(33_333) {
            write.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        write
    });
    for (i, body) in bodies.iter().enumerate() {
        assert_eq!(read.read_i32().await.unwrap() as usize, body.len() + 4);
        assert_eq!(read.read_i32().await.unwrap(), i as i32);
        let mut answer = vec![0; body.len()];
        read.read_exact(&mut answer).await.unwrap();
        assert!(answer == *body, "body {i}");
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn malformed_frames_close_their_connection_and_no_other() {
    let fixture = start_default().await;
    let mut bystander = fixture.connect().await;
    let raw = |size: i32, rest: &[u8]| [&size.to_be_bytes()[..], rest].concat();
    // A claim of two billion topics, in a request that the codec decodes.
    let hostile = frame(9, b"\x7f\xff\xff\xff");
    let hostile_deeper = frame(9, b"\x7f\x00\x00\x00\x00\x00\x00\x00");
    let bad: Vec<Vec<u8>> = vec![
        raw(0, b""),
        raw(1, b"x"),
        raw(7, b"\0\x12\0\0\0\0\0"),
        raw(-1, b""),
        raw(i32::MIN, b""),
        raw(i32::MAX, b""),
        raw(100 * 1024 * 1024 + 1, b"\0\0\0\x03"),
        raw(9 << 20, b"\0\x03\0\x01"),
        raw(10, b"\0\x04\0\0\0\0\0\0\xff\xff"),
        raw(10, b"\0\0\0\x02\0\0\0\0\xff\xff"),
        raw(10, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        hostile.to_vec(),
        hostile_deeper.to_vec(),
        frame(9, b"C").to_vec(),
    ];
    let count = bad.len();
    for (i, bytes) in bad.into_iter().enumerate() {
        let mut client = fixture.connect().await;
        // What came before is answered.
        client.send(&[&frame(i as i32, b"before")[..], &bytes].concat()).await;
        assert_eq!(client.receive().await, (i as i32, b"before".to_vec()), "{bytes:?}");
        client.is_closed().await;
        bystander.send(&frame(1, b"fine")).await;
        assert_eq!(bystander.receive().await, (1, b"fine".to_vec()));
    }
    fixture.until(|fixture| fixture.server.connections() == 1).await;
    let text = fixture.metrics.render();
    assert!(
        text.contains(&format!("weir_connections_closed_malformed_total {count}\n")),
        "{text}"
    );
    // Two are too large for any request (the third is no size), one for its API.
    let limits = &fixture.metrics.limits;
    assert!(limits.get(Limit::SocketRequestMaxBytes) >= 2);
    assert_eq!(limits.get(Limit::MaxRequestBytes), 1);
}

#[tokio::test]
async fn a_client_that_is_gone_frees_its_connection() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    client.send(&frame(1, b"L")).await;
    fixture.until(|fixture| fixture.called() == 1).await;
    drop(client);
    fixture.until(|fixture| fixture.server.connections() == 0).await;
}

#[tokio::test]
async fn a_stop_answers_what_is_in_flight() {
    let fixture = start_default().await;
    let mut waiting = fixture.connect().await;
    let mut idle = fixture.connect().await;
    waiting.send(&frame(1, b"L")).await;
    fixture
        .until(|fixture| fixture.called() == 1 && fixture.server.connections() == 2)
        .await;
    let server = fixture.server.clone();
    let stop = tokio::spawn(async move { server.stop(PATIENCE).await });
    timeout(PATIENCE, fixture.service.draining.notified())
        .await
        .expect("the service is told");
    idle.is_closed().await;
    waiting.send(&frame(2, b"too late")).await;
    fixture.service.gate.add_permits(1);
    assert_eq!(waiting.receive().await, (1, b"L".to_vec()));
    waiting.is_closed().await;
    assert_eq!(stop.await.unwrap(), 0);
    assert!(TcpStream::connect(fixture.address).await.is_err());
}

#[tokio::test]
async fn a_stop_cuts_at_its_deadline() {
    let fixture = start_default().await;
    let mut client = fixture.connect().await;
    client.send(&frame(1, b"L")).await;
    fixture.until(|fixture| fixture.called() == 1).await;
    assert_eq!(fixture.server.stop(A_WHILE).await, 1);
    client.is_closed().await;
}

/// Bytes in flight and in memory by the metrics.
fn gauge(fixture: &Fixture, name: &str) -> usize {
    let text = fixture.metrics.render();
    let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("a gauge");
    value.trim().parse().unwrap()
}
