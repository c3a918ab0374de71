//! What the load asked for, and what it was answered: the one truth against which a broker is judged.
//!
//! Invariant: an entry is made before its request leaves, and marked as acknowledged after the answer came. So what is not
//! in the ledger cannot be in the broker, and what is acknowledged must be.

mod partition;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use power_cut::CutPoint;
use uuid::Uuid;

use crate::client::ProducerIdentity;

pub use partition::{Outcome, PartitionLedger, Seen, Sent};

/// When something was acknowledged, in terms of the disk. `None` where no power is cut.
pub type Moment = Option<CutPoint>;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic's name.
    pub topic: Arc<str>,
    /// Its number.
    pub index: i32,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}

/// A topic that was asked for.
#[derive(Debug, Clone)]
pub struct TopicEntry {
    /// How many partitions it was to have.
    pub partitions: i32,
    /// Its id and when it was answered as created, if it was.
    pub created: Option<(Uuid, Moment)>,
}

/// A group's offsets for the partitions of a topic. It commits 1, 2, 3 … for all of them.
#[derive(Debug, Clone)]
pub struct CommitEntry {
    /// The topic.
    pub topic: Arc<str>,
    /// How many partitions.
    pub partitions: i32,
    /// The highest offset that was sent.
    pub attempted: i64,
    /// Those that were answered, ascending.
    pub acknowledged: Vec<(i64, Moment)>,
}

/// Everything that the load did.
#[derive(Default)]
pub struct Ledger {
    clock: Option<Box<dyn Fn() -> CutPoint + Send + Sync>>,
    state: Mutex<State>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Clone)]
struct State {
    partitions: BTreeMap<PartitionId, PartitionLedger>,
    topics: BTreeMap<Arc<str>, TopicEntry>,
    commits: BTreeMap<String, CommitEntry>,
    identities: BTreeMap<ProducerIdentity, Moment>,
}

/// The number of acknowledged records, and of those without an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records of acknowledged batches.
    pub acknowledged: u64,
    /// Records of batches that have no answer.
    pub unknown: u64,
    /// Commits that were answered.
    pub commits: u64,
    /// Topics that were answered as created.
    pub topics: u64,
}

impl Ledger {
    /// An empty ledger whose moments are cut points.
    pub fn with_clock(clock: impl Fn() -> CutPoint + Send + Sync + 'static) -> Self {
        Ledger {
            clock: Some(Box::new(clock)),
            state: Mutex::default(),
        }
    }

    fn now(&self) -> Moment {
        self.clock.as_ref().map(|clock| clock())
    }

    /// A batch is about to be sent; its number in its partition.
    pub fn send(&self, partition: &PartitionId, sent: Sent) -> usize {
        let mut state = self.state.lock();
        let ledger = state.partitions.entry(partition.clone()).or_default();
        ledger.sent.push(sent);
        ledger.sent.len() - 1
    }

    /// A batch without an answer is about to be sent again, on another connection.
    pub fn resend(&self, partition: &PartitionId, number: usize, session: u32) {
        self.with_sent(partition, number, |sent| sent.session = session);
    }

    /// A batch was acknowledged.
    pub fn acknowledge(&self, partition: &PartitionId, number: usize, base_offset: i64) {
        let at = self.now();
        self.with_sent(partition, number, |sent| {
            sent.outcome = Outcome::Acknowledged { base_offset, at }
        });
    }

    fn with_sent(&self, partition: &PartitionId, number: usize, change: impl FnOnce(&mut Sent)) {
        if let Some(ledger) = self.state.lock().partitions.get_mut(partition) {
            change(&mut ledger.sent[number]);
        }
    }

    /// A consumer read these records; they must stay.
    pub fn see(&self, partition: &PartitionId, mut seen: Vec<Seen>) {
        let at = self.now();
        seen.iter_mut().for_each(|seen| seen.at = at);
        let mut state = self.state.lock();
        state
            .partitions
            .entry(partition.clone())
            .or_default()
            .seen
            .append(&mut seen);
    }

    /// A topic is about to be created.
    pub fn create_topic(&self, name: &Arc<str>, partitions: i32) {
        let entry = TopicEntry {
            partitions,
            created: None,
        };
        self.state.lock().topics.insert(name.clone(), entry);
    }

    /// A topic was answered as created.
    pub fn topic_created(&self, name: &Arc<str>, id: Uuid) {
        let at = self.now();
        if let Some(entry) = self.state.lock().topics.get_mut(name) {
            entry.created = Some((id, at));
        }
    }

    /// A group is about to commit its next offset, which is returned.
    pub fn commit(&self, group: &str, topic: &Arc<str>, partitions: i32) -> i64 {
        let mut state = self.state.lock();
        let entry = state.commits.entry(group.to_owned()).or_insert_with(|| CommitEntry {
            topic: topic.clone(),
            partitions,
            attempted: 0,
            acknowledged: Vec::new(),
        });
        entry.attempted += 1;
        entry.attempted
    }

    /// A commit was answered.
    pub fn committed(&self, group: &str, offset: i64) {
        let at = self.now();
        if let Some(entry) = self.state.lock().commits.get_mut(group) {
            entry.acknowledged.push((offset, at));
        }
    }

    /// The broker gave out an identity; false if it had given it out before.
    pub fn identity(&self, identity: ProducerIdentity) -> bool {
        let at = self.now();
        self.state.lock().identities.insert(identity, at).is_none()
    }

    /// When an identity was given out.
    pub fn identity_given(&self, identity: ProducerIdentity) -> Option<Moment> {
        self.state.lock().identities.get(&identity).copied()
    }

    /// All topics that were asked for.
    pub fn topics(&self) -> BTreeMap<Arc<str>, TopicEntry> {
        self.state.lock().topics.clone()
    }

    /// All groups that committed.
    pub fn commits(&self) -> BTreeMap<String, CommitEntry> {
        self.state.lock().commits.clone()
    }

    /// What was sent to a partition.
    pub fn partition(&self, partition: &PartitionId) -> PartitionLedger {
        self.state.lock().partitions.get(partition).cloned().unwrap_or_default()
    }

    /// How much there is.
    pub fn totals(&self) -> Totals {
        let state = self.state.lock();
        let mut totals = Totals {
            commits: state
                .commits
                .values()
                .map(|entry| entry.acknowledged.len() as u64)
                .sum(),
            topics: state.topics.values().filter(|entry| entry.created.is_some()).count() as u64,
            ..Totals::default()
        };
        for sent in state.partitions.values().flat_map(|partition| &partition.sent) {
            match sent.outcome {
                Outcome::Acknowledged { .. } => totals.acknowledged += u64::from(sent.count),
                Outcome::Unknown => totals.unknown += u64::from(sent.count),
            }
        }
        totals
    }
}
