//! Incremental fetch sessions (KIP-227): which partitions a consumer fetches, so that it need not say so each time, and
//! what it was last told of each, so that only changes are answered.
//!
//! Invariant: a session's epoch grows by one with each request, so a request that was lost or doubled is noticed. The
//! number of sessions is bounded (`max.incremental.fetch.session.cache.slots`), and so are the partitions in all of them
//! (`weir.max.fetch.session.partitions`), of which one session may have half. Where there is no room a consumer gets
//! session id 0 and goes on with full fetches; a session that outgrows its room ends with FETCH_SESSION_ID_NOT_FOUND,
//! after which the consumer asks in full.
//!
//! Partitions that do not exist stay in a session and are answered each time, as in Kafka: the consumer does not name
//! them again, and they may come to be. There are at most [`MAX_UNKNOWN`] of them in a request that has a session.
//! A partition that a request names twice is asked for once, as it stands there last, as in Kafka.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::protocol::StrBytes;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::metrics::{Limit, LimitCounters};

/// The epoch of a request that begins a session.
pub const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request that ends or has no session.
pub const FINAL_EPOCH: i32 = -1;

/// An idle session may be dropped for a new one after this long, in milliseconds, as in Kafka.
const MIN_EVICTION_MS: u64 = 120_000;

/// Partitions that do not exist, in a request that makes a session or adds to one.
const MAX_UNKNOWN: usize = 1_000;

/// A partition, by topic name or (Fetch v13 on) by id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchKey {
    /// Empty where the request names the id.
    pub topic: StrBytes,
    /// Nil where the request names the topic.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
}

/// What is asked of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub key: FetchKey,
    /// The leader epoch that the consumer believes to be current, −1 for none.
    pub current_leader_epoch: i32,
    /// Where to read.
    pub fetch_offset: i64,
    /// The epoch of the last record that it has, −1 for none.
    pub last_fetched_epoch: i32,
    /// Bytes at most, but for the first batch.
    pub max_bytes: i32,
}

/// What the consumer was last told of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The high watermark.
    pub high_watermark: i64,
    /// The log start offset.
    pub log_start_offset: i64,
}

/// One session.
#[derive(Debug, Default)]
pub struct Session {
    /// In the order in which they are read: that of the first answer; those that give data later go to the end.
    order: Vec<FetchKey>,
    partitions: HashMap<FetchKey, (Asked, Option<Told>)>,
    next_epoch: i32,
    uses_topic_ids: bool,
    last_used_ms: u64,
    /// How many of its partitions are counted in [`State::partitions`].
    counted: usize,
    /// It was taken out; a request that found it just before must not add to it.
    is_closed: bool,
}

/// What a request fetches.
#[derive(Debug)]
pub struct Fetching {
    /// The session, if there is one.
    pub session: Option<(i32, Arc<Mutex<Session>>)>,
    /// Whether only changes are answered.
    pub incremental: bool,
    /// The partitions, in the order of reading.
    pub asked: Vec<Asked>,
}

/// All sessions.
#[derive(Debug)]
pub struct FetchSessions {
    slots: usize,
    max_partitions: usize,
    limits: Arc<LimitCounters>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<i32, Arc<Mutex<Session>>>,
    /// In all sessions.
    partitions: usize,
    evicted: u64,
}

impl FetchSessions {
    /// At most `slots` sessions, with `max_partitions` in all of them.
    pub fn new(slots: usize, max_partitions: usize) -> Self {
        FetchSessions {
            slots,
            max_partitions,
            limits: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// The same, with limits that are reached counted here.
    #[must_use]
    pub fn counted_in(self, limits: Arc<LimitCounters>) -> Self {
        FetchSessions { limits, ..self }
    }

    /// Sessions at the moment, and how many were evicted for others.
    pub fn counts(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.sessions.len(), state.evicted)
    }

    /// Partitions in all sessions.
    pub fn partitions(&self) -> usize {
        self.state.lock().partitions
    }

    /// Finds out what a request fetches. `exists` says whether there is such a partition; `new_id` gives a random
    /// positive session id.
    ///
    /// # Errors
    /// Of the session: it is not there (any more), its epoch is another, or it names topics in the other way.
    pub fn begin(
        &self,
        request: &FetchRequest,
        version: i16,
        now_ms: u64,
        exists: impl Fn(&FetchKey) -> bool,
        new_id: impl FnMut() -> i32,
    ) -> Result<Fetching, ResponseError> {
        let uses_topic_ids = version >= 13;
        if version < 7 || request.session_epoch == FINAL_EPOCH {
            self.remove(request.session_id);
            return Ok(Fetching {
                session: None,
                incremental: false,
                asked: asked_of(request),
            });
        }
        if request.session_epoch == INITIAL_EPOCH {
            self.remove(request.session_id);
            let asked = asked_of(request);
            let is_small = asked.len() <= self.max_partitions / 2;
            if !is_small {
                self.limits.reached(Limit::MaxFetchSessionPartitions);
            }
            let fits = is_small && has_few_unknown(&asked, &exists);
            let session = fits.then(|| self.create(&asked, uses_topic_ids, now_ms, new_id));
            return Ok(Fetching {
                session: session.flatten(),
                incremental: false,
                asked,
            });
        }
        self.go_on(request, uses_topic_ids, now_ms, exists)
    }

    fn go_on(
        &self,
        request: &FetchRequest,
        uses_topic_ids: bool,
        now_ms: u64,
        exists: impl Fn(&FetchKey) -> bool,
    ) -> Result<Fetching, ResponseError> {
        let id = request.session_id;
        let found = self.state.lock().sessions.get(&id).cloned();
        let found = found.ok_or(ResponseError::FetchSessionIdNotFound)?;
        let mut session = found.lock();
        session.check(request, uses_topic_ids)?;
        let named = asked_of(request);
        let mut fits = has_few_unknown(&named, &exists);
        let asked = session.go_on(request, named, now_ms);
        let is_as_before = session.partitions.len() == session.counted;
        // The lock of all sessions comes before that of one.
        drop(session);
        if !is_as_before {
            let has_room = self.state.lock().count(&found, self.max_partitions);
            if !has_room {
                self.limits.reached(Limit::MaxFetchSessionPartitions);
            }
            fits &= has_room;
        }
        if !fits {
            self.remove(id);
            return Err(ResponseError::FetchSessionIdNotFound);
        }
        if asked.is_empty() {
            // A session that has nothing left ends, as in Kafka; the answer, with session id 0, says so. What was both
            // named and forgotten is answered.
            self.remove(id);
            return Ok(Fetching {
                session: None,
                incremental: false,
                asked: asked_of(request),
            });
        }
        Ok(Fetching {
            session: Some((id, found)),
            incremental: true,
            asked,
        })
    }

    fn remove(&self, id: i32) {
        if id != 0 {
            self.state.lock().remove(id);
        }
    }

    fn create(
        &self,
        asked: &[Asked],
        uses_topic_ids: bool,
        now_ms: u64,
        mut new_id: impl FnMut() -> i32,
    ) -> Option<(i32, Arc<Mutex<Session>>)> {
        let mut state = self.state.lock();
        while state.sessions.len() >= self.slots || state.partitions + asked.len() > self.max_partitions {
            if !state.evict(now_ms) {
                self.limits.reached(if state.sessions.len() >= self.slots {
                    Limit::MaxFetchSessions
                } else {
                    Limit::MaxFetchSessionPartitions
                });
                return None;
            }
        }
        let mut session = Session {
            next_epoch: 1,
            uses_topic_ids,
            last_used_ms: now_ms,
            ..Session::default()
        };
        asked.iter().for_each(|asked| session.put(asked.clone()));
        session.counted = session.partitions.len();
        state.partitions += session.counted;
        let session = Arc::new(Mutex::new(session));
        loop {
            let id = new_id();
            if id > 0 && !state.sessions.contains_key(&id) {
                state.sessions.insert(id, session.clone());
                return Some((id, session));
            }
        }
    }
}

fn has_few_unknown(asked: &[Asked], exists: impl Fn(&FetchKey) -> bool) -> bool {
    asked.iter().filter(|asked| !exists(&asked.key)).count() <= MAX_UNKNOWN
}

impl State {
    fn remove(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            let mut session = session.lock();
            session.is_closed = true;
            self.partitions -= session.counted;
        }
    }

    /// Counts a session's partitions anew; false where it has got more than there is room for.
    fn count(&mut self, session: &Mutex<Session>, max_partitions: usize) -> bool {
        let mut session = session.lock();
        let (before, after) = (session.counted, session.partitions.len());
        if session.is_closed || before == after {
            return true;
        }
        self.partitions = self.partitions - before + after;
        session.counted = after;
        after < before || (after <= max_partitions / 2 && self.partitions <= max_partitions)
    }

    /// Drops the session that was idle longest, if it was idle for long enough.
    fn evict(&mut self, now_ms: u64) -> bool {
        let oldest = self
            .sessions
            .iter()
            .map(|(&id, session)| (session.lock().last_used_ms, id))
            .min();
        match oldest {
            Some((used, id)) if now_ms.saturating_sub(used) >= MIN_EVICTION_MS => {
                self.remove(id);
                self.evicted += 1;
                true
            }
            _ => false,
        }
    }
}

impl Session {
    fn put(&mut self, asked: Asked) {
        match self.partitions.get_mut(&asked.key) {
            Some((known, _)) => *known = asked,
            None => {
                self.order.push(asked.key.clone());
                self.partitions.insert(asked.key.clone(), (asked, None));
            }
        }
    }

    fn check(&self, request: &FetchRequest, uses_topic_ids: bool) -> Result<(), ResponseError> {
        if self.is_closed {
            Err(ResponseError::FetchSessionIdNotFound)
        } else if request.session_epoch != self.next_epoch {
            Err(ResponseError::InvalidFetchSessionEpoch)
        } else if self.uses_topic_ids != uses_topic_ids {
            Err(ResponseError::FetchSessionTopicIdError)
        } else {
            Ok(())
        }
    }

    fn go_on(&mut self, request: &FetchRequest, named: Vec<Asked>, now_ms: u64) -> Vec<Asked> {
        self.next_epoch = if self.next_epoch == i32::MAX {
            1
        } else {
            self.next_epoch + 1
        };
        self.last_used_ms = now_ms;
        for asked in named {
            self.put(asked);
        }
        // After that, as in Kafka: what is both named and forgotten is forgotten.
        for forgotten in &request.forgotten_topics_data {
            for &partition in &forgotten.partitions {
                let topic = own(&forgotten.topic);
                self.partitions.remove(&FetchKey {
                    topic,
                    topic_id: forgotten.topic_id,
                    partition,
                });
            }
        }
        let partitions = &self.partitions;
        self.order.retain(|key| partitions.contains_key(key));
        let asked = self.order.iter().filter_map(|key| self.partitions.get(key));
        asked.map(|(asked, _)| asked.clone()).collect()
    }

    /// Whether the consumer does not know this yet.
    pub fn is_news(&self, key: &FetchKey, told: Told) -> bool {
        self.partitions.get(key).is_none_or(|(_, known)| *known != Some(told))
    }

    /// Remembers what the consumer is told now; `None` after an error, so that the next answer tells it in any case. A
    /// partition that gave data is read last the next time, so that none starves; but after the first answer, which only
    /// sets the order, as in Kafka.
    pub fn tell(&mut self, answers: &[(FetchKey, Option<Told>, bool)], incremental: bool) {
        for (key, told, _) in answers {
            if let Some((_, known)) = self.partitions.get_mut(key) {
                *known = *told;
            }
        }
        if !incremental {
            let place: HashMap<&FetchKey, usize> = answers.iter().map(|(key, ..)| key).zip(0..).collect();
            self.order
                .sort_by_key(|key| place.get(key).copied().unwrap_or(usize::MAX));
            return;
        }
        let gave_data: std::collections::HashSet<&FetchKey> = answers
            .iter()
            .filter(|(_, _, gave)| *gave)
            .map(|(key, _, _)| key)
            .collect();
        if !gave_data.is_empty() {
            let (last, first): (Vec<_>, Vec<_>) = std::mem::take(&mut self.order)
                .into_iter()
                .partition(|key| gave_data.contains(key));
            self.order = first;
            self.order.extend(last);
        }
    }
}

/// The partitions that a request names, each once.
fn asked_of(request: &FetchRequest) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::with_capacity(request.topics.iter().map(|topic| topic.partitions.len()).sum());
    for topic in &request.topics {
        let name = own(&topic.topic);
        asked.extend(topic.partitions.iter().map(|partition| Asked {
            key: FetchKey {
                topic: name.clone(),
                topic_id: topic.topic_id,
                partition: partition.partition,
            },
            current_leader_epoch: partition.current_leader_epoch,
            fetch_offset: partition.fetch_offset,
            last_fetched_epoch: partition.last_fetched_epoch,
            max_bytes: partition.partition_max_bytes,
        }));
    }
    if asked.len() > 1 {
        keep_last(&mut asked);
    }
    asked
}

/// Leaves of each partition what was said last, where it was named first.
fn keep_last(asked: &mut Vec<Asked>) {
    let mut places: HashMap<FetchKey, usize> = HashMap::with_capacity(asked.len());
    let mut kept: Vec<Asked> = Vec::with_capacity(asked.len());
    for asked in asked.drain(..) {
        match places.entry(asked.key.clone()) {
            Entry::Occupied(place) => kept[*place.get()] = asked,
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(asked);
            }
        }
    }
    *asked = kept;
}

/// A copy that does not hold on to the request's frame.
fn own(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

#[cfg(test)]
mod tests;
