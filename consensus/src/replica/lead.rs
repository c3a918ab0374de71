//! The leader's append: write first, then propose.

use raft::StateRole;
use storage::log::{Appended, LogError};
use storage::producer_state::{SequenceCheck, SequenceError};
use storage::record_batch::BatchHeader;

use super::{Core, Durability, Replica, State};
use crate::descriptor::Descriptor;
use crate::error::{AppendError, ReplicaError};

/// What became of a produced batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It is in the log; it counts once the high watermark passes it.
    Written(Appended),
    /// An exact repeat of a batch in the log; it counts once the high watermark passes `last_offset`.
    Duplicate {
        /// The first offset that the original got.
        base_offset: i64,
        /// Its last offset.
        last_offset: i64,
        /// When it was appended, in milliseconds since the epoch.
        timestamp: i64,
    },
}

impl Replica {
    /// Appends one validated batch as the leader. After an error nothing of it is in the log.
    pub fn append(&mut self, header: &BatchHeader, bytes: &[u8], now_ms: i64) -> Result<Append, AppendError> {
        if let State::Up(core) = &mut self.state {
            core.check_writable()?;
            if let Some(repeat) = core.check_sequence(header, now_ms)? {
                return Ok(repeat);
            }
        }
        // An error inside is the caller's; only a failed replica is out of service.
        self.run_append(|core| match core.write_and_propose(header, bytes, now_ms) {
            Ok(appended) => {
                if !core.is_alone() || core.durability == Durability::Written {
                    core.pump()?;
                }
                Ok(Ok(Append::Written(appended)))
            }
            Err(AppendError::Replica(error)) => Err(error),
            Err(error) => Ok(Err(error)),
        })?
    }
}

impl Core {
    pub(super) fn check_writable(&mut self) -> Result<(), AppendError> {
        let is_synced = self.is_synced(self.barrier);
        let raft = &self.node.raft;
        if raft.state != StateRole::Leader || raft.lead_transferee.is_some() {
            return Err(AppendError::NotLeader);
        }
        if !is_synced || !raft.commit_to_current_term() {
            return Err(AppendError::NotReady);
        }
        if self.uncommitted_bytes >= self.max_uncommitted_bytes {
            return Err(AppendError::Backlog {
                bytes: self.uncommitted_bytes,
            });
        }
        Ok(())
    }

    fn check_sequence(&mut self, header: &BatchHeader, now_ms: i64) -> Result<Option<Append>, AppendError> {
        if !header.has_producer() {
            return Ok(None);
        }
        let log = &mut self.node.mut_store().log;
        let mut check = log.check_producer(header);
        if let Err(LogError::Sequence(
            SequenceError::TooManyProducers { .. } | SequenceError::TooManyProducersOnNode { .. },
        )) = check
        {
            log.expire_producers(now_ms);
            check = log.check_producer(header);
        }
        Ok(match check? {
            SequenceCheck::New => None,
            SequenceCheck::Duplicate {
                base_offset,
                last_offset,
                timestamp,
            } => Some(Append::Duplicate {
                base_offset,
                last_offset,
                timestamp,
            }),
        })
    }

    /// A proposal cannot be taken back, a written batch can: so the write comes first.
    fn write_and_propose(&mut self, header: &BatchHeader, bytes: &[u8], now_ms: i64) -> Result<Appended, AppendError> {
        let term = self.node.raft.term;
        let index = self.node.raft.raft_log.last_index() + 1;
        let appended = self.raft_log().log.append(header, bytes, term as i32, now_ms)?;
        if appended.rolled {
            self.note_anchor(appended.start.segment_base, index - 1);
        }
        let descriptor = Descriptor::of(&appended.header).encode();
        if let Err(error) = self.node.propose(Vec::new(), descriptor) {
            tracing::debug!(group = ?self.group, %error, "a proposal was refused");
            self.raft_log()
                .log
                .truncate_to(appended.start)
                .map_err(ReplicaError::from)?;
            return Err(AppendError::NotLeader);
        }
        self.proposed.push_back((index, appended.end));
        self.uncommitted_bytes += bytes.len() as u64;
        Ok(appended)
    }
}
