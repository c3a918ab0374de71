//! The disk of the machine.
//!
//! Invariant: a handle means one file, whatever happens to its name: it follows renames, and after a removal it never
//! opens another file of the same name. Paths must be spelled one way (all relative to one directory, or all absolute).
//!
//! A handle is a path and a descriptor that is opened when needed; [`super::descriptors`] bounds how many are open.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map};
use std::ffi::CStr;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use rustix::fs::{Advice, AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::descriptors::{DescriptorGuard, Descriptors, Slot};
use super::filesystem::{self, Filesystem};
use super::names::Names;
use super::{Disk, DiskFile, Entry, Map};

/// Where Linux tells the id of this boot.
pub const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

/// What direct reads are aligned to, in memory and on disk; a multiple of every usual sector size.
const DIRECT_ALIGNMENT: usize = 4096;
/// The largest single direct read.
const DIRECT_CHUNK: usize = 1 << 20;
/// Slices that one `pwritev` takes (`IOV_MAX`).
const MAX_SLICES: usize = 1024;
/// Asks `statx` for an id that no other mount of this boot has (`STATX_MNT_ID_UNIQUE`).
const UNIQUE_MOUNT_ID: StatxFlags = StatxFlags::from_bits_retain(0x4000);
/// An attribute that no file has.
const NO_ATTRIBUTE: &CStr = c"user.weir.none";
/// How far apart [`DiskFile::is_resident`] looks. Pages come in by read-ahead and leave by runs; 64 KiB is half of the
/// usual read-ahead window.
const RESIDENCY_STRIDE: usize = 64 << 10;

/// The disk of the machine. Cheap to clone; clones share descriptors and names.
#[derive(Debug, Clone)]
pub struct RealDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    descriptors: Descriptors,
    /// Held for writing while names change, for reading while a handle opens its file again. Taken before the
    /// descriptors' lock.
    names: RwLock<Names>,
    next_id: AtomicU64,
    boot_id_path: PathBuf,
    /// How files are opened.
    access: OFlags,
    /// Those of directories, by device.
    filesystems: Mutex<BTreeMap<u64, Arc<Filesystem>>>,
    /// The device of the first file or directory.
    device: OnceLock<u64>,
    /// There is another one (partitions behind links, or mounted apart): no sync of one filesystem syncs all.
    is_spread: AtomicBool,
}

impl RealDisk {
    /// At most `max_descriptors` files stay open, beside dirty ones, removed ones and those being read at the moment.
    pub fn new(max_descriptors: usize) -> Self {
        Self::with_boot_id_path(max_descriptors, PathBuf::from(BOOT_ID_PATH))
    }

    /// As [`RealDisk::new`], for who changes nothing: a write to a file fails, and what this user may only read is read.
    pub fn to_read(max_descriptors: usize) -> Self {
        Self::with(max_descriptors, PathBuf::from(BOOT_ID_PATH), OFlags::RDONLY)
    }

    /// As [`RealDisk::new`], with another file to read the boot id from (for tests that play a reboot).
    pub fn with_boot_id_path(max_descriptors: usize, boot_id_path: PathBuf) -> Self {
        Self::with(max_descriptors, boot_id_path, OFlags::RDWR)
    }

    fn with(max_descriptors: usize, boot_id_path: PathBuf, access: OFlags) -> Self {
        RealDisk {
            shared: Arc::new(Shared {
                descriptors: Descriptors::new(max_descriptors),
                names: RwLock::default(),
                next_id: AtomicU64::new(1),
                boot_id_path,
                access,
                filesystems: Mutex::default(),
                device: OnceLock::new(),
                is_spread: AtomicBool::new(false),
            }),
        }
    }

    /// Files that are open now, for the metrics.
    pub fn open_descriptors(&self) -> usize {
        self.shared.descriptors.open_count()
    }

    fn open_handle(&self, path: &Path, extra: OFlags) -> io::Result<Arc<dyn DiskFile>> {
        // The names stay locked until the handle is among them: a rename in between would pass it by.
        let mut names = self.shared.names.write();
        let descriptor = self
            .shared
            .descriptors
            .make_room_for(|| open_file(path, self.shared.access | extra))?;
        let stat = rustix::fs::fstat(&descriptor)?;
        if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not a file", path.display()),
            ));
        }
        self.note_device(stat.st_dev);
        let slot = Arc::new(Slot::new(
            self.shared.next_id.fetch_add(1, Ordering::Relaxed),
            stat.st_dev,
        ));
        names.insert(path.to_path_buf(), slot.clone());
        drop(names);
        self.shared.descriptors.keep(&slot, descriptor);
        Ok(Arc::new(RealFile {
            slot,
            shared: self.shared.clone(),
            is_memory: OnceLock::new(),
        }))
    }

    /// The filesystem that holds `dir`, and its device. From here on `syncfs` learns of failed write-backs there.
    fn filesystem(&self, dir: &Path) -> io::Result<(u64, Arc<Filesystem>)> {
        let descriptor = self.shared.descriptors.make_room_for(|| open_dir(dir))?;
        let device = rustix::fs::fstat(&descriptor)?.st_dev;
        self.note_device(device);
        let mut filesystems = self.shared.filesystems.lock();
        let filesystem = match filesystems.entry(device) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(new) => new.insert(Arc::new(Filesystem::of(descriptor)?)),
        };
        Ok((device, filesystem.clone()))
    }

    fn note_device(&self, device: u64) {
        if *self.shared.device.get_or_init(|| device) != device {
            self.shared.is_spread.store(true, Ordering::Release);
        }
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open_handle(path, OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open_handle(path, OFlags::empty())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.note_device(fs::metadata(dir)?.dev());
        let mut entries = Vec::new();
        for entry in self.shared.descriptors.make_room_for(|| fs::read_dir(dir))? {
            let entry = entry?;
            let mut kind = entry.file_type()?;
            if kind.is_symlink() {
                kind = match fs::metadata(entry.path()) {
                    Ok(target) => target.file_type(),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => kind,
                    Err(error) => return Err(error),
                };
            }
            // Weir's own names are ASCII; a foreign one is only there to be seen.
            entries.push(Entry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_dir: kind.is_dir(),
            });
        }
        entries.sort();
        Ok(entries)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        self.filesystem(dir).map(drop) // from here on `syncfs` learns of failed write-backs there
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = self.shared.names.write();
        fs::rename(from, to)?;
        names.rename(from, to);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        // Detached before, so that no handle opens the path while it goes; the system call itself may take long.
        let detached = self.shared.names.write().detach(path);
        fs::remove_file(path).inspect_err(|_| {
            let mut names = self.shared.names.write();
            for (path, slot) in detached {
                names.insert(path, slot);
            }
        })
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        // Also after an error halfway: which files are left is not known.
        self.shared.names.write().detach(dir);
        match self.shared.descriptors.make_room_for(|| fs::remove_dir_all(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let descriptor = self.shared.descriptors.make_room_for(|| open_dir(dir))?;
        retry_on_intr(|| rustix::fs::fsync(&descriptor))?;
        Ok(still_takes_changes(descriptor.as_fd())?)
    }

    fn sync_filesystem(&self, dir: &Path) -> io::Result<()> {
        // The only one, or the answer is no. It needs no descriptor then, and an error is one of the sync.
        let known = || {
            let device = *self.shared.device.get()?;
            Some((device, self.shared.filesystems.lock().get(&device)?.clone()))
        };
        let (device, filesystem) = known().map_or_else(|| self.filesystem(dir), Ok)?;
        if self.shared.is_spread.load(Ordering::Acquire) {
            return Err(unsupported("the data lies on several filesystems"));
        }
        if !filesystem.is_synced_whole() {
            return Err(unsupported("this filesystem is not known to be synced as a whole"));
        }
        let dirty = self.shared.descriptors.dirty_on(device);
        let covered: Vec<u64> = dirty.iter().map(|slot| slot.begin_sync()).collect();
        match filesystem.sync().and_then(|()| still_takes_changes(filesystem.as_fd())) {
            Ok(()) => {
                for (slot, covered) in dirty.iter().zip(covered) {
                    slot.synced_with_filesystem(covered);
                }
                self.shared.descriptors.shrink();
                Ok(())
            }
            Err(errno) => {
                for slot in &dirty {
                    slot.filesystem_sync_failed();
                }
                Err(errno.into())
            }
        }
    }

    fn boot_id(&self, dir: &Path) -> io::Result<String> {
        let boot = self
            .shared
            .descriptors
            .make_room_for(|| fs::read_to_string(&self.shared.boot_id_path))?;
        let boot = boot.trim();
        Ok(
            match rustix::fs::statx(rustix::fs::CWD, dir, AtFlags::empty(), UNIQUE_MOUNT_ID) {
                Ok(told) if told.stx_mask & UNIQUE_MOUNT_ID.bits() != 0 => format!("{boot} {}", told.stx_mnt_id),
                // Older ids of mounts are used again.
                _ => boot.to_owned(),
            },
        )
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn total_bytes(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_blocks.saturating_mul(stat.f_frsize))
    }
}

/// A handle on one file of a [`RealDisk`].
#[derive(Debug)]
struct RealFile {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    /// Whether its filesystem is memory itself; known once it was asked.
    is_memory: OnceLock<bool>,
}

impl RealFile {
    fn is_memory(&self, descriptor: BorrowedFd<'_>) -> io::Result<bool> {
        let is_memory = filesystem::is_memory(descriptor)?;
        Ok(*self.is_memory.get_or_init(|| is_memory))
    }

    fn open_descriptor(&self) -> io::Result<DescriptorGuard> {
        match self.slot.get() {
            Some(guard) => Ok(guard),
            None => self.open_again(),
        }
    }

    #[cold]
    fn open_again(&self) -> io::Result<DescriptorGuard> {
        let names = self.shared.names.read();
        let path = names.path_of(self.slot.id).ok_or_else(removed)?;
        self.shared
            .descriptors
            .open(&self.slot, || open_file(path, self.shared.access))
    }

    /// Runs something that makes the file dirty.
    fn change<T>(&self, change: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        self.slot.begin_write();
        let result = self.open_descriptor().and_then(|guard| change(borrow(&guard)));
        self.slot.end_write();
        result
    }

    /// Reads by `O_DIRECT`, or says with `None` that this filesystem cannot.
    fn read_direct(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        let descriptor = {
            let names = self.shared.names.read();
            let Some(path) = names.path_of(self.slot.id) else {
                return Ok(None);
            };
            let opened = self
                .shared
                .descriptors
                .make_room_for(|| open_file(path, OFlags::RDONLY | OFlags::DIRECT));
            match opened {
                Err(error) if is_unsupported(&error) => return Ok(None),
                other => other?,
            }
        };
        let alignment = DIRECT_ALIGNMENT as u64;
        let start = position - position % alignment;
        let skip = (position - start) as usize;
        let wanted = buf.len().min(DIRECT_CHUNK - skip);
        let length = (skip + wanted).next_multiple_of(DIRECT_ALIGNMENT);
        let mut bounce = vec![0; length + DIRECT_ALIGNMENT];
        let shift = bounce.as_ptr().align_offset(DIRECT_ALIGNMENT).min(DIRECT_ALIGNMENT);
        let aligned = &mut bounce[shift..shift + length];
        let n = match retry_on_intr(|| rustix::io::pread(&descriptor, &mut *aligned, start)).map_err(io::Error::from) {
            Err(error) if is_unsupported(&error) => return Ok(None),
            other => other?,
        };
        let n = n.saturating_sub(skip).min(wanted);
        buf[..n].copy_from_slice(&aligned[skip..skip + n]);
        Ok(Some(n))
    }
}

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        let guard = self.open_descriptor()?;
        Ok(rustix::fs::fstat(borrow(&guard))?.st_size as u64)
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let guard = self.open_descriptor()?;
        Ok(retry_on_intr(|| {
            rustix::io::pread(borrow(&guard), &mut *buf, position)
        })?)
    }

    /// By `O_DIRECT` on a descriptor of its own, at most 1 MiB a call. Where the filesystem has no direct reads, or the
    /// file no name, the range is dropped from the page cache as far as the kernel follows that advice, then read.
    fn read_uncached_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        if let Some(n) = self.read_direct(buf, position)? {
            return Ok(n);
        }
        let guard = self.open_descriptor()?;
        let descriptor = borrow(&guard);
        // Only whole pages are dropped, so the range grows to whole pages.
        let alignment = DIRECT_ALIGNMENT as u64;
        let start = position - position % alignment;
        let length = (position - start + buf.len() as u64).next_multiple_of(alignment);
        rustix::fs::fadvise(descriptor, start, NonZeroU64::new(length), Advice::DontNeed)?;
        Ok(retry_on_intr(|| rustix::io::pread(descriptor, &mut *buf, position))?)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let parts = &parts[..parts.len().min(MAX_SLICES)];
        self.change(|descriptor| Ok(retry_on_intr(|| rustix::io::pwritev(descriptor, parts, position))?))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|descriptor| Ok(retry_on_intr(|| rustix::fs::ftruncate(descriptor, len))?))
    }

    fn sync_data(&self) -> io::Result<()> {
        let covered = self.slot.begin_sync();
        let guard = self.open_descriptor()?;
        let descriptor = borrow(&guard);
        // Asked of another inode where there is one: the answer would wait for writes that are under way to this one.
        let filesystem = self.shared.filesystems.lock().get(&self.slot.device()).cloned();
        let witness = filesystem.as_ref().map_or(descriptor, |filesystem| filesystem.as_fd());
        match retry_on_intr(|| rustix::fs::fdatasync(descriptor)).and_then(|()| still_takes_changes(witness)) {
            Ok(()) => {
                self.slot.synced(covered);
                self.shared.descriptors.shrink();
                Ok(())
            }
            Err(errno) => {
                self.slot.sync_failed();
                Err(errno.into())
            }
        }
    }

    #[allow(unsafe_code)]
    fn map(&self, len: u64) -> io::Result<Map> {
        if len == 0 {
            return Ok(Map::Copied(bytes::Bytes::new()));
        }
        let guard = self.open_descriptor()?;
        let descriptor = borrow(&guard);
        let present = rustix::fs::fstat(descriptor)?.st_size as u64;
        if len > present {
            let text = format!("a map of {len} bytes over a file of {present}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        // SAFETY: the map is read-only and shared, and was within the file a moment ago. The data directory is locked
        // against other processes, and this trait's contract forbids truncating below a map in use and reading bytes of
        // it that are still being written, so what is behind the slice does not change while it is looked at.
        let map = unsafe { memmap2::MmapOptions::new().len(len).map(&descriptor)? };
        Ok(Map::Mapped(Arc::new(map)))
    }

    /// Looks at one byte in every 64 KiB, and at the last, without waiting (`preadv2` with `RWF_NOWAIT`). So `false` is
    /// certain but for luck, and `true` can overlook a gap of less than 64 KiB: such a read waits for the device, and is
    /// no error. Bytes past the end count as resident. A filesystem that cannot tell answers `false`, but for one that is
    /// memory itself.
    fn is_resident(&self, position: u64, len: usize) -> io::Result<bool> {
        let Some(last) = len.checked_sub(1) else {
            return Ok(true);
        };
        if self.is_memory.get() == Some(&true) {
            return Ok(true);
        }
        let guard = self.open_descriptor()?;
        for distance in (0..last).step_by(RESIDENCY_STRIDE).chain([last]) {
            let mut byte = [0];
            let mut slices = [IoSliceMut::new(&mut byte)];
            let at = position + distance as u64;
            match retry_on_intr(|| rustix::io::preadv2(borrow(&guard), &mut slices, at, ReadWriteFlags::NOWAIT)) {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(Errno::OPNOTSUPP) => return self.is_memory(borrow(&guard)),
                Err(Errno::AGAIN | Errno::NOSYS) => return Ok(false),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(true)
    }

    fn descriptor(&self) -> io::Result<Option<Arc<OwnedFd>>> {
        let guard = self.open_descriptor()?;
        Ok(DescriptorGuard::into_inner(guard))
    }
}

impl Drop for RealFile {
    fn drop(&mut self) {
        self.shared.names.write().remove(self.slot.id);
        self.shared.descriptors.forget(&self.slot);
    }
}

fn open_file(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    Ok(retry_on_intr(|| rustix::fs::open(path, flags | OFlags::CLOEXEC, mode))?)
}

fn open_dir(dir: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| rustix::fs::open(dir, flags, Mode::empty()))?)
}

/// What a filesystem is asked after a sync that answered well: whether it still takes changes. One that met an error (ext4
/// with `errors=remount-ro`) takes none any more, and then syncs can answer well for what never came to the disk: older
/// kernels answer so ever after, newer ones to a sync that was under way. The change asked for is one that changes nothing,
/// the removal of an attribute that no file has: it begins a transaction, where an aborted journal is seen (some 5 µs on ext4).
fn still_takes_changes(descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    match rustix::fs::fremovexattr(descriptor, NO_ATTRIBUTE) {
        Err(errno @ (Errno::ROFS | Errno::IO)) => Err(errno),
        // No such attribute, or none at all in this filesystem.
        _ => Ok(()),
    }
}

fn borrow(guard: &DescriptorGuard) -> BorrowedFd<'_> {
    guard
        .as_ref()
        .expect("a guard is made only of an open descriptor")
        .as_fd()
}

fn unsupported(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

fn is_unsupported(error: &io::Error) -> bool {
    let errnos = [Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS];
    errnos
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn removed() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the file was removed and its descriptor is closed",
    )
}
