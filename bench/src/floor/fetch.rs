//! Fetch, versions 4 to 11, without sessions. The answer's header is small and written; the batches go from the file to
//! the socket. A request for one partition waits on it; one for several looks at all of them every few milliseconds.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::sendfile;
use rustix::net::{SendFlags, send};

use super::connection::{Connection, ConnectionError, Header};
use super::partition::{Found, Partition};
use super::topics::Topics;
use crate::wire::{Malformed, Put as _, Reader, begin_answer, end_frame};

/// Kafka's code for an offset that the partition has not.
const OFFSET_OUT_OF_RANGE: i16 = 1;
/// How often a long poll of several partitions looks at them.
const NAP: Duration = Duration::from_millis(5);

/// A file's range that belongs into the answer.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where in the answer's written part it comes.
    at: usize,
    partition: Arc<Partition>,
    found: Found,
}

/// What the request's first fields say.
#[derive(Debug)]
struct Limits {
    wait: Duration,
    min_bytes: usize,
}

/// Answers, after it waited until there is as much as is asked for.
pub(super) fn fetch(header: Header, request: Reader<'_>, connection: &mut Connection) -> Result<(), ConnectionError> {
    // What is owed goes first: the answer may take its time, and its pieces are counted from its begin.
    connection.send()?;
    let asked = request.into_rest();
    let begun = Instant::now();
    loop {
        let Connection {
            topics, out, pieces, ..
        } = connection;
        out.clear();
        pieces.clear();
        let (limits, failed) = look(header, Reader::new(&mut *asked), topics, out, pieces)?;
        let length = pieces.iter().map(|piece| piece.found.length).sum::<usize>();
        let deadline = begun + limits.wait;
        let now = Instant::now();
        if failed || length >= limits.min_bytes || now >= deadline || pieces.is_empty() {
            end_frame(out, 0, length);
            return Ok(connection.send_pieces()?);
        }
        let until = if pieces.len() == 1 {
            deadline
        } else {
            deadline.min(now + NAP)
        };
        pieces[0].partition.wait_past(pieces[0].found.end_offset, until);
    }
}

/// Puts the answer as of now into `out` and `pieces`; `true` if a partition has an error, which nobody waits for.
fn look(
    header: Header,
    mut request: Reader<'_>,
    topics: &Topics,
    out: &mut Vec<u8>,
    pieces: &mut Vec<Piece>,
) -> Result<(Limits, bool), Malformed> {
    let version = header.version;
    let _replica_id = request.i32()?;
    let wait = Duration::from_millis(u64::try_from(request.i32()?).unwrap_or(0));
    let min_bytes = usize::try_from(request.i32()?).unwrap_or(0);
    let max_bytes = usize::try_from(request.i32()?).unwrap_or(0);
    let _isolation_level = request.i8()?;
    if version >= 7 {
        let _session = (request.i32()?, request.i32()?);
    }
    begin_answer(out, header.correlation);
    out.i32(0); // throttle time
    if version >= 7 {
        out.i16(0); // error
        out.i32(0); // session id: none
    }
    let mut left = max_bytes;
    let mut failed = false;
    let count = request.array()?;
    out.count(count);
    for _ in 0..count {
        let topic = request.string()?;
        out.string(topic);
        let count = request.array()?;
        out.count(count);
        for _ in 0..count {
            let index = request.i32()?;
            if version >= 9 {
                let _leader_epoch = request.i32()?;
            }
            let offset = request.i64()?;
            if version >= 5 {
                let _log_start_offset = request.i64()?;
            }
            let limit = usize::try_from(request.i32()?).unwrap_or(0).min(left);
            let (partition, found, error) = match topics.partition(topic, index) {
                Ok(partition) => {
                    let found = partition.find(offset, limit, left == max_bytes);
                    (
                        Some(partition),
                        found,
                        if found.in_range { 0 } else { OFFSET_OUT_OF_RANGE },
                    )
                }
                Err(error) => (None, Found::nothing(), error.code()),
            };
            failed |= error != 0;
            left = left.saturating_sub(found.length);
            put_partition(version, index, error, &found, out);
            if let Some(partition) = partition {
                pieces.push(Piece {
                    at: out.len(),
                    partition,
                    found,
                });
            }
        }
    }
    Ok((Limits { wait, min_bytes }, failed))
}

/// What the answer says of a partition, up to its batches.
fn put_partition(version: i16, index: i32, error: i16, found: &Found, out: &mut Vec<u8>) {
    out.i32(index);
    out.i16(error);
    out.i64(found.end_offset); // high watermark
    out.i64(found.end_offset); // last stable offset
    if version >= 5 {
        out.i64(0); // log start offset
    }
    out.count(0); // aborted transactions
    if version >= 11 {
        out.i32(-1); // preferred read replica
    }
    out.count(found.length);
}

impl Connection {
    /// Sends the answer in `out`, with the files' ranges where they belong. To read 16 KB into `out` and send them with
    /// the header is as many calls and costs a third more CPU at the same rate; from 64 KB on it costs the same, and the
    /// client, which finds the bytes in the cache, a half to two thirds less.
    fn send_pieces(&mut self) -> io::Result<()> {
        let mut sent = 0;
        for Piece { at, partition, found } in self.pieces.drain(..).filter(|piece| piece.found.length > 0) {
            while sent < at {
                sent += send(&self.stream, &self.out[sent..at], SendFlags::MORE | SendFlags::NOSIGNAL)?;
            }
            let (mut position, end) = (found.position, found.position + found.length as u64);
            while position < end {
                let left = usize::try_from(end - position).expect("at most the length found");
                if sendfile(&self.stream, &partition.file, Some(&mut position), left)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        self.stream.write_all(&self.out[sent..])?;
        self.out.clear();
        Ok(())
    }
}
