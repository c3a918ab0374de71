//! What the log, the journal and recovery need of a disk, as traits.
//!
//! Invariant: everything that Weir keeps on disk goes through [`Disk`], so that the simulation's faulty disk sees every
//! write, sync and rename in order. Nothing here retries: a caller decides what an error means (`ENOSPC` on a write is
//! passing, a failed sync is final).
//!
//! What a sync covers, as on Linux: [`DiskFile::sync_data`] the bytes and the length of one file, never its name;
//! [`Disk::sync_dir`] the names in one directory (created, renamed, removed); [`Disk::sync_filesystem`] all of both.

pub mod real;
pub mod simulated;

mod descriptors;
mod filesystem;
mod lock;
mod names;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use lock::{DirLock, LOCK_FILE, LockError};
pub use real::RealDisk;
pub use simulated::SimulatedDisk;

/// A directory tree on which Weir keeps its data.
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Creates a file that must not exist yet. Its name is durable after [`Disk::sync_dir`] of its directory.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// The entries of a directory, ordered by name.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Creates a directory and those above it that are missing; no error where it exists.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Renames a file or a directory, replacing a file of that name. Open handles of a renamed file stay usable.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Open handles stay usable as far as the system keeps them open.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all in it; no error where it does not exist.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes everything durable by one sync of the filesystem that holds `dir` (`syncfs`), the directory of all data. An error
    /// names no file, is told to all that are under way, and after it no later success proves anything. [`io::ErrorKind::Unsupported`] where it would not be
    /// all: nothing was done then.
    fn sync_filesystem(&self, dir: &Path) -> io::Result<()>;
    /// Differs when the page cache of the filesystem that holds `dir` may be another one: after every reboot
    /// (`/proc/sys/kernel/random/boot_id`), and, from Linux 6.8 on, after every mount.
    fn boot_id(&self, dir: &Path) -> io::Result<String>;
    /// Bytes that an unprivileged writer can still put on the filesystem that holds `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Bytes of the whole filesystem that holds `dir`.
    fn total_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// One open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Bytes in the file.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads at a position; fewer bytes than asked, at the end of the file or before; 0 at the end.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;
    /// As [`DiskFile::read_at`], but what the device holds, not what the page cache holds. The caller has synced the
    /// file before.
    fn read_uncached_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes at a position, possibly fewer bytes than given.
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize>;
    /// Cuts or extends (with zeroes) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes the file's bytes and length durable (`fdatasync`). After an error the file's unsynced bytes are in doubt for
    /// ever: a later success proves nothing about them.
    fn sync_data(&self) -> io::Result<()>;
    /// A read-only map of the first `len` bytes. Touch only what is known to be written, and never truncate below it
    /// while the map is in use.
    fn map(&self, len: u64) -> io::Result<Map>;
    /// Whether reading these bytes needs no device I/O.
    fn is_resident(&self, position: u64, len: usize) -> io::Result<bool>;
    /// The descriptor for `sendfile`; `None` where the disk has none (simulated).
    fn descriptor(&self) -> io::Result<Option<Arc<OwnedFd>>>;
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// Bytes of a file, mapped or copied.
#[derive(Debug, Clone)]
pub enum Map {
    /// A read-only memory map.
    Mapped(Arc<memmap2::Mmap>),
    /// A copy, from a disk that cannot map.
    Copied(bytes::Bytes),
}

impl std::ops::Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Map::Mapped(map) => map,
            Map::Copied(bytes) => bytes,
        }
    }
}

/// Writes all of `parts` at `position`. After an error nothing is known of what reached the file.
pub fn write_all_at(file: &dyn DiskFile, parts: &[&[u8]], mut position: u64) -> io::Result<()> {
    let mut skip = 0;
    let total: usize = parts.iter().map(|part| part.len()).sum();
    while skip < total {
        let mut left = skip;
        let mut slices = Vec::with_capacity(parts.len());
        for part in parts {
            let cut = left.min(part.len());
            left -= cut;
            if cut < part.len() {
                slices.push(IoSlice::new(&part[cut..]));
            }
        }
        let n = file.write_at(&slices, position)?;
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        skip += n;
        position += n as u64;
    }
    Ok(())
}

/// Fills `buf` from `position`; `UnexpectedEof` where the file ends before.
pub fn read_exact_at(file: &dyn DiskFile, buf: &mut [u8], position: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], position + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => done += n,
        }
    }
    Ok(())
}

/// The whole content of a small file.
pub fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let mut content = vec![0; file.len()? as usize];
    read_exact_at(&*file, &mut content, 0)?;
    Ok(content)
}

/// Replaces a small file as a whole: after a crash at any moment it has the old or the new content. The order: new bytes
/// synced under a temporary name, renamed over the old, the directory synced.
pub fn replace_file(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut temporary = PathBuf::from(path).into_os_string();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    match disk.remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    write_all_at(&*file, &[content], 0)?;
    file.sync_data()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(dir)
}
