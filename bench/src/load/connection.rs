//! A socket and the requests in flight on it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::Problem;
use super::dialogue::{Asked, Dialogue, Heard, Latencies};

/// Bytes of a frame's size.
const SIZE: usize = 4;

/// What to make of an answer.
pub(super) type OnAnswer<'a> = dyn FnMut(Heard) + 'a;

/// One connection, its dialogue, and what is under way.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    dialogue: Box<dyn Dialogue>,
    /// Asked when there is something to do at that time, not as fast as it goes.
    pub(super) is_paced: bool,
    max_in_flight: usize,
    correlation: i32,
    /// When each request without an answer was due.
    due: VecDeque<Instant>,
    outgoing: VecDeque<Asked>,
    /// Bytes of the first of them that are written.
    written: usize,
    size: [u8; SIZE],
    in_size: usize,
    left: usize,
    /// Whether the poll is told to wait for room in the socket, too.
    pub(super) waits_for_room: bool,
}

impl Connection {
    /// Connects. As fast as it goes, with at most `max_in_flight` requests without an answer.
    pub(super) fn open(server: &str, dialogue: Box<dyn Dialogue>, max_in_flight: usize) -> Result<Self, Problem> {
        let stream = TcpStream::connect(server).map_err(|error| Problem::Connect(server.to_owned(), error))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream,
            dialogue,
            is_paced: false,
            max_in_flight,
            correlation: 0,
            due: VecDeque::new(),
            outgoing: VecDeque::new(),
            written: 0,
            size: [0; SIZE],
            in_size: 0,
            left: 0,
            waits_for_room: false,
        })
    }

    /// Asks only when it is told to.
    pub(super) fn paced(mut self) -> Self {
        self.is_paced = true;
        self
    }

    /// Whether one more request may be under way.
    pub(super) fn has_room(&self) -> bool {
        self.due.len() < self.max_in_flight
    }

    /// Puts a request in the way that was due at that time.
    pub(super) fn ask(&mut self, due: Instant) {
        self.correlation = self.correlation.wrapping_add(1);
        let asked = self.dialogue.ask(self.correlation, due);
        self.due.push_back(due);
        self.outgoing.push_back(asked);
    }

    /// Writes what the socket takes: a call for each request, as clients do.
    pub(super) fn write(&mut self) -> Result<(), Problem> {
        while let Some(first) = self.outgoing.front() {
            let mut slices = [IoSlice::new(first.head()), IoSlice::new(&first.payload)];
            let mut rest = &mut slices[..];
            IoSlice::advance_slices(&mut rest, self.written);
            match self.stream.write_vectored(rest) {
                Ok(0) => return Err(Problem::Closed),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if self.written == first.len() {
                self.written = 0;
                self.outgoing.pop_front();
            }
        }
        Ok(())
    }

    /// Whether there is something that the socket did not take yet.
    pub(super) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Reads what is there, and tells of each answer.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        mut latencies: Option<&mut Latencies>,
        on_answer: &mut OnAnswer<'_>,
    ) -> Result<(), Problem> {
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err(Problem::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.pass_read(&buffer[..read], latencies.as_deref_mut(), on_answer)?;
            if read < buffer.len() {
                return Ok(());
            }
        }
    }

    fn pass_read(
        &mut self,
        mut bytes: &[u8],
        mut latencies: Option<&mut Latencies>,
        on_answer: &mut OnAnswer<'_>,
    ) -> Result<(), Problem> {
        let now = Instant::now();
        while !bytes.is_empty() {
            if self.in_size < SIZE {
                let taken = bytes.len().min(SIZE - self.in_size);
                self.size[self.in_size..self.in_size + taken].copy_from_slice(&bytes[..taken]);
                self.in_size += taken;
                self.left = u32::from_be_bytes(self.size) as usize;
                bytes = &bytes[taken..];
                continue;
            }
            let (heard, rest) = bytes.split_at(bytes.len().min(self.left));
            self.left -= heard.len();
            self.dialogue.hear(heard);
            bytes = rest;
            if self.left == 0 {
                self.in_size = 0;
                let unasked = Problem::Unexpected("an answer to nothing");
                let due = self.due.pop_front().ok_or(unasked)?;
                on_answer(self.dialogue.heard(due, now, latencies.as_deref_mut())?);
            }
        }
        Ok(())
    }

    /// An error that the socket has met.
    pub(super) fn take_error(&self) -> io::Result<()> {
        self.stream.take_error()?.map_or(Ok(()), Err)
    }
}
