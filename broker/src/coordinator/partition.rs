//! The coordinator of one partition of `__consumer_offsets`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use consensus::Append;
use kafka_protocol::ResponseError;
use parking_lot::{Mutex, MutexGuard};
use storage::compression::Codec;
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};
use tokio::sync::oneshot;

use super::Shared;
use super::checkpoint::Written;
use super::load::Loading;
use crate::api::errors::of_append;
use crate::group::{AppendId, Effect, GroupConfig, Now, Response, Shard, Token, UuidSource};
use crate::metrics::Limit;
use crate::node::{HighWatermarkObserver, Node, Partition};

/// Where the answer of a request comes. It closes without one when the coordinator goes out of service.
pub type Answer = oneshot::Receiver<Response>;

/// The groups of one partition.
pub struct Coordinator {
    pub(super) partition: Arc<Partition>,
    node: Weak<Node>,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// What the last checkpoint holds; held while one is written.
    pub(super) written: Mutex<Written>,
}

struct State {
    phase: Phase,
    /// No new requests are taken, and nobody is kept waiting for longer than for a commit.
    stopping: bool,
    /// Who waits for which answer.
    waiting: BTreeMap<Token, oneshot::Sender<Response>>,
    last_token: u64,
    /// What is appended and not known to be committed, in the order of the log.
    uncommitted: VecDeque<Uncommitted>,
    /// A thread carries out effects.
    acting: bool,
    /// How many groups of this shard are in [`Shared::groups`].
    counted_groups: usize,
}

enum Phase {
    /// What the log has committed is not loaded; `None` while a thread does it.
    Loading(Option<Box<Loading>>),
    Serving(Box<Shard>),
    /// Out of service until a restart, or for ever: why.
    Closed(Arc<str>),
}

/// How a coordinator stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// It reads what its log has committed.
    Loading,
    /// It answers requests.
    Serving,
    /// It is out of service until a restart, or for ever: why.
    Closed(Arc<str>),
}

struct Uncommitted {
    id: AppendId,
    base_offset: i64,
    /// Committed once the high watermark is there.
    end_offset: i64,
}

/// Passes on the news of the partition, without keeping the coordinator alive.
struct Watch(Weak<Coordinator>);

impl HighWatermarkObserver for Watch {
    fn advanced(&self, _: i64) {
        if let Some(coordinator) = self.0.upgrade() {
            coordinator.advanced();
        }
    }

    fn failed(&self) {
        if let Some(coordinator) = self.0.upgrade() {
            let reason = coordinator.partition.out_of_service();
            coordinator.close(reason.as_deref().unwrap_or("its partition is gone"));
        }
    }
}

impl Coordinator {
    /// A coordinator that has not loaded anything yet.
    pub(super) fn new(
        node: &Arc<Node>,
        partition: Arc<Partition>,
        shared: Arc<Shared>,
        config: GroupConfig,
        uuids: UuidSource,
    ) -> Arc<Self> {
        let loading = Loading::new(Shard::new(config, uuids));
        let coordinator = Arc::new(Self {
            partition,
            node: Arc::downgrade(node),
            shared,
            state: Mutex::new(State {
                phase: Phase::Loading(Some(Box::new(loading))),
                stopping: false,
                waiting: BTreeMap::new(),
                last_token: 0,
                uncommitted: VecDeque::new(),
                acting: false,
                counted_groups: 0,
            }),
            written: Mutex::default(),
        });
        coordinator
            .partition
            .set_observer(Arc::new(Watch(Arc::downgrade(&coordinator))));
        coordinator
    }

    /// Loads what is committed. What is in the log and not committed is loaded when it is; until then requests wait.
    pub(super) fn load(&self) {
        let mut loading = match &mut self.state.lock().phase {
            Phase::Loading(loading) => match loading.take() {
                Some(loading) => loading,
                None => return,
            },
            _ => return,
        };
        if let Some(reason) = self.partition.out_of_service() {
            tracing::error!(partition = %self.partition, reason, "the groups of this partition are out of service");
            return self.close(&reason);
        }
        loop {
            let now = self.shared.now();
            match loading.read_committed(self.partition.reader(), now) {
                Ok(()) => {}
                Err(error) => {
                    tracing::error!(partition = %self.partition, %error, "the groups of this partition cannot be loaded");
                    return self.close(&format!("its groups cannot be loaded: {error}"));
                }
            }
            let skipped = std::mem::take(&mut loading.skipped);
            if skipped > 0 {
                tracing::error!(partition = %self.partition, records = skipped, "records of groups make no sense and were left out");
                self.shared.skipped_records.fetch_add(skipped, Ordering::Relaxed);
            }
            // Before the state is locked: whoever writes a checkpoint takes the two in this order.
            *self.written.lock() = loading.written;
            let mut state = self.state.lock();
            if !matches!(state.phase, Phase::Loading(_)) {
                return;
            }
            let reader = self.partition.reader();
            if loading.next < reader.high_watermark().offset {
                continue;
            }
            if loading.next < reader.end_offset() {
                state.phase = Phase::Loading(Some(loading));
                return;
            }
            let mut shard = loading.shard;
            shard.load_finished(now);
            state.phase = Phase::Serving(Box::new(shard));
            return self.act(state);
        }
    }

    /// Hands a request to the shard.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
    pub fn call(&self, handle: impl FnOnce(&mut Shard, Token, Now)) -> Result<Answer, ResponseError> {
        self.call_admitted(|_| true, handle)
    }

    /// As [`Coordinator::call`], for a request that may make the group.
    ///
    /// # Errors
    /// POLICY_VIOLATION as well: there are `weir.max.groups` of them.
    pub fn call_for(
        &self,
        group_id: &str,
        handle: impl FnOnce(&mut Shard, Token, Now),
    ) -> Result<Answer, ResponseError> {
        let shared = &self.shared;
        let has_room =
            |shard: &Shard| shared.groups.load(Ordering::Relaxed) < shared.max_groups || shard.has_group(group_id);
        self.call_admitted(has_room, handle)
    }

    fn call_admitted(
        &self,
        is_admitted: impl FnOnce(&Shard) -> bool,
        handle: impl FnOnce(&mut Shard, Token, Now),
    ) -> Result<Answer, ResponseError> {
        let mut state = self.state.lock();
        if !is_admitted(state.serving()?) {
            self.shared.limits.reached(Limit::MaxGroups);
            return Err(ResponseError::PolicyViolation);
        }
        let (tell, told) = oneshot::channel();
        state.last_token += 1;
        let token = Token(state.last_token);
        state.waiting.insert(token, tell);
        handle(state.serving()?, token, self.shared.now());
        self.act(state);
        Ok(told)
    }

    /// Looks at the shard.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
    pub fn read<R>(&self, look: impl FnOnce(&Shard) -> R) -> Result<R, ResponseError> {
        Ok(look(self.state.lock().serving()?))
    }

    /// Whether requests are answered.
    pub fn is_serving(&self) -> bool {
        self.state.lock().serving().is_ok()
    }

    /// How it stands. One that stops still serves, by this.
    pub fn service(&self) -> Service {
        match &self.state.lock().phase {
            Phase::Loading(_) => Service::Loading,
            Phase::Serving(_) => Service::Serving,
            Phase::Closed(reason) => Service::Closed(reason.clone()),
        }
    }

    /// Whether records can be written.
    pub fn is_writable(&self) -> bool {
        self.partition.is_writable()
    }

    /// Resolves once records can be written; an error if they never can.
    pub fn writable(&self) -> oneshot::Receiver<()> {
        self.partition.writable()
    }

    /// Index of the partition.
    pub fn index(&self) -> i32 {
        self.partition.id.partition
    }

    pub(super) fn topics(&self) -> BTreeSet<Arc<str>> {
        self.read(Shard::topics).unwrap_or_default()
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        match &self.state.lock().phase {
            Phase::Serving(shard) => shard.next_deadline(),
            _ => None,
        }
    }

    pub(super) fn tick(&self) {
        let now = self.shared.now();
        let mut state = self.state.lock();
        if let Phase::Serving(shard) = &mut state.phase
            && shard
                .next_deadline()
                .is_some_and(|deadline| deadline <= now.monotonic_ms)
        {
            shard.tick(now);
            self.act(state);
        }
    }

    pub(super) fn topic_deleted(&self, topic: &str) {
        let mut state = self.state.lock();
        if let Phase::Serving(shard) = &mut state.phase {
            shard.topic_deleted(topic, self.shared.now());
            self.act(state);
        }
    }

    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        self.act(state);
    }

    fn advanced(&self) {
        let state = self.state.lock();
        match &state.phase {
            Phase::Loading(_) => {
                drop(state);
                self.load();
            }
            _ => self.act(state),
        }
    }

    /// The partition is out of service, or gone: everyone who waits is told.
    fn close(&self, reason: &str) {
        let mut state = self.state.lock();
        if let Phase::Serving(mut shard) = std::mem::replace(&mut state.phase, Phase::Closed(reason.into())) {
            shard.unload(self.shared.now());
            while let Some(effect) = shard.poll_effect() {
                if let Effect::Respond { token, response } = effect {
                    state.respond(token, response);
                }
            }
        }
        state.waiting.clear();
        state.uncommitted.clear();
        self.count_groups(&mut state);
    }

    /// Carries out what the shard wants, unless another thread is at it: that one sees what is new as well.
    fn act(&self, mut state: MutexGuard<'_, State>) {
        if state.acting {
            return;
        }
        state.acting = true;
        loop {
            self.take_results(&mut state);
            let Phase::Serving(shard) = &mut state.phase else {
                break;
            };
            match shard.poll_effect() {
                None => break,
                Some(Effect::Respond { token, response }) => state.respond(token, response),
                Some(Effect::Append { id, records }) => {
                    let result = MutexGuard::unlocked(&mut state, || self.append(&records));
                    self.appended(&mut state, id, result);
                }
            }
        }
        state.acting = false;
        if state.stopping && state.uncommitted.is_empty() {
            state.waiting.clear();
        }
        self.count_groups(&mut state);
        if let Phase::Serving(shard) = &state.phase
            && let Some(deadline_ms) = shard.next_deadline()
        {
            self.shared.wake_at(deadline_ms);
        }
    }

    /// Tells the shard which of its appends are committed.
    fn take_results(&self, state: &mut State) {
        let committed = self.partition.reader().high_watermark().offset;
        let State { phase, uncommitted, .. } = state;
        let Phase::Serving(shard) = phase else { return };
        while let Some(append) = uncommitted.pop_front_if(|append| append.end_offset <= committed) {
            shard.appended(append.id, Ok(append.base_offset), self.shared.now());
        }
    }

    fn appended(&self, state: &mut State, id: AppendId, result: Result<(i64, i64), ResponseError>) {
        let Phase::Serving(shard) = &mut state.phase else {
            return;
        };
        match result {
            Ok((base_offset, end_offset)) => {
                state.uncommitted.push_back(Uncommitted {
                    id,
                    base_offset,
                    end_offset,
                });
            }
            Err(error) => shard.appended(id, Err(error), self.shared.now()),
        }
    }

    /// Appends the records as one batch: the offset of the first, and the one behind the last.
    fn append(&self, records: &[(Bytes, Option<Bytes>)]) -> Result<(i64, i64), ResponseError> {
        let node = self.node.upgrade().ok_or(ResponseError::NotLeaderOrFollower)?;
        let mut batch = BatchBuilder::new(Codec::None);
        let now_ms = node.clock().wall_ms();
        for (key, value) in records {
            batch.push(now_ms, Some(key), value.as_deref(), &[]);
        }
        let bytes = batch.try_build().map_err(|_| ResponseError::RecordListTooLarge)?;
        let settings = self.partition.settings();
        if bytes.len() > settings.rules.max_message_bytes {
            return Err(ResponseError::MessageTooLarge);
        }
        if bytes.len() > settings.rules.segment_bytes {
            return Err(ResponseError::RecordListTooLarge);
        }
        drop(settings);
        let header = BatchHeader::parse(&bytes).expect("the builder builds whole batches");
        match node.append(&self.partition, &ProducedBatch { header, bytes }) {
            Ok(Append::Written(appended)) => Ok((appended.start.offset, appended.end.offset)),
            Ok(Append::Duplicate { .. }) => unreachable!("the batch has no producer, so it repeats none"),
            Err(error) => {
                tracing::warn!(partition = %self.partition, %error, "a group's records are not appended");
                Err(of_append(&error))
            }
        }
    }

    fn count_groups(&self, state: &mut State) {
        let count = match &state.phase {
            Phase::Serving(shard) => shard.group_count(),
            _ => 0,
        };
        let groups = &self.shared.groups;
        match std::mem::replace(&mut state.counted_groups, count) {
            before if before < count => groups.fetch_add(count - before, Ordering::Relaxed),
            before => groups.fetch_sub(before - count, Ordering::Relaxed),
        };
    }
}

impl State {
    fn serving(&mut self) -> Result<&mut Shard, ResponseError> {
        match &mut self.phase {
            _ if self.stopping => Err(ResponseError::NotCoordinator),
            Phase::Loading(_) => Err(ResponseError::CoordinatorLoadInProgress),
            Phase::Serving(shard) => Ok(shard),
            Phase::Closed(_) => Err(ResponseError::NotCoordinator),
        }
    }

    fn respond(&mut self, token: Token, response: Response) {
        if let Some(tell) = self.waiting.remove(&token) {
            // A client that is gone no longer listens.
            let _ = tell.send(response);
        }
    }

    /// The committed state, however the service stands; `None` before it is loaded and after it is lost.
    pub(super) fn shard(&self) -> Option<&Shard> {
        match &self.phase {
            Phase::Serving(shard) => Some(shard),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Coordinator({})", self.partition)
    }
}

impl Coordinator {
    /// Looks at the committed state even while the service ends.
    pub(super) fn with_shard<R>(&self, look: impl FnOnce(&Shard) -> R) -> Option<R> {
        self.state.lock().shard().map(look)
    }
}
