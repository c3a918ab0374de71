//! The directory that a disk or an image lives in, and what to do with those of processes that were killed.
//!
//! Invariant: a workspace holds a lock on its lock file for as long as its process lives. One that is not locked is a
//! leftover.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::tools::{During, PowerCutError, Tool};

const PREFIX: &str = "weir-power-cut-";
const LOCK: &str = "lock";

#[derive(Debug)]
pub(crate) struct Workspace {
    dir: TempDir,
    _lock: File,
}

impl Workspace {
    pub(crate) fn new(parent: &Path) -> Result<Self, PowerCutError> {
        let during = "making a workspace";
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .during(during)?;
        // Locked before it has the name that others look for.
        let unnamed = dir.path().join("lock.new");
        let lock = File::create_new(&unnamed).during(during)?;
        lock.lock().during(during)?;
        fs::rename(&unnamed, dir.path().join(LOCK)).during(during)?;
        Ok(Workspace { dir, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn make_dir(&self, name: &str) -> Result<PathBuf, PowerCutError> {
        let path = self.dir.path().join(name);
        fs::create_dir(&path).during("making a mount point")?;
        Ok(path)
    }
}

/// Takes down what processes left that were killed before they could. What resists is left for the next time.
pub(crate) fn sweep_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let dir = entry.path();
        let is_workspace = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let Ok(lock) = File::open(dir.join(LOCK)) else { continue };
        if is_workspace && lock.try_lock().is_ok() {
            let unmounted = mounts_below(&dir).iter().all(|at| Tool::Umount.run([], &[at]).is_ok());
            if unmounted && let Err(error) = fs::remove_dir_all(&dir) {
                eprintln!("weir-power-cut: {} is left over: {error}", dir.display());
            }
        }
    }
}

/// What is mounted below a directory, the last one first.
fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(PathBuf::from);
    let mut below: Vec<PathBuf> = points.filter(|point| point.starts_with(dir)).collect();
    below.reverse();
    below
}
