//! What a power cut leaves: which writes are in an image, and the image as a mounted filesystem.

use std::ops::Range;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::mount::LoopMount;
use crate::tools::{PowerCutError, Tool};
use crate::workspace::Workspace;
use crate::write_log::{Entry, LoggedWrite};

/// What a device writes whole or not at all.
const SECTOR: u64 = 512;
/// The disk's first bytes are written whole or not at all: ext4 relies on that for its superblock, which is 1024 bytes
/// with a checksum and no copy in the journal. An image without a superblock would show nothing of the program's.
const SUPERBLOCK_END: u64 = 4096;
/// How many of the unflushed writes that are not lost are torn.
const TORN: f64 = 0.2;

/// What an image lacks of the writes before its cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loss {
    /// Writes before the last flush: all there.
    pub flushed: usize,
    /// Later writes that are there whole.
    pub kept: usize,
    /// Later writes of which some sectors are there.
    pub torn: usize,
    /// Later writes that are not there at all.
    pub lost: usize,
}

/// Calls `apply` with each write, or part of a write, that is in the image, in order.
pub(crate) fn choose(
    entries: &[Entry],
    seed: u64,
    mut apply: impl FnMut(&LoggedWrite, Range<usize>) -> Result<(), PowerCutError>,
) -> Result<Loss, PowerCutError> {
    let mut random = StdRng::seed_from_u64(seed);
    // The extremes as often as the middle.
    let survival = [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
    let flushed = entries
        .iter()
        .rposition(|entry| matches!(entry, Entry::Flush))
        .unwrap_or(0);
    let mut loss = Loss::default();
    for (index, entry) in entries.iter().enumerate() {
        let Entry::Write(write) = entry else { continue };
        if index < flushed {
            loss.flushed += 1;
            apply(write, 0..write.len)?;
        } else if !random.random_bool(survival) {
            loss.lost += 1;
        } else if survival < 1.0 && random.random_bool(TORN) {
            let mut whole = true;
            for sector in sectors(write) {
                if random.random_bool(0.5) {
                    apply(write, sector)?;
                } else {
                    whole = false;
                }
            }
            *(if whole { &mut loss.kept } else { &mut loss.torn }) += 1;
        } else {
            loss.kept += 1;
            apply(write, 0..write.len)?;
        }
    }
    Ok(loss)
}

/// The parts of a write by the sectors that they lie in.
fn sectors(write: &LoggedWrite) -> impl Iterator<Item = Range<usize>> {
    let (position, len) = (write.position, write.len);
    let mut start = 0;
    std::iter::from_fn(move || {
        let at = position + start as u64;
        let end = if at < SUPERBLOCK_END {
            SUPERBLOCK_END
        } else {
            at - at % SECTOR + SECTOR
        };
        let part = start..len.min((end - position) as usize);
        start = part.end;
        (!part.is_empty()).then_some(part)
    })
}

/// An image, mounted. Taken down when dropped.
#[derive(Debug)]
pub struct MountedImage {
    // Dropped in this order.
    mount: LoopMount,
    file: std::path::PathBuf,
    loss: Loss,
    _workspace: Workspace,
}

impl MountedImage {
    pub(crate) fn new(workspace: Workspace, file: &Path, options: &str, loss: Loss) -> Result<Self, PowerCutError> {
        let mount = LoopMount::new(file, &workspace.make_dir("disk")?, options)?;
        Ok(MountedImage {
            mount,
            file: file.to_path_buf(),
            loss,
            _workspace: workspace,
        })
    }

    /// Where the data lies after the power cut, with ext4's journal replayed. It can be written to.
    pub fn mount_point(&self) -> &Path {
        self.mount.path()
    }

    /// What it lacks.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Takes the image down, and says if something still uses it.
    pub fn unmount(mut self) -> Result<(), PowerCutError> {
        self.mount.unmount()
    }

    /// As [`MountedImage::unmount`], and then checks the filesystem (`e2fsck`): an ext4 that is not whole after its
    /// journal was replayed means that this crate lost what it must not.
    pub fn unmount_and_check(mut self) -> Result<(), PowerCutError> {
        Tool::E2fsck.check()?;
        self.mount.unmount()?;
        Tool::E2fsck
            .run(["-f", "-n"].map(AsRef::as_ref), &[&self.file])
            .map(drop)
    }
}
