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
        lock(&mut file, dir, &path)?;
        file.set_len(0).map_err(failed)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())
            .map_err(failed)?;
        Ok(DirLock { path, _file: file })
    }

    /// As [`DirLock::acquire`], for who changes nothing: where the lock file cannot be written, as on a disk that is mounted
    /// to be read, it is locked as it is.
    pub fn acquire_to_read(dir: &Path) -> Result<DirLock, LockError> {
        match Self::acquire(dir) {
            Err(LockError::Io { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                Self::acquire_as_it_is(dir)
            }
            done => done,
        }
    }

    fn acquire_as_it_is(dir: &Path) -> Result<DirLock, LockError> {
        let path = dir.join(LOCK_FILE);
        // Without a lock file nobody holds it, and the directory stands for it.
        let opened = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(dir),
            opened => opened,
        };
        let mut file = opened.map_err(|source| LockError::Io {
            path: path.clone(),
            source,
        })?;
        lock(&mut file, dir, &path)?;
        Ok(DirLock { path, _file: file })
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn lock(file: &mut File, dir: &Path, path: &Path) -> Result<(), LockError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(LockError::Held {
            dir: dir.to_path_buf(),
            holder: holder(file),
        }),
        Err(TryLockError::Error(source)) => Err(LockError::Io {
            path: path.to_path_buf(),
            source,
        }),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a disk that is mounted to be read leaves to do.
    #[test]
    fn without_writing_a_holder_is_seen_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        // Nobody was ever here: nothing is made.
        drop(DirLock::acquire_as_it_is(dir.path()).unwrap());
        assert!(!dir.path().join(LOCK_FILE).exists());
        let broker = DirLock::acquire(dir.path()).unwrap();
        let refused = DirLock::acquire_as_it_is(dir.path()).unwrap_err();
        assert!(matches!(refused, LockError::Held { .. }), "{refused}");
        drop(broker);
        let before = std::fs::read(dir.path().join(LOCK_FILE)).unwrap();
        let reader = DirLock::acquire_as_it_is(dir.path()).unwrap();
        assert!(DirLock::acquire(dir.path()).is_err());
        drop(reader);
        assert_eq!(std::fs::read(dir.path().join(LOCK_FILE)).unwrap(), before);
    }
}
