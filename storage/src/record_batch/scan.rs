//! One pass over the records of a produced batch: can each be read, and does it obey its topic?
//!
//! Invariant: nothing is copied or kept of a record that obeys. Of those that do not, [`MAX_REJECTIONS`] are described.

use super::record::{RawRecord, read_record};
use super::records::{at, timestamp};
use super::source::Source;
use super::{BatchError, BatchHeader, ProduceRules, RecordRejection, TimestampType};

/// Most records at fault that an error lists; the others are only counted.
pub const MAX_REJECTIONS: usize = 1000;
/// One look at every record of a batch.
pub(super) struct Scan<'a> {
    header: &'a BatchHeader,
    rules: &'a ProduceRules,
    now_ms: i64,
    /// Largest timestamp so far, −1 before any.
    pub(super) max_timestamp: i64,
    /// Whether every offset delta was the record's index.
    pub(super) sequential: bool,
    rejected: u64,
    rejected_timestamp: bool,
    rejections: Vec<RecordRejection>,
}

impl<'a> Scan<'a> {
    /// A look that has seen no record yet.
    pub(super) fn new(header: &'a BatchHeader, rules: &'a ProduceRules, now_ms: i64) -> Self {
        Self {
            header,
            rules,
            now_ms,
            max_timestamp: -1,
            sequential: true,
            rejected: 0,
            rejected_timestamp: false,
            rejections: Vec::new(),
        }
    }

    /// Reads all records. A record that cannot be read ends the scan; one that breaks a rule is noted.
    pub(super) fn read<S: Source>(&mut self, mut source: S) -> Result<(), BatchError> {
        let record_count = self.header.record_count;
        for index in 0..record_count {
            let record = read_record(&mut source, |_, _| ()).map_err(|error| at(index, error))?;
            self.check(index, &record);
        }
        match source.at_end().map_err(|error| at(record_count, error))? {
            true => Ok(()),
            false => Err(BatchError::TrailingBytes { record_count }),
        }
    }

    #[inline]
    fn check<F>(&mut self, index: i32, record: &RawRecord<F>) {
        let timestamp = timestamp(self.header, record.timestamp_delta);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.sequential &= record.offset_delta == index;
        if self.rules.compacted && record.key.is_none() {
            self.reject(index, || "a compacted topic takes no record without a key".to_owned());
        } else if self.rules.timestamp_type == TimestampType::CreateTime && timestamp != -1 {
            if self.out_of_bounds(timestamp) {
                let (now_ms, rules) = (self.now_ms, self.rules);
                let from = now_ms.saturating_sub(rules.before_max_ms);
                let to = now_ms.saturating_add(rules.after_max_ms);
                self.rejected_timestamp = true;
                self.reject(index, || {
                    format!("the timestamp {timestamp} is not within [{from}, {to}]")
                });
            }
        } else if self.header.attributes.timestamp_type() == TimestampType::LogAppendTime {
            self.rejected_timestamp = true;
            self.reject(index, || {
                "a producer may not set the timestamp type to LogAppendTime".to_owned()
            });
        }
    }

    /// With Java's wrapping arithmetic, so that extreme timestamps fare as in Kafka.
    fn out_of_bounds(&self, timestamp: i64) -> bool {
        let age = self.now_ms.wrapping_sub(timestamp);
        age > self.rules.before_max_ms || age.wrapping_neg() > self.rules.after_max_ms
    }

    #[cold]
    fn reject(&mut self, index: i32, message: impl FnOnce() -> String) {
        self.rejected += 1;
        if self.rejections.len() < MAX_REJECTIONS {
            self.rejections.push(RecordRejection {
                index,
                message: message(),
            });
        }
    }

    /// The look, if no record broke a rule.
    pub(super) fn finish(self) -> Result<Self, BatchError> {
        if self.rejected == 0 {
            return Ok(self);
        }
        Err(BatchError::Rejected {
            timestamp: self.rejected_timestamp,
            total: self.rejected,
            rejections: self.rejections,
        })
    }
}
