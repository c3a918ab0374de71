//! The names of the simulated disk: as the system shows them, and as the device has them.
//!
//! Invariant: a directory's `durable` names are what a crash leaves for certain; the changes since then wait in one list
//! for the whole disk, as in a journal. A rename is one change and never half done. A change becomes durable only with
//! all earlier changes of the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};

use rustix::io::Errno;

use super::Keep;
use super::content::Content;
use super::faults::{Fault, Faults};
use super::random::Random;

/// Stands for one file or directory, whatever it is called.
pub(super) type NodeId = u64;

const ROOT: NodeId = 0;
/// Removed names after which nodes that nothing refers to are looked for.
const SWEEP_AFTER: usize = 256;

/// A file or a directory.
#[derive(Debug)]
enum Node {
    Dir(Dir),
    File {
        content: Content,
        handles: u32,
        has_name: bool,
    },
}

#[derive(Debug, Default)]
struct Dir {
    live: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
}

/// A name in a directory.
type Key = (NodeId, String);

/// A change of names that the device need not have yet.
#[derive(Debug)]
enum Change {
    Link { key: Key, node: NodeId },
    Unlink { key: Key },
    Move { from: Key, to: Key, node: NodeId },
}

#[derive(Debug)]
struct Pending {
    change: Change,
    /// A sync that covered it failed: no later sync makes it durable, unless a later change of the same name is.
    in_doubt: bool,
}

/// All nodes and their names.
#[derive(Debug)]
pub(super) struct Names {
    nodes: BTreeMap<NodeId, Node>,
    pending: Vec<Pending>,
    next: NodeId,
    removed: usize,
}

impl Names {
    pub(super) fn new() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(Dir::default()))]);
        Names {
            nodes,
            pending: Vec::new(),
            next: ROOT + 1,
            removed: 0,
        }
    }

    pub(super) fn create_file(&mut self, path: &Path) -> io::Result<NodeId> {
        let key = self.key(path)?;
        if self.dir(key.0)?.live.contains_key(&key.1) {
            return Err(Errno::EXIST.into());
        }
        let node = Node::File {
            content: Content::default(),
            handles: 0,
            has_name: true,
        };
        self.link(key, node)
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut dir = ROOT;
        for name in parts(path) {
            let name = name?;
            dir = match self.dir(dir)?.live.get(name) {
                Some(next) => *next,
                None => self.link((dir, name.to_owned()), Node::Dir(Dir::default()))?,
            };
        }
        self.dir(dir).map(drop)
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<NodeId> {
        let id = self.find(path)?;
        match self.nodes.get(&id) {
            Some(Node::File { .. }) => Ok(id),
            _ => Err(Errno::ISDIR.into()),
        }
    }

    pub(super) fn content(&mut self, id: NodeId) -> io::Result<&mut Content> {
        match self.nodes.get_mut(&id) {
            Some(Node::File { content, .. }) => Ok(content),
            _ => Err(Errno::BADF.into()),
        }
    }

    /// Whether the file has a name in the running system.
    pub(super) fn has_name(&self, id: NodeId) -> bool {
        matches!(self.nodes.get(&id), Some(Node::File { has_name: true, .. }))
    }

    pub(super) fn contents(&mut self) -> impl Iterator<Item = &mut Content> {
        self.nodes.values_mut().filter_map(|node| match node {
            Node::File { content, .. } => Some(content),
            Node::Dir(_) => None,
        })
    }

    /// Bytes of the files that have a name.
    pub(super) fn used(&self) -> u64 {
        let len = |node: &Node| match node {
            Node::File {
                content,
                has_name: true,
                ..
            } => content.len(),
            _ => 0,
        };
        self.nodes.values().map(len).sum()
    }

    pub(super) fn opened(&mut self, id: NodeId) {
        if let Some(Node::File { handles, .. }) = self.nodes.get_mut(&id) {
            *handles += 1;
        }
    }

    pub(super) fn closed(&mut self, id: NodeId) {
        if let Some(Node::File { handles, .. }) = self.nodes.get_mut(&id) {
            *handles = handles.saturating_sub(1);
        }
    }

    /// The names in a directory, and whether each is a directory.
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>> {
        let dir = self.dir(self.find(path)?)?;
        let is_dir = |id| matches!(self.nodes.get(id), Some(Node::Dir(_)));
        Ok(dir.live.iter().map(|(name, id)| (name.clone(), is_dir(id))).collect())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let is_below = lies_below(to, from)?;
        let from = self.key(from)?;
        let to = self.key(to)?;
        let node = *self.dir(from.0)?.live.get(&from.1).ok_or(Errno::NOENT)?;
        if from == to {
            return Ok(());
        }
        if is_below {
            return Err(Errno::INVAL.into());
        }
        if let Some(replaced) = self.dir(to.0)?.live.get(&to.1).copied() {
            match (self.dir(node), self.dir(replaced)) {
                (Ok(_), Ok(replaced)) if !replaced.live.is_empty() => return Err(Errno::NOTEMPTY.into()),
                (Ok(_), Err(_)) => return Err(Errno::NOTDIR.into()),
                (Err(_), Ok(_)) => return Err(Errno::ISDIR.into()),
                _ => self.lose_name(replaced),
            }
        }
        self.dir_mut(from.0)?.live.remove(&from.1);
        self.dir_mut(to.0)?.live.insert(to.1.clone(), node);
        self.push(Change::Move { from, to, node });
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let node = self.file(path)?;
        let key = self.key(path)?;
        self.unlink(key, node)
    }

    pub(super) fn remove_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let node = match self.find(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let key = self.key(path)?;
        self.dir(node)?;
        self.remove_tree(key, node)
    }

    /// Makes the names in a directory durable, but for those that are in doubt.
    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let id = self.find(path)?;
        self.dir(id)?;
        self.commit(|pending| !pending.in_doubt && pending.change.is_in(id))?;
        Ok(())
    }

    /// As a sync of the directory that failed.
    pub(super) fn fail_sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let id = self.find(path)?;
        self.dir(id)?;
        for pending in self.pending.iter_mut().filter(|pending| pending.change.is_in(id)) {
            pending.in_doubt = true;
        }
        Ok(())
    }

    pub(super) fn sync_all(&mut self) -> io::Result<()> {
        self.commit(|pending| !pending.in_doubt).map(drop)
    }

    pub(super) fn fail_sync_all(&mut self) {
        for pending in &mut self.pending {
            pending.in_doubt = true;
        }
    }

    /// The power goes: what is left of names and contents.
    pub(super) fn crash(
        &mut self,
        data: Keep,
        names: Keep,
        random: &mut Random,
        faults: &mut Faults,
    ) -> io::Result<()> {
        let survival = random.survival();
        // A journal leaves a prefix of the changes; other systems may order unrelated changes anew.
        let prefix = random
            .chance(500_000)
            .then(|| random.below(self.pending.len() as u64 + 1));
        let mut index = 0;
        let lost = self.commit(|_| {
            index += 1;
            match (names, prefix) {
                (Keep::Nothing, _) => false,
                (Keep::Everything, _) => true,
                (Keep::Random, Some(prefix)) => index <= prefix,
                (Keep::Random, None) => random.chance(survival),
            }
        })?;
        self.pending.clear();
        for _ in 0..lost {
            faults.count(Fault::LostName);
        }
        for node in self.nodes.values_mut() {
            match node {
                Node::Dir(dir) => dir.live.clone_from(&dir.durable),
                Node::File {
                    content,
                    handles,
                    has_name,
                } => {
                    *handles = 0;
                    *has_name = true; // the rest goes with the sweep
                    content.crash(data, random, faults);
                }
            }
        }
        self.sweep();
        Ok(())
    }

    /// The process is gone, and its handles with it.
    pub(super) fn close_all(&mut self) {
        for node in self.nodes.values_mut() {
            if let Node::File { handles, .. } = node {
                *handles = 0;
            }
        }
    }

    /// Makes the chosen changes durable, with the earlier ones of the same names; how many are left.
    fn commit(&mut self, mut chosen: impl FnMut(&Pending) -> bool) -> io::Result<usize> {
        let mut commits: Vec<bool> = self.pending.iter().map(&mut chosen).collect();
        let mut needed: BTreeSet<&Key> = BTreeSet::new();
        for (commit, pending) in commits.iter_mut().zip(&self.pending).rev() {
            let keys = pending.change.keys();
            *commit = *commit || keys.iter().flatten().any(|key| needed.contains(key));
            if *commit {
                needed.extend(keys.into_iter().flatten());
            }
        }
        let pending = std::mem::take(&mut self.pending);
        for (commit, pending) in commits.into_iter().zip(pending) {
            if commit {
                self.make_durable(pending.change)?;
            } else {
                self.pending.push(pending);
            }
        }
        if self.removed >= SWEEP_AFTER && self.pending.is_empty() {
            self.sweep();
        }
        Ok(self.pending.len())
    }

    fn make_durable(&mut self, change: Change) -> io::Result<()> {
        match change {
            Change::Link { key, node } => {
                self.dir_mut(key.0)?.durable.insert(key.1, node);
            }
            Change::Unlink { key } => {
                self.dir_mut(key.0)?.durable.remove(&key.1);
            }
            Change::Move { from, to, node } => {
                self.dir_mut(from.0)?.durable.remove(&from.1);
                self.dir_mut(to.0)?.durable.insert(to.1, node);
            }
        }
        Ok(())
    }

    /// Forgets nodes without a name, a durable name or a handle. Nothing may be pending.
    fn sweep(&mut self) {
        let mut reached = BTreeSet::new();
        let mut next = vec![ROOT];
        while let Some(id) = next.pop() {
            if !reached.insert(id) {
                continue;
            }
            if let Some(Node::Dir(dir)) = self.nodes.get(&id) {
                next.extend(dir.live.values().chain(dir.durable.values()));
            }
        }
        self.nodes.retain(|id, node| match node {
            Node::File { handles, .. } => *handles > 0 || reached.contains(id),
            Node::Dir(_) => reached.contains(id),
        });
        self.removed = 0;
    }

    fn remove_tree(&mut self, key: Key, node: NodeId) -> io::Result<()> {
        if let Ok(dir) = self.dir(node) {
            for (name, child) in dir.live.clone() {
                self.remove_tree((node, name), child)?;
            }
        }
        self.unlink(key, node)
    }

    fn link(&mut self, key: Key, node: Node) -> io::Result<NodeId> {
        let id = self.next;
        self.dir_mut(key.0)?.live.insert(key.1.clone(), id);
        self.next += 1;
        self.nodes.insert(id, node);
        self.push(Change::Link { key, node: id });
        Ok(id)
    }

    fn unlink(&mut self, key: Key, node: NodeId) -> io::Result<()> {
        self.dir_mut(key.0)?.live.remove(&key.1);
        self.lose_name(node);
        self.push(Change::Unlink { key });
        Ok(())
    }

    fn lose_name(&mut self, id: NodeId) {
        self.removed += 1;
        if let Some(Node::File { has_name, .. }) = self.nodes.get_mut(&id) {
            *has_name = false;
        }
    }

    fn push(&mut self, change: Change) {
        self.pending.push(Pending {
            change,
            in_doubt: false,
        });
    }

    fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut id = ROOT;
        for name in parts(path) {
            id = *self.dir(id)?.live.get(name?).ok_or(Errno::NOENT)?;
        }
        Ok(id)
    }

    /// The directory, which must exist, and the name in it, which need not.
    fn key(&self, path: &Path) -> io::Result<Key> {
        let name = parts(path).last().ok_or(Errno::INVAL)??.to_owned();
        let dir = self.find(path.parent().unwrap_or(Path::new("")))?;
        self.dir(dir)?;
        Ok((dir, name))
    }

    fn dir(&self, id: NodeId) -> io::Result<&Dir> {
        match self.nodes.get(&id) {
            Some(Node::Dir(dir)) => Ok(dir),
            Some(Node::File { .. }) => Err(Errno::NOTDIR.into()),
            None => Err(Errno::NOENT.into()),
        }
    }

    fn dir_mut(&mut self, id: NodeId) -> io::Result<&mut Dir> {
        match self.nodes.get_mut(&id) {
            Some(Node::Dir(dir)) => Ok(dir),
            Some(Node::File { .. }) => Err(Errno::NOTDIR.into()),
            None => Err(Errno::NOENT.into()),
        }
    }
}

impl Change {
    fn keys(&self) -> [Option<&Key>; 2] {
        match self {
            Change::Link { key, .. } | Change::Unlink { key } => [Some(key), None],
            Change::Move { from, to, .. } => [Some(from), Some(to)],
        }
    }

    fn is_in(&self, dir: NodeId) -> bool {
        self.keys().iter().flatten().any(|key| key.0 == dir)
    }
}

/// The names along a path; relative paths begin at the root as well.
fn parts(path: &Path) -> impl Iterator<Item = io::Result<&str>> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_str().ok_or(Errno::ILSEQ.into())),
        Component::RootDir | Component::CurDir => None,
        Component::ParentDir | Component::Prefix(_) => Some(Err(Errno::INVAL.into())),
    })
}

/// Whether the names along a path begin with those along another.
fn lies_below(path: &Path, above: &Path) -> io::Result<bool> {
    let path: Vec<&str> = parts(path).collect::<io::Result<_>>()?;
    let above: Vec<&str> = parts(above).collect::<io::Result<_>>()?;
    Ok(path.starts_with(&above))
}
