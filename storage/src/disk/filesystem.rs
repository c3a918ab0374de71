//! A mounted filesystem that files of a [`super::RealDisk`] are on, and whether one call syncs all of it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use parking_lot::{Condvar, Mutex};
use rustix::fs::{FsWord, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

/// What `statfs` calls ext4, and its elders.
const EXT: FsWord = 0xEF53;
/// What `statfs` calls a tmpfs.
const TMPFS: FsWord = 0x0102_1994;
/// Where `syncfs` leaves nothing out that `fsync` of each file and directory would sync: ext4, xfs, btrfs, f2fs, tmpfs. On
/// others it may reach no further than this machine (FUSE, 9p, CIFS), or not tell of errors (overlay; zfs, of a pool that
/// lost its devices).
const SYNCED_WHOLE: [FsWord; 5] = [EXT, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, TMPFS];
/// The first Linux whose `syncfs` tells of all errors: of pages that could not be written, and of the device's cache.
const TELLS_OF_ERRORS: (u32, u32) = (5, 17);
/// The first Linux whose `fsync` flushes the device's cache on an ext4 without a journal, whatever is dirty.
const FLUSHES_ALWAYS: (u32, u32) = (6, 5);

/// Syncs of one filesystem that can be under way at a time.
const AT_A_TIME: usize = 4;

/// Descriptors for `syncfs`, kept open: a failed write-back is told once to each descriptor that was there when it failed. So
/// each of two syncs at the same time has one of its own, or the second could answer well for what the first was told.
#[derive(Debug)]
pub(super) struct Filesystem {
    /// To ask questions of.
    descriptor: OwnedFd,
    idle: Mutex<Vec<OwnedFd>>,
    returned: Condvar,
    is_synced_whole: bool,
    /// `syncfs` leaves something in the device's cache.
    flushes_again: bool,
}

impl Filesystem {
    /// The one that a directory is on.
    pub(super) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let kind = rustix::fs::fstatfs(&descriptor)?.f_type;
        let device = rustix::fs::fstat(&descriptor)?.st_dev;
        let flushes_again = kind == EXT && !has_journal(device);
        let oldest = if flushes_again { FLUSHES_ALWAYS } else { TELLS_OF_ERRORS };
        let system = rustix::system::uname();
        let release = release_of(system.release().to_str().unwrap_or_default());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // A copy of a descriptor would share what it was told.
        let open = |_| retry_on_intr(|| rustix::fs::openat(&descriptor, c".", flags, Mode::empty()));
        let idle = (0..AT_A_TIME).map(open).collect::<Result<_, _>>()?;
        Ok(Filesystem {
            descriptor,
            idle: Mutex::new(idle),
            returned: Condvar::new(),
            is_synced_whole: SYNCED_WHOLE.contains(&kind) && release >= oldest,
            flushes_again,
        })
    }

    /// Whether [`Filesystem::sync`] syncs all that is on it, and says so.
    pub(super) fn is_synced_whole(&self) -> bool {
        self.is_synced_whole
    }

    /// Syncs all that is on it.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        self.with_one(|descriptor| {
            retry_on_intr(|| rustix::fs::syncfs(descriptor))?;
            match self.flushes_again {
                true => retry_on_intr(|| rustix::fs::fsync(descriptor)),
                false => Ok(()),
            }
        })
    }

    /// Lends a descriptor that nobody else has meanwhile. One that was opened now would not be told of what another was told
    /// a moment ago.
    fn with_one<T>(&self, act: impl FnOnce(&OwnedFd) -> T) -> T {
        let mut idle = self.idle.lock();
        let one = loop {
            match idle.pop() {
                Some(one) => break one,
                None => self.returned.wait(&mut idle),
            }
        };
        drop(idle);
        let done = act(&one);
        self.idle.lock().push(one);
        self.returned.notify_one();
        done
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

/// Whether an ext4 has a journal, as far as the system tells. Without one `syncfs` writes directories last, and leaves them
/// in the device's cache.
fn has_journal(device: u64) -> bool {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let told = || {
        let link = fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
        let name = link.file_name()?.to_str()?;
        fs::read_to_string(format!("/sys/fs/ext4/{name}/journal_task")).ok()
    };
    told().is_some_and(|task| task.trim().parse::<u32>().is_ok())
}

/// The first two numbers of a release as `uname` tells it ("6.1.0-18-amd64").
fn release_of(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn syncs_at_the_same_time_have_descriptors_of_their_own() {
        let directory = std::fs::File::open("/dev/shm").unwrap();
        let filesystem = Filesystem::of(directory.into()).unwrap();
        filesystem.sync().unwrap();
        let in_use = Mutex::new(Vec::new());
        let most = Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 * AT_A_TIME {
                scope.spawn(|| {
                    filesystem.with_one(|one| {
                        in_use.lock().push(one.as_raw_fd());
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        let mut in_use = in_use.lock();
                        let mut distinct = in_use.clone();
                        distinct.sort_unstable();
                        distinct.dedup();
                        assert_eq!(distinct.len(), in_use.len());
                        let mut most = most.lock();
                        *most = in_use.len().max(*most);
                        in_use.retain(|used| *used != one.as_raw_fd());
                    });
                });
            }
        });
        assert!((2..=AT_A_TIME).contains(&most.into_inner()));
        assert_eq!(filesystem.idle.lock().len(), AT_A_TIME);
    }

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(release_of("6.1.0-18-amd64"), (6, 1));
        assert_eq!(release_of("5.10.0+"), (5, 10));
        assert!(release_of("4.18.0-553.el8") < TELLS_OF_ERRORS && release_of("x") < TELLS_OF_ERRORS);
    }

    #[test]
    fn a_device_that_is_no_ext4_has_no_journal_of_one() {
        assert!(!has_journal(0));
    }
}
