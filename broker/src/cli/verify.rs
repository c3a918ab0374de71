//! `weir log verify`: reads logs through and reports damage.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::disk::{DirLock, Disk, RealDisk};
use storage::log::LogFiles;
use storage::log::verify::{Verified, verify};

use super::{LogArgs, LogCommand, VerifyArgs};

/// Descriptors that the command keeps open at most.
const MAX_DESCRIPTORS: usize = 64;

/// Runs `weir log …`; the error is a sentence for the user.
pub fn run_log(args: &LogArgs) -> Result<(), String> {
    match &args.command {
        LogCommand::Verify(args) => run_verify(args),
        LogCommand::Repair(args) => super::repair::run_repair(args),
    }
}

/// The data directory that a command was given, or whose partition it was given, locked; and the partitions meant.
pub(super) struct Target {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) data_dir: PathBuf,
    pub(super) partitions: Vec<PathBuf>,
    _lock: DirLock,
}

impl Target {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(MAX_DESCRIPTORS));
        let path = path
            .canonicalize()
            .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        let is_data_dir = path.join("weir.meta").exists();
        let data_dir = match path.parent() {
            Some(parent) if !is_data_dir && parent.join("weir.meta").exists() => parent.to_path_buf(),
            _ if is_data_dir => path.clone(),
            _ => {
                return Err(format!(
                    "{} is neither a data directory of Weir nor a partition in one: name the directory that holds \
                     weir.meta, or a <topic>-<number> in it",
                    path.display()
                ));
            }
        };
        let lock = DirLock::acquire(&data_dir).map_err(|error| error.to_string())?;
        let partitions = if is_data_dir {
            partitions_in(&*disk, &data_dir)?
        } else {
            vec![path]
        };
        Ok(Target {
            disk,
            data_dir,
            partitions,
            _lock: lock,
        })
    }
}

fn partitions_in(disk: &dyn Disk, data_dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = disk
        .list(data_dir)
        .map_err(|error| format!("cannot list {}: {error}", data_dir.display()))?;
    let is_partition = |name: &str| {
        name.rsplit_once('-')
            .is_some_and(|(_, index)| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()))
    };
    let named = entries
        .into_iter()
        .filter(|entry| entry.is_dir && is_partition(&entry.name));
    Ok(named.map(|entry| data_dir.join(entry.name)).collect())
}

fn run_verify(args: &VerifyArgs) -> Result<(), String> {
    let target = Target::open(&args.path)?;
    let mut damaged = 0;
    for dir in &target.partitions {
        let files = LogFiles::new(target.disk.clone(), dir.clone());
        let verified = verify(&files).map_err(|error| error.to_string())?;
        damaged += usize::from(verified.damage.is_some());
        say(&line(dir, &verified));
    }
    match damaged {
        0 => Ok(()),
        n => Err(format!(
            "{n} of {} partitions are damaged: restore them from a copy, or give up what lies above the damage with \
             `weir log repair --accept-loss PARTITION`",
            target.partitions.len()
        )),
    }
}

fn line(dir: &Path, verified: &Verified) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let Verified {
        segments,
        batches,
        bytes,
        next_offset,
        damage,
        ..
    } = verified;
    let state = damage.as_ref().map_or_else(|| "sound".to_string(), ToString::to_string);
    format!("{name}: {segments} segments, {batches} batches, {bytes} bytes, next offset {next_offset}: {state}")
}

/// A line on standard output; nobody may be reading.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
