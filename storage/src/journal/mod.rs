//! The node journal: what Raft keeps outside the segments.
//!
//! Invariant: what [`Journal::sync`] answered for is there after any crash, in the order in which it was written, and
//! nothing that was torn is ever taken for a record. Damage to what was synced is an error at open, never a shorter journal.
//!
//! One append-only file for all groups of a node, so that thousands of elections share one sync: term and vote, raft's own
//! entries (the batches are in the segments), checkpoints, anchors of segments, synced marks. It is rewritten, as the next
//! generation, when it is mostly dead. In memory it is mirrored as the state of each group.
//!
//! # Files
//!
//! `journal/<generation, 20 digits>.journal` in the data directory, big-endian. A header, then writes until the end:
//!
//! ```text
//!  0                 8         12                20        24
//!  +-----------------+---------+-----------------+---------+
//!  | "weirjrnl"      | version | generation      | crc     |   header; crc: CRC32C of the 20 bytes before
//!  |                 | u32 = 1 | u64             | u32     |
//!  +---------+-------+-+-------+---------+-------+---------+------------
//!  | length  | crc     | position        | synced end      | records …     write
//!  | u32     | u32     | u64             | u64             | length − 16
//!  +---------+---------+-----------------+-----------------+------------
//!  0         4         8                 16                24
//!
//!  length      bytes behind the crc
//!  crc         CRC32C of the generation (u64) and of all that is behind the crc
//!  position    where this write begins in this file
//!  synced end  how far this file was known to be synced when this was written
//! ```
//!
//! The records of one write appear together or not at all. Their layout is in the `record` module.
//!
//! At open the file is read to the first write whose length, position or crc does not fit. If any sound write, before it or
//! behind it, carries a synced end behind that place, this is damage and an error. Otherwise what is there was never
//! synced, and is cut.
//!
//! # Rewriting
//!
//! The next generation counts once it holds its `Complete` record, with every write before it sound; until then the one
//! before it is the journal. The order that makes a crash harmless at every step:
//!
//! 1. under the lock, the live state is encoded; from here on each append is kept for catching up, too;
//! 2. the new file is created, gets the live state, is synced; then its directory is synced, so that its name is there
//!    before anything relies on it;
//! 3. under the lock, the appends kept and `Complete` are written to it, and it takes the place of the old one;
//! 4. it is synced. Until that is over, everything synced is in the old file as well, which is whole;
//! 5. the old file is removed.

mod error;
mod frame;
mod group_state;
mod record;
mod recovery;
mod rewrite;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod rewrite_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

pub use error::JournalError;
pub use group_state::GroupState;
pub use record::{
    Anchor, Checkpoint, CleanedSegment, EntryKind, EpochStart, GroupId, HardState, MAX_PAYLOAD, RaftEntry, Record,
    SyncedMark,
};

use crate::disk::{Disk, DiskFile, write_all_at};
use crate::planted::{Bug, is_planted};
use group_state::Mirror;
use record::NodeRecord;
use rewrite::CatchUp;

/// Bytes of records that one append may have.
pub const MAX_APPEND: usize = 16 << 20;

/// A place in the journal. Grows with every append, over generations; means nothing after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct JournalPosition(pub u64);

/// What was found at open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredJournal {
    /// The groups. Entries are those of the journal alone, in the order of their indexes; the batches between them are in
    /// the segments. Only the two together show the last contiguous index, so dropping what is past it is the log's part
    /// (by a [`Record::Cut`]).
    pub groups: BTreeMap<GroupId, GroupState>,
    /// The boot id that the last [`Journal::started`] noted.
    pub last_boot_id: Option<String>,
    /// Whether the very last thing written was [`Journal::stopped`].
    pub clean_shutdown: bool,
    /// Whether there was none: nothing was ever written in this data directory, or the journal was lost.
    pub is_new: bool,
}

/// The journal of a node, shared by its groups and its flusher threads.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    /// The directory of the journal's files.
    dir: PathBuf,
    state: Mutex<State>,
    /// Held during a sync: one at a time, the next one finds its work done. Taken before `state`, never while it is held.
    syncing: Mutex<()>,
}

#[derive(Debug)]
struct State {
    file: OpenFile,
    mirror: Mirror,
    /// How far all is durable, as a [`JournalPosition`].
    synced: u64,
    /// The end of the last append that waits for a sync, as a [`JournalPosition`].
    urgent_end: u64,
    /// When the oldest lazy append since the last sync began was made.
    lazy_since: Option<u64>,
    /// When the oldest lazy append was made that the sync under way covers.
    lazy_in_sync: Option<u64>,
    /// Present while a rewriting is under way.
    catch_up: Option<CatchUp>,
    /// Why nothing more can be promised.
    poisoned: Option<String>,
}

/// The file of the current generation.
#[derive(Debug)]
struct OpenFile {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    generation: u64,
    /// The [`JournalPosition`] of its first byte.
    base: u64,
    /// Its end.
    len: u64,
    /// How far it is known to be synced.
    synced: u64,
}

/// What a sync under way covers.
#[derive(Debug)]
struct Covers {
    file: Arc<dyn DiskFile>,
    generation: u64,
    /// The end of that file.
    len: u64,
    /// The same as a [`JournalPosition`].
    written: u64,
}

/// Whether an append waits for a sync.
#[derive(Debug, Clone, Copy)]
enum Urgency {
    Urgent,
    Lazy { now_ms: u64 },
}

impl Journal {
    /// Opens the journal in the data directory `dir`, or begins one there. What it answers is synced.
    ///
    /// Errors: [`JournalError::Damaged`] where something that was synced cannot be read any more, and the node must not
    /// start.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Journal, RecoveredJournal), JournalError> {
        recovery::open(disk, dir)
    }

    /// What [`Journal::open`] would find in the data directory `dir`, without a change to anything there; `None` where
    /// no journal was ever in use. For a directory that no node holds.
    pub fn inspect(disk: &dyn Disk, dir: &Path) -> Result<Option<RecoveredJournal>, JournalError> {
        recovery::inspect(disk, dir)
    }

    /// Writes the records, together, behind all before, and answers the position that a sync must reach to cover them.
    ///
    /// An error leaves the journal as it was, also where the disk is full: the next append may succeed. Only a write that
    /// could not be taken back poisons it.
    pub fn append(&self, records: &[(GroupId, Record)]) -> Result<JournalPosition, JournalError> {
        self.append_records(records, Urgency::Urgent)
    }

    /// As [`Self::append`], for synced marks and checkpoints, which no one waits for: they leave [`Self::needs_sync`] as
    /// it is. `now_ms` is the monotonic time, milliseconds; see [`Self::lazy_since`].
    pub fn append_lazily(&self, records: &[(GroupId, Record)], now_ms: u64) -> Result<JournalPosition, JournalError> {
        self.append_records(records, Urgency::Lazy { now_ms })
    }

    /// Notes that the node has started under this boot id. Call it when recovery is over and not before: a start that
    /// dies half-way through recovery has cut nothing yet that a reboot may have torn.
    pub fn started(&self, boot_id: &str) -> Result<JournalPosition, JournalError> {
        self.append_node_record(NodeRecord::Started {
            boot_id: boot_id.to_owned(),
        })
    }

    /// Notes a clean shutdown and syncs. Call it last, after everything else on the disk is synced.
    pub fn stopped(&self) -> Result<JournalPosition, JournalError> {
        self.append_node_record(NodeRecord::Stopped)?;
        self.sync()
    }

    /// Makes durable what was written before the call, and answers how far the journal is durable then. Appends go on
    /// meanwhile. A failed sync poisons the journal until the node restarts.
    pub fn sync(&self) -> Result<JournalPosition, JournalError> {
        let wanted = self.state.lock().sound()?.written();
        let _one_at_a_time = self.syncing.lock();
        let mut state = self.state.lock();
        if state.sound()?.synced >= wanted {
            return Ok(JournalPosition(state.synced));
        }
        let covers = state.begin_sync();
        drop(state);
        let result = covers.file.sync_data();
        self.state.lock().end_sync(covers, result)
    }

    /// How far the journal is written.
    pub fn written(&self) -> JournalPosition {
        JournalPosition(self.state.lock().written())
    }

    /// How far the journal is durable.
    pub fn synced(&self) -> JournalPosition {
        JournalPosition(self.state.lock().synced)
    }

    /// Whether something other than lazy records waits for a sync, or those were hurried.
    pub fn needs_sync(&self) -> bool {
        let state = self.state.lock();
        state.urgent_end > state.synced
    }

    /// What was appended lazily so far waits for a sync as well.
    pub fn hurry(&self) {
        let mut state = self.state.lock();
        state.urgent_end = state.written();
    }

    /// The `now_ms` of the oldest lazy append that is not durable yet: who owns the journal hurries it a second after it.
    pub fn lazy_since(&self) -> Option<u64> {
        let state = self.state.lock();
        state.lazy_in_sync.or(state.lazy_since)
    }

    /// A group's state, as of the last append.
    pub fn group(&self, group: GroupId) -> Option<GroupState> {
        let mut state = self.state.lock().mirror.groups.get(&group).cloned();
        if is_planted(Bug::CutBelowSyncedMark)
            && let Some(state) = &mut state
        {
            state.synced_mark = None;
        }
        state
    }

    /// How far a group's log was cleaned, as of the last append.
    pub fn dirty_from(&self, group: GroupId) -> Option<i64> {
        self.state.lock().mirror.groups.get(&group)?.dirty_from
    }

    /// Whether the journal was not told yet that a group's last cleaned segment is in its place, as of the last append.
    pub fn is_replacing(&self, group: GroupId) -> bool {
        let state = self.state.lock();
        state
            .mirror
            .groups
            .get(&group)
            .is_some_and(|state| state.replacing.is_some())
    }

    fn append_records(&self, records: &[(GroupId, Record)], urgency: Urgency) -> Result<JournalPosition, JournalError> {
        if records.is_empty() {
            return Ok(self.written());
        }
        let mut body = Vec::with_capacity(records.iter().map(|(_, record)| record.size()).sum());
        for (group, record) in records {
            record.check()?;
            record.encode(*group, &mut body);
        }
        if body.len() > MAX_APPEND {
            return Err(JournalError::TooLarge {
                len: body.len(),
                limit: MAX_APPEND,
            });
        }
        let mut state = self.state.lock();
        let position = state.write(body, urgency)?;
        for (group, record) in records {
            state.mirror.apply(*group, record);
        }
        Ok(position)
    }

    fn append_node_record(&self, record: NodeRecord) -> Result<JournalPosition, JournalError> {
        let mut body = Vec::new();
        record.check()?;
        record.encode(&mut body);
        let mut state = self.state.lock();
        let position = state.write(body, Urgency::Urgent)?;
        state.mirror.apply_node(&record);
        Ok(position)
    }
}

impl State {
    fn written(&self) -> u64 {
        self.file.base + self.file.len
    }

    /// Itself, unless it is poisoned.
    fn sound(&self) -> Result<&Self, JournalError> {
        match &self.poisoned {
            Some(reason) => Err(JournalError::Poisoned {
                path: self.file.path.clone(),
                reason: reason.clone(),
            }),
            None => Ok(self),
        }
    }

    fn poison(&mut self, error: &JournalError) {
        tracing::error!(%error, "the journal is poisoned until restart");
        self.poisoned.get_or_insert_with(|| error.to_string());
    }

    fn begin_sync(&mut self) -> Covers {
        self.lazy_in_sync = self.lazy_since.take();
        let OpenFile {
            file, generation, len, ..
        } = &self.file;
        Covers {
            file: file.clone(),
            generation: *generation,
            len: *len,
            written: self.written(),
        }
    }

    fn end_sync(&mut self, covers: Covers, result: io::Result<()>) -> Result<JournalPosition, JournalError> {
        if let Err(source) = result {
            let error = JournalError::io("sync", &self.file.path, source);
            self.poison(&error);
            return Err(error);
        }
        self.synced = self.synced.max(covers.written);
        self.lazy_in_sync = None;
        // Of a file that took its place meanwhile, only what was synced when it was built is known.
        if self.file.generation == covers.generation {
            self.file.synced = covers.len;
        }
        Ok(JournalPosition(self.synced))
    }

    /// Writes one write behind the end.
    fn write(&mut self, body: Vec<u8>, urgency: Urgency) -> Result<JournalPosition, JournalError> {
        self.sound()?;
        let head = frame::head(self.file.generation, self.file.len, self.file.synced, &body);
        if let Err(source) = write_all_at(&*self.file.file, &[&head, &body], self.file.len) {
            if let Err(error) = self.take_back(&source) {
                self.poison(&error);
            }
            return Err(JournalError::io("write", &self.file.path, source));
        }
        self.file.len += (head.len() + body.len()) as u64;
        match urgency {
            Urgency::Urgent => self.urgent_end = self.written(),
            Urgency::Lazy { now_ms } => {
                self.lazy_since.get_or_insert(now_ms);
            }
        }
        if let Some(catch_up) = &mut self.catch_up {
            catch_up.push(body);
        }
        Ok(JournalPosition(self.written()))
    }

    /// Takes back a failed write. A write that stopped for want of space is not whole; after another error it may be, and
    /// a crash that lost only the cut would bring it back: the cut is synced.
    fn take_back(&self, failure: &io::Error) -> Result<(), JournalError> {
        let OpenFile { file, path, len, .. } = &self.file;
        file.set_len(*len)
            .map_err(|error| JournalError::io("cut back a failed write", path, error))?;
        if failure.kind() != io::ErrorKind::StorageFull {
            file.sync_data()
                .map_err(|error| JournalError::io("sync the cut of a failed write", path, error))?;
        }
        Ok(())
    }
}
