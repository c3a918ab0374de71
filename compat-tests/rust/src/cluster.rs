//! The broker under test, and clients of it. Names are unique for each run, so that a broker can be used again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders, Timestamp};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::checks::{Outcome, Problem, equal, eventually, holds, patience};
use crate::record::{Record, by_partition, now_ms, same};

/// One broker, reached as a client reaches it.
pub struct Cluster {
    pub bootstrap: String,
    pub admin: AdminClient<DefaultClientContext>,
    run: String,
}

/// What a check does with a cluster.
pub type Body = fn(&Cluster) -> Outcome;

/// Names and values of a client's settings.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

impl Cluster {
    pub fn new(bootstrap: &str) -> Self {
        let admin = config(bootstrap, &[]).create().expect("the settings are right");
        let run = format!("{:x}-{:x}", now_ms() & 0xFF_FFFF, std::process::id());
        Self {
            bootstrap: bootstrap.to_owned(),
            admin,
            run,
        }
    }

    /// A name that no other run uses.
    pub fn name(&self, what: &str) -> String {
        format!("rust-{what}-{}", self.run)
    }

    /// Creates a topic, waits until its partitions answer, and returns its name.
    pub fn topic(&self, what: &str, partitions: i32, configs: Settings<'_>) -> Result<String, Problem> {
        let name = self.name(what);
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        self.create(&topic, &AdminOptions::new())
            .map_err(|code| format!("creating {name}: {code}"))?;
        self.await_partitions(&name, partitions)?;
        Ok(name)
    }

    /// Creates a topic, or says which error the broker answered.
    pub fn create(&self, topic: &NewTopic<'_>, options: &AdminOptions) -> Result<(), RDKafkaErrorCode> {
        match block_on(self.admin.create_topics([topic], options)) {
            Ok(answers) => match answers.into_iter().next() {
                Some(Err((_, code))) => Err(code),
                _ => Ok(()),
            },
            Err(error) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)),
        }
    }

    /// Waits until the partitions lead. Kafka answers CreateTopics before; with acks=0 records would be lost.
    pub fn await_partitions(&self, topic: &str, partitions: i32) -> Result<(), Problem> {
        let consumer = self.consumer(&[])?;
        eventually(format_args!("{topic} leads"), || {
            // What librdkafka knows of a topic can be older than the partitions.
            let known = consumer.fetch_metadata(Some(topic), patience()).is_ok();
            Ok(known && (0..partitions).all(|number| consumer.fetch_watermarks(topic, number, patience()).is_ok()))
        })
    }

    pub fn consumer(&self, settings: Settings<'_>) -> Result<BaseConsumer, Problem> {
        let group = self.name("unused");
        let defaults = [
            ("group.id", group.as_str()),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "error"),
        ];
        Ok(config(&self.bootstrap, &[&defaults, settings].concat()).create()?)
    }

    pub fn producer(&self, settings: Settings<'_>) -> Result<Sender, Problem> {
        let answers = Answers::default();
        let config = config(&self.bootstrap, &[&[("linger.ms", "5")], settings].concat());
        let raw = config.create_with_context(answers.clone())?;
        Ok(Sender { raw, answers, sent: 0 })
    }

    /// Produces to empty partitions, checks what was answered, and returns the records to be read, by partition.
    pub fn send(&self, topic: &str, records: &[Record], settings: Settings<'_>) -> Result<Vec<Record>, Problem> {
        let mut sender = self.producer(settings)?;
        for record in records {
            sender.send(topic, record, Some(record.partition))?;
        }
        let answers = sender.close()?;
        let mut ends = BTreeMap::<i32, i64>::new();
        let mut expected = Vec::new();
        for (index, (record, answer)) in records.iter().zip(answers).enumerate() {
            let end = ends.entry(record.partition).or_default();
            let answer = answer.map_err(|error| format!("record {index} failed: {error}"))?;
            if !settings.contains(&("acks", "0")) {
                equal(*end, answer.offset, format_args!("offset of record {index}"))?;
            }
            expected.push(record.at(*end));
            *end += 1;
        }
        Ok(by_partition(expected))
    }

    /// Produces to an empty topic, reads it whole and compares.
    pub fn round_trip(&self, topic: &str, records: &[Record], settings: Settings<'_>) -> Result<String, Problem> {
        let expected = self.send(topic, records, settings)?;
        if settings
            .iter()
            .any(|setting| [("acks", "0"), ("acks", "1")].contains(setting))
        {
            // Nobody says when the records can be read: with acks=1 they are written, and not yet committed.
            eventually("all records are committed", || {
                Ok(self.read(topic, &[])?.len() >= records.len())
            })?;
        }
        same(&expected, &self.read(topic, &[])?)
    }

    /// Every record of the topic, by partition and offset.
    pub fn read(&self, topic: &str, settings: Settings<'_>) -> Result<Vec<Record>, Problem> {
        let consumer = self.consumer(settings)?;
        let metadata = consumer.fetch_metadata(Some(topic), patience())?;
        let partitions = metadata
            .topics()
            .first()
            .map_or(0, |topic| topic.partitions().len() as i32);
        let mut parts = TopicPartitionList::new();
        let mut count = 0;
        for number in 0..partitions {
            count += consumer.fetch_watermarks(topic, number, patience())?.1 as usize;
            parts.add_partition_offset(topic, number, Offset::Beginning)?;
        }
        consumer.assign(&parts)?;
        Ok(by_partition(poll(&consumer, count)?))
    }

    /// What a group has committed for each partition, -1 for nothing.
    pub fn committed(&self, group: &str, topic: &str, partitions: i32) -> Result<Vec<i64>, Problem> {
        let consumer = self.consumer(&[("group.id", group)])?;
        committed(&consumer, topic, partitions)
    }
}

/// What the consumer's group has committed for each partition, -1 for nothing.
pub fn committed(consumer: &BaseConsumer, topic: &str, partitions: i32) -> Result<Vec<i64>, Problem> {
    let mut parts = TopicPartitionList::new();
    parts.add_partition_range(topic, 0, partitions - 1);
    let found = consumer.committed_offsets(parts, patience())?;
    let offset = |offset| {
        if let Offset::Offset(number) = offset {
            number
        } else {
            -1
        }
    };
    Ok(found.elements().iter().map(|part| offset(part.offset())).collect())
}

/// Reads exactly so many records.
pub fn poll(consumer: &BaseConsumer, count: usize) -> Result<Vec<Record>, Problem> {
    let end = Instant::now() + patience();
    let mut records = Vec::new();
    while records.len() < count {
        holds(
            Instant::now() < end,
            format_args!("{} of {count} records came", records.len()),
        )?;
        if let Some(message) = consumer.poll(std::time::Duration::from_millis(200)) {
            records.push(Record::read(&message?));
        }
    }
    Ok(records)
}

/// A client's settings.
pub fn config(bootstrap: &str, settings: Settings<'_>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set_log_level(RDKafkaLogLevel::Error);
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

/// Where a record went.
#[derive(Clone)]
pub struct Answer {
    pub partition: i32,
    pub offset: i64,
    /// Whether the broker stamped it, and the time.
    pub appended: bool,
    pub timestamp: i64,
}

/// The answers to records, in the order in which they were sent.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<BTreeMap<usize, Result<Answer, KafkaError>>>>);

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Self::DeliveryOpaque) {
        let answer = match result {
            Ok(message) => Ok(Answer {
                partition: message.partition(),
                offset: message.offset(),
                appended: matches!(message.timestamp(), Timestamp::LogAppendTime(_)),
                timestamp: message.timestamp().to_millis().unwrap_or(-1),
            }),
            Err((error, _)) => Err(error.clone()),
        };
        if let Ok(mut answers) = self.0.lock() {
            answers.insert(*index, answer);
        }
    }
}

/// A producer.
pub struct Sender {
    raw: ThreadedProducer<Answers>,
    answers: Answers,
    sent: usize,
}

impl Sender {
    /// Hands over a record, for a partition or for one that the client chooses.
    pub fn send(&mut self, topic: &str, record: &Record, partition: Option<i32>) -> Result<(), Problem> {
        let mut made: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(topic, Box::new(self.sent)).timestamp(record.timestamp);
        made.partition = partition;
        made.key = record.key.as_deref();
        made.payload = record.value.as_deref();
        if !record.headers.is_empty() {
            let mut headers = OwnedHeaders::new();
            for (name, value) in &record.headers {
                headers = headers.insert(Header {
                    key: name,
                    value: value.as_ref(),
                });
            }
            made.headers = Some(headers);
        }
        self.raw.send(made).map_err(|(error, _)| error)?;
        self.sent += 1;
        Ok(())
    }

    /// Waits for all answers.
    pub fn flush(&self) -> Result<Vec<Result<Answer, KafkaError>>, Problem> {
        self.raw.flush(patience())?;
        let answers = self.answers.0.lock().map_err(|_| "the answers are lost")?;
        equal(self.sent, answers.len(), "answers")?;
        Ok(answers.values().cloned().collect())
    }

    pub fn close(self) -> Result<Vec<Result<Answer, KafkaError>>, Problem> {
        self.flush()
    }
}
