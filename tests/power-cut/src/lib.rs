//! A disk whose power can be cut after the fact, under any program, through the real page cache and the real ext4.
//!
//! ```text
//! program under test → ext4 → loop device → one file served by FUSE (this crate) → log of writes and flushes
//! ```
//!
//! The loop device hands every write to the file, and turns every flush of the block layer (`fdatasync`, ext4's commits,
//! FUA) into an `fsync` of it. Both are logged in the order in which they arrive. From the log, [`PowerCutDisk::image`]
//! builds what a power cut at any [`CutPoint`] could have left: all writes before the last flush, and of those after it
//! any part, some of them torn between 512-byte sectors. The image is mounted (ext4 replays its journal there) and the
//! program is started on it.
//!
//! Invariant: a write that arrived before a flush is in every image cut after that flush.
//!
//! To judge an image: take [`PowerCutDisk::now`] right after each acknowledgement. What was acknowledged at `p` must be in
//! every image cut at `p` or later.
//!
//! Needs root, `/dev/fuse`, loop devices, and the tools `mkfs.ext4`, `mount` and `umount`. Everything is taken down when
//! the values are dropped, after a panic too; what a killed process left is taken down by the next one.

#![forbid(unsafe_code)]

mod block_file;
mod image;
mod mount;
mod sparse;
mod tools;
mod workspace;
mod write_log;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

pub use image::{Loss, MountedImage};
pub use tools::PowerCutError;
pub use write_log::{CutPoint, Totals};

use block_file::{BLOCK_FILE, BlockFile, Served};
use mount::LoopMount;
use tools::{During, Tool};
use workspace::Workspace;
use write_log::WriteLog;

/// The disk with the program's data, mounted and logged.
#[derive(Debug)]
pub struct PowerCutDisk {
    // Dropped in this order: the filesystem on the loop device, the file below it, the directories.
    mount: LoopMount,
    _file: Served,
    log: Arc<Mutex<WriteLog>>,
    /// The disk as it was formatted, before the first logged write.
    formatted: PathBuf,
    parent: PathBuf,
    options: String,
    marks: Mutex<Vec<(String, CutPoint)>>,
    _workspace: Workspace,
}

impl PowerCutDisk {
    /// Makes, formats and mounts a disk of `size` bytes (sparse; 64 MiB at least make sense) below the system's
    /// temporary directory.
    pub fn new(size: u64) -> Result<Self, PowerCutError> {
        Self::with_options(size, &std::env::temp_dir(), "")
    }

    /// As [`PowerCutDisk::new`], with its files below `parent`, and with more mount options for ext4, for it and for the
    /// images (`data=writeback`, `commit=60`).
    pub fn with_options(size: u64, parent: &Path, options: &str) -> Result<Self, PowerCutError> {
        for tool in [Tool::MkfsExt4, Tool::Mount, Tool::Umount] {
            tool.check()?;
        }
        workspace::sweep_leftovers(parent);
        let workspace = Workspace::new(parent)?;
        let formatted = workspace.path().join("formatted");
        let file = File::create_new(&formatted).during("creating the disk's file")?;
        file.set_len(size).during("sizing the disk's file")?;
        drop(file);
        let lazy = "nodiscard,lazy_itable_init=1,lazy_journal_init=1"; // the file is zeroes already
        Tool::MkfsExt4.run(["-q", "-F", "-m", "0", "-E", lazy].map(AsRef::as_ref), &[&formatted])?;

        let current = workspace.path().join("current");
        sparse::copy(&formatted, &current)?;
        let current = File::options()
            .read(true)
            .write(true)
            .open(&current)
            .during("opening the disk's file")?;
        let log = Arc::new(Mutex::new(WriteLog::create(&workspace.path().join("log"))?));
        let served = workspace.make_dir("fuse")?;
        let file = Served::new(BlockFile::new(current, size, log.clone()), &served)?;
        let mount = LoopMount::new(&served.join(BLOCK_FILE), &workspace.make_dir("disk")?, options)?;
        Ok(PowerCutDisk {
            mount,
            _file: file,
            log,
            formatted,
            parent: parent.to_path_buf(),
            options: options.to_owned(),
            marks: Mutex::default(),
            _workspace: workspace,
        })
    }

    /// Where the program under test keeps its data. Nothing may use it any more when this value is dropped.
    pub fn mount_point(&self) -> &Path {
        self.mount.path()
    }

    /// The end of the log: a cut there has everything that arrived so far.
    pub fn now(&self) -> CutPoint {
        self.log.lock().end()
    }

    /// As [`PowerCutDisk::now`], and remembers it under a name.
    pub fn mark(&self, label: impl Into<String>) -> CutPoint {
        let cut = self.now();
        self.marks.lock().push((label.into(), cut));
        cut
    }

    /// All marks, in order.
    pub fn marks(&self) -> Vec<(String, CutPoint)> {
        self.marks.lock().clone()
    }

    /// Every place where the power can be cut: before the first write or flush, and after each of them so far.
    pub fn cut_points(&self) -> Vec<CutPoint> {
        self.log.lock().cut_points()
    }

    /// What has arrived so far.
    pub fn totals(&self) -> Totals {
        self.log.lock().totals()
    }

    /// Builds and mounts what a power cut could have left; `seed` decides which of the unflushed writes are there.
    pub fn image(&self, cut: CutPoint, seed: u64) -> Result<MountedImage, PowerCutError> {
        let workspace = Workspace::new(&self.parent)?;
        let path = workspace.path().join("image");
        sparse::copy(&self.formatted, &path)?;
        let image = File::options().write(true).open(&path).during("opening an image")?;
        // Read without the lock: what is in the log before the cut does not change.
        let (writes, log) = self.log.lock().before(cut)?;
        let mut data = Vec::new();
        let loss = image::choose(&writes, seed, |write, part| {
            data.resize(part.len(), 0);
            log.read_exact_at(&mut data, write.in_log + part.start as u64)
                .during("reading the log of writes")?;
            image
                .write_all_at(&data, write.position + part.start as u64)
                .during("writing an image")
        })?;
        drop(image);
        MountedImage::new(workspace, &path, &self.options, loss)
    }

    /// Builds and mounts an image, hands its mount point to `check`, and takes it down.
    pub fn with_image<T>(&self, cut: CutPoint, seed: u64, check: impl FnOnce(&Path) -> T) -> Result<T, PowerCutError> {
        let image = self.image(cut, seed)?;
        let result = check(image.mount_point());
        image.unmount()?;
        Ok(result)
    }
}
