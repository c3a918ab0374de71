//! Which records of a batch stay (Kafka: `Cleaner.shouldRetainRecord`, `MemoryRecords.filterTo`; KIP-534 for tombstones).
//!
//! Invariant: a batch that loses nothing is copied byte for byte. One that is written anew keeps its base offset and last
//! offset, its epoch, its producer's fields and its codec, and its records keep their offsets and timestamps.

use std::collections::BTreeMap;

use super::{KeyHash, OffsetMap};
use crate::compression::{Codec, compress, decompress};
use crate::planted::{Bug, is_planted};
use crate::record_batch::{
    BatchError, BatchHeader, HEADER_LEN, KeyedRecord, KeyedRecords, TimestampType, put_varlong, varlong_len,
};

/// Keys whose slots of the map are brought near together.
pub(super) const LOOKED_UP_AT_ONCE: usize = 64;

/// What transactions say of batches, in the order of the log.
pub trait Transactions {
    /// Whether the records of a batch are for nobody any more: those of an aborted transaction, or a marker whose
    /// transaction has none left.
    fn may_discard(&mut self, header: &BatchHeader) -> bool;
}

/// There are no transactions: every batch counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTransactions;

impl Transactions for NoTransactions {
    fn may_discard(&mut self, _: &BatchHeader) -> bool {
        false
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtered {
    /// Nothing of it stays.
    Dropped,
    /// It stays as it is.
    Whole,
    /// It was written anew, with this header.
    Rewritten(BatchHeader),
}

/// Decides on batch after batch of one round.
#[derive(Debug)]
pub struct Filter<'a, T> {
    /// The latest offset of each key, of those that the round has mapped.
    pub map: &'a OffsetMap,
    /// The last offset that is mapped: what is above stays.
    pub mapped_until: i64,
    /// The offset behind the last that the round may touch. The batch that ends there stays, if need be without records: so
    /// a reader finds something at every offset below.
    pub round_end: i64,
    /// The last offset of the last batch of each producer: that batch stays, if need be without records.
    pub producers: &'a BTreeMap<i64, i64>,
    /// The clock, in milliseconds since the epoch.
    pub now_ms: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// What a batch may decompress to.
    pub max_decompressed: usize,
    /// What transactions say.
    pub transactions: T,
    scratch: Scratch,
}

/// Memory that batches share.
#[derive(Debug, Default)]
struct Scratch {
    /// Byte ranges of records that stay, neighbours as one.
    runs: Vec<(usize, usize)>,
    records: Vec<u8>,
}

/// What a look at all records found.
struct Seen {
    count: i32,
    max_timestamp: i64,
    has_tombstone: bool,
    is_whole: bool,
}

impl<'a, T: Transactions> Filter<'a, T> {
    /// A filter of one round.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        map: &'a OffsetMap,
        mapped_until: i64,
        round_end: i64,
        producers: &'a BTreeMap<i64, i64>,
        now_ms: i64,
        delete_retention_ms: i64,
        max_decompressed: usize,
        transactions: T,
    ) -> Self {
        Filter {
            map,
            mapped_until,
            round_end,
            producers,
            now_ms,
            delete_retention_ms,
            max_decompressed,
            transactions,
            scratch: Scratch::default(),
        }
    }

    /// Decides on one batch, whose CRC is right, and adds to `out` what stays of it. An error is of a batch that cannot be
    /// read; nothing was added.
    pub fn batch(&mut self, header: &BatchHeader, batch: &[u8], out: &mut Vec<u8>) -> Result<Filtered, BatchError> {
        if header.base_offset > self.mapped_until {
            out.extend_from_slice(batch);
            return Ok(Filtered::Whole);
        }
        let may_discard = self.transactions.may_discard(header);
        let is_control = header.attributes.is_control();
        // A marker goes only after a while, as a tombstone does.
        let discards = may_discard && (!is_control || self.is_past_horizon(header));
        let stays_empty = header.next_offset() == self.round_end
            || (header.has_producer()
                && !is_planted(Bug::LastBatchOfProducerDropped)
                && self.producers.get(&header.producer_id) == Some(&header.last_offset()));
        let codec = header.attributes.codec()?;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.runs.clear();
        let plain;
        let records: &[u8] = match codec {
            _ if discards || header.record_count == 0 => &[],
            Codec::None => &batch[HEADER_LEN..],
            codec => {
                plain = decompress(codec, &batch[HEADER_LEN..], self.max_decompressed)?;
                &plain
            }
        };
        let seen = match discards {
            true => Seen {
                count: 0,
                max_timestamp: -1,
                has_tombstone: false,
                is_whole: header.record_count == 0,
            },
            false => self.look(header, records, is_control, &mut scratch.runs)?,
        };
        let stamps = (seen.has_tombstone || (may_discard && is_control)) && !header.attributes.has_delete_horizon();
        let filtered = if seen.count == 0 {
            match stays_empty {
                true if seen.is_whole => Ok(Filtered::Whole),
                true => empty(header, out).map(Filtered::Rewritten),
                false => Ok(Filtered::Dropped),
            }
        } else if seen.is_whole && !stamps {
            Ok(Filtered::Whole)
        } else {
            let horizon = stamps.then(|| self.now_ms.saturating_add(self.delete_retention_ms.max(0)));
            rewrite(header, &seen, horizon, records, &mut scratch, out).map(Filtered::Rewritten)
        };
        if filtered == Ok(Filtered::Whole) {
            out.extend_from_slice(batch);
        }
        self.scratch = scratch;
        filtered
    }

    /// Notes the records that stay.
    fn look(
        &self,
        header: &BatchHeader,
        records: &[u8],
        is_control: bool,
        runs: &mut Vec<(usize, usize)>,
    ) -> Result<Seen, BatchError> {
        let is_past_horizon = self.is_past_horizon(header);
        let mut seen = Seen {
            count: 0,
            max_timestamp: -1,
            has_tombstone: false,
            is_whole: true,
        };
        let mut all = KeyedRecords::new(header, records);
        let mut some: Vec<(KeyedRecord<'_>, Option<KeyHash>)> = Vec::with_capacity(LOOKED_UP_AT_ONCE);
        loop {
            some.clear();
            for record in all.by_ref().take(LOOKED_UP_AT_ONCE) {
                let record = record?;
                some.push((record, record.key.map(|key| self.map.hash(key))));
            }
            if some.is_empty() {
                return Ok(seen);
            }
            std::hint::black_box(self.map.bring_near(some.iter().filter_map(|(_, key)| *key)));
            for (record, key) in &some {
                let offset = header.base_offset + i64::from(record.offset_delta);
                if !is_control && !self.stays(record, *key, offset, is_past_horizon) {
                    seen.is_whole = false;
                    continue;
                }
                seen.count += 1;
                seen.has_tombstone |= !record.has_value && !is_control;
                let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
                seen.max_timestamp = seen.max_timestamp.max(timestamp);
                match runs.last_mut().filter(|(_, end)| *end == record.start) {
                    Some((_, end)) => *end = record.end,
                    None => runs.push((record.start, record.end)),
                }
            }
        }
    }

    #[inline]
    fn stays(&self, record: &KeyedRecord<'_>, key: Option<KeyHash>, offset: i64, is_past_horizon: bool) -> bool {
        if offset > self.mapped_until {
            return true;
        }
        let Some(key) = key else { return false };
        if !record.has_value && (is_past_horizon || is_planted(Bug::TombstoneDroppedAtOnce)) {
            return false;
        }
        match self.map.get(key) {
            Some(latest) if is_planted(Bug::LatestRecordDropped) => offset > latest,
            latest => latest.is_none_or(|latest| offset >= latest),
        }
    }

    /// Whether the time is over for which the batch's tombstones stay.
    fn is_past_horizon(&self, header: &BatchHeader) -> bool {
        header.attributes.has_delete_horizon() && header.base_timestamp <= self.now_ms
    }
}

/// The batch without records: it says how far its producer, and the log, had come.
fn empty(header: &BatchHeader, out: &mut Vec<u8>) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader {
        attributes: header.attributes.with_codec(Codec::None).without_delete_horizon(),
        base_timestamp: -1,
        record_count: 0,
        ..*header
    };
    let begin = out.len();
    out.resize(begin + HEADER_LEN, 0);
    header.put_before_records(&mut out[begin..])
}

/// The batch with the records that stay. With a `horizon` that becomes the base timestamp, from which the records'
/// timestamps are counted then.
fn rewrite(
    header: &BatchHeader,
    seen: &Seen,
    horizon: Option<i64>,
    records: &[u8],
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<BatchHeader, BatchError> {
    let mut rewritten = BatchHeader {
        record_count: seen.count,
        ..*header
    };
    if header.attributes.timestamp_type() == TimestampType::CreateTime {
        rewritten.max_timestamp = seen.max_timestamp;
    }
    if let Some(horizon) = horizon {
        rewritten.attributes = header.attributes.with_delete_horizon();
        rewritten.base_timestamp = horizon;
    }
    let codec = header.attributes.codec()?;
    let begin = out.len();
    out.resize(begin + HEADER_LEN, 0);
    let result = if codec == Codec::None {
        copy_runs(records, &scratch.runs, header, rewritten.base_timestamp, out)
    } else {
        scratch.records.clear();
        copy_runs(
            records,
            &scratch.runs,
            header,
            rewritten.base_timestamp,
            &mut scratch.records,
        )
        .and_then(|()| {
            out.extend_from_slice(&compress(codec, None, &scratch.records)?);
            Ok(())
        })
    };
    result
        .and_then(|()| rewritten.put_before_records(&mut out[begin..]))
        .inspect_err(|_| out.truncate(begin))
}

/// Copies records; their timestamps are counted from `base_timestamp` then.
fn copy_runs(
    records: &[u8],
    runs: &[(usize, usize)],
    header: &BatchHeader,
    base_timestamp: i64,
    out: &mut Vec<u8>,
) -> Result<(), BatchError> {
    for &(start, end) in runs {
        let run = &records[start..end];
        if base_timestamp == header.base_timestamp {
            out.extend_from_slice(run);
            continue;
        }
        let all = BatchHeader {
            record_count: i32::MAX,
            ..*header
        };
        let mut left = run;
        while !left.is_empty() {
            let Some(record) = KeyedRecords::new(&all, left).next() else {
                break;
            };
            let record = record?;
            let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
            let delta = timestamp.wrapping_sub(base_timestamp);
            let rest = &left[record.rest_at..record.end];
            let attributes = &left[record.timestamp_at - 1..record.timestamp_at];
            put_varlong(out, (1 + varlong_len(delta) + rest.len()) as i64);
            out.extend_from_slice(attributes);
            put_varlong(out, delta);
            out.extend_from_slice(rest);
            left = &left[record.end..];
        }
    }
    Ok(())
}
