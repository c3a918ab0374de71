//! One ext4 on one loop device.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::tools::{PowerCutError, Tool};

/// How long a busy mount is waited for when it is taken down.
const PATIENCE: Duration = Duration::from_secs(5);

/// A mount that is taken down when dropped. The loop device goes with it (`mount -o loop` makes it so).
#[derive(Debug)]
pub(crate) struct LoopMount {
    path: PathBuf,
    mounted: bool,
}

impl LoopMount {
    pub(crate) fn new(file: &Path, at: &Path, options: &str) -> Result<Self, PowerCutError> {
        // noinit_itable: no writes in the background but the program's and the journal's.
        let mut all = "loop,noinit_itable,noatime".to_owned();
        if !options.is_empty() {
            all = format!("{all},{options}");
        }
        Tool::Mount.run(["-t", "ext4", "-o", &all].map(AsRef::as_ref), &[file, at])?;
        Ok(LoopMount {
            path: at.to_path_buf(),
            mounted: true,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Unmounts, waiting a while for what still uses it.
    pub(crate) fn unmount(&mut self) -> Result<(), PowerCutError> {
        let started = Instant::now();
        while self.mounted {
            match Tool::Umount.run([], &[&self.path]) {
                Ok(_) => self.mounted = false,
                Err(error) if started.elapsed() > PATIENCE => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
        Ok(())
    }
}

impl Drop for LoopMount {
    fn drop(&mut self) {
        if let Err(error) = self.unmount() {
            eprintln!("weir-power-cut: {error}; the mount goes when nothing uses it any more");
            // Lazily: gone from the tree at once, from the device when its last user ends.
            if let Err(error) = Tool::Umount.run(["-l"].map(AsRef::as_ref), &[&self.path]) {
                eprintln!("weir-power-cut: {error}");
            }
        }
    }
}
