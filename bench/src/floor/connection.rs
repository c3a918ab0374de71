//! One connection: a thread that reads frames, answers each in turn, and sends what it owes before it waits for more.
//! The buffers are the connection's own and are used again, so that Produce and Fetch allocate nothing.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use super::fetch::Piece;
use super::topics::Topics;
use super::{admin, fetch, metadata, produce, set_send_buffer};
use crate::wire::{Malformed, Reader};

/// A longer frame closes the connection, bytes.
const MAX_FRAME: usize = 64 * 1024 * 1024;
/// What a connection reads at once while no frame asks for more, bytes.
const READ_BYTES: usize = 64 * 1024;
/// Room that an answer needs beside what a frame names: the frame of an empty answer, with its throttle time.
const FRAME_LENGTH: usize = 4;

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    /// The client went away.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Bytes that are no request.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// A frame's length is negative or beyond the limit.
    #[error("a frame of {0} bytes")]
    FrameLength(i32),
    /// An API, or a version of it, that the floor has not.
    #[error("no API {key} in version {version}")]
    Unsupported {
        /// The API's number.
        key: i16,
        /// The version asked for.
        version: i16,
    },
}

/// What every request's header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// The API's number.
    pub(super) key: i16,
    /// The request's version.
    pub(super) version: i16,
    /// To be sent back with the answer.
    pub(super) correlation: i32,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The client's end.
    pub(super) stream: TcpStream,
    /// All topics.
    pub(super) topics: Arc<Topics>,
    /// Answers that are not yet sent.
    pub(super) out: Vec<u8>,
    /// The file ranges of the fetch at hand.
    pub(super) pieces: Vec<Piece>,
}

impl Connection {
    /// Over a socket that was accepted.
    pub(super) fn new(stream: TcpStream, topics: Arc<Topics>) -> Result<Self, ConnectionError> {
        stream.set_nodelay(true)?;
        set_send_buffer(&stream)?;
        Ok(Self {
            stream,
            topics,
            out: Vec::with_capacity(4096),
            pieces: Vec::new(),
        })
    }

    /// Answers until the client closes.
    pub(super) fn serve(mut self) -> Result<(), ConnectionError> {
        let mut buffer = vec![0; READ_BYTES];
        let mut filled = 0;
        loop {
            let mut begin = 0;
            let mut needed = FRAME_LENGTH;
            while let Some(length) = buffer[begin..filled].first_chunk() {
                let length = i32::from_be_bytes(*length);
                needed = usize::try_from(length)
                    .ok()
                    .filter(|&length| length <= MAX_FRAME)
                    .ok_or(ConnectionError::FrameLength(length))?
                    + FRAME_LENGTH;
                if filled - begin < needed {
                    break;
                }
                self.answer(&mut buffer[begin + FRAME_LENGTH..begin + needed])?;
                begin += needed;
                needed = FRAME_LENGTH;
            }
            self.send()?;
            buffer.copy_within(begin..filled, 0);
            filled -= begin;
            if buffer.len() < needed {
                buffer.resize(needed, 0);
            }
            match self.stream.read(&mut buffer[filled..])? {
                0 => return Ok(()),
                read => filled += read,
            }
        }
    }

    /// Sends the answers that are owed.
    pub(super) fn send(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    fn answer(&mut self, frame: &mut [u8]) -> Result<(), ConnectionError> {
        let mut reader = Reader::new(frame);
        let header = Header {
            key: reader.i16()?,
            version: reader.i16()?,
            correlation: reader.i32()?,
        };
        if header.key == metadata::API_VERSIONS {
            metadata::api_versions(header, &mut self.out);
            return Ok(());
        }
        if !metadata::supported(header.key).contains(&header.version) {
            return Err(ConnectionError::Unsupported {
                key: header.key,
                version: header.version,
            });
        }
        reader.nullable_string()?;
        let (topics, out) = (&*self.topics, &mut self.out);
        match header.key {
            metadata::PRODUCE => produce::produce(header, reader, topics, out)?,
            metadata::FETCH => fetch::fetch(header, reader, self)?,
            metadata::LIST_OFFSETS => metadata::list_offsets(header, reader, topics, out)?,
            metadata::METADATA => metadata::metadata(header, reader, self)?,
            metadata::CREATE_TOPICS => admin::create_topics(header, reader, topics, out)?,
            metadata::DELETE_TOPICS => admin::delete_topics(header, reader, topics, out)?,
            metadata::INIT_PRODUCER_ID => admin::init_producer_id(header, topics, out),
            key => {
                return Err(ConnectionError::Unsupported {
                    key,
                    version: header.version,
                });
            }
        }
        Ok(())
    }
}
