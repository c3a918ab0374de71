//! What the clients know of one partition.

use std::collections::BTreeMap;

use storage::journal::GroupId;

/// A batch that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) partition: GroupId,
    /// Some attempt was accepted, or its fate is unknown.
    pub(crate) may_be_there: bool,
}

/// A batch as it was read below the high watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) token: u64,
    pub(crate) next_offset: i64,
    /// The leader epoch.
    pub(crate) epoch: i32,
    /// Of all its bytes, the stamp included.
    pub(crate) hash: u64,
    pub(crate) size: u64,
    /// Timestamps of its records.
    pub(crate) timestamps: Vec<i64>,
}

/// A batch that was appended in the present life of the node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) base_offset: i64,
    pub(crate) token: u64,
}

/// What is known of one partition.
#[derive(Debug)]
pub(crate) struct PartitionModel {
    /// Caching: a power cut may take what was acknowledged.
    pub(crate) is_weak: bool,
    /// What was seen below the high watermark, by base offset.
    pub(crate) log: BTreeMap<i64, Placed>,
    /// Where each batch was seen.
    pub(crate) places: BTreeMap<u64, i64>,
    /// Acknowledged with acks=all: token by base offset.
    pub(crate) confirmed: BTreeMap<i64, u64>,
    pub(crate) written: Vec<Written>,
    /// The next sequence of each producer in the log as seen.
    pub(crate) sequences: BTreeMap<i64, i32>,
    /// The highest log start offset seen.
    pub(crate) start: i64,
    /// The highest offset up to which records were asked to be deleted.
    pub(crate) asked_start: i64,
    /// The highest log start offset that was answered.
    pub(crate) answered_start: i64,
    /// Every `retention.ms` and `retention.bytes` that was in force.
    pub(crate) retentions: Vec<(i64, i64)>,
    /// A bit was flipped on the device in the batch with this base offset.
    pub(crate) flipped: Option<i64>,
}

impl PartitionModel {
    pub(crate) fn new(topic: &str) -> Self {
        PartitionModel {
            is_weak: topic.starts_with('w'),
            log: BTreeMap::new(),
            places: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            written: Vec::new(),
            sequences: BTreeMap::new(),
            start: 0,
            asked_start: 0,
            answered_start: 0,
            retentions: Vec::new(),
            flipped: None,
        }
    }

    /// The end of what was seen.
    pub(crate) fn end(&self) -> i64 {
        self.log.last_key_value().map_or(0, |(_, placed)| placed.next_offset)
    }

    /// Forgets what lies at and above `end`: a caching partition lost it.
    pub(crate) fn forget_from(&mut self, end: i64) {
        for (_, placed) in self.log.split_off(&end) {
            self.places.remove(&placed.token);
        }
        self.confirmed.split_off(&end);
    }

    /// Whether retention might remove everything below `start` at `now_ms`, by any of the settings that were in force.
    /// `left` are the bytes of what is still there; `None` if that is not what it was then.
    pub(crate) fn may_be_removed_below(&self, start: i64, now_ms: i64, left: Option<u64>) -> Result<(), String> {
        let justified = |(retention_ms, retention_bytes): (i64, i64)| -> Result<(), String> {
            let mut bytes_after = left.map_or(i64::MAX, |left| left as i64);
            for (base, placed) in self.log.range(self.start..start).rev() {
                let newest = placed.timestamps.iter().max().copied().unwrap_or(i64::MAX);
                let is_expired = retention_ms >= 0 && now_ms.saturating_sub(newest) > retention_ms;
                let is_too_much = retention_bytes >= 0 && bytes_after >= retention_bytes;
                if !is_expired && !is_too_much {
                    return Err(format!(
                        "the batch at {base}, {} ms old, with {bytes_after} bytes after it, is gone with \
                         retention.ms={retention_ms} retention.bytes={retention_bytes}",
                        now_ms - newest
                    ));
                }
                bytes_after = bytes_after.saturating_add(placed.size as i64);
            }
            Ok(())
        };
        let mut result = Err("nothing was to be removed".to_string());
        for retention in &self.retentions {
            result = justified(*retention);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
