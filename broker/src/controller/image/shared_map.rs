//! A sorted map that clones in constant time and copies little when a clone is then changed.
//!
//! Entries stand in sorted chunks; a change copies the list of chunks and one chunk, where a clone still holds them,
//! and nothing where none does. With 10,000 entries that is a few hundred reference counts, not 10,000: an image is
//! cloned for each change of the metadata.
//!
//! Invariants: keys rise strictly over all chunks; no chunk is empty or longer than [`MAX_CHUNK_LEN`]. Equality is that
//! of the entries: where they are split depends on the order in which they came.

#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The most entries of a chunk; a longer one is split in two.
const MAX_CHUNK_LEN: usize = 128;

type Chunk<K, V> = Vec<(K, V)>;

/// See the module.
pub(super) struct SharedMap<K, V> {
    chunks: Arc<Vec<Arc<Chunk<K, V>>>>,
    len: usize,
}

impl<K, V> SharedMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, in the keys' order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// The chunk in which a key stands or would stand, if there are chunks, and its place there: found or not.
    fn search<Q: Ord + ?Sized>(&self, key: &Q) -> (usize, Result<usize, usize>)
    where
        K: Borrow<Q>,
    {
        let after = self.chunks.partition_point(|chunk| chunk[0].0.borrow() <= key);
        let at = after.saturating_sub(1);
        match self.chunks.get(at) {
            Some(chunk) => (at, chunk.binary_search_by(|(other, _)| other.borrow().cmp(key))),
            None => (at, Err(0)),
        }
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (at, place) = self.search(key);
        let place = place.ok()?;
        Some(&self.chunks[at][place].1)
    }

    /// The value of a key, to be changed; other clones keep theirs.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (at, place) = self.search(key);
        let place = place.ok()?;
        let chunk = Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[at]);
        Some(&mut chunk[place].1)
    }

    /// The value of a key, to be changed; `value` is inserted where there was none.
    pub(super) fn or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let (mut at, place) = self.search(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let mut place = match place {
            Ok(place) => return &mut Arc::make_mut(&mut chunks[at])[place].1,
            Err(place) => place,
        };
        if chunks.is_empty() {
            chunks.push(Arc::default());
        }
        Arc::make_mut(&mut chunks[at]).insert(place, (key, value()));
        self.len += 1;
        if chunks[at].len() > MAX_CHUNK_LEN {
            let half = MAX_CHUNK_LEN / 2;
            let upper = Arc::make_mut(&mut chunks[at]).split_off(half);
            chunks.insert(at + 1, Arc::new(upper));
            if place >= half {
                (at, place) = (at + 1, place - half);
            }
        }
        &mut Arc::make_mut(&mut chunks[at])[place].1
    }

    /// Sets the value of a key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.get_mut(&key) {
            Some(present) => *present = value,
            None => {
                self.or_insert_with(key, || value);
            }
        }
    }

    /// Removes a key and gives its value.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (at, place) = self.search(key);
        let place = place.ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(&mut chunks[at]);
        let (_, value) = chunk.remove(place);
        if chunk.is_empty() {
            chunks.remove(at);
        }
        self.len -= 1;
        Some(value)
    }
}

impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
            len: self.len,
        }
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            len: 0,
        }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks) || (self.len == other.len && self.iter().eq(other.iter()))
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
