//! A mounted filesystem that files of a [`super::RealDisk`] are on, and whether one call syncs all of it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::FsWord;

/// What `statfs` calls ext4, and its elders.
const EXT: FsWord = 0xEF53;
/// What `statfs` calls a tmpfs.
const TMPFS: FsWord = 0x0102_1994;
/// Where `syncfs` leaves nothing out that `fsync` of each file and directory would sync: xfs, btrfs, f2fs, tmpfs, and ext4
/// where it is not an elder. On others it may reach no further than this machine (FUSE, 9p, CIFS), or not tell of errors
/// (overlay; zfs, of a pool that lost its devices).
const SYNCED_WHOLE: [FsWord; 4] = [0x5846_5342, 0x9123_683E, 0xF2F5_2010, TMPFS];
/// The first Linux whose `syncfs` tells of pages that could not be written.
const TELLS_OF_ERRORS: (u32, u32) = (5, 8);

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
        let device = rustix::fs::fstat(&descriptor)?.st_dev;
        let is_known = SYNCED_WHOLE.contains(&kind)
            || (kind == EXT && {
                let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
                let number = (rustix::fs::major(device), rustix::fs::minor(device));
                matches!(kind_of_mount(&mounts, number), Some("ext4" | "ext3"))
            });
        let release = rustix::system::uname();
        Ok(Filesystem {
            descriptor,
            is_synced_whole: is_known && tells_of_errors(release.release().to_str().unwrap_or_default()),
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

/// The kind of the filesystem of a device, of the lines of `/proc/self/mountinfo` (`man 5 proc`).
fn kind_of_mount(mounts: &str, (major, minor): (u32, u32)) -> Option<&str> {
    let number = format!("{major}:{minor}");
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&number))?;
    line.split_once(" - ")?.1.split(' ').next()
}

/// By a release as `uname` tells it ("6.1.0-18-amd64").
fn tells_of_errors(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= TELLS_OF_ERRORS,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elder_of_ext4_is_told_by_its_mount() {
        let mounts = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
                      27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
                      31 27 7:3 / /mnt rw - ext2 /dev/loop3 rw\n";
        assert_eq!(kind_of_mount(mounts, (254, 0)), Some("ext4"));
        assert_eq!(kind_of_mount(mounts, (7, 3)), Some("ext2"));
        assert_eq!(kind_of_mount(mounts, (7, 4)), None);
    }

    #[test]
    fn old_kernels_tell_of_no_errors() {
        assert!(
            ["5.8.0", "6.1.0-18-amd64", "5.10.0+", "10.0"]
                .into_iter()
                .all(tells_of_errors)
        );
        assert!(!["5.7.19", "4.18.0-553.el8", "", "x"].into_iter().any(tells_of_errors));
    }
}
