//! Which path each open handle has now, so that a rename carries open handles along and a removed file is never mistaken
//! for a new one of the same name.
//!
//! Invariant: a slot has a path here exactly as long as its file has a name; without a path it is marked as detached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::descriptors::Slot;

/// The handles by path and by id. Paths are compared as they are spelled, component by component.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_path: BTreeMap<(PathBuf, u64), Arc<Slot>>,
    by_id: BTreeMap<u64, PathBuf>,
}

impl Names {
    pub(super) fn insert(&mut self, path: PathBuf, slot: Arc<Slot>) {
        slot.set_detached(false);
        self.by_id.insert(slot.id, path.clone());
        self.by_path.insert((path, slot.id), slot);
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some(path) = self.by_id.remove(&id) {
            self.by_path.remove(&(path, id));
        }
    }

    pub(super) fn path_of(&self, id: u64) -> Option<&Path> {
        self.by_id.get(&id).map(PathBuf::as_path)
    }

    /// Takes the path from every handle at `path` or below it, and returns what it took.
    pub(super) fn detach(&mut self, path: &Path) -> Vec<(PathBuf, Arc<Slot>)> {
        let taken = self.take_below(path);
        for (_, slot) in &taken {
            slot.set_detached(true);
        }
        taken
    }

    /// Follows a rename that has happened: handles of a replaced file lose their path, those at `from` or below move.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        if from == to {
            return;
        }
        self.detach(to);
        for (path, slot) in self.take_below(from) {
            let moved = match path.strip_prefix(from) {
                Ok(rest) if !rest.as_os_str().is_empty() => to.join(rest),
                _ => to.to_path_buf(),
            };
            self.insert(moved, slot);
        }
    }

    fn take_below(&mut self, path: &Path) -> Vec<(PathBuf, Arc<Slot>)> {
        let keys: Vec<_> = self
            .by_path
            .range((path.to_path_buf(), 0)..)
            .map(|(key, _)| key)
            .take_while(|(key, _)| key.starts_with(path))
            .cloned()
            .collect();
        let mut taken = Vec::with_capacity(keys.len());
        for key in keys {
            self.by_id.remove(&key.1);
            if let Some(slot) = self.by_path.remove(&key) {
                taken.push((key.0, slot));
            }
        }
        taken
    }
}
