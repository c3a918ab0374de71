//! Which faults the simulated disk injects, and how often it did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::random::Random;

/// What can go wrong. The first group is injected by chance or by plan, the second is what crashes and tests do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A read answers `EIO`.
    ReadError,
    /// A read gives fewer bytes than there are, at least one.
    ShortRead,
    /// A write answers `EIO`, after any part of it.
    WriteError,
    /// A write takes fewer bytes than given, at least one.
    ShortWrite,
    /// A write or a create answers `ENOSPC`, whatever the capacity.
    NoSpace,
    /// A `sync_data` answers `EIO`; what was not synced stays readable, and never becomes durable by a later sync.
    SyncDataError,
    /// A `sync_dir` answers `EIO`; the names that were not synced are in doubt from then on.
    SyncDirError,
    /// A `sync_filesystem` answers `EIO`; as the two above, for some of the files and all names.
    SyncFilesystemError,
    /// Bytes are not in the page cache: `is_resident` is false.
    CacheMiss,

    /// A crash lost a write (or a cut) that was not synced.
    LostWrite,
    /// A crash left some 512-byte sectors of a write.
    TornWrite,
    /// A crash left a file shorter than the bytes that had reached the device.
    LostLength,
    /// A crash left a file longer than the bytes that had reached the device; zeroes in between.
    ZeroTail,
    /// A crash undid a create, a rename or a removal that was not synced.
    LostName,
    /// A kill cut the last write short.
    CutWrite,
    /// A bit was flipped on the device.
    FlippedBit,
    /// A power cut stopped everything at a chosen operation.
    Halt,
}

/// The switches and the counters.
#[derive(Debug, Default)]
pub(super) struct Faults {
    chances: BTreeMap<Fault, u32>,
    planned: Vec<Planned>,
    counts: BTreeMap<Fault, u64>,
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    under: PathBuf,
    left: u32,
}

impl Faults {
    pub(super) fn set_chance(&mut self, fault: Fault, per_million: u32) {
        self.chances.insert(fault, per_million);
    }

    pub(super) fn plan(&mut self, fault: Fault, under: &Path, times: u32) {
        self.planned.push(Planned {
            fault,
            under: under.to_path_buf(),
            left: times,
        });
    }

    pub(super) fn clear(&mut self) {
        self.chances.clear();
        self.planned.clear();
    }

    pub(super) fn count(&mut self, fault: Fault) {
        *self.counts.entry(fault).or_default() += 1;
    }

    pub(super) fn counts(&self) -> &BTreeMap<Fault, u64> {
        &self.counts
    }

    /// Whether this fault strikes an operation on `path` now; counts it if so.
    pub(super) fn strikes(&mut self, fault: Fault, path: &Path, random: &mut Random) -> bool {
        let planned = self
            .planned
            .iter_mut()
            .find(|planned| planned.fault == fault && path.starts_with(&planned.under));
        let strikes = match planned {
            Some(planned) => {
                planned.left -= u32::from(planned.left != u32::MAX);
                true
            }
            None => random.chance(self.chances.get(&fault).copied().unwrap_or(0)),
        };
        self.planned.retain(|planned| planned.left > 0);
        if strikes {
            self.count(fault);
        }
        strikes
    }
}
