//! Fetch, versions 4 to 18.
//!
//! Records are not read here: the answer names file ranges, which go to the socket with `sendfile`. A fetch that finds
//! fewer than `min_bytes` waits, until a high watermark moves or `max_wait_ms` is over. A whole batch is answered even
//! where it begins before the asked offset or exceeds the limits, if it is the first. `records` is empty, never null.
//!
//! Bytes are counted as in Kafka, which fills the asked size with the first bytes of one more batch: they are not sent, but
//! count as read. So limits act alike, and a consumer whose `min_bytes` are as many as it takes does not wait in vain.
//!
//! An error or a divergence that reading a partition finds is answered at once. Partitions that do not exist are put
//! aside, as in Kafka: they get their error when the others have theirs, so that a consumer of a topic that is gone does
//! not ask without pause. Where all are put aside, there is nothing to wait for.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::protocol::StrBytes;
use storage::log::{Fetched, LogPosition};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::epochs::check_current_epoch;
use super::group_answer::detached;
use super::patience::Waiting;
use super::{Context, errors};
use crate::connection::limits::SMALL_FRAME;
use crate::connection::{Outcome, Request};
use crate::fetch_session::{Asked, FetchKey, Fetching, Told};
use crate::node::{Partition, Topics};
use crate::wire::fetch_response::{
    EpochEndOffset, FetchPartition, FetchResponse, FetchTopic, LeaderIdAndEpoch, NodeEndpoint,
};
use crate::wire::{Part, RequestHeader};

/// From this version on topics come by id.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on a client that has an old epoch, or asks the wrong broker, is told the leader (KIP-951).
const LEADERS_FROM: i16 = 16;
/// From this version on an unfit epoch may be answered with where the logs diverge.
const DIVERGENCE_FROM: i16 = 12;
/// From this version on the broker that asks is named apart.
const REPLICA_STATE_FROM: i16 = 15;

/// The longest that a fetch waits, whatever it asks: what waits for ever is held for ever.
const MAX_WAIT: Duration = Duration::from_secs(600);

const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let version = request.header.api_version;
    let body: FetchRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    if !matches!(body.isolation_level, READ_UNCOMMITTED | READ_COMMITTED) {
        return refuse(&request.header, &body, ResponseError::UnknownServerError);
    }
    let now = context.node.clock().monotonic_ms();
    let topics = context.node.topics().load();
    let exists = |key: &FetchKey| find(&topics, key, version).is_ok();
    let began = context
        .fetch_sessions
        .begin(&body, version, now, exists, rand::random::<i32>);
    drop(topics);
    let fetching = match began {
        Ok(fetching) => fetching,
        Err(error) => {
            let response = FetchResponse {
                error_code: error.code(),
                ..FetchResponse::default()
            };
            return response.into_response(&request.header).into();
        }
    };
    let fetch = Fetch {
        header: request.header,
        limits: Limits {
            min_bytes: body.min_bytes.max(0) as u64,
            max_bytes: (body.max_bytes.max(0) as u64).min(context.config.load().network.fetch_max_bytes as u64),
        },
        read_committed: body.isolation_level == READ_COMMITTED,
        by_replica: replica_id(&body, version) >= 0,
        fetching,
    };
    if !fetch.may_read_from_disk(context) {
        let found = fetch.read(context);
        if body.max_wait_ms <= 0 || fetch.is_enough(&found, &put_aside(&found)) {
            return fetch.answer(context, found);
        }
    }
    let max_wait = Duration::from_millis(body.max_wait_ms.max(0) as u64);
    let deadline = Instant::now() + max_wait.min(MAX_WAIT);
    let patience = context.patience.wait(request.body.len() > SMALL_FRAME);
    let context = context.clone();
    let fetch = Arc::new(Fetch {
        header: detached(&fetch.header),
        ..fetch
    });
    Outcome::later(async move {
        let found = fetch.wait(&context, deadline, patience).await;
        fetch.answer(&context, found)
    })
}

/// The broker that asks; negative: a consumer.
fn replica_id(request: &FetchRequest, version: i16) -> i32 {
    if version >= REPLICA_STATE_FROM {
        request.replica_state.replica_id.0
    } else {
        request.replica_id.0
    }
}

/// Which of the partitions do not exist: they end no waiting.
fn put_aside(found: &[Found]) -> Vec<bool> {
    found.iter().map(|found| !found.exists).collect()
}

/// Answers a request that is refused as a whole; before version 13 each partition has the error, too.
fn refuse(header: &RequestHeader, body: &FetchRequest, error: ResponseError) -> Outcome {
    let mut response = FetchResponse {
        error_code: error.code(),
        session_id: body.session_id,
        ..FetchResponse::default()
    };
    if header.api_version < TOPIC_IDS_FROM {
        let topics = body.topics.iter().map(|topic| FetchTopic {
            name: StrBytes::clone(&topic.topic),
            id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|partition| FetchPartition::error(partition.partition, error.code()))
                .collect(),
        });
        response.topics = topics.collect();
    }
    response.into_response(header).into()
}

struct Limits {
    min_bytes: u64,
    max_bytes: u64,
}

struct Fetch {
    header: RequestHeader,
    limits: Limits,
    read_committed: bool,
    /// Whether it is a broker that asks, to replicate.
    by_replica: bool,
    fetching: Fetching,
}

/// What one partition has to answer.
struct Found {
    key: FetchKey,
    answer: FetchPartition,
    /// Whether there is such a partition.
    exists: bool,
    room: Room,
}

/// How much a partition gives of what is asked.
#[derive(Default)]
struct Room {
    /// Bytes that count against the request's limit.
    used: u64,
    /// Bytes that the partition alone could give.
    there: u64,
    /// Whether the log has been continued in another segment.
    is_older: bool,
}

impl Fetch {
    /// Reads again whenever a partition moves, until there is enough, or the deadline or the patience is over.
    async fn wait(self: &Arc<Self>, context: &Arc<Context>, deadline: Instant, mut patience: Waiting) -> Vec<Found> {
        let mut aside = None;
        loop {
            let moved = Arc::new(Notify::new());
            for partition in self.partitions(context) {
                partition.watch(moved.clone());
            }
            // After the watch is set: what moved before it is seen here, what moves after it wakes.
            let found = self.read_apart(context).await;
            let aside = aside.get_or_insert_with(|| put_aside(&found));
            if self.is_enough(&found, aside) || Instant::now() >= deadline {
                return found;
            }
            tokio::select! {
                () = moved.notified() => {}
                () = tokio::time::sleep_until(deadline) => return found,
                () = patience.over() => return found,
            }
        }
    }

    /// Reads, on a thread that may wait for the disk where that may be needed.
    async fn read_apart(self: &Arc<Self>, context: &Arc<Context>) -> Vec<Found> {
        if !self.may_read_from_disk(context) {
            return self.read(context);
        }
        let (fetch, node) = (self.clone(), context.clone());
        let read = tokio::task::spawn_blocking(move || fetch.read(&node));
        match read.await {
            Ok(found) => found,
            Err(_) => self.read(context),
        }
    }

    /// Whether finding the records may have to wait for the disk. Sending them is the connection's affair.
    fn may_read_from_disk(&self, context: &Context) -> bool {
        let topics = context.node.topics().load();
        self.fetching.asked.iter().any(|asked| {
            find(&topics, &asked.key, self.header.api_version)
                .is_ok_and(|partition| partition.reader().may_wait(asked.fetch_offset))
        })
    }

    fn partitions(&self, context: &Context) -> Vec<Arc<Partition>> {
        let topics = context.node.topics().load();
        self.fetching
            .asked
            .iter()
            .filter_map(|asked| find(&topics, &asked.key, self.header.api_version).ok().cloned())
            .collect()
    }

    fn read(&self, context: &Context) -> Vec<Found> {
        let topics = context.node.topics().load();
        let mut left = self.limits.max_bytes;
        let mut is_first = true;
        let mut found = Vec::with_capacity(self.fetching.asked.len());
        for asked in &self.fetching.asked {
            let partition = find(&topics, &asked.key, self.header.api_version);
            let exists = partition.is_ok();
            let mut room = Room::default();
            let answer = match partition {
                Ok(partition) => self.read_partition(partition, asked, left, is_first, &mut room),
                Err(error) => FetchPartition::error(asked.key.partition, error.code()),
            };
            left = left.saturating_sub(room.used);
            is_first &= room.used == 0;
            found.push(Found {
                key: asked.key.clone(),
                answer,
                exists,
                room,
            });
        }
        found
    }

    fn read_partition(
        &self,
        partition: &Partition,
        asked: &Asked,
        left: u64,
        is_first: bool,
        room: &mut Room,
    ) -> FetchPartition {
        let index = asked.key.partition;
        let reader = partition.reader();
        // Kafka takes any negative epoch for none here, and only here.
        let epoch = match check_current_epoch(partition, asked.current_leader_epoch.max(-1)) {
            Ok(epoch) => epoch,
            Err(error) => return self.refused(partition, index, error),
        };
        if self.by_replica {
            // Replicas here follow by Raft: no partition has any that asks.
            let refused = self.refused(partition, index, ResponseError::NotLeaderOrFollower);
            return FetchPartition {
                current_leader: None,
                ..refused
            };
        }
        // Before all that is told of the log's end: it is not where the damage begins.
        if reader.check_damage(asked.fetch_offset).is_err() {
            return self.refused(partition, index, ResponseError::KafkaStorageError);
        }
        let limit: LogPosition = reader.high_watermark();
        let mut answer = FetchPartition::error(index, 0);
        answer.high_watermark = limit.offset;
        answer.last_stable_offset = limit.offset;
        answer.log_start_offset = reader.start_offset();
        // Without transactions nothing was aborted, and what is committed is stable.
        answer.aborted_transactions = self.read_committed.then(Vec::new);
        if self.header.api_version >= DIVERGENCE_FROM && asked.last_fetched_epoch >= 0 {
            // The current epoch may have no batch yet.
            let (known, end) = if asked.last_fetched_epoch == epoch {
                (epoch, reader.end_offset())
            } else {
                reader.end_offset_for_epoch(asked.last_fetched_epoch)
            };
            if known < 0 || end < 0 || asked.fetch_offset < reader.start_offset() {
                return self.refused(partition, index, ResponseError::OffsetOutOfRange);
            }
            if known < asked.last_fetched_epoch || end < asked.fetch_offset {
                answer.diverging_epoch = Some(EpochEndOffset {
                    epoch: known,
                    end_offset: end,
                });
                answer.aborted_transactions = None;
                return answer;
            }
        }
        let max = left.min(asked.max_bytes.max(0) as u64);
        match reader.fetch(asked.fetch_offset, limit, max) {
            Ok(None) if asked.fetch_offset > limit.offset && partition.out_of_service().is_some() => {
                // What was written there is never committed.
                self.refused(partition, index, ResponseError::KafkaStorageError)
            }
            Ok(Some(fetched)) => {
                let Fetched {
                    slice,
                    available,
                    is_older,
                } = fetched;
                room.there = available.min(asked.max_bytes.max(0) as u64);
                room.is_older = is_older;
                if slice.len <= max || is_first {
                    room.used = slice.len.max(available.min(max));
                    answer.records = vec![Part::File {
                        file: slice.file,
                        position: slice.position,
                        len: slice.len,
                    }];
                } else if max > 0 {
                    // There is a batch, and not enough room for it: then Kafka says nothing of transactions either.
                    answer.aborted_transactions = None;
                }
                answer
            }
            Ok(None) => answer,
            Err(error) => {
                let code = errors::of_log(&error);
                if code == ResponseError::KafkaStorageError {
                    tracing::warn!(%partition, %error, "a fetch failed");
                }
                self.refused(partition, index, code)
            }
        }
    }

    fn refused(&self, partition: &Partition, index: i32, error: ResponseError) -> FetchPartition {
        let mut answer = FetchPartition::error(index, error.code());
        // Nothing was read: unlike for a partition that does not exist, Kafka then says nothing of transactions.
        answer.aborted_transactions = None;
        if error == ResponseError::OffsetOutOfRange {
            answer.log_start_offset = -1;
        }
        let tells_leader = self.header.api_version >= LEADERS_FROM
            && matches!(
                error,
                ResponseError::FencedLeaderEpoch | ResponseError::NotLeaderOrFollower
            );
        if let Some(leader_epoch) = partition.leader_epoch().filter(|_| tells_leader) {
            answer.current_leader = Some(LeaderIdAndEpoch {
                // This broker, which says so when it answers.
                leader_id: -1,
                leader_epoch,
            });
        }
        answer
    }

    /// Whether the answer goes out at once: enough bytes, an error, a divergence, or nothing to wait for. `aside` says
    /// which partitions did not exist at first.
    fn is_enough(&self, found: &[Found], aside: &[bool]) -> bool {
        let sum = |of: fn(&Room) -> u64| found.iter().map(|found| of(&found.room)).sum::<u64>();
        sum(|room| room.used).max(sum(|room| room.there)) >= self.limits.min_bytes
            || found.iter().any(|found| found.room.is_older)
            || aside.iter().all(|aside| *aside)
            || found.iter().zip(aside).any(|(found, aside)| {
                !aside && (found.answer.error_code != 0 || found.answer.diverging_epoch.is_some())
            })
    }

    fn answer(&self, context: &Context, found: Vec<Found>) -> Outcome {
        let mut response = FetchResponse::default();
        let mut found = found;
        // What does not exist stands last, as in Kafka, ids that nobody knows before partitions that there are not.
        let unknown_id = ResponseError::UnknownTopicId.code();
        found.sort_by_key(|found| (!found.exists, found.answer.error_code != unknown_id));
        if let Some((id, session)) = &self.fetching.session {
            response.session_id = *id;
            let mut session = session.lock();
            let news: Vec<_> = found
                .iter()
                .map(|Found { key, answer, .. }| (key.clone(), told(answer), gave(answer)))
                .collect();
            if self.fetching.incremental {
                found.retain(|found| {
                    gave(&found.answer)
                        || told(&found.answer).is_none_or(|told| session.is_news(&found.key, told))
                        || found.answer.diverging_epoch.is_some()
                });
            }
            session.tell(&news, self.fetching.incremental);
        }
        let leaders = found
            .iter_mut()
            .filter_map(|found| found.answer.current_leader.as_mut());
        let mut leaders = leaders.peekable();
        if leaders.peek().is_some() {
            let own = context.config.load().node_id;
            leaders.for_each(|leader| leader.leader_id = own);
            response.node_endpoints = own_endpoint(context).into_iter().collect();
        }
        response.topics = by_topic(found);
        response.into_response(&self.header).into()
    }
}

/// The partition that a request of this version names so.
fn find<'t>(topics: &'t Topics, key: &FetchKey, version: i16) -> Result<&'t Arc<Partition>, ResponseError> {
    let (topic, unknown) = if version >= TOPIC_IDS_FROM {
        (topics.by_id(key.topic_id), ResponseError::UnknownTopicId)
    } else {
        (topics.by_name(&key.topic), ResponseError::UnknownTopicOrPartition)
    };
    let topic = topic.ok_or(unknown)?;
    topic
        .partitions
        .get(&key.partition)
        .ok_or(ResponseError::UnknownTopicOrPartition)
}

/// Where clients reach this broker.
fn own_endpoint(context: &Context) -> Option<NodeEndpoint> {
    let config = context.config.load();
    let image = context.node.image();
    let broker = image.broker(config.node_id)?;
    let endpoint = broker.endpoint(&config.listeners.name)?;
    Some(NodeEndpoint {
        node_id: config.node_id,
        host: StrBytes::from_string(endpoint.host.clone()),
        port: endpoint.port.into(),
        rack: broker.rack.clone().map(StrBytes::from_string),
    })
}

fn gave(answer: &FetchPartition) -> bool {
    !answer.records.is_empty()
}

fn told(answer: &FetchPartition) -> Option<Told> {
    (answer.error_code == 0).then_some(Told {
        high_watermark: answer.high_watermark,
        log_start_offset: answer.log_start_offset,
    })
}

/// Groups partitions of one topic that stand beside each other.
fn by_topic(found: Vec<Found>) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for Found { key, answer, .. } in found {
        let FetchKey { topic, topic_id, .. } = key;
        match topics.last_mut() {
            Some(last) if last.name == topic && last.id == topic_id => last.partitions.push(answer),
            _ => topics.push(FetchTopic {
                name: StrBytes::clone(&topic),
                id: topic_id,
                partitions: vec![answer],
            }),
        }
    }
    topics
}

#[cfg(test)]
mod tests;
