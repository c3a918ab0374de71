//! Records as they are produced and read, and samples of them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::checks::{Problem, equal};

/// A record with its place. Two records are the same if all of it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// One to be produced; its offset comes with the answer.
    pub fn new(partition: i32, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Self {
            partition,
            offset: 0,
            timestamp,
            key: bytes(key),
            value: bytes(value),
            headers: Vec::new(),
        }
    }

    pub fn with_headers(mut self, headers: &[(&str, Option<&[u8]>)]) -> Self {
        self.headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.map(<[u8]>::to_vec)))
            .collect();
        self
    }

    pub fn at(&self, offset: i64) -> Self {
        Self { offset, ..self.clone() }
    }

    /// One that was read.
    pub fn read(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers
                .iter()
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect()
        });
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{} o{} t{}", self.partition, self.offset, self.timestamp)?;
        for (name, bytes) in [("key", &self.key), ("value", &self.value)] {
            match bytes {
                None => write!(f, " {name} null")?,
                Some(bytes) if bytes.len() > 48 => write!(f, " {name} of {} bytes", bytes.len())?,
                Some(bytes) => write!(f, " {name} \"{}\"", bytes.escape_ascii())?,
            }
        }
        write!(f, " {} headers", self.headers.len())
    }
}

/// Both are the same records in the same order; says how many.
#[track_caller]
pub fn same(expected: &[Record], found: &[Record]) -> Result<String, Problem> {
    for (index, (one, other)) in expected.iter().zip(found).enumerate() {
        equal(one, other, format_args!("record {index}"))?;
    }
    equal(expected.len(), found.len(), "number of records")?;
    Ok(format!("{} records", found.len()))
}

/// By partition, and in each by offset or, if the offsets are not known yet, as they stand.
pub fn by_partition(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| record.partition);
    records
}

pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// Numbers that look random and are the same for the same seed.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Bytes that no codec makes smaller.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(seed + 1);
    (0..length).map(|_| (numbers.next() >> 32) as u8).collect()
}

/// Keyed records for the partitions in turn, 1 ms apart and ending now; values compress well.
pub fn samples(partitions: i32, count: usize, seed: u64) -> Vec<Record> {
    let mut numbers = Numbers::new(seed);
    let start = now_ms() - count as i64;
    (0..count)
        .map(|index| {
            let key = format!("key {}", numbers.next() % 1000);
            let value = format!(
                "value {index} {}{}",
                "weir ".repeat((numbers.next() % 60) as usize),
                numbers.next()
            );
            let number = index.to_string();
            let record = Record::new(
                index as i32 % partitions,
                start + index as i64,
                Some(key.as_bytes()),
                Some(value.as_bytes()),
            );
            if index % 3 == 0 {
                record.with_headers(&[("number", Some(number.as_bytes()))])
            } else {
                record
            }
        })
        .collect()
}
