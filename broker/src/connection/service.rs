//! The seam between connections and the handlers of requests.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::wire::{self, DecodeError, EncodeError, RequestHeader, Response};

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// Handles one request. Calls of one connection come one after the other, in the order of arrival, from its task:
    /// whatever must keep that order (an append) happens before this returns, and it must not block.
    fn call(&self, request: Request) -> Outcome;

    /// The server stops: requests that wait for something to happen are to be answered as it is.
    fn drain(&self) {}

    /// Requests wait for memory: large ones that wait for something to happen are to be answered as it is.
    fn press(&self) {}
}

/// One request.
#[derive(Debug)]
pub struct Request {
    /// API, version, correlation id, client id.
    pub header: RequestHeader,
    /// What follows the header; a slice of the connection's buffer, which it keeps in memory: copy out what is kept
    /// beyond the answer.
    pub body: Bytes,
    /// Where it came from.
    pub connection: Arc<ConnectionInfo>,
    /// When its last byte was read.
    pub received_at: Instant,
}

impl Request {
    /// Decodes the body with the codec (not for Produce, OffsetCommit, OffsetFetch, ListOffsets: see [`wire`]).
    pub fn decode<T: Decodable>(&self) -> Result<T, DecodeError> {
        wire::request::decode(&self.body, self.header.api_version)
    }

    /// Answers with a codec message.
    pub fn answer(&self, body: &impl Encodable) -> Outcome {
        Response::encode(&self.header, body).into()
    }
}

/// Builds an answer, or says what becomes of the request otherwise.
pub type Build = Box<dyn FnOnce() -> Outcome + Send>;

/// What becomes of a request.
pub enum Outcome {
    /// The answer.
    Ready(Response),
    /// The answer comes later. Polled by the connection's task once all earlier requests are answered (a Produce's
    /// sooner, if need be), while later requests are called already; dropped when the connection closes.
    Later(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    /// As `Later`, with nothing kept of the request's frame: however long it takes, it is not charged.
    Detached(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    /// The answer may be large, or takes long to build: this builds it, on a thread where it may, one at a time of all
    /// connections and when there is memory for it. Nothing overtakes it on its connection.
    Large(Build),
    /// There is no answer (Produce with acks=0).
    Silent,
    /// The connection is closed, for this reason, after the answers to earlier requests.
    Close(Cow<'static, str>),
}

impl Outcome {
    /// An outcome that is known later.
    pub fn later(future: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Outcome::Later(Box::pin(future))
    }

    /// An outcome that takes memory or time to build.
    pub fn large(build: impl FnOnce() -> Outcome + Send + 'static) -> Self {
        Outcome::Large(Box::new(build))
    }

    /// An outcome that other clients may keep waiting: `future` holds copies, bounded elsewhere, and no slice of the
    /// request.
    pub fn detached(future: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Outcome::Detached(Box::pin(future))
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Ready(response) => f.debug_tuple("Ready").field(response).finish(),
            Outcome::Later(_) => f.write_str("Later"),
            Outcome::Detached(_) => f.write_str("Detached"),
            Outcome::Large(_) => f.write_str("Large"),
            Outcome::Silent => f.write_str("Silent"),
            Outcome::Close(reason) => f.debug_tuple("Close").field(reason).finish(),
        }
    }
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Outcome::Ready(response)
    }
}

impl From<Result<Response, EncodeError>> for Outcome {
    fn from(result: Result<Response, EncodeError>) -> Self {
        match result {
            Ok(response) => Outcome::Ready(response),
            Err(error) => Outcome::Close(error.to_string().into()),
        }
    }
}

/// A body that cannot be decoded closes the connection, as in Kafka.
impl From<DecodeError> for Outcome {
    fn from(error: DecodeError) -> Self {
        Outcome::Close(format!("malformed request: {error}").into())
    }
}

/// A connection, as handlers see it.
#[derive(Debug)]
pub struct ConnectionInfo {
    /// Unique while the process runs.
    pub id: u64,
    /// The client's address.
    pub peer: SocketAddr,
    /// Our address.
    pub local: SocketAddr,
    /// What the client calls itself, once it has said so.
    pub software: OnceLock<ClientSoftware>,
}

/// From ApiVersions 3 on (KIP-511).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSoftware {
    /// Such as `apache-kafka-java`.
    pub name: String,
    /// Such as `4.3.0`.
    pub version: String,
}
