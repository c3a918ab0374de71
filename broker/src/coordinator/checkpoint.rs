//! A shard's checkpoint on disk, `group-checkpoint` in the partition's directory.
//!
//! ```text
//! applied offset i64 · leader epoch i32 of the record before it · the shard's checkpoint
//! ```
//!
//! It is only a shortcut: whatever is wrong with it, the whole log is replayed instead. That must also be so when the
//! log has lost its end (a power cut with write caching) and grown again: the epoch tells, since every start begins a new
//! one.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use storage::disk::read_file;
use storage::log::LogReader;

use super::partition::Coordinator;
use crate::group::{Now, Shard};

/// Name of the file.
pub(super) const FILE: &str = "group-checkpoint";

/// A checkpoint is not written before so many records came after the last one.
const MIN_TAIL_RECORDS: i64 = 20_000;
/// Nor, if there are fewer records, before so many bytes did.
const MIN_TAIL_BYTES: u64 = 32 << 20;
/// About the bytes of a record in a checkpoint. To write one for fewer records than it holds would cost more than the
/// records themselves.
const USUAL_RECORD_BYTES: u64 = 128;
/// Bytes before the shard's part.
const PREFIX_LEN: usize = 12;

/// The last checkpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    /// Its applied offset.
    applied: i64,
    /// Its size.
    bytes: u64,
    /// The size of the log at that time.
    log_bytes: u64,
}

impl Written {
    #[cfg(test)]
    pub(super) fn applied(&self) -> i64 {
        self.applied
    }

    /// Whether there is one.
    #[cfg(test)]
    pub(super) fn is_some(&self) -> bool {
        self.applied > 0
    }

    /// Takes in what became of the log since. One that the cleaner has passed no start would use: it counts as none. And
    /// what the cleaner takes from the log is not taken from what a start has to read behind the checkpoint.
    fn heed(&mut self, log_bytes: u64, first_uncleaned: i64) {
        if self.applied < first_uncleaned {
            *self = Written::default();
        }
        self.log_bytes = self.log_bytes.min(log_bytes);
    }

    fn is_due(&self, applied: i64, log_bytes: u64) -> bool {
        let records = applied - self.applied;
        let bytes = log_bytes.saturating_sub(self.log_bytes);
        let held = i64::try_from(self.bytes / USUAL_RECORD_BYTES).unwrap_or(i64::MAX);
        records > 0 && (records >= MIN_TAIL_RECORDS.max(held) || bytes >= MIN_TAIL_BYTES.max(self.bytes))
    }
}

/// Takes over the checkpoint of the partition, if there is one and the log still has what it was made of.
pub(super) fn restore(shard: &mut Shard, reader: &Arc<LogReader>, now: Now) -> Written {
    let files = reader.files();
    let path = files.dir.join(FILE);
    let content = match read_file(&*files.disk, &path) {
        Ok(content) => content,
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "a checkpoint cannot be read: the whole log is replayed");
            }
            return Written::default();
        }
    };
    let Some((applied, epoch, checkpoint)) = split(&content) else {
        tracing::warn!(path = %path.display(), "a checkpoint is cut short: the whole log is replayed");
        return Written::default();
    };
    let in_log = reader.start_offset()..=reader.high_watermark().offset;
    if !in_log.contains(&applied) || reader.epoch_of(applied - 1) != Some(epoch) {
        tracing::warn!(path = %path.display(), applied, "a checkpoint is of another log: the whole log is replayed");
        return Written::default();
    }
    if applied < reader.first_uncleaned() {
        // A tombstone of what it holds may be gone from the log: only all of the log says what was removed.
        tracing::info!(path = %path.display(), applied, "the cleaner has passed a checkpoint: the whole log is replayed");
        return Written::default();
    }
    match shard.restore(checkpoint) {
        Ok(restored) if restored == applied => Written {
            applied,
            bytes: content.len() as u64,
            log_bytes: reader.size(),
        },
        Ok(_) => {
            shard.unload(now);
            Written::default()
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a checkpoint is damaged: the whole log is replayed");
            Written::default()
        }
    }
}

fn split(content: &[u8]) -> Option<(i64, i32, &[u8])> {
    let (prefix, checkpoint) = content.split_at_checked(PREFIX_LEN)?;
    let (applied, epoch) = prefix.split_first_chunk::<8>()?;
    Some((
        i64::from_be_bytes(*applied),
        i32::from_be_bytes(epoch.try_into().ok()?),
        checkpoint,
    ))
}

impl Coordinator {
    /// Writes a checkpoint if enough was committed since the last one; with `anyway`, if anything was.
    pub(super) fn checkpoint(&self, anyway: bool) {
        let mut written = self.written.lock();
        let reader = self.partition.reader();
        let log_bytes = reader.size();
        let first_uncleaned = reader.first_uncleaned();
        written.heed(log_bytes, first_uncleaned);
        let content = self.with_shard(|shard| {
            // Else it would be of no use.
            let applied = Some(shard.applied_offset()).filter(|&applied| applied >= first_uncleaned)?;
            let is_due = written.is_due(applied, log_bytes) || (anyway && applied > written.applied);
            let epoch = reader.epoch_of(applied - 1).filter(|_| is_due)?;
            let mut content = applied.to_be_bytes().to_vec();
            content.extend(epoch.to_be_bytes());
            content.extend(shard.checkpoint());
            Some((applied, content))
        });
        let Some((applied, content)) = content.flatten() else {
            return;
        };
        let files = reader.files();
        let path = files.dir.join(FILE);
        match files.put_in_place(&path, &content) {
            Ok(()) => {
                self.partition.note_new_name();
                *written = Written {
                    applied,
                    bytes: content.len() as u64,
                    log_bytes,
                };
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a checkpoint cannot be written: the next start reads more");
            }
        }
    }
}
