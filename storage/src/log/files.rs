//! Names of a partition's files, and the disk that they are on.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use super::error::LogError;
use super::segment::create_or_empty;
use crate::disk::{Disk, DiskFile, write_all_at};

/// Suffix of a segment's batches.
pub const LOG: &str = "log";
/// Suffix of a segment's offset index.
pub const INDEX: &str = "index";
/// Suffix of a segment's time index.
pub const TIME_INDEX: &str = "timeindex";
/// Suffix of a snapshot of the producers' state; its name is the exclusive end offset.
pub const SNAPSHOT: &str = "snapshot";
/// Suffix of a file that is out of use and waits for its removal.
pub const DELETED: &str = "deleted";
/// Suffix of a file of a segment that the cleaner has written and that is not yet in place.
pub const CLEANED: &str = "cleaned";
/// Suffix of a file that is being written and not yet in place.
pub(super) const TEMPORARY: &str = ".tmp";
/// Kafka's file of leader epochs.
pub const LEADER_EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
/// Kafka's file with the topic id.
pub const PARTITION_METADATA: &str = "partition.metadata";

/// The note of damage that was found while the partition served.
pub const DAMAGE: &str = "damage";

/// One partition's directory.
#[derive(Debug, Clone)]
pub struct LogFiles {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// `<topic>-<partition>`.
    pub dir: PathBuf,
    /// Whether the directory's name is another's now, as after the topic was deleted. Held while names in it are changed.
    is_gone: Arc<RwLock<bool>>,
    /// What was put aside and waits for its removal.
    aside: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl LogFiles {
    /// The directory of one partition on `disk`.
    pub fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        LogFiles {
            disk,
            dir,
            is_gone: Arc::default(),
            aside: Arc::default(),
        }
    }

    /// The directory's name is about to become another's. From now on nothing that belongs to this log makes, renames or
    /// removes a file under it; what is at it ends first.
    pub fn let_go(&self) {
        *self.is_gone.write() = true;
    }

    /// Keeps the directory's name for this log; `None` if it is another's already.
    pub fn hold(&self) -> Option<RwLockReadGuard<'_, bool>> {
        Some(self.is_gone.read()).filter(|is_gone| !**is_gone)
    }

    /// The file of a segment (or snapshot) with this offset in its name.
    pub fn path(&self, offset: i64, suffix: &str) -> PathBuf {
        self.dir.join(format!("{offset:020}.{suffix}"))
    }

    /// Renames a segment's file, so that readers that are at it can finish, to a name that no file has which waits for its
    /// removal: one of the same segment may. `None` where there is no such file.
    pub(super) fn put_aside(&self, base_offset: i64, suffix: &str) -> Result<Option<PathBuf>, LogError> {
        let path = self.path(base_offset, suffix);
        let mut aside = self.aside.lock();
        let names = (0..).map(|number| match number {
            0 => self.path(base_offset, &format!("{suffix}.{DELETED}")),
            _ => self.path(base_offset, &format!("{suffix}.{number}.{DELETED}")),
        });
        let to = names.into_iter().find(|name| !aside.contains(name));
        let to = to.expect("there are more numbers than files");
        match self.disk.rename(&path, &to) {
            Ok(()) => {
                aside.insert(to.clone());
                Ok(Some(to))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LogError::io("rename", path, error)),
        }
    }

    /// Removes a file that is out of use, and was put aside if it is one of a segment. The caller holds the directory.
    pub fn remove_aside(&self, path: &Path) -> io::Result<()> {
        let removed = self.disk.remove_file(path);
        let is_there = matches!(&removed, Err(error) if error.kind() != io::ErrorKind::NotFound);
        if !is_there {
            self.aside.lock().remove(path);
        }
        removed
    }

    /// Makes the names in the directory, and its own name, durable.
    pub(super) fn sync_names(&self) -> Result<(), LogError> {
        for dir in [Some(self.dir.as_path()), self.dir.parent()].into_iter().flatten() {
            self.disk
                .sync_dir(dir)
                .map_err(|error| LogError::io("sync", dir, error))?;
        }
        Ok(())
    }

    /// Replaces a small file as a whole. Its bytes are durable, its name is not: after a crash the file is there as it was
    /// before or as it is now. A sync of the directory is for the log's flushes alone, for if it fails, names that they
    /// vouch for are in doubt.
    pub fn put_in_place(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let _held = self.hold().ok_or(io::ErrorKind::NotFound)?;
        let put = self.write_aside(path, content).and_then(|(temporary, file)| {
            file.sync_data()?;
            self.disk.rename(&temporary, path)
        });
        if put.is_err() {
            // What stays of it is removed at the next start, if not here.
            let _ = self.disk.remove_file(&temporary_name(path));
        }
        put
    }

    /// Writes a file under a temporary name beside `path`, unsynced; answers that name and the file.
    pub(super) fn write_aside(&self, path: &Path, content: &[u8]) -> io::Result<(PathBuf, Arc<dyn DiskFile>)> {
        let temporary = temporary_name(path);
        let file = create_or_empty(&*self.disk, &temporary)?;
        write_all_at(&*file, &[content], 0)?;
        Ok((temporary, file))
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), LogError> {
        match self.disk.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LogError::io("remove", path, error)),
            _ => Ok(()),
        }
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_os_string();
    temporary.push(TEMPORARY);
    PathBuf::from(temporary)
}

/// Whether a file in a partition's directory is one that a log makes.
pub fn is_own_name(name: &str) -> bool {
    let name = name.strip_suffix(TEMPORARY).unwrap_or(name);
    parse_name(name).is_some() || [LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA, DAMAGE].contains(&name)
}

/// The offset and the suffix of a segment's or snapshot's file name, `None` for other names.
pub fn parse_name(name: &str) -> Option<(i64, &str)> {
    let (digits, suffix) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, suffix))
}

/// The last part of a path, for messages.
pub(crate) fn display_name(path: &Path) -> String {
    path.display().to_string()
}
