//! One connection to a broker: requests are written as they come, answers are matched by their number.
//!
//! Invariant: at most [`MAX_IN_FLIGHT`] requests are under way; an answer longer than [`MAX_ANSWER_BYTES`], or to nothing
//! that was asked, ends the connection, and all that wait on it are told why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersionsResponse;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{
    Decodable, HeaderVersion, Request, StrBytes, VersionRange, encode_request_header_into_buffer,
};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::error::{ClientError, check};
use super::text;
use super::versions::{Versions, ours};

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 256 << 20;
/// Requests without an answer on one connection, at most; others wait.
const MAX_IN_FLIGHT: usize = 32;
/// What is reserved for an answer before its bytes are there.
const FIRST_READ_BYTES: usize = 256 << 10;
const UNSUPPORTED_VERSION: i16 = 35;

/// A connection on which versions were agreed.
#[derive(Debug)]
pub struct Connection {
    peer: String,
    client_id: StrBytes,
    timeout: Duration,
    versions: Versions,
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    waiting: Arc<Mutex<Waiting>>,
    next_correlation: AtomicI32,
    in_flight: Semaphore,
    reader: JoinHandle<()>,
}

/// Who waits for which answer.
#[derive(Debug, Default)]
struct Waiting {
    /// Why there will be no more answers.
    closed: Option<String>,
    answers: BTreeMap<i32, oneshot::Sender<Bytes>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Connection {
    /// Agrees on versions over a socket that is connected.
    pub async fn open(
        stream: TcpStream,
        peer: String,
        client_id: &str,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        // Without it small requests may wait; where it is refused, they only wait.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let mut connection = Connection {
            peer,
            client_id: text(client_id),
            timeout,
            versions: Versions::default(),
            writer: tokio::sync::Mutex::new(writer),
            waiting: waiting.clone(),
            next_correlation: AtomicI32::new(0),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            reader: tokio::spawn(read_answers(reader, waiting)),
        };
        connection.versions = connection.ask_versions().await?;
        Ok(connection)
    }

    /// The broker's address, for messages.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether no more answers will come.
    pub fn is_closed(&self) -> bool {
        self.waiting.lock().closed.is_some()
    }

    /// The versions that the broker serves of an API.
    pub fn serves(&self, key: ApiKey) -> Option<VersionRange> {
        self.versions.theirs(key as i16)
    }

    /// The version that [`Connection::call`] will speak.
    pub fn version<R: Request>(&self) -> Result<i16, ClientError> {
        self.versions.common::<R>().ok_or_else(|| ClientError::Unsupported {
            broker: self.peer.clone(),
            api: api_name(R::KEY),
            theirs: match self.versions.theirs(R::KEY) {
                Some(range) => format!("{} to {}", range.min, range.max),
                None => "none".to_owned(),
            },
            ours: format!("{} to {}", ours::<R>().min, ours::<R>().max),
        })
    }

    /// Sends a request and waits for its answer.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.call_within(request, Duration::ZERO).await
    }

    /// As [`Connection::call`], for a request that the broker may hold back for so long.
    pub async fn call_within<R: Request>(&self, request: &R, held: Duration) -> Result<R::Response, ClientError> {
        let version = self.version::<R>()?;
        let mut answer = self.exchange(request, version, held).await?;
        self.decode::<R::Response>(&mut answer, R::KEY, version)
    }

    /// Sends a request that has no answer: Produce with acks 0.
    pub async fn send<R: Request>(&self, request: &R) -> Result<(), ClientError> {
        let (frame, _) = self.frame(request, self.version::<R>()?)?;
        match tokio::time::timeout(self.timeout, self.write(&frame)).await {
            Ok(written) => written,
            Err(_) => Err(self.too_late(R::KEY, self.timeout)),
        }
    }

    async fn ask_versions(&self) -> Result<Versions, ClientError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("weir"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut answer = self.exchange(&request, 3, Duration::ZERO).await?;
        // An older broker answers at version 0 whatever it was asked, and says so first (KIP-511).
        let is_old = answer.get(4..6) == Some(&UNSUPPORTED_VERSION.to_be_bytes());
        if is_old {
            answer = self.exchange(&ApiVersionsRequest::default(), 0, Duration::ZERO).await?;
        }
        let version = if is_old { 0 } else { 3 };
        let answer = self.decode::<ApiVersionsResponse>(&mut answer, ApiKey::ApiVersions as i16, version)?;
        check(answer.error_code, None, || format!("versions of {}", self.peer))?;
        Ok(Versions::new(&answer.api_keys))
    }

    async fn exchange<R: Request>(&self, request: &R, version: i16, held: Duration) -> Result<Bytes, ClientError> {
        let _permit = self
            .in_flight
            .acquire()
            .await
            .map_err(|_| self.lost("it was closed".to_owned()))?;
        let (frame, correlation) = self.frame(request, version)?;
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock();
            if let Some(reason) = &waiting.closed {
                return Err(self.lost(reason.clone()));
            }
            waiting.answers.insert(correlation, sender);
        }
        let limit = self.timeout + held;
        let answered = tokio::time::timeout(limit, async {
            self.write(&frame).await?;
            receiver.await.map_err(|_| {
                let reason = self.waiting.lock().closed.clone();
                self.lost(reason.unwrap_or_else(|| "it was closed".to_owned()))
            })
        });
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(self.too_late(R::KEY, limit)),
        }
    }

    /// Ends the connection: part of a request may be written, and nothing more can be said behind it.
    fn too_late(&self, key: i16, limit: Duration) -> ClientError {
        self.waiting.lock().close("an answer did not come in time".to_owned());
        ClientError::TimedOut {
            broker: self.peer.clone(),
            api: api_name(key),
            seconds: limit.as_secs(),
        }
    }

    fn frame<R: Request>(&self, request: &R, version: i16) -> Result<(BytesMut, i32), ClientError> {
        let correlation = self.next_correlation.fetch_add(1, Ordering::Relaxed);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation)
            .with_client_id(Some(self.client_id.clone()));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        encode_request_header_into_buffer(&mut frame, &header)
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|problem| self.protocol(format!("cannot write {} v{version}: {problem}", api_name(R::KEY))))?;
        let length = i32::try_from(frame.len() - 4)
            .map_err(|_| self.protocol("a request of more than 2 GiB cannot be sent".to_owned()))?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok((frame, correlation))
    }

    async fn write(&self, frame: &[u8]) -> Result<(), ClientError> {
        let written = self.writer.lock().await.write_all(frame).await;
        written.map_err(|problem| {
            let mut waiting = self.waiting.lock();
            waiting.close(problem.to_string());
            // What the reader found first says more than a broken pipe.
            self.lost(waiting.closed.clone().unwrap_or_default())
        })
    }

    fn decode<T: Decodable + HeaderVersion>(
        &self,
        answer: &mut Bytes,
        key: i16,
        version: i16,
    ) -> Result<T, ClientError> {
        let malformed = |problem: &dyn std::fmt::Display| {
            self.protocol(format!(
                "its answer to {} v{version} is malformed: {problem}",
                api_name(key)
            ))
        };
        ResponseHeader::decode(answer, T::header_version(version)).map_err(|problem| malformed(&problem))?;
        T::decode(answer, version).map_err(|problem| malformed(&problem))
    }

    fn lost(&self, reason: String) -> ClientError {
        ClientError::Lost {
            broker: self.peer.clone(),
            reason,
        }
    }

    fn protocol(&self, reason: String) -> ClientError {
        ClientError::Protocol {
            broker: self.peer.clone(),
            reason,
        }
    }
}

impl Waiting {
    /// Tells all that wait, by dropping their senders. The first reason stays.
    fn close(&mut self, reason: String) {
        self.closed.get_or_insert(reason);
        self.answers.clear();
    }
}

async fn read_answers(mut reader: OwnedReadHalf, waiting: Arc<Mutex<Waiting>>) {
    let reason = loop {
        match read_answer(&mut reader).await {
            Ok(answer) => {
                let correlation = answer.as_ref().get_i32();
                let Some(sender) = waiting.lock().answers.remove(&correlation) else {
                    break format!("it answered {correlation}, which nobody asked");
                };
                // Who asked may have given up.
                let _ = sender.send(answer);
            }
            Err(reason) => break reason,
        }
    };
    waiting.lock().close(reason);
}

/// One answer, from its correlation id on.
async fn read_answer(reader: &mut OwnedReadHalf) -> Result<Bytes, String> {
    let length = reader.read_i32().await.map_err(|problem| match problem.kind() {
        std::io::ErrorKind::UnexpectedEof => "the broker closed it".to_owned(),
        _ => problem.to_string(),
    })?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (4..=MAX_ANSWER_BYTES).contains(length))
        .ok_or_else(|| {
            format!("it announced an answer of {length} bytes, and 4 to {MAX_ANSWER_BYTES} are possible: is it a Kafka broker?")
        })?;
    let mut answer = BytesMut::with_capacity(length.min(FIRST_READ_BYTES));
    while answer.len() < length {
        let left = (length - answer.len()) as u64;
        let read = (&mut *reader).take(left).read_buf(&mut answer).await;
        if read.map_err(|problem| problem.to_string())? == 0 {
            return Err("the broker closed it in the middle of an answer".to_owned());
        }
    }
    Ok(answer.freeze())
}

/// Kafka's name of an API.
pub(super) fn api_name(key: i16) -> String {
    match ApiKey::try_from(key) {
        Ok(key) => format!("{key:?}"),
        Err(_) => format!("API {key}"),
    }
}
