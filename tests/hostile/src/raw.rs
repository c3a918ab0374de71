//! Connections that keep to no protocol.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use broker::wire::versions;
use fuzz_bodies::schema::put_varint;
use kafka_protocol::messages::ApiKey;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

/// Nothing waits longer, so that an attack ends.
const TIMEOUT: Duration = Duration::from_millis(300);

/// A connection of an attacker, and bytes that wait for room.
#[derive(Debug)]
pub struct Raw(TcpStream, Vec<u8>);

impl Raw {
    /// Connects from 127.0.0.`from`, which is not where good clients are.
    pub fn open(to: SocketAddr, from: u8) -> io::Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, from), 0)))?;
        connect(&socket, &to)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Raw(stream, Vec::new()))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Sends as much as there is room for: what is left from the call before, or else these bytes.
    pub fn send_without_waiting(&mut self, bytes: &[u8]) {
        let left = std::mem::take(&mut self.1);
        let bytes = if left.is_empty() { bytes } else { &left };
        let _ = self.0.set_nonblocking(true);
        let sent = self.0.write(bytes).unwrap_or(0);
        let _ = self.0.set_nonblocking(false);
        self.1 = bytes[sent..].to_vec();
    }

    /// Reads one byte, if there is one.
    pub fn read_a_byte(&mut self) {
        let _ = self.0.set_nonblocking(true);
        let _ = self.0.read(&mut [0]);
        let _ = self.0.set_nonblocking(false);
    }

    /// Sends a request.
    pub fn request(&mut self, key: ApiKey, version: i16, body: &[u8]) -> io::Result<()> {
        self.send(&frame(key, version, body))
    }

    /// Takes one answer, without its size.
    pub fn answer(&mut self) -> io::Result<Vec<u8>> {
        let mut size = [0; 4];
        self.0.read_exact(&mut size)?;
        let mut answer = vec![0; u32::from_be_bytes(size).min(1 << 26) as usize];
        self.0.read_exact(&mut answer)?;
        Ok(answer)
    }
}

impl Raw {
    /// Takes one answer, however long it takes, while `goes_on`.
    pub fn answer_late(&mut self, goes_on: impl Fn() -> bool) -> io::Result<Vec<u8>> {
        loop {
            match self.0.peek(&mut [0]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return self.answer(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && goes_on() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A request as it goes over the wire.
pub fn frame(key: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend((key as i16).to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7_i32.to_be_bytes());
    frame.extend((-1_i16).to_be_bytes());
    if versions::by_key(key as i16).is_some_and(|api| api.is_flexible(version)) {
        put_varint(&mut frame, 0);
    }
    frame.extend_from_slice(body);
    let size = (frame.len() - 4) as i32;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    frame
}

/// A text with its length in two bytes.
pub fn text(text: &str) -> Vec<u8> {
    [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// An array of these elements, with its count in four bytes.
pub fn array(elements: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut count = 0_i32;
    let mut bytes = vec![0; 4];
    for element in elements {
        bytes.extend(element);
        count += 1;
    }
    bytes[..4].copy_from_slice(&count.to_be_bytes());
    bytes
}
