//! The producer's loop: takes records, sends what is ready to the partitions' leaders, takes the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProducerId};
use rand::RngExt;
use storage::compression::Codec;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::state::{Identity, PartitionState, Ready};
use super::{Acks, MAX_BUFFERED_BYTES, NewRecord, ProducerOptions, partition_of};
use crate::client::admin::Topic;
use crate::client::cluster::{Cluster, Effect};
use crate::client::error::{ClientError, ErrorCode, check, lacks};
use crate::client::{joined, topic_name};

/// Bytes of records in one request, about.
const MAX_REQUEST_BYTES: usize = 8 << 20;
/// Before a batch is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What a producer has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records that were answered.
    pub records: u64,
    /// Their bytes, about.
    pub bytes: u64,
}

/// A producer of one topic.
#[derive(Debug)]
pub struct Producer {
    cluster: Arc<Cluster>,
    options: Arc<ProducerOptions>,
    topic: Arc<str>,
    identity: Option<Identity>,
    partitions: Vec<PartitionState>,
    leaders: BTreeMap<i32, i32>,
    /// Where records without a key go until a batch is full.
    sticky: usize,
    buffered: usize,
    sent: Sent,
    tasks: JoinSet<Vec<Outcome>>,
}

/// What became of a batch.
#[derive(Debug)]
struct Outcome {
    partition: i32,
    batch: Ready,
    result: Result<(), ClientError>,
}

impl Producer {
    /// A producer of a topic that was looked up.
    pub async fn new(cluster: Arc<Cluster>, topic: &Topic, options: ProducerOptions) -> Result<Self, ClientError> {
        let identity = match options.idempotent {
            true => Some(identity(&cluster).await?),
            false => None,
        };
        let leaders = topic.partitions.iter().filter_map(|it| Some((it.index, it.leader?)));
        Ok(Producer {
            options: Arc::new(options),
            topic: topic.name.as_str().into(),
            identity,
            leaders: leaders.collect(),
            sticky: rand::rng().random_range(0..topic.partitions.len().max(1)),
            partitions: topic.partitions.iter().map(|_| PartitionState::default()).collect(),
            buffered: 0,
            sent: Sent::default(),
            tasks: JoinSet::new(),
            cluster,
        })
    }

    /// Sends all that comes until the input ends, and waits for the last answer; `on_progress` is told after each. On an
    /// error [`Producer::sent`] says how far it came.
    pub async fn run(
        &mut self,
        input: &mut mpsc::Receiver<Vec<NewRecord>>,
        mut on_progress: impl FnMut(Sent),
    ) -> Result<Sent, ClientError> {
        let mut is_ended = false;
        loop {
            self.dispatch();
            if is_ended && self.partitions.iter().all(PartitionState::is_done) {
                return Ok(self.sent);
            }
            let due = self.due();
            tokio::select! {
                records = input.recv(), if !is_ended && self.buffered < MAX_BUFFERED_BYTES => match records {
                    Some(records) => self.take(&records)?,
                    None => {
                        is_ended = true;
                        self.close_all();
                    }
                },
                Some(done) = self.tasks.join_next() => {
                    self.settle(joined(done).unwrap_or_default()).await?;
                    on_progress(self.sent);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.close_due(),
            }
        }
    }

    /// What was answered so far.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    fn take(&mut self, records: &[NewRecord]) -> Result<(), ClientError> {
        let count = self.partitions.len();
        for record in records {
            let partition = match (record.partition, &record.key) {
                (Some(partition), _) => usize::try_from(partition).unwrap_or(usize::MAX),
                (None, Some(key)) if count > 0 => partition_of(key, count),
                (None, _) => self.sticky,
            };
            let Some(state) = self.partitions.get_mut(partition) else {
                return Err(ClientError::Refused {
                    subject: format!("partition {partition} of topic {}, which has {count}", self.topic),
                    code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    message: None,
                });
            };
            self.buffered += record.size();
            let is_filled = state.push(record, &self.options, self.identity);
            if is_filled && record.partition.is_none() && record.key.is_none() {
                self.sticky = rand::rng().random_range(0..count);
            }
        }
        Ok(())
    }

    /// When the oldest collecting batch has waited long enough.
    fn due(&self) -> Option<Instant> {
        let open = self.partitions.iter().filter_map(|state| state.open.as_ref());
        open.map(|open| open.since + self.options.linger).min()
    }

    fn close_due(&mut self) {
        let now = Instant::now();
        for state in &mut self.partitions {
            if state
                .open
                .as_ref()
                .is_some_and(|open| open.since + self.options.linger <= now)
            {
                state.close(self.identity);
            }
        }
    }

    fn close_all(&mut self) {
        for state in &mut self.partitions {
            state.close(self.identity);
        }
    }

    /// Sends the first batch of every partition that has one and none under way.
    fn dispatch(&mut self) {
        let mut requests: BTreeMap<i32, Vec<(i32, Ready)>> = BTreeMap::new();
        let mut bytes: BTreeMap<i32, usize> = BTreeMap::new();
        for (state, partition) in self.partitions.iter_mut().zip(0..) {
            if !state.is_ready() {
                continue;
            }
            // Without a leader any broker is asked, whose refusal is what makes the leaders be looked up.
            let leader = self.leaders.get(&partition).copied().unwrap_or(-1);
            let size = bytes.entry(leader).or_default();
            if *size >= MAX_REQUEST_BYTES {
                continue;
            }
            if let Some(mut batch) = state.ready.pop_front() {
                *size += batch.bytes;
                batch.since.get_or_insert_with(Instant::now);
                state.is_under_way = true;
                requests.entry(leader).or_default().push((partition, batch));
            }
        }
        for (leader, batches) in requests {
            let (cluster, options, topic) = (self.cluster.clone(), self.options.clone(), self.topic.clone());
            self.tasks
                .spawn(async move { send(&cluster, &options, &topic, leader, batches).await });
        }
    }

    async fn settle(&mut self, outcomes: Vec<Outcome>) -> Result<(), ClientError> {
        let mut is_stale = false;
        // The others of the same request count all the same.
        let mut failed = None;
        for Outcome {
            partition,
            mut batch,
            result,
        } in outcomes
        {
            let state = usize::try_from(partition)
                .ok()
                .and_then(|place| self.partitions.get_mut(place));
            let state = state.expect("only partitions that are there are sent to");
            state.is_under_way = false;
            match result {
                Ok(()) => {
                    self.buffered = self.buffered.saturating_sub(batch.bytes);
                    self.sent.records += batch.builder.len() as u64;
                    self.sent.bytes += batch.bytes as u64;
                }
                Err(problem) => {
                    let since = *batch.since.get_or_insert_with(Instant::now);
                    if may_send_again(&problem) && since.elapsed() < self.cluster.timeout() {
                        is_stale = true;
                        state.ready.push_front(batch);
                    } else {
                        failed.get_or_insert(problem);
                    }
                }
            }
        }
        if let Some(problem) = failed {
            return Err(problem);
        }
        if is_stale {
            sleep(RETRY_PAUSE).await;
            // Its own trouble shows when the batch is sent again.
            if let Ok(leaders) = self.cluster.leaders(&[&self.topic]).await {
                self.leaders = leaders
                    .into_iter()
                    .map(|((_, partition), leader)| (partition, leader))
                    .collect();
            }
        }
        Ok(())
    }
}

/// Whether the same batch may be sent again; without idempotence it may then be there twice, as with every client.
fn may_send_again(problem: &ClientError) -> bool {
    match problem {
        ClientError::Refused { code, .. } => code.is_retriable(),
        ClientError::Lost { .. }
        | ClientError::TimedOut { .. }
        | ClientError::Connect { .. }
        | ClientError::NoBroker { .. }
        | ClientError::NoLeader { .. } => true,
        ClientError::Protocol { .. } | ClientError::Unsupported { .. } | ClientError::UnknownBroker { .. } => false,
    }
}

async fn identity(cluster: &Cluster) -> Result<Identity, ClientError> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    cluster
        .retry(Effect::None, async || {
            let answer = cluster.any().await?.call(&request).await?;
            check(answer.error_code, None, || "an idempotent producer's id".to_owned())?;
            Ok(Identity {
                id: answer.producer_id.0,
                epoch: answer.producer_epoch,
            })
        })
        .await
}

async fn send(
    cluster: &Cluster,
    options: &ProducerOptions,
    topic: &str,
    leader: i32,
    batches: Vec<(i32, Ready)>,
) -> Vec<Outcome> {
    let (built, batches) = match build(options.codec, batches).await {
        Ok(built) => built,
        Err(outcomes) => return outcomes,
    };
    let answers = ask(cluster, options, topic, leader, built).await;
    let outcome = |(partition, batch): (i32, Ready)| {
        let result = match &answers {
            Ok(answers) => match answers.get(&partition) {
                None => Err(lacks("the leader", &format!("{topic}-{partition}"))),
                // It was written the last time.
                Some((code, _)) if ErrorCode(*code) == ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Ok(()),
                Some((code, said)) => check(*code, said.as_deref(), || format!("{topic}-{partition}")),
            },
            Err(problem) => Err(same(problem)),
        };
        Outcome {
            partition,
            batch,
            result,
        }
    };
    batches.into_iter().map(outcome).collect()
}

type Batches = Vec<(i32, Ready)>;

/// Compresses the batches, on a thread where that may take long.
async fn build(codec: Codec, batches: Batches) -> Result<(Vec<(i32, Bytes)>, Batches), Vec<Outcome>> {
    let work = move || {
        let built: Result<Vec<_>, String> = (batches.iter())
            .map(|(partition, batch)| {
                Ok((
                    *partition,
                    batch.builder.try_build().map_err(|error| error.to_string())?,
                ))
            })
            .collect();
        (built, batches)
    };
    let (built, batches) = match codec {
        Codec::None => work(),
        _ => joined(tokio::task::spawn_blocking(work).await).ok_or_else(Vec::new)?,
    };
    match built {
        Ok(built) => Ok((built, batches)),
        Err(reason) => Err(batches
            .into_iter()
            .map(|(partition, batch)| Outcome {
                partition,
                batch,
                result: Err(ClientError::Protocol {
                    broker: "a batch cannot be made".to_owned(),
                    reason: reason.clone(),
                }),
            })
            .collect()),
    }
}

async fn ask(
    cluster: &Cluster,
    options: &ProducerOptions,
    topic: &str,
    leader: i32,
    batches: Vec<(i32, Bytes)>,
) -> Result<BTreeMap<i32, (i16, Option<String>)>, ClientError> {
    let connection = match leader {
        0.. => cluster.broker(leader).await?,
        _ => cluster.any().await?,
    };
    let partitions: Vec<i32> = batches.iter().map(|(partition, _)| *partition).collect();
    let data = |(partition, bytes)| {
        PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(bytes))
    };
    let asked = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(batches.into_iter().map(data).collect());
    let request = ProduceRequest::default()
        .with_acks(match options.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        })
        .with_timeout_ms(cluster.timeout_ms())
        .with_topic_data(vec![asked]);
    if options.acks == Acks::None {
        connection.send(&request).await?;
        return Ok(partitions.into_iter().map(|partition| (partition, (0, None))).collect());
    }
    let answer = connection.call_within(&request, cluster.timeout()).await?;
    let results = answer.responses.into_iter().flat_map(|topic| topic.partition_responses);
    let said = |message: Option<kafka_protocol::protocol::StrBytes>| message.map(|text| text.to_string());
    Ok(results
        .map(|result| {
            let first = result.record_errors.into_iter().next();
            let first = first.and_then(|error| said(error.batch_index_error_message));
            (result.index, (result.error_code, said(result.error_message).or(first)))
        })
        .collect())
}

/// The error of a request, for one of its batches.
fn same(problem: &ClientError) -> ClientError {
    match problem {
        ClientError::Lost { broker, reason } => ClientError::Lost {
            broker: broker.clone(),
            reason: reason.clone(),
        },
        ClientError::TimedOut { broker, api, seconds } => ClientError::TimedOut {
            broker: broker.clone(),
            api: api.clone(),
            seconds: *seconds,
        },
        ClientError::Connect { broker, source } => ClientError::Connect {
            broker: broker.clone(),
            source: source.kind().into(),
        },
        ClientError::NoBroker { addresses, reason } => ClientError::NoBroker {
            addresses: addresses.clone(),
            reason: reason.clone(),
        },
        ClientError::NoLeader { subject } => ClientError::NoLeader {
            subject: subject.clone(),
        },
        other => ClientError::Protocol {
            broker: "the leader".to_owned(),
            reason: other.to_string(),
        },
    }
}
