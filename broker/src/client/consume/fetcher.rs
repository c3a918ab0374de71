//! One task for each leader fetches all its partitions, over and over; decoding is on threads of its own.
//!
//! A partition that nobody answers for ends the reading after [`Cluster::timeout`], whatever the others do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId, FetchRequest};
use parking_lot::Mutex;
use storage::record_batch::BatchError;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::decode::{Decoded, decode, next_offset};
use super::{FetchOptions, MAX_DECODING, MAX_WAITING};
use crate::client::admin::TopicPartition;
use crate::client::cluster::Cluster;
use crate::client::error::{ClientError, ErrorCode, check};
use crate::client::{joined, topic_name};

/// Before leaders are looked up anew.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Pieces of one answer that wait to be taken, at most.
const MAX_PIECES: usize = 2;

/// Where a partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The next offset.
    pub next: i64,
    /// Reading ends before it; `None` is never.
    pub end: Option<i64>,
}

impl Position {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }
}

/// What came from a partition.
#[derive(Debug)]
pub struct Chunk {
    /// The partition.
    pub partition: TopicPartition,
    /// Its records.
    pub decoded: Decoded,
}

/// Reads partitions until each has come to its end.
#[derive(Debug)]
pub struct Consumer {
    output: mpsc::Receiver<Fetched>,
    /// What is being decoded, in the order in which it came.
    decoding: VecDeque<Decoding>,
    work: JoinHandle<Result<(), ClientError>>,
}

/// What came from a partition, as it came.
#[derive(Debug)]
struct Fetched {
    partition: TopicPartition,
    bytes: Bytes,
    /// Records from here on are wanted.
    offset: i64,
    /// And below this.
    end: i64,
    /// Transactions of which nothing is to be seen, by producer and first offset.
    aborted: Vec<(i64, i64)>,
}

/// An answer that is being decoded.
#[derive(Debug)]
struct Decoding {
    partition: TopicPartition,
    pieces: mpsc::Receiver<Decoded>,
    work: JoinHandle<Result<(), BatchError>>,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Consumer {
    /// Begins to read.
    pub fn start(cluster: Arc<Cluster>, positions: BTreeMap<TopicPartition, Position>, options: FetchOptions) -> Self {
        let (sender, output) = mpsc::channel(MAX_WAITING);
        let fetcher = Arc::new(Fetcher {
            cluster,
            options,
            output: sender,
            unanswered: Mutex::default(),
        });
        let work = tokio::spawn(run(fetcher, positions));
        Consumer {
            output,
            decoding: VecDeque::with_capacity(MAX_DECODING),
            work,
        }
    }

    /// What came next; `None` when every partition has come to its end. Nothing is lost when the wait is broken off.
    pub async fn next(&mut self) -> Result<Option<Chunk>, ClientError> {
        loop {
            while self.decoding.len() < MAX_DECODING
                && let Ok(fetched) = self.output.try_recv()
            {
                self.decoding.push_back(Decoding::start(fetched));
            }
            let Some(first) = self.decoding.front_mut() else {
                match self.output.recv().await {
                    Some(fetched) => self.decoding.push_back(Decoding::start(fetched)),
                    None => return joined((&mut self.work).await).unwrap_or(Ok(())).map(|()| None),
                }
                continue;
            };
            if let Some(decoded) = first.pieces.recv().await {
                let partition = first.partition.clone();
                return Ok(Some(Chunk { partition, decoded }));
            }
            let ended = joined((&mut first.work).await).unwrap_or(Ok(()));
            ended.map_err(|problem| unreadable(&first.partition, &problem))?;
            self.decoding.pop_front();
        }
    }
}

impl Decoding {
    fn start(fetched: Fetched) -> Self {
        let (sender, pieces) = mpsc::channel(MAX_PIECES);
        let Fetched {
            partition,
            bytes,
            offset,
            end,
            aborted,
        } = fetched;
        let take = move |piece| sender.blocking_send(piece).is_ok();
        let work = tokio::task::spawn_blocking(move || decode(&bytes, offset, end, &aborted, take));
        Decoding {
            partition,
            pieces,
            work,
        }
    }
}

struct Fetcher {
    cluster: Arc<Cluster>,
    options: FetchOptions,
    output: mpsc::Sender<Fetched>,
    /// Since when a partition gives nothing but errors.
    unanswered: Mutex<BTreeMap<TopicPartition, Instant>>,
}

type Positions = BTreeMap<TopicPartition, Position>;

/// Gives each leader a task with its partitions; those of a leader that is none any more are given out anew.
async fn run(fetcher: Arc<Fetcher>, positions: Positions) -> Result<(), ClientError> {
    let mut left: Positions = positions
        .into_iter()
        .filter(|(_, position)| !position.is_done())
        .collect();
    let mut tasks: JoinSet<Result<(), Stopped>> = JoinSet::new();
    // Since when nothing was read, for want of a leader that answers.
    let mut failing: Option<Instant> = None;
    loop {
        let failed = match fetcher.by_leader(&mut left).await {
            Ok(by_leader) => {
                for (leader, partitions) in by_leader {
                    let fetcher = fetcher.clone();
                    tasks.spawn(async move { fetcher.read(leader, partitions).await });
                }
                match tasks.join_next().await.and_then(joined) {
                    None => return Ok(()),
                    Some(Ok(())) => {
                        failing = None;
                        continue;
                    }
                    Some(Err(Stopped::Moved {
                        rest,
                        problem,
                        has_read,
                    })) => {
                        left = rest;
                        if has_read {
                            failing = None;
                        }
                        problem
                    }
                    // The other tasks end with this.
                    Some(Err(Stopped::Final(problem))) => return Err(problem),
                }
            }
            Err(problem) if may_pass(&problem) => problem,
            Err(problem) => return Err(problem),
        };
        let since = *failing.get_or_insert_with(Instant::now);
        if since.elapsed() >= fetcher.cluster.timeout() {
            return Err(failed);
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// Whether it may go better a little later, or with another leader.
fn may_pass(problem: &ClientError) -> bool {
    match problem {
        ClientError::Refused { code, .. } => code.is_retriable() && *code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ClientError::Protocol { .. } | ClientError::Unsupported { .. } => false,
        _ => true,
    }
}

/// Why a leader's partitions are not read on.
enum Stopped {
    /// Somebody else may lead some of these.
    Moved {
        rest: Positions,
        problem: ClientError,
        has_read: bool,
    },
    /// Nothing will be different later.
    Final(ClientError),
}

impl Fetcher {
    /// Takes the positions out and sorts them by who leads them; on an error they stay.
    async fn by_leader(&self, positions: &mut Positions) -> Result<BTreeMap<i32, Positions>, ClientError> {
        if positions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut topics: Vec<&str> = positions.keys().map(|(topic, _)| topic.as_str()).collect();
        topics.dedup();
        let leaders = self.cluster.leaders(&topics).await?;
        if let Some((topic, partition)) = positions.keys().find(|it| !leaders.contains_key(*it)) {
            return Err(ClientError::NoLeader {
                subject: format!("{topic}-{partition}"),
            });
        }
        let mut by_leader: BTreeMap<i32, Positions> = BTreeMap::new();
        for (partition, position) in std::mem::take(positions) {
            let leader = leaders.get(&partition).copied().unwrap_or(-1);
            by_leader.entry(leader).or_default().insert(partition, position);
        }
        Ok(by_leader)
    }

    /// Reads until all partitions are done. What is left when that cannot go on comes back.
    async fn read(&self, leader: i32, mut positions: Positions) -> Result<(), Stopped> {
        let mut has_read = false;
        let mut rotation = 0;
        let moved_on = |rest: Positions, problem, has_read| {
            Err(Stopped::Moved {
                rest,
                problem,
                has_read,
            })
        };
        loop {
            if positions.is_empty() || self.output.is_closed() {
                return Ok(());
            }
            let answer = match self.fetch(leader, &positions, rotation).await {
                Ok(answer) => answer,
                Err(problem) if may_pass(&problem) => return moved_on(positions, problem, has_read),
                Err(problem) => return Err(Stopped::Final(problem)),
            };
            rotation += 1;
            let mut moved = None;
            for (partition, data) in answer {
                let Some(position) = positions.get_mut(&partition) else {
                    continue;
                };
                match self.take(&partition, position, data).await {
                    Ok(()) => {
                        has_read = true;
                        self.unanswered.lock().remove(&partition);
                    }
                    Err(problem) if may_pass(&problem) && !self.is_given_up(&partition) => moved = Some(problem),
                    Err(problem) => return Err(Stopped::Final(problem)),
                }
            }
            positions.retain(|_, position| !position.is_done());
            if let Some(problem) = moved {
                return moved_on(positions, problem, has_read);
            }
        }
    }

    /// Whether a partition that has no answer once more has had none for too long.
    fn is_given_up(&self, partition: &TopicPartition) -> bool {
        let mut unanswered = self.unanswered.lock();
        let since = *unanswered.entry(partition.clone()).or_insert_with(Instant::now);
        since.elapsed() >= self.cluster.timeout()
    }

    async fn take(
        &self,
        partition: &TopicPartition,
        position: &mut Position,
        data: PartitionData,
    ) -> Result<(), ClientError> {
        check(data.error_code, None, || format!("{}-{}", partition.0, partition.1))?;
        let bytes = data.records.unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = position.next;
        let next = next_offset(&bytes, offset).map_err(|problem| unreadable(partition, &problem))?;
        position.next = next;
        let aborted: Vec<(i64, i64)> = match self.options.committed {
            true => (data.aborted_transactions.unwrap_or_default().iter())
                .map(|aborted| (aborted.producer_id.0, aborted.first_offset))
                .collect(),
            false => Vec::new(),
        };
        let fetched = Fetched {
            partition: partition.clone(),
            bytes,
            offset,
            end: position.end.unwrap_or(i64::MAX),
            aborted,
        };
        // Who reads may have enough.
        let _ = self.output.send(fetched).await;
        Ok(())
    }

    async fn fetch(
        &self,
        leader: i32,
        positions: &Positions,
        rotation: usize,
    ) -> Result<Vec<(TopicPartition, PartitionData)>, ClientError> {
        let connection = self.cluster.broker(leader).await?;
        // The first in the request are served first: each takes its turn.
        let skip = rotation % positions.len();
        let in_turn = positions.iter().skip(skip).chain(positions.iter().take(skip));
        let mut topics: Vec<FetchTopic> = Vec::new();
        for ((topic, partition), position) in in_turn {
            let asked = FetchPartition::default()
                .with_partition(*partition)
                .with_current_leader_epoch(-1)
                .with_fetch_offset(position.next)
                .with_log_start_offset(-1)
                .with_partition_max_bytes(self.options.partition_max_bytes);
            match topics.last_mut().filter(|last| last.topic.as_str() == topic) {
                Some(last) => last.partitions.push(asked),
                None => topics.push(
                    FetchTopic::default()
                        .with_topic(topic_name(topic))
                        .with_partitions(vec![asked]),
                ),
            }
        }
        let max_wait = self.options.max_wait;
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(1)
            .with_max_bytes(self.options.max_bytes)
            .with_isolation_level(i8::from(self.options.committed))
            .with_session_epoch(-1)
            .with_topics(topics);
        let answer = connection.call_within(&request, max_wait).await?;
        check(answer.error_code, None, || format!("a fetch from broker {leader}"))?;
        let mut data = Vec::new();
        for topic in answer.responses {
            let name = topic.topic.to_string();
            data.extend(
                topic
                    .partitions
                    .into_iter()
                    .map(|it| ((name.clone(), it.partition_index), it)),
            );
        }
        Ok(data)
    }
}

fn unreadable(partition: &TopicPartition, problem: &BatchError) -> ClientError {
    ClientError::Protocol {
        broker: format!("{}-{}", partition.0, partition.1),
        reason: problem.to_string(),
    }
}
