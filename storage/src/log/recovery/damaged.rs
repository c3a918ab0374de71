//! A log that is damaged: it opens, and can be read below the damage.

use std::sync::Arc;

use super::super::error::{Damage, LogError};
use super::super::files::{DAMAGE, LOG, LogFiles, display_name, parse_name};
use super::super::reader::LogPosition;
use super::super::scrub::{Scrub, Scrubbed};
use super::super::segment::LiveIndex;
use super::super::verify::{Expected, check};
use super::super::walk::{HeaderWalk, Step};
use super::super::{Log, LogConfig, Segment};
use super::missing::MissingFile;
use super::{Listing, Recovered, Recovery, StopKind, Stopped};
use crate::disk::read_exact_at;
use crate::journal::GroupState;
use crate::leader_epochs::LeaderEpochs;

/// Bytes of a segment that is back that are verified at once.
const SCRUBBED_AT_ONCE: u64 = 8 << 20;

/// The damage that a broker has noted in a partition's directory, if it is still there. Changes nothing.
pub fn still_damaged(files: &LogFiles, group: &GroupState) -> Result<Option<Damage>, LogError> {
    let Some((damage, place)) = files.noted_damage() else {
        return Ok(None);
    };
    let recovery = Recovery {
        files: files.clone(),
        config: Arc::new(LogConfig::default()),
        group,
        stop: StopKind::Killed,
        now_ms: 0,
        is_filesystem_synced: false,
    };
    Ok((!recovery.reads_right(place)?).then_some(damage))
}

impl Recovery<'_> {
    /// Stands in for a log that could not be opened, say because the disk refused a read: nothing of it can be read.
    pub fn unreadable(self, reason: String) -> Recovered {
        let damage = Damage {
            file: self.files.dir.display().to_string(),
            position: 0,
            offset: 0,
            reason,
        };
        let segment = Arc::new(Segment::active(0, Arc::new(MissingFile), 0, LiveIndex::new(0)));
        let end = LogPosition::default();
        let (files, config) = (self.files.clone(), self.config.clone());
        let mut log = Log::assemble(
            files,
            config,
            vec![segment],
            0,
            end,
            LeaderEpochs::default(),
            self.now_ms,
        );
        log.quarantine(damage.clone(), end);
        self.only_readable(log, damage)
    }

    /// A log that can be read below its damage. The batches before it in its segment are verified: where headers did not
    /// fit each other, the damage may be in an earlier one.
    pub(super) fn damaged(&self, mut log: Log, stopped: Stopped) -> Recovered {
        let segments = log.reader.segments();
        let segment = &segments[stopped.segment];
        let base = segment.base_offset();
        let mut end = LogPosition {
            offset: base,
            segment_base: base,
            position: 0,
        };
        let mut epoch = -1;
        let mut bytes = Vec::new();
        let mut walk = HeaderWalk::new(segment.file().clone(), 0, stopped.position.min(segment.size()));
        while let Ok(Step::Batch { position, header }) = walk.step() {
            bytes.resize(header.size(), 0);
            let expected = Expected {
                offset: end.offset,
                gap_until: segment.cleaned().map(|cleaned| cleaned.end_offset),
            };
            let is_good = read_exact_at(&**segment.file(), &mut bytes, position).is_ok()
                && check(&bytes, &header, expected, epoch).is_ok();
            if !is_good {
                break;
            }
            epoch = header.leader_epoch;
            end.offset = header.next_offset();
            end.position = position + header.size() as u64;
        }
        let damage = Damage {
            file: display_name(&self.files.path(base, LOG)),
            position: end.position,
            offset: end.offset,
            reason: stopped.reason,
        };
        log.quarantine(damage.clone(), end);
        self.only_readable(log, damage)
    }

    /// Damage that an earlier life has noted, unless it reads right again.
    pub(super) fn noted_damage(&self) -> Result<Option<(Damage, LogPosition)>, LogError> {
        let Some((damage, end)) = self.files.noted_damage() else {
            return Ok(None);
        };
        if !self.reads_right(end)? {
            return Ok(Some((damage, end)));
        }
        tracing::warn!(%damage, "this was found before, and reads right again");
        self.files.remove(&self.files.dir.join(DAMAGE))?;
        Ok(None)
    }

    /// Whether the batch at `place` is good again, or, if a segment was missing there, whether that is back.
    fn reads_right(&self, place: LogPosition) -> Result<bool, LogError> {
        let entries = self.files.disk.list(&self.files.dir);
        let entries = entries.map_err(|error| LogError::io("list", &self.files.dir, error))?;
        let named = entries.iter().filter_map(|entry| parse_name(&entry.name));
        let mut listing = Listing {
            segments: named
                .filter_map(|(base, suffix)| (suffix == LOG).then_some(base))
                .collect(),
            snapshots: Vec::new(),
        };
        listing.segments.sort_unstable();
        let is_gap = place.position == 0 && place.segment_base != place.offset;
        let Some(&base) = listing.segments.iter().rfind(|&&base| base <= place.offset) else {
            return Ok(false);
        };
        let segments = self.open_segments(&listing)?;
        let noted = segments
            .iter()
            .find(|segment| segment.base_offset() == place.segment_base);
        let Some(size) = noted
            .map(|segment| segment.size())
            .filter(|&size| place.position < size)
        else {
            return Ok(false);
        };
        let limit = LogPosition {
            offset: i64::MAX,
            segment_base: place.segment_base,
            position: size,
        };
        let (from, budget) = match is_gap {
            true => (
                LogPosition {
                    offset: base,
                    segment_base: base,
                    position: 0,
                },
                SCRUBBED_AT_ONCE,
            ),
            false => (place, 1),
        };
        let log = self.assemble(segments, limit);
        let mut scrub = Scrub::from(from);
        loop {
            match scrub.step(log.reader(), limit, budget) {
                Ok(Scrubbed::More(_)) if !scrub.is_past(place) => {}
                Ok(Scrubbed::More(_) | Scrubbed::End(_)) => return Ok(scrub.is_past(place)),
                Ok(Scrubbed::Damaged(..)) | Err(_) => return Ok(false),
            }
        }
    }

    /// Damage before any segment could be opened: what there is below it, up to `at`, stays readable.
    pub(super) fn quarantined(
        &self,
        listing: &Listing,
        damage: Damage,
        at: LogPosition,
    ) -> Result<Recovered, LogError> {
        let mut segments = self.open_segments(listing)?;
        segments.retain(|segment| segment.base_offset() <= at.segment_base);
        if segments.is_empty() {
            let index = LiveIndex::new(damage.offset);
            segments.push(Arc::new(Segment::active(
                damage.offset,
                Arc::new(MissingFile),
                0,
                index,
            )));
        }
        let mut log = self.assemble(segments, at);
        log.quarantine(damage.clone(), at);
        Ok(self.only_readable(log, damage))
    }

    fn only_readable(&self, mut log: Log, damage: Damage) -> Recovered {
        self.restore_start(&mut log, damage.offset);
        Recovered {
            log,
            tail: Vec::new(),
            last_index: 0,
            drop_entries_from: None,
            damage: Some(damage),
            cut_bytes: 0,
            is_replaced: false,
        }
    }
}

impl Log {
    /// Damage was found while the log served: as [`Self::quarantine`], and noted, so that the next start knows it.
    pub fn quarantine_noted(&mut self, damage: Damage, end: LogPosition) {
        if let Err(error) = self.files.note_damage(&damage, end) {
            tracing::warn!(%damage, %error, "the damage cannot be noted: the next start may not know it");
        }
        self.quarantine(damage, end);
    }

    /// Ends the log, for readers, at its damage (`end`, after the last good batch); it takes no writes.
    pub fn quarantine(&mut self, damage: Damage, end: LogPosition) {
        self.poison();
        *self.reader.end.write() = end;
        *self.reader.high_watermark.write() = end;
        self.reader.set_damage(damage);
    }
}
