//! Checks what producers send before it is appended (Kafka's `ProduceRequest.validateRecords`,
//! `UnifiedLog.analyzeAndValidateRecords` and `LogValidator`, in their order).
//!
//! What passes is one batch that is whole, reads back, and obeys the topic. Bytes are passed on as they came wherever
//! possible: only another codec, append time, a wrong max timestamp or wrong offsets cost a copy.
//!
//! Deliberately otherwise than in Kafka:
//! - offset deltas that do not count up by one are corrected in uncompressed batches; Kafka writes them as they are, to a
//!   log that no longer agrees with itself (both refuse compressed ones);
//! - the records of compressed batches must be as long as they say, which Kafka leaves to the consumer to find;
//! - transactional batches are refused;
//! - what Kafka answers with an unknown server error (codec ids 5 to 7, records that do not decompress) gets a true name;
//! - at most [`MAX_REJECTIONS`](super::MAX_REJECTIONS) records at fault are listed.

use bytes::Bytes;

use super::header::{ATTRIBUTES_AT, LEAST_LENGTH, MAGIC_AT, MAX_TIMESTAMP_AT, check_magic, stamp_crc};
use super::record::read_record;
use super::records::{at, timestamp};
use super::scan::Scan;
use super::source::{SliceSource, StreamSource};
use super::{Attributes, BatchBuilder, BatchError, BatchHeader, HEADER_LEN, LOG_OVERHEAD, TimestampType, verify_crc};
use crate::compression::{Codec, Decompressor, compress, decompress};

/// The least length that any message format has: below it there is not even an attributes field.
const LEAST_LENGTH_EVER: i32 = 14;

/// How a topic's records are to be compressed (`compression.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicCompression {
    /// As the producer did.
    Producer,
    /// With this codec; batches that come with it are left as they are, whatever their level.
    Codec {
        /// The codec; [`Codec::None`] for `uncompressed`.
        kind: Codec,
        /// Its level (`compression.gzip.level` and so on), as [`compress`] takes it.
        level: Option<i32>,
    },
}

/// What a topic, its broker and the request allow.
#[derive(Clone, Debug)]
pub struct ProduceRules {
    /// `max.message.bytes`: the size of a batch, as it comes and as it is written.
    pub max_message_bytes: usize,
    /// `segment.bytes`, into which a batch must fit.
    pub segment_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub after_max_ms: i64,
    /// `compression.type` and level.
    pub compression: TopicCompression,
    /// Whether `cleanup.policy` holds `compact`: every record needs a key.
    pub compacted: bool,
    /// Whether the request's version allows zstd (Produce v7 on).
    pub zstd_allowed: bool,
    /// Most bytes to which the records of a batch may decompress.
    pub max_decompressed_bytes: usize,
}

impl Default for ProduceRules {
    /// Kafka's defaults for a topic, and 128 MiB for what it does not limit.
    fn default() -> Self {
        Self {
            max_message_bytes: 1024 * 1024 + LOG_OVERHEAD,
            segment_bytes: 1024 * 1024 * 1024,
            timestamp_type: TimestampType::CreateTime,
            before_max_ms: i64::MAX,
            after_max_ms: 60 * 60 * 1000,
            compression: TopicCompression::Producer,
            compacted: false,
            zstd_allowed: true,
            max_decompressed_bytes: 128 * 1024 * 1024,
        }
    }
}

/// A batch that passed every check, to be appended. The log stamps its prefix.
#[derive(Clone, Debug)]
pub struct ProducedBatch {
    /// Its header, of these bytes.
    pub header: BatchHeader,
    /// The whole batch: a slice of what was given, if nothing in it had to change.
    pub bytes: Bytes,
}

/// Checks what a producer sent for one partition, and makes of it what is to be appended. `now_ms` is the wall clock.
pub fn validate_produced(bytes: &Bytes, rules: &ProduceRules, now_ms: i64) -> Result<ProducedBatch, BatchError> {
    let bytes = only_batch(bytes, rules.zstd_allowed)?;
    let header = check_header(&bytes, rules)?;
    let source = header.attributes.codec()?;
    let (target, level) = match rules.compression {
        TopicCompression::Producer => (source, None),
        TopicCompression::Codec { kind, level } => (kind, level),
    };

    let compressed = &bytes[HEADER_LEN..];
    let limit = rules.max_decompressed_bytes;
    let mut plain = (source == Codec::None).then(|| bytes.slice(HEADER_LEN..));
    if plain.is_none() && source != target {
        plain = Some(decompress(source, compressed, limit)?.into());
    }
    let mut scan = Scan::new(&header, rules, now_ms);
    match &plain {
        Some(records) => scan.read(SliceSource::new(records, 0))?,
        None => scan.read(StreamSource(Decompressor::new(source, compressed, limit)?))?,
    }
    let Scan {
        max_timestamp,
        sequential,
        ..
    } = scan.finish()?;
    if !sequential && source != Codec::None {
        return Err(BatchError::OffsetsInCompressed);
    }

    // A batch that claims append time on a topic of create time has passed with that one time for all records, so they
    // are written with it.
    let rewrite = !sequential || header.attributes.timestamp_type() == TimestampType::LogAppendTime;
    let stamp = Stamp {
        attributes: header.attributes.with_timestamp_type(rules.timestamp_type),
        max_timestamp: match rules.timestamp_type {
            TimestampType::CreateTime => max_timestamp,
            TimestampType::LogAppendTime => now_ms,
        },
    };
    let produced = if source == target && !rewrite {
        stamp.in_place(bytes, header)
    } else {
        let records = match plain {
            Some(records) => records,
            None => decompress(source, compressed, limit)?.into(),
        };
        let (header, records) = if rewrite {
            renumbered(&header, &records)?
        } else {
            (header, records)
        };
        stamp.recompressed(header, &records, target, level)?
    };
    check_size(produced.bytes.len(), rules)?;
    Ok(produced)
}

/// Whether a batch may stand at the front of what was produced, by its length and its magic byte: Kafka looks at these, of
/// all partitions of a request, before anything else, and refuses the request as a whole.
pub fn check_front(bytes: &[u8]) -> Result<(), BatchError> {
    first_batch(bytes).map(|_| ())
}

/// The one batch that is there. A partial one behind it is left off, as Kafka does. What is wrong here is the request's
/// fault, whatever the topic ([`BatchError::is_of_request`]).
pub fn only_batch(bytes: &Bytes, zstd_allowed: bool) -> Result<Bytes, BatchError> {
    let size = first_batch(bytes)?.ok_or(BatchError::NoBatch { found: bytes.len() })?;
    let attributes = [bytes[ATTRIBUTES_AT], bytes[ATTRIBUTES_AT + 1]];
    check_magic(bytes[MAGIC_AT] as i8)?;
    if !zstd_allowed && matches!(Attributes(i16::from_be_bytes(attributes)).codec(), Ok(Codec::Zstd)) {
        return Err(BatchError::ZstdNotAllowed);
    }
    if first_batch(&bytes[size..])?.is_some() {
        return Err(BatchError::SeveralBatches);
    }
    Ok(bytes.slice(..size))
}

/// Size of the batch at the front, if it is there as a whole: then it has at least an attributes field.
fn first_batch(bytes: &[u8]) -> Result<Option<usize>, BatchError> {
    let Some(length) = bytes.get(8..).and_then(|rest| rest.first_chunk()) else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    if length < LEAST_LENGTH_EVER {
        return Err(BatchError::InvalidLength {
            found: length,
            least: LEAST_LENGTH,
        });
    }
    let Some(magic) = bytes.get(MAGIC_AT) else {
        return Ok(None);
    };
    if let Err(error @ BatchError::UnknownMagic { .. }) = check_magic(*magic as i8) {
        return Err(error);
    }
    let size = LOG_OVERHEAD + length.unsigned_abs() as usize;
    Ok((bytes.len() >= size).then_some(size))
}

fn check_header(batch: &[u8], rules: &ProduceRules) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::parse(batch);
    let base_offset = batch.first_chunk().map_or(0, |field| i64::from_be_bytes(*field));
    if base_offset != 0 {
        return Err(BatchError::BaseOffset { found: base_offset });
    }
    if batch.len() > rules.max_message_bytes {
        return Err(BatchError::TooLarge {
            size: batch.len(),
            limit: rules.max_message_bytes,
        });
    }
    let header = header.map_err(|error| match error {
        BatchError::Truncated { .. } => BatchError::InvalidLength {
            found: (batch.len() - LOG_OVERHEAD) as i32,
            least: LEAST_LENGTH,
        },
        error => error,
    })?;
    verify_crc(batch, &header)?;
    header.attributes.codec()?;
    let BatchHeader {
        record_count,
        last_offset_delta,
        producer_id,
        base_sequence,
        ..
    } = header;
    if record_count <= 0 || last_offset_delta != record_count - 1 {
        return Err(BatchError::InvalidCount {
            record_count,
            last_offset_delta,
        });
    }
    if header.attributes.is_control() {
        return Err(BatchError::Control);
    }
    if header.attributes.is_transactional() {
        return Err(BatchError::Transactional);
    }
    if header.has_producer() && base_sequence < 0 {
        return Err(BatchError::InvalidSequence {
            producer_id,
            base_sequence,
        });
    }
    Ok(header)
}

fn check_size(size: usize, rules: &ProduceRules) -> Result<(), BatchError> {
    if size > rules.max_message_bytes {
        return Err(BatchError::TooLarge {
            size,
            limit: rules.max_message_bytes,
        });
    }
    if size > rules.segment_bytes {
        return Err(BatchError::LargerThanSegment {
            size,
            limit: rules.segment_bytes,
        });
    }
    Ok(())
}

/// What the broker decides in a batch's header.
struct Stamp {
    attributes: Attributes,
    max_timestamp: i64,
}

impl Stamp {
    /// Into the batch as it came: untouched if it says so already, else a copy with a new CRC.
    fn in_place(self, bytes: Bytes, mut header: BatchHeader) -> ProducedBatch {
        let same_type = header.attributes.timestamp_type() == self.attributes.timestamp_type();
        if same_type && header.max_timestamp == self.max_timestamp {
            return ProducedBatch { header, bytes };
        }
        let mut batch = bytes.to_vec();
        batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&self.attributes.0.to_be_bytes());
        batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&self.max_timestamp.to_be_bytes());
        header.attributes = self.attributes;
        header.max_timestamp = self.max_timestamp;
        header.crc = stamp_crc(&mut batch);
        ProducedBatch {
            header,
            bytes: batch.into(),
        }
    }

    /// Before records that are compressed anew.
    fn recompressed(
        self,
        mut header: BatchHeader,
        records: &[u8],
        target: Codec,
        level: Option<i32>,
    ) -> Result<ProducedBatch, BatchError> {
        header.attributes = self.attributes.with_codec(target);
        header.max_timestamp = self.max_timestamp;
        let (header, bytes) = match target {
            Codec::None => header.with_records(records)?,
            codec => header.with_records(&compress(codec, level, records)?)?,
        };
        Ok(ProducedBatch { header, bytes })
    }
}

/// The same records with offsets that count up from 0, and with the timestamps that they have for their readers; and the
/// header that goes with them.
fn renumbered(header: &BatchHeader, records: &Bytes) -> Result<(BatchHeader, Bytes), BatchError> {
    let mut builder = BatchBuilder::new(Codec::None);
    let mut source = SliceSource::new(records, 0);
    for index in 0..header.record_count {
        let mut headers = Vec::new();
        let record =
            read_record(&mut source, |key, value| headers.push((key, value))).map_err(|error| at(index, error))?;
        let timestamp = timestamp(header, record.timestamp_delta);
        builder.push_raw(timestamp, record.key, record.value, headers.iter().copied());
    }
    let (base_timestamp, records) = builder.into_records();
    Ok((
        BatchHeader {
            base_timestamp,
            ..*header
        },
        records,
    ))
}
