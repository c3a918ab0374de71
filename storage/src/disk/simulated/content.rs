//! The bytes of one simulated file: as the page cache has them, and as the device has them.
//!
//! Invariant: `cached` is what reads see. `durable` is what a crash leaves for certain; `pending` are the changes since
//! then, in order, of which a crash leaves a part. After a failed sync the two may differ with nothing pending.

use super::Keep;
use super::faults::{Fault, Faults};
use super::random::Random;

/// The unit that a device writes whole or not at all.
pub(super) const SECTOR: u64 = 512;

/// A change that the device need not have yet.
#[derive(Debug, Clone)]
enum Change {
    Write { position: u64, bytes: Vec<u8> },
    SetLen(u64),
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Failed write-backs so far; each open handle is told of each once (Linux's errseq).
    errors: u64,
    /// Whether some handle was told of the last one. If not, the next handle that opens is told too.
    error_told: bool,
}

/// Enough to shorten the last write.
#[derive(Debug)]
pub(super) struct LastWrite {
    position: u64,
    len: usize,
    overwritten: Vec<u8>,
    len_before: usize,
}

impl LastWrite {
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.cached.len() as u64
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The cached bytes from `position` on.
    pub(super) fn read(&self, position: u64) -> &[u8] {
        let start = position.min(self.len()) as usize;
        &self.cached[start..]
    }

    /// What the device has, with pending changes written back first as a direct read would; `len` bytes at most.
    pub(super) fn read_device(&self, position: u64, len: usize) -> Vec<u8> {
        let start = position.min(self.len());
        let end = position.saturating_add(len as u64).min(self.len()).max(start);
        let mut view = vec![0; (end - start) as usize];
        copy_overlap(&mut view, start, &self.durable, 0);
        for change in &self.pending {
            match change {
                Change::Write { position, bytes } => copy_overlap(&mut view, start, bytes, *position),
                Change::SetLen(len) => view[(len.clamp(&start, &end) - start) as usize..].fill(0),
            }
        }
        view
    }

    pub(super) fn write(&mut self, position: u64, bytes: Vec<u8>) -> LastWrite {
        let start = position as usize;
        let end = start + bytes.len();
        let len_before = self.cached.len();
        let overwritten = self.cached[start.min(len_before)..end.min(len_before)].to_vec();
        let last = LastWrite {
            position,
            len: bytes.len(),
            overwritten,
            len_before,
        };
        let change = Change::Write { position, bytes };
        change.apply(&mut self.cached);
        self.pending.push(change);
        last
    }

    /// Undoes the last write but for its first bytes. Nothing else may have happened to the file since.
    pub(super) fn cut_last_write(&mut self, last: &LastWrite, kept: usize) {
        let kept = kept.min(last.len);
        let start = last.position as usize;
        if kept < last.overwritten.len() {
            self.cached[start + kept..start + last.overwritten.len()].copy_from_slice(&last.overwritten[kept..]);
        }
        let end = if kept == 0 {
            last.len_before
        } else {
            last.len_before.max(start + kept)
        };
        self.cached.truncate(end);
        if let Some(Change::Write { bytes, .. }) = self.pending.last_mut() {
            bytes.truncate(kept);
        }
        if kept == 0 {
            self.pending.pop();
        }
    }

    pub(super) fn set_len(&mut self, len: u64) {
        let change = Change::SetLen(len);
        change.apply(&mut self.cached);
        self.pending.push(change);
    }

    /// Everything pending becomes durable.
    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A write-back fails: some of what is pending may be on the device, the rest never will be, and all of it counts as
    /// clean.
    pub(super) fn fail_sync(&mut self, keep: Keep, random: &mut Random) {
        let mut uncounted = Faults::default();
        self.settle(keep, random, &mut uncounted);
        self.errors += 1;
        self.error_told = false;
    }

    /// What a handle that opens now counts as known.
    pub(super) fn errors_known_at_open(&self) -> u64 {
        if self.error_told {
            self.errors
        } else {
            self.errors.saturating_sub(1)
        }
    }

    /// Whether a handle that knows of `known` errors is to be told of another; returns what it knows then.
    pub(super) fn tell_errors(&mut self, known: u64) -> Option<u64> {
        if known == self.errors {
            return None;
        }
        self.error_told = true;
        Some(self.errors)
    }

    /// The power goes.
    pub(super) fn crash(&mut self, keep: Keep, random: &mut Random, faults: &mut Faults) {
        self.settle(keep, random, faults);
        self.cached.clone_from(&self.durable);
        self.errors = 0;
        self.error_told = false;
    }

    /// The page cache is emptied of what is clean, and dirty pages are written back without becoming durable.
    pub(super) fn drop_cache(&mut self) {
        self.cached = self.read_device(0, self.cached.len());
    }

    /// Flips one bit on the device; false where the device has no such byte.
    pub(super) fn flip(&mut self, position: u64, bit: u8) -> bool {
        match usize::try_from(position)
            .ok()
            .and_then(|position| self.durable.get_mut(position))
        {
            Some(byte) => {
                *byte ^= 1 << (bit % 8);
                true
            }
            None => false,
        }
    }

    /// What the device has.
    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn durable_len(&self) -> u64 {
        self.durable.len() as u64
    }

    /// Decides what of the pending changes is on the device.
    fn settle(&mut self, keep: Keep, random: &mut Random, faults: &mut Faults) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return;
        }
        let survival = match keep {
            Keep::Nothing => 0,
            Keep::Random => random.survival(),
            Keep::Everything => super::random::MILLION,
        };
        // What the length is without any of the writes: it can fall back to that, never below.
        let mut least_len = self.durable.len();
        for change in &pending {
            if !random.chance(survival) {
                faults.count(Fault::LostWrite);
                continue;
            }
            match change {
                Change::Write { position, bytes } if keep == Keep::Random && random.chance(250_000) => {
                    if tear(&mut self.durable, *position, bytes, random) {
                        faults.count(Fault::TornWrite);
                    }
                }
                _ => change.apply(&mut self.durable),
            }
            if let Change::SetLen(len) = change {
                least_len = *len as usize;
            }
        }
        if keep == Keep::Random {
            self.settle_len(least_len, random, faults);
        }
    }

    /// A length is written apart from the bytes: it may be behind them, or ahead.
    fn settle_len(&mut self, least_len: usize, random: &mut Random, faults: &mut Faults) {
        let len = self.durable.len();
        if len > least_len && random.chance(250_000) {
            self.durable
                .truncate(least_len + random.below((len - least_len) as u64) as usize);
            faults.count(Fault::LostLength);
        } else if self.cached.len() > len && random.chance(250_000) {
            let more = 1 + random.below((self.cached.len() - len) as u64) as usize;
            self.durable.resize(len + more, 0);
            faults.count(Fault::ZeroTail);
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write {
                position,
                bytes: written,
            } => put(bytes, *position, written),
            Change::SetLen(len) => bytes.resize(*len as usize, 0),
        }
    }
}

fn put(into: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let start = position as usize;
    if into.len() < start + bytes.len() {
        into.resize(start + bytes.len(), 0);
    }
    into[start..start + bytes.len()].copy_from_slice(bytes);
}

/// Writes some of the sectors; whether any was left out.
fn tear(into: &mut Vec<u8>, position: u64, bytes: &[u8], random: &mut Random) -> bool {
    let mut torn = false;
    let mut done = 0;
    while done < bytes.len() {
        let at = position + done as u64;
        let n = ((SECTOR - at % SECTOR) as usize).min(bytes.len() - done);
        if random.chance(500_000) {
            put(into, at, &bytes[done..done + n]);
        } else {
            torn = true;
        }
        done += n;
    }
    torn
}

/// Copies what `from` (which begins at `from_start`) and `view` (which begins at `start`) have in common.
fn copy_overlap(view: &mut [u8], start: u64, from: &[u8], from_start: u64) {
    let first = start.max(from_start);
    let last = (start + view.len() as u64).min(from_start + from.len() as u64);
    if first < last {
        view[(first - start) as usize..(last - start) as usize]
            .copy_from_slice(&from[(first - from_start) as usize..(last - from_start) as usize]);
    }
}
