//! Topics made and removed, one blocking call after the other.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Problem;
use super::dialogue::Asked;
use super::request::begin_request;
use crate::wire::{Put as _, Reader, end_frame};

const CREATE_TOPICS: (i16, i16) = (19, 2);
const DELETE_TOPICS: (i16, i16) = (20, 1);
const LIST_OFFSETS: (i16, i16) = (2, 1);
const API_VERSIONS: (i16, i16) = (18, 0);
const LATEST: i64 = -1;
const ALREADY_EXISTS: i16 = 36;
/// How long a broker has for one answer, and a topic to be there.
const PATIENCE: Duration = Duration::from_secs(120);
/// Partitions in one question.
const PARTITIONS_AT_ONCE: i32 = 1000;

/// A connection for questions.
#[derive(Debug)]
pub(super) struct Admin {
    stream: TcpStream,
}

impl Admin {
    /// Connects.
    pub(super) fn connect(server: &str) -> Result<Self, Problem> {
        let stream = TcpStream::connect(server).map_err(|error| Problem::Connect(server.to_owned(), error))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Admin { stream })
    }

    fn call(&mut self, mut request: Vec<u8>) -> Result<Vec<u8>, Problem> {
        end_frame(&mut request, 0, 0);
        self.stream.write_all(&request)?;
        self.receive()
    }

    /// Sends a request.
    pub(super) fn send(&mut self, asked: &Asked) -> Result<(), Problem> {
        self.stream.write_all(&[asked.head(), &*asked.payload].concat())?;
        Ok(())
    }

    /// The next answer, its size excluded.
    pub(super) fn receive(&mut self) -> Result<Vec<u8>, Problem> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let mut answer = vec![0; u32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    /// Asks what it serves, and does not look at the answer.
    pub(super) fn api_versions(&mut self) -> Result<(), Problem> {
        self.call(begin_request(API_VERSIONS)).map(drop)
    }

    /// Makes a topic; one that exists is as good.
    pub(super) fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(String, String)],
    ) -> Result<(), Problem> {
        let mut request = begin_request(CREATE_TOPICS);
        request.i32(1).string(name.as_bytes()).i32(partitions).i16(1).i32(0);
        request.i32(configs.len() as i32);
        for (key, value) in configs {
            request.string(key.as_bytes()).string(value.as_bytes());
        }
        request.i32(PATIENCE.as_millis() as i32).i8(0);
        let mut bytes = self.call(request)?;
        let mut answer = Reader::new(&mut bytes);
        let (_correlation, _throttle, _topics) = (answer.i32()?, answer.i32()?, answer.i32()?);
        let (_name, code, message) = (answer.string()?, answer.i16()?, answer.nullable_string()?);
        match code {
            0 | ALREADY_EXISTS => Ok(()),
            code => {
                let message = String::from_utf8_lossy(message.unwrap_or_default());
                Err(Problem::Refused(format!("creation of {name}: {message}"), code))
            }
        }
    }

    /// Removes a topic.
    pub(super) fn delete_topic(&mut self, name: &str) -> Result<(), Problem> {
        let mut request = begin_request(DELETE_TOPICS);
        request.i32(1).string(name.as_bytes()).i32(PATIENCE.as_millis() as i32);
        let mut bytes = self.call(request)?;
        let mut answer = Reader::new(&mut bytes);
        let (_correlation, _throttle, _topics) = (answer.i32()?, answer.i32()?, answer.i32()?);
        let (_name, code) = (answer.string()?, answer.i16()?);
        match code {
            0 => Ok(()),
            code => Err(Problem::Refused(format!("deletion of {name}"), code)),
        }
    }

    /// The end offset of each partition; `Err` with the code of the first that has none.
    fn ends(&mut self, name: &str, partitions: std::ops::Range<i32>) -> Result<Vec<i64>, Problem> {
        let first = partitions.start;
        let mut request = begin_request(LIST_OFFSETS);
        let partitions_asked = partitions.len();
        request
            .i32(-1)
            .i32(1)
            .string(name.as_bytes())
            .i32(partitions_asked as i32);
        for partition in partitions {
            request.i32(partition).i64(LATEST);
        }
        let mut bytes = self.call(request)?;
        let mut answer = Reader::new(&mut bytes);
        let (_correlation, _topics, _name, count) = (answer.i32()?, answer.i32()?, answer.string()?, answer.i32()?);
        let mut ends = vec![0; partitions_asked];
        for _ in 0..count {
            let (partition, code, _time, offset) = (answer.i32()?, answer.i16()?, answer.i64()?, answer.i64()?);
            if code != 0 {
                return Err(Problem::Refused(format!("end offsets of {name}"), code));
            }
            let end = usize::try_from(partition - first)
                .ok()
                .and_then(|place| ends.get_mut(place));
            *end.ok_or(Problem::Unexpected("an offset of a partition that was not asked for"))? = offset;
        }
        Ok(ends)
    }

    /// The end offset of each partition, when all of them answer.
    pub(super) fn await_ends(&mut self, name: &str, partitions: i32) -> Result<Vec<i64>, Problem> {
        let began = Instant::now();
        let mut all = Vec::new();
        while (all.len() as i32) < partitions {
            let first = all.len() as i32;
            match self.ends(name, first..partitions.min(first + PARTITIONS_AT_ONCE)) {
                Ok(ends) => all.extend(ends),
                Err(Problem::Refused(..)) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok(all)
    }
}
