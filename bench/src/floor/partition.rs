//! One partition: a file of batches, one after the other from position 0 on, and in memory where each begins. A batch is
//! in `Log::batches` only when its bytes are in the file, so a fetch sees whole batches only.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes of a batch before the length that `batchLength` tells: base offset and the length itself.
const LENGTH_END: usize = 12;
/// Where the leader epoch ends and the magic stands.
const MAGIC: usize = 16;
/// Where the CRC stands; it covers everything behind it.
const CRC: usize = 17;
/// Where the last offset delta stands.
const LAST_OFFSET_DELTA: usize = 23;
/// Bytes of a batch before its first record.
const HEADER: usize = 61;

/// Why a batch is not appended.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// No batch of magic 2, cut short, or with another CRC than it says.
    #[error("a batch is corrupt")]
    Corrupt,
    /// The file does not take it.
    #[error("the partition's file does not take a batch: {0}")]
    Io(#[from] io::Error),
}

/// What a fetch finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Where its first batch begins in the file.
    pub(super) position: u64,
    /// Bytes of whole batches.
    pub(super) length: usize,
    /// The next offset to be given, which is also the high watermark.
    pub(super) end_offset: i64,
    /// Whether the offset asked for is one that the partition has, or its end.
    pub(super) in_range: bool,
}

impl Found {
    /// Of a partition that cannot be had.
    pub(super) fn nothing() -> Self {
        Self {
            position: 0,
            length: 0,
            end_offset: -1,
            in_range: false,
        }
    }
}

/// One partition.
#[derive(Debug)]
pub(super) struct Partition {
    /// The batches.
    pub(super) file: File,
    log: Mutex<Log>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Log {
    batches: Vec<Batch>,
    end_offset: i64,
    end_position: u64,
    /// Long polls that wait: without one, an append wakes nobody.
    waiting: usize,
}

#[derive(Debug)]
struct Batch {
    base_offset: i64,
    position: u64,
}

impl Partition {
    /// An empty one; a file at `path` loses what it has.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        Ok(Self {
            file,
            log: Mutex::default(),
            grown: Condvar::new(),
        })
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stamps `records`, one or more whole batches, with their offsets, writes them, and returns the first offset.
    pub(super) fn append(&self, records: &mut [u8]) -> Result<i64, AppendError> {
        check(records)?;
        let mut log = self.log();
        let (known, base_offset) = (log.batches.len(), log.end_offset);
        let mut end_offset = base_offset;
        let mut at = 0;
        while at < records.len() {
            let batch = &mut records[at..];
            let position = log.end_position + at as u64;
            log.batches.push(Batch {
                base_offset: end_offset,
                position,
            });
            batch[..8].copy_from_slice(&end_offset.to_be_bytes());
            batch[LENGTH_END..MAGIC].copy_from_slice(&0_i32.to_be_bytes());
            end_offset += i64::from(number(batch, LAST_OFFSET_DELTA)) + 1;
            at += size(batch);
        }
        if let Err(error) = self.file.write_all_at(records, log.end_position) {
            log.batches.truncate(known);
            return Err(error.into());
        }
        log.end_offset = end_offset;
        log.end_position += at as u64;
        let awaited = log.waiting > 0;
        drop(log);
        if awaited {
            self.grown.notify_all();
        }
        Ok(base_offset)
    }

    /// Whole batches from the one with `offset` on, of at most `limit` bytes together; the first even beyond the limit if
    /// `at_least_one`.
    pub(super) fn find(&self, offset: i64, limit: usize, at_least_one: bool) -> Found {
        let log = self.log();
        let Log {
            end_offset,
            end_position,
            ..
        } = *log;
        let in_range = (0..=end_offset).contains(&offset);
        if !in_range || offset == end_offset {
            return Found {
                position: end_position,
                length: 0,
                end_offset,
                in_range,
            };
        }
        let first = log.batches.partition_point(|batch| batch.base_offset <= offset) - 1;
        let position = log.batches[first].position;
        let most = position + limit as u64;
        let end_of = |index: usize| log.batches.get(index + 1).map_or(end_position, |next| next.position);
        let end = if most >= end_position {
            end_position
        } else if at_least_one && end_of(first) > most {
            end_of(first)
        } else {
            log.batches[log.batches.partition_point(|batch| batch.position <= most) - 1].position
        };
        let length = usize::try_from(end - position).expect("at most the limit, or a batch, which came in a frame");
        Found {
            position,
            length,
            end_offset,
            in_range,
        }
    }

    /// The next offset to be given.
    pub(super) fn end_offset(&self) -> i64 {
        self.log().end_offset
    }

    /// Waits until the partition has more than `end_offset`, or until `deadline`.
    pub(super) fn wait_past(&self, end_offset: i64, deadline: Instant) {
        let mut log = self.log();
        log.waiting += 1;
        while log.end_offset <= end_offset {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            log = self
                .grown
                .wait_timeout(log, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        log.waiting -= 1;
    }
}

/// Whether `records` are one or more whole batches whose CRC is right.
fn check(records: &[u8]) -> Result<(), AppendError> {
    let mut rest = records;
    while {
        if rest.len() < HEADER || rest[MAGIC] != 2 || number(rest, 8) < 0 || number(rest, LAST_OFFSET_DELTA) < 0 {
            return Err(AppendError::Corrupt);
        }
        let size = size(rest);
        if !(HEADER..=rest.len()).contains(&size) {
            return Err(AppendError::Corrupt);
        }
        let (batch, behind) = rest.split_at(size);
        if crc32c::crc32c(&batch[CRC + 4..]).to_be_bytes() != batch[CRC..CRC + 4] {
            return Err(AppendError::Corrupt);
        }
        rest = behind;
        !rest.is_empty()
    } {}
    Ok(())
}

/// The bytes of a batch, from its header.
fn size(batch: &[u8]) -> usize {
    LENGTH_END + usize::try_from(number(batch, 8)).expect("checked not to be negative")
}

fn number(batch: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(batch[at..at + 4].try_into().expect("four bytes"))
}
