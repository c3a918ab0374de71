//! Directories that the metadata does not name.
//!
//! Invariant: data goes only where the metadata says that its topic was deleted. Anything else is kept, aside: the metadata
//! may have lost what it knew.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use storage::disk::{Disk, read_file};
use storage::journal::{GroupId, Record, RecoveredJournal};
use storage::log::PARTITION_METADATA;
use uuid::Uuid;

use super::metadata_log::{TOPIC, TOPIC_ID};
use super::start::StartError;
use super::{Node, topic_id};
use crate::controller::image::Image;

/// Suffix of the directory of a deleted topic, which waits for its removal.
pub(super) const DELETE_SUFFIX: &str = "-delete";
/// Suffix of a directory that was found and belongs to no topic, as in Kafka. It is for the operator to remove.
pub(super) const STRAY_SUFFIX: &str = "-stray";

impl Node {
    /// Removes what deleted topics have left, directories and the journal's groups, and moves aside what is of no topic.
    pub(super) fn remove_strays(&self, image: &Image, recovered: &RecoveredJournal) -> Result<(), StartError> {
        let deleted = self.deleted.lock().clone();
        let partitions = image
            .topics()
            .flat_map(|topic| (0..topic.partitions.len()).map(move |index| (topic, index)));
        let expected: BTreeSet<String> = partitions
            .map(|(topic, index)| format!("{}-{index}", topic.name))
            .chain([format!("{TOPIC}-0")])
            .collect();
        let entries = self.disk.list(&self.data_dir).map_err(|source| StartError::Io {
            path: self.data_dir.clone(),
            source,
        })?;
        for entry in entries
            .iter()
            .filter(|entry| entry.is_dir && !expected.contains(&entry.name))
        {
            self.clear_up(&entry.name, &deleted);
        }
        let gone: Vec<_> = recovered
            .groups
            .keys()
            .filter(|group| group.topic_id != TOPIC_ID && deleted.contains(&group.topic_id))
            .map(|&group: &GroupId| (group, Record::GroupRemoved))
            .collect();
        if !gone.is_empty() {
            self.journal.append_lazily(&gone, self.clock.monotonic_ms())?;
        }
        Ok(())
    }

    /// A directory that no topic has. A failure leaves it to the next start.
    fn clear_up(&self, name: &str, deleted: &BTreeSet<Uuid>) {
        let dir = self.data_dir.join(name);
        let done = if is_deleted_name(name) {
            self.disk.remove_dir_all(&dir)
        } else if !is_partition_name(name) {
            return;
        } else {
            match topic_id_of(&*self.disk, &dir) {
                Ok(Some(id)) if deleted.contains(&id) => {
                    tracing::info!(dir = %dir.display(), "removing the directory of a deleted topic");
                    self.disk.remove_dir_all(&dir)
                }
                Ok(Some(id)) => move_aside(&*self.disk, &dir, Some(id), false),
                Ok(None) => {
                    tracing::warn!(dir = %dir.display(), "this directory is of no topic: it is left alone");
                    Ok(())
                }
                Err(error) => Err(error),
            }
        };
        if let Err(error) = done {
            tracing::warn!(dir = %dir.display(), %error, "cannot clear up a directory that is of no topic");
        }
    }
}

/// Gives a directory that is in the way another name: for removal if its topic was deleted, else to be kept.
pub(super) fn move_aside(disk: &dyn Disk, dir: &Path, id: Option<Uuid>, is_deleted: bool) -> io::Result<()> {
    let suffix = if is_deleted { DELETE_SUFFIX } else { STRAY_SUFFIX };
    let id = id.unwrap_or_default().simple();
    let aside = PathBuf::from(format!("{}.{id}{suffix}", dir.display()));
    if !is_deleted {
        tracing::error!(
            dir = %dir.display(), kept = %aside.display(),
            "the metadata has no topic for this directory, nor says that one was deleted: it is kept under another name"
        );
    }
    disk.rename(dir, &aside)
}

/// The topic that a partition's directory says it belongs to; `None` where it says nothing that makes sense. A disk that
/// refuses the read is an error: a directory in doubt is not for removal.
pub(crate) fn topic_id_of(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Uuid>> {
    let content = match read_file(disk, &dir.join(PARTITION_METADATA)) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8(content).unwrap_or_default();
    Ok(text
        .lines()
        .find_map(|line| line.strip_prefix("topic_id: "))
        .and_then(topic_id::decode))
}

/// `<topic>-<number>`: what a partition's directory is called.
pub(crate) fn is_partition_name(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(topic, index)| {
        !topic.is_empty() && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `<topic>-<number>.<topic id>-delete`: what we call the directory of a deleted topic.
fn is_deleted_name(name: &str) -> bool {
    let parts = name.strip_suffix(DELETE_SUFFIX).and_then(|name| name.rsplit_once('.'));
    parts.is_some_and(|(partition, id)| is_partition_name(partition) && id.len() == 32 && Uuid::try_parse(id).is_ok())
}
