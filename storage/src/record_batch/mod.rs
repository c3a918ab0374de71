//! Record batches, magic 2 (KIP-98): the unit that producers send, the log appends and consumers read.
//!
//! ```text
//!  0  i64  base offset            ┐ the prefix: outside the CRC, stamped by the log
//!  8  i32  batch length           │
//! 12  i32  partition leader epoch ┘
//! 16  i8   magic = 2
//! 17  u32  CRC32C of everything from byte 21 on
//! 21  i16  attributes
//! 23  i32  last offset delta
//! 27  i64  base timestamp
//! 35  i64  max timestamp
//! 43  i64  producer id
//! 51  i16  producer epoch
//! 53  i32  base sequence
//! 57  i32  record count
//! 61  …    records, compressed together unless the codec is none
//! ```
//!
//! A record is: varint length of what follows, i8 attributes (unused), varlong timestamp delta, varint offset delta,
//! varint key length (negative: null) and key, the same for the value, varint header count, and for each header a key
//! that is not null and a value. Varints are zigzag.
//!
//! Invariant: whatever the bytes, nothing here panics, and nothing is allocated because a count or a length in them says
//! so. A batch that [`validate_produced`] lets through reads back, with offsets that follow each other.

mod attributes;
mod builder;
mod error;
mod header;
mod keyed;
mod record;
mod records;
mod scan;
mod source;
#[cfg(test)]
mod tests;
mod validate;

pub use attributes::{Attributes, TimestampType};
pub use builder::BatchBuilder;
pub use error::{BatchError, ErrorClass, RecordRejection};
pub use header::{BatchHeader, MAGIC, prefix, verify_crc};
pub(crate) use keyed::{KeyedRecord, KeyedRecords};
pub(crate) use record::{put_varlong, varlong_len};
pub use records::{Record, RecordHeader, Records};
pub use scan::MAX_REJECTIONS;
pub use validate::{ProduceRules, ProducedBatch, TopicCompression, check_front, only_batch, validate_produced};

/// Base offset, batch length and leader epoch: what the CRC does not cover.
pub const PREFIX_LEN: usize = 16;
/// Everything before the records.
pub const HEADER_LEN: usize = 61;
/// Base offset and batch length, which the batch length does not count.
pub const LOG_OVERHEAD: usize = 12;
