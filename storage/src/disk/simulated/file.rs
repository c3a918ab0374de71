//! Open files of the simulated disk.
//!
//! Invariant: a handle works only in the process that opened it: a crash or a kill makes it dead for good.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;

use super::faults::Fault;
use super::names::NodeId;
use super::state::State;
use super::trace::{self, Operation};
use super::{MAX_FILE_LEN, SimulatedDisk};
use crate::disk::{DiskFile, Map};

/// An open file of a [`SimulatedDisk`].
#[derive(Debug)]
pub(super) struct SimulatedFile {
    pub(super) disk: SimulatedDisk,
    pub(super) node: NodeId,
    /// The path that it was opened by.
    pub(super) path: PathBuf,
    pub(super) generation: u64,
    /// The failed write-backs that this handle was told of.
    pub(super) errors_known: Mutex<u64>,
}

impl SimulatedFile {
    fn operate<T>(&self, operation: Operation, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.disk.operate(operation, &self.path, |state| {
            if state.generation != self.generation {
                return Err(io::Error::other("the process that opened this file is gone"));
            }
            run(state)
        })
    }

    /// How many bytes a read gives, of `wanted` that are there.
    fn read_len(&self, state: &mut State, wanted: usize) -> io::Result<usize> {
        if state.strikes(Fault::ReadError, &self.path) {
            return Err(Errno::IO.into());
        }
        if wanted > 1 && state.strikes(Fault::ShortRead, &self.path) {
            return Ok(1 + state.random.below(wanted as u64 - 1) as usize);
        }
        Ok(wanted)
    }
}

impl DiskFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        self.operate(Operation::Len, |state| Ok(state.names.content(self.node)?.len()))
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.operate(
            Operation::Read {
                position,
                len: buf.len(),
            },
            |state| {
                let present = state.names.content(self.node)?.read(position).len().min(buf.len());
                let n = self.read_len(state, present)?;
                buf[..n].copy_from_slice(&state.names.content(self.node)?.read(position)[..n]);
                Ok(n)
            },
        )
    }

    fn read_uncached_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.operate(
            Operation::ReadUncached {
                position,
                len: buf.len(),
            },
            |state| {
                let bytes = state.names.content(self.node)?.read_device(position, buf.len());
                let n = self.read_len(state, bytes.len())?;
                buf[..n].copy_from_slice(&bytes[..n]);
                Ok(n)
            },
        )
    }

    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let operation = Operation::Write {
            position,
            len: bytes.len(),
            hash: trace::hash_of(&bytes),
        };
        {
            // A machine that stops in the middle of a write has begun it.
            let mut state = self.disk.state.lock();
            if state.halt_at == Some(state.operations + 1) && state.generation == self.generation {
                state.write_part(
                    self.node,
                    bytes.clone(),
                    position.min(MAX_FILE_LEN.saturating_sub(bytes.len() as u64)),
                )?;
            }
        }
        self.operate(operation, |state| state.write(self.node, &self.path, bytes, position))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.operate(Operation::SetLen(len), |state| {
            if len > MAX_FILE_LEN {
                return Err(Errno::FBIG.into());
            }
            let now = state.names.content(self.node)?.len();
            if state.capacity.is_some() && len.saturating_sub(now) > state.free() {
                return Err(Errno::NOSPC.into());
            }
            state.names.content(self.node)?.set_len(len);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(Operation::SyncData, |state| {
            let fails = state.strikes(Fault::SyncDataError, &self.path);
            let State {
                names,
                random,
                failed_sync_keeps,
                ..
            } = state;
            let content = names.content(self.node)?;
            if fails {
                content.fail_sync(*failed_sync_keeps, random);
            } else {
                content.sync();
            }
            let mut known = self.errors_known.lock();
            match content.tell_errors(*known) {
                Some(now) => {
                    *known = now;
                    Err(Errno::IO.into())
                }
                None => Ok(()),
            }
        })
    }

    fn map(&self, len: u64) -> io::Result<Map> {
        self.operate(Operation::Map(len), |state| {
            let bytes = state.names.content(self.node)?.read(0);
            let bytes = usize::try_from(len)
                .ok()
                .and_then(|len| bytes.get(..len))
                .ok_or(Errno::INVAL)?;
            Ok(Map::Copied(bytes::Bytes::copy_from_slice(bytes)))
        })
    }

    fn is_resident(&self, position: u64, len: usize) -> io::Result<bool> {
        self.operate(Operation::IsResident { position, len }, |state| {
            Ok(!state.strikes(Fault::CacheMiss, &self.path))
        })
    }

    fn descriptor(&self) -> io::Result<Option<Arc<OwnedFd>>> {
        Ok(None)
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        if state.generation == self.generation {
            state.names.closed(self.node);
        }
    }
}
