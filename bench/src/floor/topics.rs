//! Topics by name. They are made when they are first named, whoever names them, and so are their partitions.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::partition::Partition;

/// A topic's partitions are numbered below this.
const MAX_PARTITIONS: usize = 100_000;
/// A topic's name has at most so many bytes, as Kafka's.
const MAX_NAME: usize = 249;

/// Why a partition cannot be had; each is one of Kafka's error codes.
#[derive(Debug, thiserror::Error)]
pub(super) enum TopicError {
    /// The name would not do as a file's.
    #[error("a topic's name is of 1 to 249 letters, digits, '.', '_' and '-'")]
    InvalidName,
    /// There is one already.
    #[error("there is a topic of this name")]
    Exists,
    /// There is none, or the partition's number cannot be.
    #[error("there is no such topic or partition")]
    Unknown,
    /// The file cannot be made.
    #[error("a partition's file cannot be made: {0}")]
    Io(#[from] io::Error),
}

impl TopicError {
    /// Kafka's error code.
    pub(super) fn code(&self) -> i16 {
        match self {
            Self::Unknown => 3,
            Self::InvalidName => 17,
            Self::Exists => 36,
            Self::Io(_) => 56,
        }
    }
}

type Partitions = Vec<Option<Arc<Partition>>>;

/// All topics.
#[derive(Debug)]
pub(super) struct Topics {
    directory: PathBuf,
    topics: RwLock<BTreeMap<Box<[u8]>, Partitions>>,
    next_producer_id: AtomicI64,
}

impl Topics {
    /// None yet; partitions' files will be in `directory`.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            topics: RwLock::default(),
            next_producer_id: AtomicI64::new(0),
        }
    }

    /// A producer id that nobody has.
    pub(super) fn next_producer_id(&self) -> i64 {
        self.next_producer_id.fetch_add(1, Ordering::Relaxed)
    }

    /// A partition; it and its topic are made if they are missing.
    pub(super) fn partition(&self, topic: &[u8], index: i32) -> Result<Arc<Partition>, TopicError> {
        let index = usize::try_from(index)
            .ok()
            .filter(|&index| index < MAX_PARTITIONS)
            .ok_or(TopicError::Unknown)?;
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(partition)) = topics.get(topic).and_then(|partitions| partitions.get(index)) {
            return Ok(Arc::clone(partition));
        }
        drop(topics);
        self.open(topic, index)
    }

    fn open(&self, topic: &[u8], index: usize) -> Result<Arc<Partition>, TopicError> {
        let path = self.path(topic, index)?;
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let partitions = topics.entry(topic.into()).or_default();
        if partitions.len() <= index {
            partitions.resize(index + 1, None);
        }
        if let Some(partition) = &partitions[index] {
            return Ok(Arc::clone(partition));
        }
        let partition = Arc::new(Partition::create(&path)?);
        partitions[index] = Some(Arc::clone(&partition));
        Ok(partition)
    }

    /// Makes a topic of so many partitions; their files come with their first use.
    pub(super) fn create(&self, topic: &[u8], partitions: i32) -> Result<(), TopicError> {
        self.path(topic, 0)?;
        let count = usize::try_from(partitions.max(1)).unwrap_or(1).min(MAX_PARTITIONS);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if topics.contains_key(topic) {
            return Err(TopicError::Exists);
        }
        topics.insert(topic.into(), vec![None; count]);
        Ok(())
    }

    /// Forgets a topic and removes its files; who has a partition in hand keeps it until then.
    pub(super) fn delete(&self, topic: &[u8]) -> Result<(), TopicError> {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let partitions = topics.remove(topic).ok_or(TopicError::Unknown)?;
        // Before the lock is given back, or a new topic of the same name would lose its files.
        for (index, _) in partitions
            .iter()
            .enumerate()
            .filter(|(_, partition)| partition.is_some())
        {
            fs::remove_file(self.path(topic, index)?)?;
        }
        drop(topics);
        Ok(())
    }

    /// How many partitions a topic has; it is made with one if it is missing.
    pub(super) fn partitions_of(&self, topic: &[u8]) -> Result<usize, TopicError> {
        let known = self
            .topics
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(topic)
            .map(Vec::len);
        match known {
            Some(count) => Ok(count),
            None => match self.create(topic, 1) {
                Ok(()) | Err(TopicError::Exists) => Ok(1),
                Err(error) => Err(error),
            },
        }
    }

    /// The names of all.
    pub(super) fn names(&self) -> Vec<Box<[u8]>> {
        self.topics
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    fn path(&self, topic: &[u8], index: usize) -> Result<PathBuf, TopicError> {
        let name = std::str::from_utf8(topic).map_err(|_| TopicError::InvalidName)?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME || name.starts_with('.') || !name.bytes().all(legal) {
            return Err(TopicError::InvalidName);
        }
        Ok(self.directory.join(format!("{name}-{index}.log")))
    }
}
