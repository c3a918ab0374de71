//! The group coordinators of this node: the shell around [`crate::group`].
//!
//! There is one [`Coordinator`] for each partition of `__consumer_offsets` that is held here. It hands requests to its
//! shard, carries out the shard's effects (answers, appends), and tells the shard what became of its appends once the
//! partition's high watermark has passed them. [`Coordinators`] finds the one of a group, loads and closes them as
//! topics come and go, and drives their timers and checkpoints.
//!
//! Invariants:
//! - The appends of a shard are in the log in the order of its effects: one thread at a time carries effects out, others
//!   leave theirs to it.
//! - No lock of a coordinator is held while something is appended, for the append may move the watermark and so come
//!   back here.
//! - A coordinator answers requests only after all that its log has committed was loaded.
//!
//! Nothing here waits or runs by itself, but for [`Coordinators::run_timers`], which tokio's broker runs in a task; the
//! simulation calls [`Coordinators::tick`] itself.

mod checkpoint;
mod load;
mod metrics;
mod partition;
mod settings;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use kafka_protocol::ResponseError;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

pub use partition::{Answer, Coordinator, Service};
pub use settings::CoordinatorSettings;

use crate::controller::image::Image;
use crate::controller::topic_name::CONSUMER_OFFSETS_TOPIC;
use crate::group::{Now, partition_for};
use crate::metrics::LimitCounters;
use crate::node::{Clock, Node, Partition, TopicObserver};
use metrics::Snapshot;

/// How often it is looked at whose checkpoint is due, in milliseconds.
const CHECKPOINT_INTERVAL_MS: u64 = 1_000;
/// How often the figures for metrics are taken, in milliseconds.
const SNAPSHOT_INTERVAL_MS: u64 = 5_000;
/// The timers are looked at at least this often, in milliseconds.
const MAX_TIMER_SLEEP_MS: u64 = 60_000;

/// All coordinators of this node.
pub struct Coordinators {
    node: Weak<Node>,
    settings: CoordinatorSettings,
    new_uuid: Arc<dyn Fn() -> Uuid + Send + Sync>,
    shared: Arc<Shared>,
    /// By index of the partition of `__consumer_offsets`.
    partitions: ArcSwap<BTreeMap<i32, Arc<Coordinator>>>,
    /// Topics whose offsets are to be removed (once more) by the next housekeeping.
    gone: Mutex<BTreeSet<Arc<str>>>,
    next_checkpoint_ms: AtomicU64,
    next_snapshot_ms: AtomicU64,
    snapshot: ArcSwap<Snapshot>,
}

/// What the coordinators of a node have in common.
struct Shared {
    clock: Arc<dyn Clock>,
    /// `weir.max.groups`.
    max_groups: usize,
    limits: Arc<LimitCounters>,
    /// Groups in all coordinators.
    groups: AtomicUsize,
    /// Records that made no sense when they were loaded.
    skipped_records: AtomicU64,
    /// When the timers are looked at next, on the monotonic clock.
    alarm_ms: AtomicU64,
    alarm: Notify,
}

impl Shared {
    fn now(&self) -> Now {
        Now {
            monotonic_ms: self.clock.monotonic_ms(),
            wall_ms: self.clock.wall_ms(),
        }
    }

    /// Sees to it that the timers are looked at by then.
    fn wake_at(&self, deadline_ms: u64) {
        if self.alarm_ms.fetch_min(deadline_ms, Ordering::AcqRel) > deadline_ms {
            self.alarm.notify_one();
        }
    }
}

impl Coordinators {
    /// The coordinators of a node, none yet: make them its observer ([`Node::set_observer`]) before requests are served,
    /// and every partition of `__consumer_offsets` is loaded. `new_uuid` makes member ids unique.
    pub fn new(node: &Arc<Node>, settings: CoordinatorSettings, new_uuid: Arc<dyn Fn() -> Uuid + Send + Sync>) -> Self {
        Self {
            node: Arc::downgrade(node),
            shared: Arc::new(Shared {
                clock: node.clock().clone(),
                max_groups: settings.max_groups,
                limits: settings.limits.clone(),
                groups: AtomicUsize::new(0),
                skipped_records: AtomicU64::new(0),
                alarm_ms: AtomicU64::new(u64::MAX),
                alarm: Notify::new(),
            }),
            settings,
            new_uuid,
            partitions: ArcSwap::default(),
            gone: Mutex::default(),
            next_checkpoint_ms: AtomicU64::new(0),
            next_snapshot_ms: AtomicU64::new(0),
            snapshot: ArcSwap::default(),
        }
    }

    /// The coordinator of a group.
    ///
    /// # Errors
    /// NOT_COORDINATOR: the group's partition is not held here, or there is no `__consumer_offsets` yet.
    pub fn find(&self, group_id: &str) -> Result<Arc<Coordinator>, ResponseError> {
        let index = self.partition_of(group_id).ok_or(ResponseError::NotCoordinator)?;
        let partitions = self.partitions.load();
        partitions.get(&index).cloned().ok_or(ResponseError::NotCoordinator)
    }

    /// The partition of `__consumer_offsets` that a group belongs to; `None` before the topic was made.
    pub fn partition_of(&self, group_id: &str) -> Option<i32> {
        let node = self.node.upgrade()?;
        let image = node.image();
        let count = image.topic(CONSUMER_OFFSETS_TOPIC)?.partitions.len();
        Some(partition_for(group_id, i32::try_from(count).ok()?))
    }

    /// Every coordinator, by partition.
    pub fn all(&self) -> Vec<Arc<Coordinator>> {
        self.partitions.load().values().cloned().collect()
    }

    /// How the coordinators stand that are not serving, by partition.
    pub fn not_serving(&self) -> Vec<(i32, Service)> {
        let partitions = self.partitions.load();
        let all = partitions
            .iter()
            .map(|(index, coordinator)| (*index, coordinator.service()));
        all.filter(|(_, service)| *service != Service::Serving).collect()
    }

    /// Fires the timers that are due.
    pub fn tick(&self) {
        for coordinator in self.partitions.load_full().values() {
            coordinator.tick();
        }
    }

    /// When [`Coordinators::tick`] is to be called next, on the node's monotonic clock.
    pub fn next_deadline(&self) -> Option<u64> {
        let partitions = self.partitions.load();
        partitions
            .values()
            .filter_map(|coordinator| coordinator.next_deadline())
            .min()
    }

    /// Calls [`Coordinators::tick`] whenever a timer is due, for as long as it is polled. One task at a time.
    pub async fn run_timers(self: Arc<Self>) {
        loop {
            // From here on whoever sets a timer rings; the permit is kept until we wait.
            self.shared.alarm_ms.store(u64::MAX, Ordering::Release);
            self.tick();
            let deadline_ms = self.next_deadline().unwrap_or(u64::MAX);
            self.shared.alarm_ms.fetch_min(deadline_ms, Ordering::AcqRel);
            let sleep_ms = deadline_ms
                .saturating_sub(self.shared.clock.monotonic_ms())
                .min(MAX_TIMER_SLEEP_MS);
            // A timeout is what we wait for.
            let _ = tokio::time::timeout(Duration::from_millis(sleep_ms), self.shared.alarm.notified()).await;
        }
    }

    /// Writes the checkpoints that are due, removes the offsets of topics that are gone, and takes the figures for
    /// metrics. Blocks on the disk: not for an I/O thread. To be called every second or more often.
    pub fn housekeep(&self) {
        let now_ms = self.shared.clock.monotonic_ms();
        self.remove_gone_topics();
        if is_due(&self.next_checkpoint_ms, now_ms, CHECKPOINT_INTERVAL_MS) {
            for coordinator in self.partitions.load_full().values() {
                coordinator.checkpoint(false);
            }
        }
        if is_due(&self.next_snapshot_ms, now_ms, SNAPSHOT_INTERVAL_MS) {
            self.take_snapshot();
        }
    }

    /// Ends the service: requests are answered NOT_COORDINATOR from now on; those that wait, too, once what they have
    /// appended is committed. Writes checkpoints, so that the next start reads little.
    pub fn stop(&self) {
        for coordinator in self.partitions.load_full().values() {
            coordinator.stop();
            coordinator.checkpoint(true);
        }
    }

    /// A topic's offsets are removed when it is; a commit that passed its checks just before comes too late for that,
    /// and an append may have failed. So it is done once more.
    fn remove_gone_topics(&self) {
        let gone = std::mem::take(&mut *self.gone.lock());
        let Some(node) = self.node.upgrade().filter(|_| !gone.is_empty()) else {
            return;
        };
        let image = node.image();
        for topic in gone.iter().filter(|topic| image.topic(topic).is_none()) {
            self.topic_deleted(topic);
        }
    }

    fn topic_deleted(&self, topic: &str) {
        for coordinator in self.partitions.load_full().values() {
            coordinator.topic_deleted(topic);
        }
    }

    /// Loads a log as a start does, apart from the coordinators.
    #[cfg(test)]
    fn load_apart(&self, reader: &Arc<storage::log::LogReader>) -> Result<crate::group::Shard, load::LoadError> {
        let shard = crate::group::Shard::new(self.settings.groups.clone(), Box::new(Uuid::nil));
        let mut loading = load::Loading::new(shard);
        loading.read_committed(reader, self.shared.now())?;
        Ok(loading.shard)
    }

    fn open(&self, node: &Arc<Node>, partition: &Arc<Partition>) {
        let new_uuid = self.new_uuid.clone();
        let coordinator = Coordinator::new(
            node,
            partition.clone(),
            self.shared.clone(),
            self.settings.groups.clone(),
            Box::new(move || new_uuid()),
        );
        self.partitions.rcu(|partitions| {
            let mut partitions = BTreeMap::clone(partitions);
            partitions.insert(partition.id.partition, coordinator.clone());
            partitions
        });
        coordinator.load();
        let image = node.image();
        let gone = coordinator
            .topics()
            .into_iter()
            .filter(|topic| image.topic(topic).is_none());
        self.gone.lock().extend(gone);
    }
}

impl TopicObserver for Coordinators {
    fn opened(&self, partition: &Arc<Partition>) {
        if let Some(node) = self
            .node
            .upgrade()
            .filter(|_| &*partition.topic == CONSUMER_OFFSETS_TOPIC)
        {
            self.open(&node, partition);
        }
    }

    fn removed(&self, topic: &str, _: Uuid) {
        if topic == CONSUMER_OFFSETS_TOPIC {
            // Its partitions have told their coordinators already.
            self.partitions.store(Arc::default());
            return;
        }
        self.topic_deleted(topic);
        self.gone.lock().insert(topic.into());
    }

    /// The settings of groups are fixed while the broker runs, as in Kafka.
    fn configured(&self, _: &Image) {}
}

impl std::fmt::Debug for Coordinators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordinators")
            .field("partitions", &self.partitions.load().len())
            .finish_non_exhaustive()
    }
}

/// Whether `next` has come; then it is set to `interval` from now.
fn is_due(next: &AtomicU64, now_ms: u64, interval_ms: u64) -> bool {
    let due = next.load(Ordering::Relaxed);
    due <= now_ms
        && next
            .compare_exchange(due, now_ms + interval_ms, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
}
