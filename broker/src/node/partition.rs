//! One partition of this node: its replica behind a short lock, its log for readers, and who waits for it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use consensus::{Append, AppendError, Durability, Replica, ReplicaError, ReplicaFlush, Role};
use parking_lot::{Mutex, MutexGuard};
use storage::journal::GroupId;
use storage::log::{Damage, LogConfig, LogError, LogPosition, LogReader};
use storage::planted::{Bug, is_planted};
use storage::producer_state::ProducerStates;
use storage::record_batch::{ProduceRules, ProducedBatch};
use tokio::sync::{Notify, oneshot};

use super::flush_queue::FlushQueue;
use super::waiters::{Committed, Waiters};

/// What the topic's configuration means for a partition.
#[derive(Debug, Clone)]
pub struct PartitionSettings {
    /// The log's part.
    pub log: LogConfig,
    /// What produced batches are checked against.
    pub rules: ProduceRules,
    /// Whether a batch counts once it is synced, or once it is written (`write.caching`).
    pub durability: Durability,
    /// With caching: how long a written batch may stay unsynced, in milliseconds (`write.caching.flush.ms`, `flush.ms`).
    pub flush_ms: u64,
    /// With caching: how many records may stay unsynced (`flush.messages`).
    pub flush_messages: u64,
    /// Bytes that may be appended and not yet committed (`weir.max.uncommitted.bytes`); beyond, producers are told to try
    /// again. Takes effect when the partition is opened.
    pub max_uncommitted_bytes: u64,
}

/// Told when a partition's high watermark moved; called without any lock of the partition held.
pub trait HighWatermarkObserver: Send + Sync {
    /// The watermark is at `offset` now.
    fn advanced(&self, offset: i64);
    /// The partition is out of service until a restart.
    fn failed(&self);
}

/// One partition.
pub struct Partition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// Topic id and partition index.
    pub id: GroupId,
    replica: Mutex<Replica>,
    reader: Arc<LogReader>,
    settings: ArcSwap<PartitionSettings>,
    waiters: Mutex<Waiters>,
    /// Whether anybody waits for the watermark, to be seen without the lock.
    has_waiters: AtomicBool,
    flush_queue: Arc<FlushQueue>,
    observer: OnceLock<Arc<dyn HighWatermarkObserver>>,
    /// In the flusher's queue, or in a flush.
    pub(super) queued: AtomicBool,
    /// It was to be flushed while a flush had it.
    pub(super) flush_again: AtomicBool,
    /// The watermark that waiters and observer were last told.
    announced: AtomicI64,
    /// The leader epoch while this node leads, else −1: so that readers need not wait for the replica.
    leader_epoch: AtomicI64,
    /// In the list of those whose progress the journal is to be told.
    pub(super) to_mark: AtomicBool,
    /// A flush is planned in the housekeeping's list.
    pub(super) flush_planned: AtomicBool,
    /// Records appended since the last flush began.
    unflushed: AtomicU64,
    /// The highest offset that somebody said to need committed ([`super::Commit`]).
    expected: AtomicI64,
    closed: AtomicBool,
}

impl Partition {
    pub(super) fn new(
        topic: Arc<str>,
        replica: Replica,
        settings: PartitionSettings,
        flush_queue: Arc<FlushQueue>,
    ) -> Self {
        let reader = replica.reader().clone();
        let announced = reader.high_watermark().offset.into();
        let leader_epoch = epoch_of(&replica).into();
        Partition {
            topic,
            id: replica.group(),
            replica: Mutex::new(replica),
            reader,
            settings: ArcSwap::from_pointee(settings),
            waiters: Mutex::default(),
            has_waiters: AtomicBool::new(false),
            flush_queue,
            observer: OnceLock::new(),
            queued: AtomicBool::new(false),
            flush_again: AtomicBool::new(false),
            announced,
            leader_epoch,
            to_mark: AtomicBool::new(false),
            flush_planned: AtomicBool::new(false),
            unflushed: AtomicU64::new(0),
            expected: AtomicI64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// The log, for readers.
    pub fn reader(&self) -> &Arc<LogReader> {
        &self.reader
    }

    /// The settings in force.
    pub fn settings(&self) -> arc_swap::Guard<Arc<PartitionSettings>> {
        self.settings.load()
    }

    /// Puts new settings in force.
    pub fn set_settings(&self, settings: PartitionSettings) {
        let mut replica = self.replica.lock();
        let log = Arc::new(settings.log.clone());
        let durability = settings.durability;
        self.settings.store(Arc::new(settings));
        let result = replica
            .with_log(|held| held.set_config(log))
            .and_then(|()| replica.set_durability(durability));
        if let Err(error) = result {
            tracing::debug!(partition = %self, %error, "settings of a partition out of service");
        }
    }

    /// Appends a validated batch as the leader. What happens to it after that, [`Partition::committed`] tells.
    pub fn append(&self, batch: &ProducedBatch, now_ms: i64) -> Result<Append, AppendError> {
        let result = {
            let mut replica = self.replica.lock();
            if self.closed.load(Ordering::Relaxed) {
                return Err(AppendError::NotLeader);
            }
            replica.append(&batch.header, &batch.bytes, now_ms)
        };
        if matches!(result, Ok(Append::Written(_))) {
            self.unflushed
                .fetch_add(u64::from(batch.header.record_count.max(0) as u32), Ordering::Relaxed);
        }
        match &result {
            Err(AppendError::Replica(_)) => self.announce_failure(),
            // With caching the watermark has moved already.
            Ok(_) => self.announce(),
            Err(_) => {}
        }
        result
    }

    /// Somebody is going to wait until the high watermark reaches `offset`: a flush that follows one under way is not put off.
    pub(super) fn expect(&self, offset: i64) {
        self.expected.fetch_max(offset, Ordering::SeqCst);
    }

    /// Whether the high watermark has reached `offset`.
    pub(super) fn has_committed(&self, offset: i64) -> bool {
        is_planted(Bug::AckBeforeSync) || self.reader.high_watermark().offset >= offset
    }

    /// The log's end, where it is to be committed and is not yet.
    pub fn uncommitted_end(&self) -> Option<i64> {
        let end = self.reader.end_offset();
        let is_committed = self.reader.high_watermark().offset >= end;
        (!is_committed && self.out_of_service().is_none()).then_some(end)
    }

    /// Resolves once the high watermark has reached `offset`.
    pub fn committed(&self, offset: i64) -> oneshot::Receiver<Committed> {
        let told = self.wait(|waiters| waiters.wait_for(offset));
        // The watermark may have moved between the append and now, or the partition failed.
        if self.is_failed() {
            self.tell(Waiters::fail);
        } else if self.has_committed(offset) {
            self.tell(|waiters| waiters.advance(offset));
        }
        told
    }

    /// Resolves once the partition takes batches; an error if it never will.
    pub fn writable(&self) -> oneshot::Receiver<()> {
        let told = self.wait(Waiters::wait_writable);
        if self.is_failed() {
            self.tell(Waiters::fail);
        } else {
            self.announce_writable();
        }
        told
    }

    /// Wakes `fetch` at the next move of the high watermark. Look at it again after this call: it may just have moved.
    pub fn watch(&self, fetch: Arc<Notify>) {
        self.wait(|waiters| waiters.watch(fetch));
    }

    /// Lets somebody wait for the watermark. A flush that would have been put off is not, then.
    fn wait<T>(&self, begin: impl FnOnce(&mut Waiters) -> T) -> T {
        let told = {
            let mut waiters = self.waiters.lock();
            self.has_waiters.store(true, Ordering::SeqCst);
            begin(&mut waiters)
        };
        self.hurry();
        told
    }

    /// Somebody waits: what is queued of it is flushed at once.
    pub(super) fn hurry(&self) {
        if self.queued.load(Ordering::SeqCst) {
            self.flush_queue.hurry();
        }
    }

    /// Somebody waits: all that is queued is flushed at once.
    pub(super) fn hurry_all(&self) {
        self.flush_queue.hurry();
    }

    /// Tells those who wait for the watermark.
    fn tell(&self, tell: impl FnOnce(&mut Waiters)) {
        let mut waiters = self.waiters.lock();
        tell(&mut waiters);
        self.has_waiters.store(waiters.await_watermark(), Ordering::Release);
    }

    /// Whether anybody waits for the watermark.
    pub(super) fn is_awaited(&self) -> bool {
        self.has_waiters.load(Ordering::SeqCst)
            || self.is_observed()
            || self.expected.load(Ordering::SeqCst) > self.reader.high_watermark().offset
    }

    /// Whether it carries the broker's own state.
    pub(super) fn is_observed(&self) -> bool {
        self.observer.get().is_some()
    }

    /// Who is to be told of the watermark's moves, for a partition that carries the broker's own state. Set once.
    pub fn set_observer(&self, observer: Arc<dyn HighWatermarkObserver>) {
        assert!(self.observer.set(observer).is_ok(), "a partition has one observer");
    }

    /// The replica's part in its group.
    pub fn role(&self) -> Role {
        self.replica.lock().role()
    }

    /// The leader epoch, if this node leads.
    pub fn leader_epoch(&self) -> Option<i32> {
        let epoch = self.leader_epoch.load(Ordering::Acquire);
        (epoch >= 0).then_some(epoch as i32)
    }

    /// Whether it takes batches.
    pub fn is_writable(&self) -> bool {
        self.replica.lock().is_writable()
    }

    /// Why it is out of service, in a sentence; `None` while it serves.
    pub fn out_of_service(&self) -> Option<String> {
        let replica = self.replica.lock();
        let damage = replica.damage().map(ToString::to_string);
        damage.or_else(|| replica.failure().map(ToString::to_string))
    }

    /// Whether its replica stopped at a broken invariant, so that it can be opened again from disk.
    pub(super) fn has_panicked(&self) -> bool {
        matches!(self.replica.lock().failure(), Some(ReplicaError::Panicked(_)))
    }

    fn is_failed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.replica.lock().role() == Role::Down
    }

    /// Whether the flusher has to come by at once: something waits for a sync.
    pub(super) fn wants_flush(&self) -> bool {
        // A closed partition's flushes take nothing: it would come round for ever.
        if self.is_closed() || !self.replica.lock().needs_flush() {
            return false;
        }
        let settings = self.settings.load();
        settings.durability == Durability::Synced || self.unflushed.load(Ordering::Relaxed) >= settings.flush_messages
    }

    /// At the end of a flush: whether there is to be another one.
    pub(super) fn wants_another_flush(&self) -> bool {
        let again = self.flush_again.swap(false, Ordering::SeqCst);
        self.wants_flush() || (again && !self.is_closed() && self.needs_flush())
    }

    pub(super) fn needs_flush(&self) -> bool {
        self.replica.lock().needs_flush()
    }

    pub(super) fn take_flush(&self, checkpoint: bool) -> Option<ReplicaFlush> {
        self.unflushed.store(0, Ordering::Relaxed);
        self.flush_again.store(false, Ordering::SeqCst);
        let mut replica = self.replica.lock();
        // It may write new files.
        if self.is_closed() {
            return None;
        }
        let flush = replica.take_flush(checkpoint);
        // What appends left for Raft is carried out here, and may have failed.
        if flush.is_none() && replica.role() == Role::Down {
            drop(replica);
            self.announce_failure();
        }
        flush
    }

    /// A sync failed that new names in the partition's directory may have needed.
    pub(super) fn doubt_names(&self) {
        if self.with_replica(|replica| Ok(replica.doubt_names())) == Some(true) {
            self.announce_failure();
        }
    }

    /// A file in the partition's directory was replaced: the next flush makes its name durable.
    pub fn note_new_name(&self) {
        self.with_replica(|replica| replica.with_log(|log| log.note_new_name()));
    }

    /// Damage was found below the watermark: what lies before it stays readable, up to `end`.
    pub(super) fn quarantine(&self, damage: Damage, end: LogPosition) {
        self.replica.lock().quarantine(damage, end);
        self.announce_failure();
    }

    /// It is out of service until a restart.
    pub(super) fn poison(&self, reason: String) {
        self.replica.lock().poison(reason);
        self.announce_failure();
    }

    pub(super) fn flushed(&self, flush: &ReplicaFlush, result: Result<(), &LogError>) {
        let result = {
            let mut replica = self.replica.lock();
            let result = replica.flushed(flush, result);
            self.leader_epoch.store(epoch_of(&replica), Ordering::Release);
            result
        };
        match result {
            Ok(()) => {
                self.announce();
                self.announce_writable();
            }
            // The files of a deleted topic may be gone before its last flush.
            Err(_) if self.is_closed() => {}
            Err(error) => {
                tracing::error!(partition = %self, %error, "out of service until a restart");
                self.announce_failure();
            }
        }
    }

    /// `None` where the replica fails, or the topic is gone: its directory may be another's.
    pub(super) fn with_replica<T>(&self, act: impl FnOnce(&mut Replica) -> Result<T, ReplicaError>) -> Option<T> {
        let mut replica = self.replica.lock();
        if self.is_closed() {
            return None;
        }
        match act(&mut replica) {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::debug!(partition = %self, %error, "not done on a partition out of service");
                None
            }
        }
    }

    /// Looks at the idempotent producers that are remembered; `None` where the partition is out of service.
    pub fn with_producers<T>(&self, look: impl FnOnce(&ProducerStates) -> T) -> Option<T> {
        self.with_replica(|replica| replica.with_log(|log| look(log.producers())))
    }

    /// The replica, kept still. Only `Node::write_marks` holds several at a time.
    pub(super) fn lock_replica(&self) -> MutexGuard<'_, Replica> {
        self.replica.lock()
    }

    /// The topic is gone: nothing more is appended, no file is made or renamed, and nobody waits any longer.
    pub(super) fn close(&self) {
        let no_append = self.replica.lock();
        self.closed.store(true, Ordering::Relaxed);
        drop(no_append);
        self.reader.files().let_go();
        self.announce_failure();
    }

    /// Whether the topic is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn prune_waiters(&self) {
        self.tell(Waiters::prune);
    }

    /// Tells waiters and observer how far the watermark has come.
    fn announce(&self) {
        let offset = self.reader.high_watermark().offset;
        if self.announced.fetch_max(offset, Ordering::AcqRel) >= offset {
            return;
        }
        self.tell(|waiters| waiters.advance(offset));
        if let Some(observer) = self.observer.get() {
            observer.advanced(offset);
        }
    }

    fn announce_writable(&self) {
        if self.waiters.lock().awaits_writable() && self.is_writable() {
            self.waiters.lock().writable();
        }
    }

    fn announce_failure(&self) {
        self.leader_epoch.store(-1, Ordering::Release);
        self.tell(Waiters::fail);
        if let Some(observer) = self.observer.get() {
            observer.failed();
        }
    }
}

fn epoch_of(replica: &Replica) -> i64 {
    match replica.role() {
        Role::Leader(term) => term as i64,
        Role::Follower | Role::Down => -1,
    }
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.id.partition)
    }
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Partition({self})")
    }
}
