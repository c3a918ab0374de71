//! A running hash of what was asked of the simulated disk and how it ended, to compare two runs of one seed.

use std::io;
use std::path::Path;

/// One call, with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Create,
    Open,
    List,
    CreateDirAll,
    Rename,
    RemoveFile,
    RemoveDirAll,
    SyncDir,
    SyncFilesystem,
    Len,
    Read { position: u64, len: usize },
    ReadUncached { position: u64, len: usize },
    Write { position: u64, len: usize, hash: u64 },
    SetLen(u64),
    SyncData,
    Map(u64),
    IsResident { position: u64, len: usize },
}

/// The hash so far.
#[derive(Debug)]
pub(super) struct Trace(Fnv);

impl Default for Trace {
    fn default() -> Self {
        Trace(Fnv::new())
    }
}

impl Trace {
    pub(super) fn hash(&self) -> u64 {
        self.0.0
    }

    pub(super) fn operation(&mut self, operation: Operation, path: &Path, error: Option<&io::Error>) {
        use std::hash::Hash;
        operation.hash(&mut self.0);
        self.path(path);
        let outcome = error.map_or(0, |error| error.raw_os_error().unwrap_or(-1));
        self.0.add(&outcome.to_le_bytes());
    }

    pub(super) fn path(&mut self, path: &Path) {
        self.0.add(path.as_os_str().as_encoded_bytes());
    }
}

/// The hash of some bytes.
pub(super) fn hash_of(bytes: &[u8]) -> u64 {
    let mut hash = Fnv::new();
    hash.add(bytes);
    hash.0
}

/// FNV-1a over eight bytes at a time: fast, and the same everywhere.
#[derive(Debug)]
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3);
            self.0 ^= self.0 >> 32;
        }
        self.0 = (self.0 ^ bytes.len() as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.add(bytes);
    }
}
