//! How much of a log is dirty, and whether it is to be cleaned now (Kafka: `LogCleanerManager.cleanableOffsets`, `LogToClean`;
//! KIP-354 for the maximum lag).

/// What a topic's configuration says about its compaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompactionConfig {
    /// `delete.retention.ms`: how long a tombstone stays after the round that first met it, in milliseconds.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: a segment with a record younger than this is not cleaned yet, in milliseconds.
    pub min_lag_ms: i64,
    /// `max.compaction.lag.ms`: a segment whose first batch is older than this is cleaned however little is dirty, in
    /// milliseconds.
    pub max_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: a log is cleaned when more than this part of it is dirty.
    pub min_dirty_ratio: f64,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        CompactionConfig {
            delete_retention_ms: 86_400_000,
            min_lag_ms: 0,
            max_lag_ms: i64::MAX,
            min_dirty_ratio: 0.5,
        }
    }
}

/// A segment, for the choice. The times are asked for where they count only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Its base offset.
    pub base_offset: i64,
    /// Its bytes.
    pub size: u64,
}

/// What of a log can be cleaned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The first offset that no round has looked at.
    pub first_dirty: i64,
    /// The first offset that this round may not look at: a segment's base offset, or `first_dirty`.
    pub first_uncleanable: i64,
    /// Bytes of the segments below `first_dirty`.
    pub clean_bytes: u64,
    /// Bytes from there to `first_uncleanable`.
    pub cleanable_bytes: u64,
    /// How long ago the maximum lag was passed, in milliseconds; 0 where it was not.
    pub overdue_ms: i64,
}

impl Choice {
    /// The part of the log that is dirty and can be cleaned, 0 to 1.
    pub fn dirty_ratio(&self) -> f64 {
        let all = self.clean_bytes + self.cleanable_bytes;
        if all == 0 {
            return 0.0;
        }
        self.cleanable_bytes as f64 / all as f64
    }

    /// Whether the log is to be cleaned now.
    pub fn is_due(&self, config: &CompactionConfig) -> bool {
        self.cleanable_bytes > 0 && (self.overdue_ms > 0 || self.dirty_ratio() > config.min_dirty_ratio)
    }
}

/// Chooses what of a log can be cleaned. `segments` are all of them, the last is the active one; `dirty_from` is where the
/// last round stopped; nothing at or above `stable_end` (the high watermark, or the first open transaction) is touched.
/// `newest` answers a segment's largest timestamp and `oldest` its first batch's, by place; −1 where it has none.
pub fn choose<E>(
    segments: &[SegmentFacts],
    dirty_from: Option<i64>,
    stable_end: i64,
    config: &CompactionConfig,
    now_ms: i64,
    mut newest: impl FnMut(usize) -> Result<i64, E>,
    mut oldest: impl FnMut(usize) -> Result<i64, E>,
) -> Result<Option<Choice>, E> {
    let (Some(first), Some(active)) = (segments.first(), segments.last()) else {
        return Ok(None);
    };
    // A log that was cut, or began anew, is looked at from its beginning.
    let first_dirty = dirty_from
        .filter(|dirty| (first.base_offset..=stable_end).contains(dirty))
        .unwrap_or(first.base_offset);
    let end_of = |place: usize| segments[place + 1].base_offset;
    let sealed = segments.len() - 1;
    let from = (0..sealed).find(|&place| end_of(place) > first_dirty).unwrap_or(sealed);
    let mut first_uncleanable = active.base_offset;
    let mut overdue_ms = 0;
    for (place, segment) in segments.iter().enumerate().take(sealed).skip(from) {
        // Only whole segments are replaced.
        let is_open = end_of(place) > stable_end;
        let is_young = config.min_lag_ms > 0 && newest(place)? > now_ms.saturating_sub(config.min_lag_ms);
        if is_open || is_young {
            first_uncleanable = segment.base_offset;
            break;
        }
        if config.max_lag_ms < i64::MAX {
            let oldest = oldest(place)?;
            let until = now_ms.saturating_sub(config.max_lag_ms.max(0));
            if oldest > 0 && oldest < until {
                overdue_ms = overdue_ms.max(until - oldest);
            }
        }
    }
    let bytes = |is_in: &dyn Fn(usize) -> bool| {
        let counted = (0..sealed).filter(|&place| is_in(place));
        counted.map(|place| segments[place].size).sum()
    };
    Ok(Some(Choice {
        first_dirty,
        first_uncleanable: first_uncleanable.max(first_dirty),
        clean_bytes: bytes(&|place| segments[place].base_offset < first_dirty),
        cleanable_bytes: bytes(&|place| end_of(place) > first_dirty && segments[place].base_offset < first_uncleanable),
        overdue_ms,
    }))
}
