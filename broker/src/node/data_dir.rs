//! The data directory: whose it is, and in which format.
//!
//! `weir.meta` is a text of `key=value` lines: `format` (of everything in the directory), `cluster.id`, `node.id`. It is
//! written once, before anything else.

use std::io;
use std::path::{Path, PathBuf};

use storage::disk::{Disk, read_file, replace_file};

/// The format that this release writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

const META: &str = "weir.meta";
/// Kafka's file of the same kind.
const KAFKA_META: &str = "meta.properties";

/// Whose data it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The cluster's id, made once.
    pub cluster_id: String,
    /// `node.id`.
    pub node_id: u64,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Apache Kafka's.
    #[error(
        "{0} holds the data of Apache Kafka: choose another --data-dir for Weir, and copy the topics over with a \
         mirroring tool"
    )]
    Kafka(PathBuf),
    /// A newer release's.
    #[error(
        "{dir} was written by a newer release of Weir (format {found}, this one reads up to {FORMAT}): start that release"
    )]
    Future {
        /// The directory.
        dir: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another node's.
    #[error(
        "{dir} belongs to node {found}, and node.id is {configured}: set node.id={found} or choose another --data-dir"
    )]
    OtherNode {
        /// The directory.
        dir: PathBuf,
        /// The node that it belongs to.
        found: u64,
        /// The configured `node.id`.
        configured: u64,
    },
    /// Partitions or a journal without `weir.meta`.
    #[error("{dir} has a {found} of Weir and no {META}: restore that file from a copy, or choose an empty --data-dir")]
    MetaLost {
        /// The directory.
        dir: PathBuf,
        /// What else is there.
        found: String,
    },
    /// Not Weir's file, or damaged.
    #[error("{0} cannot be read as Weir's: restore it from a copy, or choose an empty --data-dir")]
    Unreadable(PathBuf),
    /// The disk refused.
    #[error("cannot use {path} as data directory: {source}: check that it exists and that this user may write to it")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Reads whose data directory this is, and changes nothing; `None` where it is none of Weir's.
pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Meta>, DataDirError> {
    let path = dir.join(META);
    match read_file(disk, &path) {
        Ok(content) => {
            let text = String::from_utf8(content).map_err(|_| DataDirError::Unreadable(path.clone()))?;
            parse(&text, dir, &path).map(Some)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DataDirError::Io { path, source }),
    }
}

/// Opens the data directory, or makes it one with `new_cluster_id`.
pub(super) fn open(disk: &dyn Disk, dir: &Path, node_id: u64, new_cluster_id: &str) -> Result<Meta, DataDirError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| DataDirError::Io { path, source }
    };
    disk.create_dir_all(dir).map_err(io(dir))?;
    // At each start: the first may have ended before this.
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => dir,
    };
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match disk.sync_dir(parent) {
        // Whoever made the directory for us sees to its name; and where nothing can be written no name is under way.
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => {}
        synced => synced.map_err(io(parent))?,
    }
    let path = dir.join(META);
    match read(disk, dir)? {
        Some(meta) if meta.node_id != node_id => Err(DataDirError::OtherNode {
            dir: dir.to_path_buf(),
            found: meta.node_id,
            configured: node_id,
        }),
        Some(meta) => Ok(meta),
        None => {
            let entries = disk.list(dir).map_err(io(dir))?;
            if entries.iter().any(|entry| entry.name == KAFKA_META) {
                return Err(DataDirError::Kafka(dir.to_path_buf()));
            }
            let own = ["journal", "__cluster_metadata-0"];
            if let Some(entry) = entries.iter().find(|entry| own.contains(&entry.name.as_str())) {
                return Err(DataDirError::MetaLost {
                    dir: dir.to_path_buf(),
                    found: entry.name.clone(),
                });
            }
            let meta = Meta {
                cluster_id: new_cluster_id.to_string(),
                node_id,
            };
            let text = format!("format={FORMAT}\ncluster.id={new_cluster_id}\nnode.id={node_id}\n");
            replace_file(disk, &path, text.as_bytes()).map_err(io(&path))?;
            Ok(meta)
        }
    }
}

fn parse(text: &str, dir: &Path, path: &Path) -> Result<Meta, DataDirError> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(str::trim)
    };
    let unreadable = || DataDirError::Unreadable(path.to_path_buf());
    let found: u32 = value("format")
        .and_then(|value| value.parse().ok())
        .ok_or_else(unreadable)?;
    if found > FORMAT {
        return Err(DataDirError::Future {
            dir: dir.to_path_buf(),
            found,
        });
    }
    Ok(Meta {
        cluster_id: value("cluster.id").ok_or_else(unreadable)?.to_string(),
        node_id: value("node.id")
            .and_then(|value| value.parse().ok())
            .ok_or_else(unreadable)?,
    })
}
