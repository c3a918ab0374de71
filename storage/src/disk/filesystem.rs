//! A mounted filesystem that files of a [`super::RealDisk`] are on, and whether one call syncs all of it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::FsWord;

/// Where `syncfs` leaves nothing out that `fsync` of each file and directory would sync, by what `statfs` calls them: ext4
/// (and its elders), xfs, btrfs, f2fs, zfs, tmpfs. On others it may reach no further than this machine (FUSE, 9p, CIFS), or
/// not tell of errors (overlay).
const SYNCED_WHOLE: [FsWord; 6] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x2FC1_2FC1, TMPFS];

const TMPFS: FsWord = 0x0102_1994;

/// One descriptor for `syncfs`, kept open: a failed write-back is only told to a descriptor that was there when it failed.
#[derive(Debug)]
pub(super) struct Filesystem {
    descriptor: OwnedFd,
    is_synced_whole: bool,
}

impl Filesystem {
    /// The one that a descriptor's file is on.
    pub(super) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let kind = rustix::fs::fstatfs(&descriptor)?.f_type;
        Ok(Filesystem {
            descriptor,
            is_synced_whole: SYNCED_WHOLE.contains(&kind),
        })
    }

    /// Whether `syncfs` syncs all that is on it, and says so.
    pub(super) fn is_synced_whole(&self) -> bool {
        self.is_synced_whole
    }
}

impl AsFd for Filesystem {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Whether the filesystem that a file is on is memory itself.
pub(super) fn is_memory(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(rustix::fs::fstatfs(descriptor)?.f_type == TMPFS)
}
