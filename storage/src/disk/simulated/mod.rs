//! A disk in memory that loses what a real one may lose, and fails when told to.
//!
//! Invariant: everything that happens follows from the seed and the order of the calls; nothing from time, addresses or
//! threads. What was synced as [`Disk`] says survives every [`SimulatedDisk::crash`]; of the rest any part may go:
//!
//! - writes that were not synced, each whole, torn at 512-byte sectors, or lost, in any combination; the length of the
//!   file apart from its bytes;
//! - names that were not synced: a prefix of the changes, as a journal leaves, or any part of them in which no change
//!   survives without the earlier changes of the same names. A rename is never half done. A new directory that was not
//!   synced in the one above vanishes with all that is in it;
//! - after a failed sync: the bytes stay readable, count as clean, and no later sync makes them durable.
//!   [`DiskFile::read_uncached_at`] shows what the device has. Each handle that was open is told of the failure once.
//!
//! One mutex guards all of it: this disk is for simulations, not for speed.

mod content;
mod faults;
mod file;
mod names;
mod random;
mod state;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;

use self::content::Content;
pub use self::faults::Fault;
use self::file::SimulatedFile;
use self::names::NodeId;
use self::random::Random;
use self::state::State;
use self::trace::{Operation, Trace};
use super::{Disk, DiskFile, Entry};

/// The longest file, in bytes (`EFBIG` beyond): a wrong position shall not take all memory.
pub const MAX_FILE_LEN: u64 = 4 << 30;

/// What a crash leaves of changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Any part.
    Random,
    /// All.
    Everything,
}

/// What a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashOptions {
    /// Of bytes and lengths.
    pub data: Keep,
    /// Of names.
    pub names: Keep,
}

impl Default for CrashOptions {
    fn default() -> Self {
        CrashOptions {
            data: Keep::Random,
            names: Keep::Random,
        }
    }
}

/// A disk in memory. Cheap to clone; clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

impl SimulatedDisk {
    /// An empty disk without a limit of space, that injects nothing yet.
    pub fn new(seed: u64) -> Self {
        SimulatedDisk {
            state: Arc::new(Mutex::new(State::new(seed))),
        }
    }

    /// From now on keeps a hash of every operation with its arguments, bytes and outcome: [`SimulatedDisk::trace_hash`].
    pub fn record_trace(&self) {
        self.state.lock().trace.get_or_insert_default();
    }

    /// The hash of all operations since [`SimulatedDisk::record_trace`], equal for two runs of one seed.
    pub fn trace_hash(&self) -> Option<u64> {
        self.state.lock().trace.as_ref().map(Trace::hash)
    }

    /// Operations so far, failed ones included.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// How often each fault struck.
    pub fn fault_counts(&self) -> BTreeMap<Fault, u64> {
        self.state.lock().faults.counts().clone()
    }

    /// Injects a fault by chance: in so many of a million operations that it can strike.
    pub fn set_chance(&self, fault: Fault, per_million: u32) {
        self.state.lock().faults.set_chance(fault, per_million);
    }

    /// Injects a fault into the next `times` operations that it can strike at `under` or below (`u32::MAX`: until
    /// [`SimulatedDisk::clear_faults`]). An open file counts under the path that it was opened by.
    pub fn fail_next(&self, fault: Fault, under: &Path, times: u32) {
        if times > 0 {
            self.state.lock().faults.plan(fault, under, times);
        }
    }

    /// Takes back every chance and plan; what failed stays failed.
    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// Limits the bytes in files; writes that would pass the limit are short, or answer `ENOSPC`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    /// How much of what a failed sync covered is on the device all the same; [`Keep::Random`] at first.
    pub fn set_failed_sync_keeps(&self, keep: Keep) {
        self.state.lock().failed_sync_keeps = keep;
    }

    /// Whether the filesystem can be synced as a whole: at first it can.
    pub fn set_synced_whole(&self, is_synced_whole: bool) {
        self.state.lock().is_synced_whole = is_synced_whole;
    }

    /// Stops the machine in the middle of the operation that makes [`SimulatedDisk::operations`] equal to `operation`: it
    /// and all later ones answer an error, until [`SimulatedDisk::crash`] or [`SimulatedDisk::kill`].
    pub fn halt_at(&self, operation: u64) {
        self.state.lock().halt_at = Some(operation);
    }

    /// Cuts the power and brings it back: another boot id, all handles dead, and of what was not synced whatever the
    /// options leave.
    pub fn crash(&self, options: CrashOptions) {
        let mut state = self.state.lock();
        let State {
            names, random, faults, ..
        } = &mut *state;
        names
            .crash(options.data, options.names, random, faults)
            .expect("changes of names refer to directories that exist");
        state.boots += 1;
        state.end_process();
    }

    /// Kills the process: its handles are dead, the page cache survives. With `cut_last_write`, the last write was still
    /// under way if nothing came after it, and any part of its end is missing.
    pub fn kill(&self, cut_last_write: bool) {
        let mut state = self.state.lock();
        let State {
            names,
            random,
            faults,
            last_write,
            ..
        } = &mut *state;
        if let (true, Some((node, last))) = (cut_last_write, last_write)
            && let Ok(content) = names.content(*node)
        {
            content.cut_last_write(last, random.below(last.len() as u64 + 1) as usize);
            faults.count(Fault::CutWrite);
        }
        state.names.close_all();
        state.end_process();
    }

    /// Empties the page cache: reads see the device from now on, with what is dirty written back to it (not durably).
    pub fn drop_cache(&self) {
        self.state.lock().names.contents().for_each(Content::drop_cache);
    }

    /// Flips a bit of a file on the device; the page cache keeps the good byte. `InvalidInput` where the device has no
    /// such byte.
    pub fn flip_bit(&self, path: &Path, position: u64, bit: u8) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.names.file(path)?;
        if !state.names.content(node)?.flip(position, bit) {
            return Err(Errno::INVAL.into());
        }
        state.faults.count(Fault::FlippedBit);
        Ok(())
    }

    /// The files in a directory, ordered by name: for a look from outside, which is no operation.
    pub fn look_at_names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = self.state.lock().names.list(dir)?;
        let files = names.into_iter().filter(|(_, is_dir)| !is_dir);
        Ok(files.map(|(name, _)| name).collect())
    }

    /// What reads of a file see: for a look from outside, which is no operation.
    pub fn look_at_cached(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state.lock();
        let node = state.names.file(path)?;
        Ok(state.names.content(node)?.read(0).to_vec())
    }

    /// What the device has of a file: for a look from outside, which is no operation.
    pub fn look_at_device(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state.lock();
        let node = state.names.file(path)?;
        Ok(state.names.content(node)?.durable().to_vec())
    }

    /// Flips any bit of a file on the device; its position, or `None` where the device has no bytes of it.
    pub fn flip_any_bit(&self, path: &Path) -> io::Result<Option<u64>> {
        let mut state = self.state.lock();
        let node = state.names.file(path)?;
        let len = state.names.content(node)?.durable_len();
        let (position, bit) = (state.random.below(len), state.random.below(8) as u8);
        drop(state);
        if len == 0 {
            return Ok(None);
        }
        self.flip_bit(path, position, bit).map(|()| Some(position))
    }

    fn operate<T>(
        &self,
        operation: Operation,
        path: &Path,
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state.lock();
        state.last_write = None;
        let result = match state.begin() {
            Ok(()) => run(&mut state),
            Err(error) => Err(error),
        };
        if let Some(trace) = &mut state.trace {
            trace.operation(operation, path, result.as_ref().err());
        }
        result
    }

    fn handle(&self, state: &mut State, node: NodeId, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        state.names.opened(node);
        let errors_known = state.names.content(node)?.errors_known_at_open();
        Ok(Arc::new(SimulatedFile {
            disk: self.clone(),
            node,
            path: path.to_path_buf(),
            generation: state.generation,
            errors_known: Mutex::new(errors_known),
        }))
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.operate(Operation::Create, path, |state| {
            state.check_room_for_names(path)?;
            let node = state.names.create_file(path)?;
            self.handle(state, node, path)
        })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.operate(Operation::Open, path, |state| {
            let node = state.names.file(path)?;
            self.handle(state, node, path)
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.operate(Operation::List, dir, |state| {
            let names = state.names.list(dir)?;
            Ok(names.into_iter().map(|(name, is_dir)| Entry { name, is_dir }).collect())
        })
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.operate(Operation::CreateDirAll, dir, |state| {
            state.check_room_for_names(dir)?;
            state.names.create_dir_all(dir)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let result = self.operate(Operation::Rename, from, |state| state.names.rename(from, to));
        if let Some(trace) = &mut self.state.lock().trace {
            trace.path(to);
        }
        result
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.operate(Operation::RemoveFile, path, |state| state.names.remove_file(path))
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.operate(Operation::RemoveDirAll, dir, |state| state.names.remove_dir_all(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.operate(Operation::SyncDir, dir, |state| {
            if state.strikes(Fault::SyncDirError, dir) {
                state.names.fail_sync_dir(dir)?;
                return Err(Errno::IO.into());
            }
            state.names.sync_dir(dir)
        })
    }

    fn sync_filesystem(&self, dir: &Path) -> io::Result<()> {
        self.operate(Operation::SyncFilesystem, dir, |state| state.sync_filesystem(dir))
    }

    fn boot_id(&self, _dir: &Path) -> io::Result<String> {
        let state = self.state.lock();
        let boots = state.boots;
        let mut random = Random::new(state.seed ^ boots.rotate_left(32));
        Ok(format!("{:08x}-0000-4000-8000-{boots:012x}", random.next() as u32))
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.state.lock().free())
    }

    fn total_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.state.lock().total())
    }
}
