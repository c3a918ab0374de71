//! A bounded set of open descriptors over any number of file handles.
//!
//! Invariant: a handle with bytes that are not known to be durable keeps its descriptor. The kernel reports a failed
//! write-back once to each descriptor that was open at the time; closing one early could lose that report.
//!
//! The way of a read or a write takes no lock here: one load of an `ArcSwap`. Opening, evicting and forgetting take the
//! ring's mutex; no system call is made under it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use arc_swap::{ArcSwapOption, Guard};
use parking_lot::Mutex;

/// Slots that one call looks at, at most, to find a descriptor to close. Where all of them are dirty the set stays above
/// its limit until a later call.
const SWEEP_STEPS: usize = 128;

/// A borrowed or shared descriptor; always `Some`.
pub(super) type DescriptorGuard = Guard<Option<Arc<OwnedFd>>>;

/// The descriptor of one handle, and what decides whether it may be closed.
pub(super) struct Slot {
    /// The place in the ring; unique in one disk.
    pub(super) id: u64,
    descriptor: ArcSwapOption<OwnedFd>,
    recently_used: AtomicBool,
    /// The file has no name any more, so it could not be opened again.
    detached: AtomicBool,
    /// Grows before and after each write, so that a sync that ran beside a write does not cover it.
    written: AtomicU64,
    /// What `written` was when the last sync that succeeded began.
    synced: AtomicU64,
    /// A sync of this file failed: its error state is kept for as long as the handle lives.
    sync_failed: AtomicBool,
    /// A sync of the whole filesystem failed while this file was dirty: only its own sync can clear it.
    in_doubt: AtomicBool,
    /// The device of the filesystem, for [`Descriptors::dirty_on`].
    device: u64,
}

impl Slot {
    pub(super) fn new(id: u64, device: u64) -> Self {
        Slot {
            id,
            descriptor: ArcSwapOption::empty(),
            recently_used: AtomicBool::new(false),
            detached: AtomicBool::new(false),
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            sync_failed: AtomicBool::new(false),
            in_doubt: AtomicBool::new(false),
            device,
        }
    }

    /// The device of its filesystem.
    pub(super) fn device(&self) -> u64 {
        self.device
    }

    /// The descriptor, where it is open.
    pub(super) fn get(&self) -> Option<DescriptorGuard> {
        let guard = self.descriptor.load();
        if guard.is_none() {
            return None;
        }
        if !self.recently_used.load(Ordering::Relaxed) {
            self.recently_used.store(true, Ordering::Relaxed);
        }
        Some(guard)
    }

    /// To be called before the descriptor is taken for a write. From here on it is not evicted: the eviction takes the
    /// descriptor out first and looks for dirt after, so that one of the two sees the other.
    pub(super) fn begin_write(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    pub(super) fn end_write(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }

    /// To be called before a sync; the answer goes to [`Slot::synced`] if it succeeds.
    pub(super) fn begin_sync(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    pub(super) fn synced(&self, covered: u64) {
        self.synced.fetch_max(covered, Ordering::SeqCst);
        self.in_doubt.store(false, Ordering::SeqCst);
    }

    pub(super) fn synced_with_filesystem(&self, covered: u64) {
        if !self.in_doubt.load(Ordering::SeqCst) {
            self.synced.fetch_max(covered, Ordering::SeqCst);
        }
    }

    pub(super) fn sync_failed(&self) {
        self.sync_failed.store(true, Ordering::SeqCst);
    }

    pub(super) fn filesystem_sync_failed(&self) {
        self.in_doubt.store(true, Ordering::SeqCst);
    }

    pub(super) fn set_detached(&self, detached: bool) {
        self.detached.store(detached, Ordering::SeqCst);
    }

    fn is_dirty(&self) -> bool {
        self.written.load(Ordering::SeqCst) != self.synced.load(Ordering::SeqCst)
            || self.sync_failed.load(Ordering::SeqCst)
    }

    fn is_pinned(&self) -> bool {
        self.is_dirty() || self.detached.load(Ordering::SeqCst)
    }

    /// Takes the descriptor out, unless it has to stay.
    fn evict(&self) -> Option<Arc<OwnedFd>> {
        if self.is_pinned() {
            return None;
        }
        let taken = self.descriptor.swap(None)?;
        fence(Ordering::SeqCst);
        if self.is_pinned() {
            // A write began in between. Nobody has opened the file anew: that needs the ring's lock, which we hold.
            self.descriptor.store(Some(taken));
            return None;
        }
        Some(taken)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("id", &self.id)
            .field("open", &self.descriptor.load().is_some())
            .field("dirty", &self.is_dirty())
            .finish()
    }
}

/// The slots with an open descriptor, in a ring with a clock hand (second chance).
#[derive(Debug)]
pub(super) struct Descriptors {
    limit: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    open: BTreeMap<u64, Arc<Slot>>,
    hand: u64,
}

impl Descriptors {
    /// At most `limit` descriptors stay open, beside those of dirty and of removed files and those that are in use.
    pub(super) fn new(limit: usize) -> Self {
        Descriptors {
            limit: limit.max(1),
            ring: Mutex::default(),
        }
    }

    /// Descriptors now open.
    pub(super) fn open_count(&self) -> usize {
        self.ring.lock().open.len()
    }

    /// Opens the slot's file, unless another thread was faster. Where the process has no descriptor left, idle ones are
    /// closed and the opening is tried once more.
    pub(super) fn open(&self, slot: &Arc<Slot>, open: impl Fn() -> io::Result<OwnedFd>) -> io::Result<DescriptorGuard> {
        let descriptor = self.make_room_for(open)?;
        Ok(self.keep(slot, descriptor))
    }

    /// Runs an opening; where the process has no descriptor left, closes idle ones and tries once more.
    pub(super) fn make_room_for<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match open() {
            Err(error) if is_out_of_descriptors(&error) => {
                let closed = self.ring.lock().sweep(0);
                if closed.is_empty() {
                    return Err(error);
                }
                drop(closed);
                open()
            }
            other => other,
        }
    }

    /// Puts a fresh descriptor into the slot, and closes others where that makes too many.
    pub(super) fn keep(&self, slot: &Arc<Slot>, descriptor: OwnedFd) -> DescriptorGuard {
        let mut ring = self.ring.lock();
        if let Some(guard) = slot.get() {
            drop(ring);
            return guard; // `descriptor` is closed: another thread was faster
        }
        let descriptor = Arc::new(descriptor);
        slot.recently_used.store(true, Ordering::Relaxed);
        let closed = if ring.open.len() >= self.limit {
            ring.sweep(self.limit - 1)
        } else {
            Vec::new()
        };
        slot.descriptor.store(Some(descriptor.clone()));
        ring.open.insert(slot.id, slot.clone());
        drop(ring);
        drop(closed); // `close` may take long: after the lock
        Guard::from_inner(Some(descriptor))
    }

    /// Closes what may be closed of too many. To be called when files have become clean.
    pub(super) fn shrink(&self) {
        let closed = {
            let mut ring = self.ring.lock();
            if ring.open.len() > self.limit {
                ring.sweep(self.limit)
            } else {
                Vec::new()
            }
        };
        drop(closed);
    }

    /// Takes a handle's descriptor out for good.
    pub(super) fn forget(&self, slot: &Slot) {
        let slot = self.ring.lock().open.remove(&slot.id);
        if let Some(slot) = slot {
            slot.descriptor.store(None);
        }
    }

    /// The dirty slots on one device. All of them are in the ring, as a dirty file stays open.
    pub(super) fn dirty_on(&self, device: u64) -> Vec<Arc<Slot>> {
        let ring = self.ring.lock();
        ring.open
            .values()
            .filter(|slot| slot.device == device && slot.is_dirty())
            .cloned()
            .collect()
    }
}

impl Ring {
    /// Evicts slots, from the hand on, until no more than `keep` are open or enough have been looked at.
    fn sweep(&mut self, keep: usize) -> Vec<Arc<OwnedFd>> {
        let mut closed = Vec::new();
        for _ in 0..SWEEP_STEPS {
            if self.open.len() <= keep {
                break;
            }
            let after_hand = (Bound::Excluded(self.hand), Bound::Unbounded);
            let Some(slot) = self
                .open
                .range(after_hand)
                .chain(self.open.iter())
                .next()
                .map(|(_, slot)| slot.clone())
            else {
                break;
            };
            self.hand = slot.id;
            if slot.recently_used.swap(false, Ordering::Relaxed) {
                continue;
            }
            if let Some(descriptor) = slot.evict() {
                self.open.remove(&slot.id);
                closed.push(descriptor);
            }
        }
        closed
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
