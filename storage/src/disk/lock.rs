//! One process per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The name of the file in the data directory that is locked. It stays when the lock is given back: removing it could
/// leave two processes with a lock each, on two files.
pub const LOCK_FILE: &str = ".lock";

/// Holds a data directory, by `flock` on [`LOCK_FILE`]; given back when dropped, and by the system when the process dies.
#[derive(Debug)]
pub struct DirLock {
    path: PathBuf,
    _file: File,
}

/// Why a data directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another part of this one, holds it.
    #[error("{} is in use by another process ({holder}): stop it first, or choose another data directory", .dir.display())]
    Held {
        /// The data directory.
        dir: PathBuf,
        /// What the holder wrote into the lock file, `process 123`, or `unknown`.
        holder: String,
    },
    /// The lock file could not be opened, written or locked.
    #[error("cannot lock {}: {source}", .path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl DirLock {
    /// Locks a directory that exists; does not wait.
    pub fn acquire(dir: &Path) -> Result<DirLock, LockError> {
        let path = dir.join(LOCK_FILE);
        let failed = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false) // the holder's number stays readable until the lock is ours
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    dir: dir.to_path_buf(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())
            .map_err(failed)?;
        Ok(DirLock { path, _file: file })
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn holder(file: &mut File) -> String {
    const LONGEST: u64 = 20;
    let mut text = String::new();
    match file
        .take(LONGEST)
        .read_to_string(&mut text)
        .map(|_| text.trim().parse::<u32>())
    {
        Ok(Ok(process)) => format!("process {process}"),
        _ => "unknown".to_owned(),
    }
}
