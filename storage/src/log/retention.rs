//! Removes old segments: by age, by size, and those that lie wholly below the log start offset.
//!
//! In two steps, because a segment's name may go only when its successor's name and the journal's anchor for it are
//! durable: [`Log::expired_before`] decides (and rolls the active segment once all of it has expired), the owner makes
//! both durable, then [`Log::remove_before`] removes.

use std::path::PathBuf;

use super::error::LogError;
use super::files::{INDEX, LOG, SNAPSHOT, TIME_INDEX};
use super::{Log, Segment};
use crate::planted::{Bug, is_planted};

impl Log {
    /// The base offset of the first segment that stays, if any segment before it has to go by `retention.ms` or
    /// `retention.bytes`, or lies wholly below the log start offset. Only what is below the high watermark goes. Where all of the active segment has expired it is
    /// rolled, so that its records go too.
    pub fn expired_before(&mut self, now_ms: i64) -> Result<Option<i64>, LogError> {
        if self.is_poisoned() {
            return Ok(None);
        }
        let expired = if self.config.delete {
            self.count_expired(now_ms)?
        } else {
            0
        };
        let expired = expired.max(self.count_below_start());
        let segments = self.reader.segments.load_full();
        if expired == segments.len() {
            self.roll(now_ms)?;
            // The owner sees it, and notes an anchor now: the log begins there, so it must be one that is committed.
            self.active.is_new = false;
        }
        let segments = self.reader.segments.load_full();
        Ok((expired > 0).then(|| segments[expired].base_offset()))
    }

    fn count_expired(&self, now_ms: i64) -> Result<usize, LogError> {
        let segments = self.reader.segments.load_full();
        let mark = self.reader.high_watermark().offset;
        let mut excess = match self.config.retention_bytes {
            bytes if bytes < 0 => 0,
            bytes => self.reader.size().saturating_sub(bytes as u64),
        };
        let mut count = 0;
        for (position, segment) in segments.iter().enumerate() {
            let end = segments
                .get(position + 1)
                .map_or(self.reader.end().offset, |next| next.base_offset());
            let goes_along = count > 0 && is_planted(Bug::RetentionDeletesActiveEnd);
            let is_active = position + 1 == segments.len();
            if (end > mark && !goes_along) || (segment.size() == 0 && is_active) {
                break;
            }
            // One that the cleaner has left empty holds nothing back.
            let by_size = excess >= segment.size() || goes_along;
            if !by_size && !self.is_too_old(segment, now_ms)? {
                break;
            }
            excess = excess.saturating_sub(segment.size());
            count += 1;
        }
        Ok(count)
    }

    fn is_too_old(&self, segment: &Segment, now_ms: i64) -> Result<bool, LogError> {
        if self.config.retention_ms < 0 {
            return Ok(false);
        }
        let newest = segment.newest(&self.files)?.map_or(-1, |(timestamp, _)| timestamp);
        let newest = if newest >= 0 { newest } else { self.active.created_ms };
        Ok(now_ms - newest > self.config.retention_ms)
    }

    /// Whether the producers would still be known after a crash if everything below `base` were gone: a whole, durable
    /// snapshot lies between `base` and `synced`. If not, the next flush writes one.
    pub fn remembers_producers(&mut self, base: i64, synced: i64) -> bool {
        let synced = synced.min(self.shared.durable_snapshot());
        let is_whole = |&&offset: &&i64| (base..=synced).contains(&offset) && self.look_at_snapshot(offset).is_ok();
        let remembers = self.producers.is_empty() || self.snapshots.iter().rev().any(|offset| is_whole(&offset));
        self.dirty.checkpoint_due |= !remembers;
        remembers
    }

    /// Removes the segments below `base`, which is a segment's base offset, and moves the log start offset to it. Files
    /// are renamed, so that readers that are at them can finish; the caller removes what is returned after
    /// `file.delete.delay.ms`.
    pub fn remove_before(&mut self, base: i64) -> Result<Vec<PathBuf>, LogError> {
        let files = self.files.clone();
        let Some(_present) = files.hold() else {
            return Ok(Vec::new());
        };
        let segments = self.reader.segments.load_full();
        let (old, kept): (Vec<_>, Vec<_>) = segments
            .iter()
            .cloned()
            .partition(|segment| segment.base_offset() < base);
        assert!(
            kept.first().is_some_and(|first| first.base_offset() == base),
            "{base} is no segment's base"
        );
        self.set_start(base.max(self.reader.start_offset()));
        if kept.len() == 1 {
            // The log begins here, and its owner has noted where: a later entry is not to take that place.
            self.active.is_new = false;
        }
        self.epochs_changed = true;
        self.swap_segments(kept);
        let mut aside = Vec::new();
        for segment in old {
            segment.retire();
            for suffix in [LOG, INDEX, TIME_INDEX] {
                aside.extend(files.put_aside(segment.base_offset(), suffix)?);
            }
        }
        while self.snapshots.first().is_some_and(|&oldest| oldest < base) {
            aside.push(self.files.path(self.snapshots.remove(0), SNAPSHOT));
        }
        Ok(aside)
    }
}
