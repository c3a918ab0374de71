//! `weir produce`: records from standard input.

mod input;

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};
use storage::compression::Codec;
use tokio::sync::mpsc;

use super::cluster_args::{ClusterArgs, block_on, existing_topic, unknown_topic};
use super::error::{ToolError, explain};
use super::escapes::{Delimiter, delimiter};
use super::progress::Progress;
use crate::client::admin::Topic;
use crate::client::produce::{Acks, Producer, ProducerOptions};
use crate::client::{Cluster, ErrorCode};
use input::{Input, InputOptions};

/// Pieces of the input that wait to be taken.
const INPUT_QUEUE: usize = 4;
/// How long a topic that the broker makes may take to appear.
const CREATE_ATTEMPTS: u32 = 50;
const CREATE_PAUSE: Duration = Duration::from_millis(100);

/// Arguments of `weir produce`.
#[derive(Debug, Args)]
pub struct ProduceArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// How standard input holds records
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    input: InputFormat,
    /// Ends a record; \n, \t, \0 and \xNN are understood
    #[arg(short = 'D', long, default_value = "\\n", value_name = "TEXT", value_parser = delimiter)]
    delimiter: Delimiter,
    /// Stands between key and value; without it, records have no key
    #[arg(short = 'K', long, value_name = "TEXT", value_parser = delimiter)]
    key_delimiter: Option<Delimiter>,
    /// The key of all records
    #[arg(short = 'k', long, value_name = "KEY", conflicts_with = "key_delimiter")]
    key: Option<String>,
    /// A header of all records, with a null value where there is no `=`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME[=VALUE]")]
    headers: Vec<String>,
    /// An empty value, or key, is null: a tombstone
    #[arg(short = 'Z', long)]
    null: bool,
    /// The partition of all records [default: by the key, as Java's clients; without one, any]
    #[arg(short = 'p', long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// How batches are compressed
    #[arg(short = 'z', long, value_enum, default_value = "none", value_name = "CODEC")]
    compression: CodecName,
    /// The codec's level
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    compression_level: Option<i32>,
    /// When the broker answers: never, once the leader has it, or once it is durable
    #[arg(long, value_enum, default_value = "all", value_name = "WHEN")]
    acks: AcksName,
    /// Send a batch when it has so many bytes
    #[arg(long, default_value = "262144", value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=64 << 20))]
    batch_bytes: u32,
    /// Send a batch after so many milliseconds at the latest
    #[arg(long, default_value = "5", value_name = "MS", value_parser = clap::value_parser!(u64).range(..=60_000))]
    linger_ms: u64,
    /// Send without a producer id: what is sent again after a lost answer may be there twice
    #[arg(long)]
    no_idempotence: bool,
    /// Let the broker make the topic, where it is set to do so
    #[arg(long)]
    create: bool,
    /// Show no progress on a terminal
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// Values, and keys if --key-delimiter is given
    Text,
    /// One object a line, as `weir consume --output json` writes them
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CodecName {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AcksName {
    /// Once it is as durable as the topic promises
    #[value(alias = "-1")]
    All,
    /// Once the leader has it
    #[value(name = "1", alias = "leader")]
    Leader,
    /// Never
    #[value(name = "0", alias = "none")]
    None,
}

impl ProduceArgs {
    fn producer_options(&self) -> ProducerOptions {
        ProducerOptions {
            acks: match self.acks {
                AcksName::All => Acks::All,
                AcksName::Leader => Acks::Leader,
                AcksName::None => Acks::None,
            },
            codec: match self.compression {
                CodecName::None => Codec::None,
                CodecName::Gzip => Codec::Gzip,
                CodecName::Snappy => Codec::Snappy,
                CodecName::Lz4 => Codec::Lz4,
                CodecName::Zstd => Codec::Zstd,
            },
            level: self.compression_level,
            batch_bytes: self.batch_bytes as usize,
            linger: Duration::from_millis(self.linger_ms),
            // Only what is durable once can be told from what came twice.
            idempotent: self.acks == AcksName::All && !self.no_idempotence,
        }
    }

    fn input_options(&self) -> InputOptions {
        let header = |text: &String| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned().into())),
            None => (text.clone(), None),
        };
        InputOptions {
            is_json: self.input == InputFormat::Json,
            delimiter: self.delimiter.clone(),
            key_delimiter: self.key_delimiter.clone(),
            key: self.key.clone().map(Into::into),
            headers: self.headers.iter().map(header).collect(),
            null: self.null,
            partition: self.partition,
        }
    }
}

/// Runs `weir produce`.
pub(super) fn run(args: &ProduceArgs) -> Result<(), ToolError> {
    if args.input == InputFormat::Json && (args.key.is_some() || args.key_delimiter.is_some() || args.null) {
        return Err(ToolError::Usage(
            "--input json says itself what keys and nulls are: leave out --key, --key-delimiter and --null".to_owned(),
        ));
    }
    block_on(async {
        let cluster = args.cluster.connect().await?;
        let topic = look_up(&cluster, &args.topic, args.create).await?;
        if let Some(partition) = args
            .partition
            .filter(|it| !topic.partitions.iter().any(|one| one.index == *it))
        {
            return Err(ToolError::Failed(format!(
                "topic {} has no partition {partition}: it has {}, from 0 on",
                args.topic,
                topic.partitions.len()
            )));
        }
        let mut producer = Producer::new(cluster, &topic, args.producer_options()).await?;
        let (sender, mut records) = mpsc::channel(INPUT_QUEUE);
        let reader = Input::start(args.input_options(), sender);
        let progress = Progress::records(None, !args.quiet && !std::io::stdin().is_terminal());
        let sent = producer
            .run(&mut records, |sent| progress.set(sent.records, sent.bytes))
            .await;
        progress.finish();
        let so_far = producer.sent().records;
        let with_count = |message: String| ToolError::Failed(format!("{message}\n  {so_far} records were sent before"));
        sent.map_err(|problem| with_count(explain(&problem)))?;
        // What came before the trouble with the input was sent.
        reader.await.unwrap_or(Ok(())).map_err(with_count)
    })
}

async fn look_up(cluster: &Cluster, name: &str, create: bool) -> Result<Topic, ToolError> {
    if !create {
        return existing_topic(cluster, name).await;
    }
    for _ in 0..CREATE_ATTEMPTS {
        match cluster.topic_or_create(name).await {
            Ok(topic) if topic.partitions.iter().all(|partition| partition.leader.is_some()) => return Ok(topic),
            Ok(_) => {}
            Err(problem) if problem.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {}
            Err(problem) => return Err(problem.into()),
        }
        tokio::time::sleep(CREATE_PAUSE).await;
    }
    Err(unknown_topic(cluster, name).await)
}
