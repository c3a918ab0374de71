//! One connection: frames, versions, and the order of answers.
//!
//! Invariant: answers are taken in the order of the requests, as the protocol promises them; any other order is an error.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer};

use super::error::{ClientError, check};

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// A broker that does not answer for so long is taken as broken.
const TIMEOUT: Duration = Duration::from_secs(60);
/// From these versions on topics go by id alone; this client names them.
const NEWEST_WITH_NAMES: [(ApiKey, i16); 5] = [
    (ApiKey::Produce, 12),
    (ApiKey::Fetch, 12),
    (ApiKey::Metadata, 12),
    (ApiKey::OffsetCommit, 9),
    (ApiKey::OffsetFetch, 9),
];

/// A blocking connection to a broker, on which several requests can be under way.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    /// Key, version and correlation id of each request without an answer.
    under_way: VecDeque<(i16, i16, i32)>,
    next_correlation: i32,
    /// By API key: the newest version that both sides know.
    versions: BTreeMap<i16, i16>,
}

impl Connection {
    /// Connects and agrees on versions.
    pub fn open(address: SocketAddr) -> Result<Self, ClientError> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut connection = Connection {
            stream: BufReader::new(stream),
            under_way: VecDeque::new(),
            next_correlation: 0,
            versions: BTreeMap::from([(ApiKey::ApiVersions as i16, 3)]),
        };
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("weir-crash-tests"))
            .with_client_software_version(StrBytes::from_static_str("1"));
        let answer = connection.call(&request)?;
        check("ApiVersions", "the broker", answer.error_code, None)?;
        connection.versions = (answer.api_keys.iter())
            .filter_map(|api| {
                let key = ApiKey::try_from(api.api_key).ok()?;
                let named = NEWEST_WITH_NAMES.iter().find(|(with_names, _)| *with_names == key);
                Some((
                    api.api_key,
                    named.map_or(api.max_version, |(_, newest)| api.max_version.min(*newest)),
                ))
            })
            .collect();
        Ok(connection)
    }

    /// A second handle, with which another thread can close the connection.
    pub fn stream(&self) -> io::Result<TcpStream> {
        self.stream.get_ref().try_clone()
    }

    /// Requests without an answer so far.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Sends a request and waits for its answer. No other may be under way.
    pub fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, ClientError> {
        self.send(request)?;
        self.receive::<R>()
    }

    /// Sends a request; [`Connection::receive`] takes its answer.
    pub fn send<R: Request>(&mut self, request: &R) -> Result<(), ClientError> {
        let (version, correlation) = self.write(request)?;
        self.under_way.push_back((R::KEY, version, correlation));
        Ok(())
    }

    /// Sends a request that has no answer: Produce with acks 0.
    pub fn send_without_answer<R: Request>(&mut self, request: &R) -> Result<(), ClientError> {
        self.write(request).map(drop)
    }

    fn write<R: Request>(&mut self, request: &R) -> Result<(i16, i32), ClientError> {
        let version = (self.versions.get(&R::KEY).copied())
            .ok_or_else(|| ClientError::Protocol(format!("the broker does not serve API {}", R::KEY)))?
            .min(R::VERSIONS.max);
        let correlation = self.next_correlation;
        self.next_correlation = correlation.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation)
            .with_client_id(Some(StrBytes::from_static_str("crash-test")));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        encode_request_header_into_buffer(&mut frame, &header)
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|problem| ClientError::Protocol(format!("request {} v{version}: {problem}", R::KEY)))?;
        let length = i32::try_from(frame.len() - 4)
            .map_err(|_| ClientError::Protocol("a request of more than 2 GiB".to_owned()))?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.get_mut().write_all(&frame)?;
        Ok((version, correlation))
    }

    /// Waits for the answer to the oldest request that has none, which must be an `R`.
    pub fn receive<R: Request>(&mut self) -> Result<R::Response, ClientError> {
        let (key, version, correlation) = (self.under_way.pop_front())
            .ok_or_else(|| ClientError::Protocol("an answer is awaited, but nothing was asked".to_owned()))?;
        if key != R::KEY {
            return Err(ClientError::Protocol(format!(
                "the next answer is for API {key}, not {}",
                R::KEY
            )));
        }
        let mut answer = self.read_frame()?;
        let malformed = |problem| ClientError::Protocol(format!("answer of API {key} v{version}: {problem}"));
        let header_version = R::Response::header_version(version);
        let header = ResponseHeader::decode(&mut answer, header_version).map_err(malformed)?;
        if header.correlation_id != correlation {
            return Err(ClientError::Protocol(format!(
                "answer {} arrived where {correlation} was due (API {key})",
                header.correlation_id
            )));
        }
        let response = R::Response::decode(&mut answer, version).map_err(malformed)?;
        if !answer.is_empty() {
            return Err(ClientError::Protocol(format!(
                "answer of API {key} v{version}: {} bytes follow it",
                answer.len()
            )));
        }
        Ok(response)
    }

    fn read_frame(&mut self) -> Result<Bytes, ClientError> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length))
            .ok()
            .filter(|length| *length <= MAX_ANSWER_BYTES)
            .ok_or_else(|| ClientError::Protocol(format!("an answer of {} bytes", i32::from_be_bytes(length))))?;
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok(answer.into())
    }
}
