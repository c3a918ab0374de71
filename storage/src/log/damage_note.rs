//! The note of damage that was found while the partition served, kept beside the segments: a start reads only what lies
//! above the synced mark and would not meet it, and what is appended behind it a repair could only cut off.

use std::io;

use super::error::Damage;
use super::files::{DAMAGE, LogFiles, parse_name};
use super::reader::LogPosition;
use crate::disk::read_file;

impl LogFiles {
    /// Writes the note, durably.
    pub(super) fn note_damage(&self, damage: &Damage, end: LogPosition) -> io::Result<()> {
        let Damage { reason, .. } = damage;
        let LogPosition {
            offset,
            segment_base,
            position,
        } = end;
        // One line each: what a person reads comes last.
        let reason = reason.replace('\n', " ");
        let content =
            format!("segment={segment_base:020}.log\nposition={position}\noffset={offset}\nreason={reason}\n");
        self.put_in_place(&self.dir.join(DAMAGE), content.as_bytes())?;
        self.disk.sync_dir(&self.dir)
    }

    /// What a note says, and where the good batches end; `None` where there is none, or none that makes sense.
    pub(super) fn noted_damage(&self) -> Option<(Damage, LogPosition)> {
        let text = String::from_utf8(read_file(&*self.disk, &self.dir.join(DAMAGE)).ok()?).ok()?;
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let segment = value("segment")?;
        let (segment_base, _) = parse_name(segment)?;
        let end = LogPosition {
            offset: value("offset")?.parse().ok()?,
            segment_base,
            position: value("position")?.parse().ok()?,
        };
        let damage = Damage {
            file: self.dir.join(segment).display().to_string(),
            position: end.position,
            offset: end.offset,
            reason: value("reason")?.to_string(),
        };
        Some((damage, end))
    }
}
