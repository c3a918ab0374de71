//! Makes durable what is written, and notes it.

use storage::journal::{Anchor, JournalPosition, Record, SyncedMark};
use storage::log::{LogError, LogFlush, LogPosition};

use super::{Core, Replica, State};
use crate::error::ReplicaError;

/// What one replica has to have synced: its log's part here, and the journal up to a position.
#[derive(Debug)]
pub struct ReplicaFlush {
    /// The log's part, if anything there is dirty.
    pub log: Option<LogFlush>,
    /// The journal has to be synced up to here.
    pub journal: JournalPosition,
    flight: u64,
}

/// How far a flush that was taken makes the log durable.
pub(super) struct Flight {
    number: u64,
    written: u64,
    end: LogPosition,
    is_done: bool,
}

impl Replica {
    /// Whether anything waits for a sync.
    pub fn needs_flush(&self) -> bool {
        matches!(&self.state, State::Up(core) if core.needs_flush())
    }

    /// Takes what has to be synced; `None` where nothing has. With `checkpoint` the log's derived files are written out
    /// as well.
    pub fn take_flush(&mut self, checkpoint: bool) -> Option<ReplicaFlush> {
        self.run(|core| Ok(core.take_flush(checkpoint))).ok().flatten()
    }

    /// Reports a flush: everything in it, and the journal up to its position, is durable; or its sync failed, which takes
    /// the replica out of service. Every flush taken must be reported: one that is not keeps later ones from counting.
    pub fn flushed(&mut self, flush: &ReplicaFlush, result: Result<(), &LogError>) -> Result<(), ReplicaError> {
        match result {
            Ok(()) => self.run(|core| {
                core.land(flush.flight);
                core.pump()
            }),
            Err(error) => {
                self.poison(error.to_string());
                self.run(|_| Ok(()))
            }
        }
    }

    /// How far the log is synced; `None` when the replica is out of service.
    pub fn synced_end(&self) -> Option<LogPosition> {
        match &self.state {
            State::Up(core) => Some(core.synced.1),
            _ => None,
        }
    }

    /// The journal records that note how far the log is synced and Raft has come, if that changed since the last call.
    /// They need no sync of their own; a start after a crash reads the log from the last durable ones on. Append them
    /// before anything else happens to the replica: a mark that comes behind a cut of what it covers reads as damage.
    pub fn take_mark(&mut self) -> Vec<Record> {
        self.run(|core| Ok(core.take_mark())).unwrap_or_default()
    }

    /// The journal did not take what [`Replica::take_mark`] answered: it is told again.
    pub fn mark_refused(&mut self) {
        if let State::Up(core) = &mut self.state {
            core.mark_refused();
        }
    }

    /// The journal's records for the first step of removing old segments: the anchor of the segment that becomes the
    /// first one, unless Raft begins behind that. It has to be synced, with the log's flush, before [`Replica::remove_before`]. `None` while the synced
    /// mark is still in a segment that would go: flush, and ask again.
    pub fn anchor_for(&mut self, base: i64) -> Option<Vec<Record>> {
        self.run(|core| {
            if core.synced.1.segment_base < base {
                return Ok(None);
            }
            if base < core.node.store().begin() {
                // Raft begins later: the cleaner was there.
                return Ok(Some(Vec::new()));
            }
            // The mark that the journal has may be in a segment that goes: the new one is synced with the anchor.
            let records: Vec<_> = core
                .take_mark()
                .into_iter()
                .map(|record| (core.group, record))
                .collect();
            if let Err(error) = core.journal.append(&records) {
                tracing::warn!(group = ?core.group, %error, "cannot note how far the partition is synced");
                core.mark_refused();
                return Ok(None);
            }
            let raft_log = &core.node.raft.raft_log;
            let committed = raft_log.committed.min(raft_log.persisted);
            core.raft_log().cap_anchor(base, committed);
            Ok(core.anchor_record(base).map(|anchor| vec![anchor]))
        })
        .ok()
        .flatten()
    }

    /// Removes the segments below `base`: see [`storage::log::Log::remove_before`]. Answers the files to be removed
    /// later.
    pub fn remove_before(&mut self, base: i64) -> Result<Vec<std::path::PathBuf>, ReplicaError> {
        self.run(|core| {
            let raft_log = core.raft_log();
            raft_log.compact_to(base);
            Ok(raft_log.log.remove_before(base)?)
        })
    }

    /// Rolls the active segment, and notes where Raft stands there.
    pub fn expired_before(&mut self, now_ms: i64) -> Result<Option<i64>, ReplicaError> {
        self.run(|core| {
            let before = core.node.store().log.end().segment_base;
            let log = &mut core.raft_log().log;
            let expired = match log.expired_before(now_ms) {
                Ok(expired) => expired,
                Err(error) if !log.is_poisoned() => {
                    tracing::warn!(group = ?core.group, %error, "cannot tell what has expired");
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
            let after = core.node.store().log.end().segment_base;
            if after != before {
                let index = core.written_index;
                core.note_anchor(after, index);
            }
            Ok(expired)
        })
    }
}

impl Core {
    fn needs_flush(&self) -> bool {
        self.node.store().log.is_dirty() || self.waits_for_sync()
    }

    /// Whether a sync can bring it on. One that waits for room on the disk is brought on by its next tick.
    fn waits_for_sync(&self) -> bool {
        !self.unpersisted.is_empty() && !self.is_refused
    }

    fn take_flush(&mut self, checkpoint: bool) -> Option<ReplicaFlush> {
        let log = self.raft_log().log.take_flush(checkpoint);
        if log.is_none() && !self.waits_for_sync() {
            return None;
        }
        let flight = self.next_flight;
        self.next_flight += 1;
        let (written, end) = (self.written_index, self.node.store().log.end());
        self.flights.push_back(Flight {
            number: flight,
            written,
            end,
            is_done: false,
        });
        Some(ReplicaFlush {
            log,
            journal: self.barrier,
            flight,
        })
    }

    /// A flush is durable; it counts once those before it are.
    fn land(&mut self, number: u64) {
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.number == number) {
            flight.is_done = true;
        }
        while self.flights.front().is_some_and(|flight| flight.is_done) {
            let flight = self.flights.pop_front().expect("just seen");
            if flight.written >= self.synced.0 {
                self.synced = (flight.written, flight.end);
            }
        }
    }

    /// Entries from `index` on were cut, and the log ends at its present end: nothing that is durable reaches further.
    pub(super) fn cut_flights(&mut self, index: u64) {
        let end = self.node.store().log.end();
        for flight in self.flights.iter_mut().filter(|flight| flight.written >= index) {
            (flight.written, flight.end) = (index - 1, end);
        }
        if self.synced.0 >= index {
            self.synced = (index - 1, end);
        }
    }

    pub(super) fn take_mark(&mut self) -> Vec<Record> {
        let (index, end) = self.synced;
        let bases = std::mem::take(&mut self.new_anchors);
        let mut records: Vec<Record> = bases.into_iter().filter_map(|base| self.anchor_record(base)).collect();
        let mark = (index, end, self.applied);
        if self.marked != Some(mark) {
            self.marked = Some(mark);
            self.mark_index = index;
            records.push(Record::SyncedMark(synced_mark(index, end)));
            records.push(self.checkpoint_record(self.applied));
        }
        records
    }

    pub(super) fn mark_refused(&mut self) {
        self.marked = None;
        // Which of them it was is not known any more.
        self.new_anchors = self.node.store().anchored().collect();
    }

    /// The log is about to be cut at `to`, behind `index`: moves the journal's mark back, durably, if it reaches that
    /// far. It goes to the beginning of the segment: should the cut's sync fail, the next start makes what is above the
    /// mark durable as it finds it, and so repeats the cut.
    pub(super) fn lower_mark(&mut self, index: u64, to: LogPosition) -> Result<(), ReplicaError> {
        if self.mark_index < index {
            return Ok(());
        }
        let (index, start) = self.node.store().start_of(to.segment_base);
        self.journal
            .append(&[(self.group, Record::SyncedMark(synced_mark(index, start)))])?;
        self.journal.sync()?;
        self.mark_index = index;
        self.marked = None;
        Ok(())
    }

    /// A segment begins after raft index `index`.
    pub(super) fn note_anchor(&mut self, base: i64, index: u64) {
        self.raft_log().anchor(base, index);
        self.new_anchors.push(base);
    }

    pub(super) fn anchor_record(&self, base: i64) -> Option<Record> {
        let (index, term_before) = self.node.store().anchor_of(base)?;
        let raft_log = &self.node.raft.raft_log;
        Some(Record::Anchor(Anchor {
            segment_base: base,
            index,
            term_before,
            commit: raft_log.committed.min(raft_log.persisted),
            applied: self.applied,
        }))
    }
}

fn synced_mark(index: u64, end: LogPosition) -> SyncedMark {
    SyncedMark {
        segment_base: end.segment_base,
        position: end.position,
        next_offset: end.offset,
        last_index: index,
    }
}
