//! The machine of the simulated disk: what is on it, what it injects, whether it runs.
//!
//! Invariant: every operation begins with [`State::begin`], so that none happens on a stopped machine and all are counted.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::content::{Content, LastWrite};
use super::faults::{Fault, Faults};
use super::names::{Names, NodeId};
use super::random::Random;
use super::trace::Trace;
use super::{Keep, MAX_FILE_LEN};

#[derive(Debug)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) random: Random,
    pub(super) faults: Faults,
    pub(super) seed: u64,
    pub(super) boots: u64,
    /// Grows when the process dies; older handles are dead.
    pub(super) generation: u64,
    pub(super) capacity: Option<u64>,
    pub(super) failed_sync_keeps: Keep,
    pub(super) is_synced_whole: bool,
    pub(super) operations: u64,
    pub(super) halt_at: Option<u64>,
    pub(super) last_write: Option<(NodeId, LastWrite)>,
    pub(super) trace: Option<Trace>,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        State {
            names: Names::new(),
            random: Random::new(seed),
            faults: Faults::default(),
            seed,
            boots: 1,
            generation: 0,
            capacity: None,
            failed_sync_keeps: Keep::Random,
            is_synced_whole: true,
            operations: 0,
            halt_at: None,
            last_write: None,
            trace: None,
        }
    }

    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.halt_at.is_some_and(|at| self.operations >= at) {
            if self.halt_at == Some(self.operations) {
                self.faults.count(Fault::Halt);
            }
            return Err(io::Error::other("the machine was stopped"));
        }
        Ok(())
    }

    pub(super) fn end_process(&mut self) {
        self.generation += 1;
        self.halt_at = None;
        self.last_write = None;
    }

    pub(super) fn strikes(&mut self, fault: Fault, path: &Path) -> bool {
        self.faults.strikes(fault, path, &mut self.random)
    }

    pub(super) fn free(&self) -> u64 {
        match self.capacity {
            Some(capacity) => capacity.saturating_sub(self.names.used()),
            None => u64::MAX / 2,
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.capacity.unwrap_or(u64::MAX / 2)
    }

    pub(super) fn check_room_for_names(&mut self, path: &Path) -> io::Result<()> {
        if self.strikes(Fault::NoSpace, path) || (self.capacity.is_some() && self.free() == 0) {
            return Err(Errno::NOSPC.into());
        }
        Ok(())
    }

    pub(super) fn write(&mut self, node: NodeId, path: &Path, mut bytes: Vec<u8>, position: u64) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if position.saturating_add(bytes.len() as u64) > MAX_FILE_LEN {
            return Err(Errno::FBIG.into());
        }
        if self.strikes(Fault::NoSpace, path) {
            return Err(Errno::NOSPC.into());
        }
        if self.strikes(Fault::WriteError, path) {
            self.write_part(node, bytes, position)?;
            return Err(Errno::IO.into());
        }
        if self.strikes(Fault::ShortWrite, path) {
            bytes.truncate(1 + self.random.below(bytes.len() as u64 - 1) as usize);
        }
        let len = self.names.content(node)?.len();
        if self.capacity.is_some() && self.names.has_name(node) {
            let end = len.saturating_add(self.free());
            bytes.truncate(end.saturating_sub(position).min(bytes.len() as u64) as usize);
            if bytes.is_empty() {
                return Err(Errno::NOSPC.into());
            }
        }
        let n = bytes.len();
        let last = self.names.content(node)?.write(position, bytes);
        self.last_write = Some((node, last));
        Ok(n)
    }

    /// A write that is cut off: any part of its beginning, possibly nothing.
    pub(super) fn write_part(&mut self, node: NodeId, mut bytes: Vec<u8>, position: u64) -> io::Result<()> {
        bytes.truncate(self.random.below(bytes.len() as u64 + 1) as usize);
        if !bytes.is_empty() {
            self.names.content(node)?.write(position, bytes);
        }
        Ok(())
    }

    pub(super) fn sync_filesystem(&mut self, path: &Path) -> io::Result<()> {
        if !self.is_synced_whole {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.names.list(path)?;
        if !self.strikes(Fault::SyncFilesystemError, path) {
            self.names.contents().for_each(Content::sync);
            return self.names.sync_all();
        }
        let dirty = self.names.contents().filter(|content| content.is_dirty()).count() as u64;
        let victim = self.random.below(dirty);
        let State {
            names,
            random,
            failed_sync_keeps,
            ..
        } = self;
        for (index, content) in names.contents().filter(|content| content.is_dirty()).enumerate() {
            if index as u64 == victim || random.chance(500_000) {
                content.fail_sync(*failed_sync_keeps, random);
            }
        }
        self.names.fail_sync_all();
        Err(Errno::IO.into())
    }
}
