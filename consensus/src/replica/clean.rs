//! Compaction, as far as Raft is concerned: each replica cleans for itself, below Raft's beginning.
//!
//! Order on disk: Raft's log begins behind a segment, in the journal and synced, before that segment is replaced. The anchor
//! that says so carries commit and applied index, for the log never begins behind those that are synced; and in the same
//! write stands what replaces what.

use storage::journal::Record;
use storage::log::{LogError, Replacement};

use super::Replica;
use crate::error::ReplicaError;

/// Whether the segments below an offset may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// They may.
    Ready,
    /// Once the log is synced into the segment behind them, and a snapshot of the producers with it: flush, and ask again.
    Later,
    /// Not as things are: the log was cut, say, or has expired.
    Never,
}

impl Replica {
    /// Whether the segments below the one at `end` may be replaced. Where not yet, the next flush brings it on.
    pub fn may_clean_below(&mut self, end: i64) -> Result<Readiness, ReplicaError> {
        self.run(|core| {
            let (_, synced) = core.synced;
            let mark = core.node.store().log.reader().high_watermark().offset;
            if synced.segment_base < end || mark < end {
                return Ok(Readiness::Later);
            }
            let log = &mut core.raft_log().log;
            // A cut may go back to the high watermark, and needs to know of producers whose batches are dropped.
            Ok(match log.remembers_producers(end, synced.offset.min(mark)) {
                true => Readiness::Ready,
                false => Readiness::Later,
            })
        })
    }

    /// Tells the journal that a segment replaces others. It has to be synced before [`Replica::replace`]. After an error the
    /// journal does not know of it.
    pub fn note_replacement(&mut self, replacement: &Replacement) -> Result<Readiness, ReplicaError> {
        let end = replacement.cleaned().end_offset;
        match self.may_clean_below(end)? {
            Readiness::Ready => {}
            other => return Ok(other),
        }
        self.run(|core| {
            if !core.node.store().log.can_replace(replacement) {
                return Ok(Readiness::Never);
            }
            let mut records = core.take_mark();
            if end > core.node.store().begin() {
                let raft_log = &core.node.raft.raft_log;
                let committed = raft_log.committed.min(raft_log.persisted);
                core.raft_log().cap_anchor(end, committed);
                match core.anchor_record(end) {
                    Some(anchor) => records.push(anchor),
                    None => {
                        core.mark_refused();
                        return Ok(Readiness::Never);
                    }
                }
            }
            records.push(Record::Cleaned(replacement.cleaned()));
            let records: Vec<_> = records.into_iter().map(|record| (core.group, record)).collect();
            if let Err(error) = core.journal.append(&records) {
                tracing::warn!(group = ?core.group, %error, "cannot note that a segment was cleaned");
                core.mark_refused();
                return Ok(Readiness::Later);
            }
            Ok(Readiness::Ready)
        })
    }

    /// What was noted is synced: the segment takes the place of the others (see [`storage::log::Log::replace`]). A failure
    /// in the middle takes the replica out of service until it is opened anew, which goes on with it.
    pub fn replace(&mut self, replacement: &Replacement) -> Result<Vec<std::path::PathBuf>, ReplicaError> {
        self.run(|core| {
            let raft_log = core.raft_log();
            raft_log.compact_to(replacement.cleaned().end_offset);
            let failed = |error: LogError| ReplicaError::Panicked(error.to_string());
            raft_log.log.replace(replacement).map_err(failed)
        })
    }
}
