//! Opening the journal: finding the generation that counts, reading it, cutting what was never synced.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::JournalError;
use super::frame::{self, HEAD, HEADER, Header};
use super::group_state::Mirror;
use super::record::NodeRecord;
use super::{Journal, OpenFile, RecoveredJournal, State};
use crate::disk::{Disk, DiskFile, write_all_at};

const DIRECTORY: &str = "journal";
const SUFFIX: &str = ".journal";
const FIRST_GENERATION: u64 = 1;
/// Bytes of a file that was never used: header and the write with `Complete`.
const UNUSED: usize = HEADER + HEAD + 1;
/// Bytes read at once.
const READ: usize = 1 << 20;

/// The file of a generation.
pub(super) fn file_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation:020}{SUFFIX}"))
}

/// Reads the journal as [`open`] does, and changes nothing; `None` where none was ever in use.
pub(super) fn inspect(disk: &dyn Disk, data_dir: &Path) -> Result<Option<RecoveredJournal>, JournalError> {
    let dir = data_dir.join(DIRECTORY);
    let generations = match generations(disk, &dir) {
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    Ok(newest_whole(disk, &dir, &generations)?.map(|found| found.recovered()))
}

pub(super) fn open(disk: Arc<dyn Disk>, data_dir: &Path) -> Result<(Journal, RecoveredJournal), JournalError> {
    let dir = data_dir.join(DIRECTORY);
    disk.create_dir_all(&dir)
        .map_err(|error| JournalError::io("create", &dir, error))?;
    disk.sync_dir(data_dir)
        .map_err(|error| JournalError::io("sync", data_dir, error))?;
    let generations = generations(&*disk, &dir)?;
    let mut is_new = false;
    let found = match newest_whole(&*disk, &dir, &generations)? {
        Some(found) => found,
        None => {
            is_new = true;
            remove(&*disk, &dir, &generations, None)?;
            begin(&*disk, &dir)?
        }
    };
    let recovered = found.recovered();
    let file = cut_tail(found.file, found.len)?;
    remove(&*disk, &dir, &generations, Some(file.generation))?;
    let recovered = RecoveredJournal { is_new, ..recovered };
    let state = State {
        synced: file.len,
        urgent_end: 0,
        file,
        mirror: found.mirror,
        lazy_since: None,
        lazy_in_sync: None,
        catch_up: None,
        poisoned: None,
    };
    Ok((
        Journal {
            disk,
            dir,
            state: Mutex::new(state),
            syncing: Mutex::new(()),
        },
        recovered,
    ))
}

/// A file that was read.
struct Found {
    /// As it can be appended to, once what is behind its `len` is cut.
    file: OpenFile,
    /// Bytes in the file, bad tail included.
    len: usize,
    mirror: Mirror,
}

impl Found {
    fn recovered(&self) -> RecoveredJournal {
        RecoveredJournal {
            groups: self.mirror.groups.clone(),
            last_boot_id: self.mirror.boot_id.clone(),
            clean_shutdown: self.mirror.stopped && self.file.len == self.len as u64,
            is_new: false,
        }
    }
}

/// The generation that counts; `None` where there is none, or a first start died while it made one.
fn newest_whole(disk: &dyn Disk, dir: &Path, generations: &[u64]) -> Result<Option<Found>, JournalError> {
    let mut is_unused = true;
    for &generation in generations.iter().rev() {
        let found = read(disk, dir, generation)?;
        if found.mirror.complete {
            return Ok(Some(found));
        }
        // A first start that died here: nothing was ever appended.
        is_unused &= generation == FIRST_GENERATION && found.len <= UNUSED;
    }
    match is_unused {
        true => Ok(None),
        false => Err(JournalError::NoWholeGeneration { dir: dir.to_owned() }),
    }
}

/// The generations that have a file, in order.
fn generations(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, JournalError> {
    let entries = disk.list(dir).map_err(|error| JournalError::io("list", dir, error))?;
    let number = |name: &str| {
        name.strip_suffix(SUFFIX)
            .filter(|digits| digits.len() == 20)?
            .parse::<u64>()
            .ok()
    };
    let mut generations: Vec<u64> = entries.iter().filter_map(|entry| number(&entry.name)).collect();
    generations.sort_unstable();
    Ok(generations)
}

/// Syncs and reads a file, past the page cache: a sync that failed before the last stop may have left good pages over a bad
/// disk.
fn read(disk: &dyn Disk, dir: &Path, generation: u64) -> Result<Found, JournalError> {
    let path = file_path(dir, generation);
    let io = |operation| {
        let path = path.clone();
        move |error| JournalError::io(operation, &path, error)
    };
    let file = disk.open(&path).map_err(io("open"))?;
    file.sync_data().map_err(io("sync"))?;
    let len = file.len().map_err(io("measure"))?;
    let mut content = Vec::new();
    while (content.len() as u64) < len {
        let at = content.len();
        content.resize(at + READ.min((len - at as u64) as usize), 0);
        let n = file
            .read_uncached_at(&mut content[at..], at as u64)
            .map_err(io("read"))?;
        content.truncate(at + n);
        if n == 0 {
            break;
        }
    }
    let (mirror, end) = scan(&path, generation, &content)?;
    let file = OpenFile {
        file,
        path,
        generation,
        base: 0,
        len: end as u64,
        synced: end as u64,
    };
    Ok(Found {
        file,
        len: content.len(),
        mirror,
    })
}

/// Reads the writes of a file and answers what they add up to, and where the sound ones end. A bad write before the newest
/// synced end that any sound one carries is damage.
fn scan(path: &Path, generation: u64, content: &[u8]) -> Result<(Mirror, usize), JournalError> {
    let mut mirror = Mirror::default();
    let mut end = 0;
    let mut synced_end = 0;
    match frame::read_header(content, generation) {
        Header::Sound => end = HEADER,
        Header::Version(found) => {
            return Err(JournalError::Version {
                path: path.to_owned(),
                found,
                expected: frame::VERSION,
            });
        }
        Header::Bad => {}
    }
    while end > 0
        && let Some(write) = frame::read(content, end, generation)
    {
        let unknown = |reason| JournalError::UnknownRecord {
            path: path.to_owned(),
            position: end as u64,
            reason,
        };
        mirror.apply_write(write.body).map_err(unknown)?;
        synced_end = synced_end.max(write.synced_end);
        end = write.end;
    }
    // Behind a bad write lengths lead nowhere, but each sound write knows its own position.
    let mut at = end + 1;
    while at < content.len() {
        match frame::read(content, at, generation) {
            Some(write) => {
                synced_end = synced_end.max(write.synced_end);
                at = write.end;
            }
            None => at += 1,
        }
    }
    if synced_end > end as u64 {
        return Err(JournalError::Damaged {
            path: path.to_owned(),
            position: end as u64,
            synced_end,
        });
    }
    Ok((mirror, end))
}

/// Begins the first generation.
fn begin(disk: &dyn Disk, dir: &Path) -> Result<Found, JournalError> {
    let mut body = Vec::new();
    NodeRecord::Complete.encode(&mut body);
    let file = create(disk, dir, FIRST_GENERATION, &[body])?;
    let mut mirror = Mirror::default();
    mirror.apply_node(&NodeRecord::Complete);
    Ok(Found {
        len: file.len as usize,
        file,
        mirror,
    })
}

/// Creates the file of a generation with these writes; it and its name are synced.
pub(super) fn create(
    disk: &dyn Disk,
    dir: &Path,
    generation: u64,
    writes: &[Vec<u8>],
) -> Result<OpenFile, JournalError> {
    let path = file_path(dir, generation);
    let io = |operation| {
        let path = path.clone();
        move |error| JournalError::io(operation, &path, error)
    };
    let file: Arc<dyn DiskFile> = disk.create(&path).map_err(io("create"))?;
    write_all_at(&*file, &[&frame::header(generation)], 0).map_err(io("write"))?;
    let mut len = HEADER as u64;
    for body in writes {
        let head = frame::head(generation, len, 0, body);
        write_all_at(&*file, &[&head, body], len).map_err(io("write"))?;
        len += (HEAD + body.len()) as u64;
    }
    file.sync_data().map_err(io("sync"))?;
    disk.sync_dir(dir)
        .map_err(|error| JournalError::io("sync", dir, error))?;
    Ok(OpenFile {
        file,
        path,
        generation,
        base: 0,
        len,
        synced: len,
    })
}

/// Cuts what was never synced, if there is any.
fn cut_tail(file: OpenFile, found: usize) -> Result<OpenFile, JournalError> {
    if file.len < found as u64 {
        tracing::warn!(path = %file.path.display(), from = file.len, to = found, "cutting the journal's unsynced tail");
        file.file
            .set_len(file.len)
            .map_err(|error| JournalError::io("cut", &file.path, error))?;
        file.file
            .sync_data()
            .map_err(|error| JournalError::io("sync", &file.path, error))?;
    }
    Ok(file)
}

/// Removes the files of these generations but one.
fn remove(disk: &dyn Disk, dir: &Path, generations: &[u64], keep: Option<u64>) -> Result<(), JournalError> {
    let mut removed = false;
    for &generation in generations.iter().filter(|generation| Some(**generation) != keep) {
        let path = file_path(dir, generation);
        match disk.remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(JournalError::io("remove", &path, error));
            }
            _ => removed = true,
        }
    }
    if removed {
        disk.sync_dir(dir)
            .map_err(|error| JournalError::io("sync", dir, error))?;
    }
    Ok(())
}
