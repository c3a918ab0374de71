//! The plain loads: topics, produce, fetch.

use std::time::Instant;

use serde::Serialize;
use storage::compression::Codec;

use super::Problem;
use super::admin::Admin;
use super::connection::Connection;
use super::fetch::{Appetite, Fetch};
use super::measure::{Report, Span, measure};
use super::produce::{Batch, Produce};

/// Which broker, which topic.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Target {
    /// The broker's address
    #[arg(long)]
    pub(super) server: String,
    /// The topic
    #[arg(long)]
    pub(super) topic: String,
    /// How many partitions of it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    pub(super) partitions: i32,
}

/// Of the creation of a topic.
#[derive(Debug, clap::Args)]
pub(crate) struct Topic {
    #[command(flatten)]
    target: Target,
    /// A config of the topic
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("there is no '=' in it")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// What was done, and how long it took.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    seconds: f64,
}

impl Topic {
    pub(super) fn run(&self) -> Result<Done, Problem> {
        let began = Instant::now();
        let mut admin = Admin::connect(&self.target.server)?;
        admin.create_topic(&self.target.topic, self.target.partitions, &self.config)?;
        admin.await_ends(&self.target.topic, self.target.partitions)?;
        let seconds = began.elapsed().as_secs_f64();
        Ok(Done { seconds })
    }
}

/// Of the deletion of a topic.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteTopic {
    /// The broker's address
    #[arg(long)]
    server: String,
    /// The topic
    #[arg(long)]
    topic: String,
}

impl DeleteTopic {
    pub(super) fn run(&self) -> Result<Done, Problem> {
        let began = Instant::now();
        Admin::connect(&self.server)?.delete_topic(&self.topic)?;
        let seconds = began.elapsed().as_secs_f64();
        Ok(Done { seconds })
    }
}

/// What is in a produce request, and what it waits for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Records {
    /// Bytes of a record's value
    #[arg(long, default_value_t = 1000)]
    pub(super) record_bytes: usize,
    /// Whom to wait for: 1 (the leader) or all
    #[arg(long, default_value = "1", value_parser = acks, allow_hyphen_values = true)]
    pub(super) acks: i16,
}

fn acks(name: &str) -> Result<i16, String> {
    match name {
        "1" => Ok(1),
        "all" | "-1" => Ok(-1),
        other => Err(format!("{other:?} is neither 1 nor all")),
    }
}

/// Of a load of produce requests.
#[derive(Debug, clap::Args)]
pub(crate) struct ProduceOptions {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    records: Records,
    /// Bytes of a batch before compression; at least one record is in it
    #[arg(long, default_value_t = 16384)]
    batch_bytes: usize,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, default_value = "none", value_parser = codec)]
    codec: Codec,
    /// Connections
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Requests without an answer on each
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// Requests per second, of all connections together; times count from when each was due
    #[arg(long)]
    rate: Option<f64>,
    #[command(flatten)]
    span: Span,
}

fn codec(name: &str) -> Result<Codec, String> {
    match name {
        "none" => Ok(Codec::None),
        "gzip" => Ok(Codec::Gzip),
        "snappy" => Ok(Codec::Snappy),
        "lz4" => Ok(Codec::Lz4),
        "zstd" => Ok(Codec::Zstd),
        other => Err(format!("there is no codec {other:?}")),
    }
}

impl ProduceOptions {
    pub(super) fn run(&self) -> Result<Report, Problem> {
        let batch = Batch::new(self.records.record_bytes, self.batch_bytes, self.codec)?;
        let open = |index: usize| {
            let produce = Produce::new(
                &self.target.topic,
                self.target.partitions,
                batch.clone(),
                self.records.acks,
                index as i32,
                self.connections as i32,
            )?;
            let connection = Connection::open(&self.target.server, Box::new(produce), self.in_flight)?;
            Ok(match self.rate {
                Some(_) => connection.paced(),
                None => connection,
            })
        };
        let connections: Result<Vec<_>, Problem> = (0..self.connections).map(open).collect();
        measure(connections?, self.rate, &self.span)
    }
}

/// Of a load of fetch requests.
#[derive(Debug, clap::Args)]
pub(crate) struct FetchOptions {
    #[command(flatten)]
    target: Target,
    /// Bytes of a record's value in the topic, to count by
    #[arg(long, default_value_t = 1000)]
    record_bytes: u64,
    /// Bytes of an answer, at most
    #[arg(long, default_value_t = 4 << 20)]
    fetch_bytes: i32,
    /// Connections; each reads one partition
    #[arg(long, default_value_t = 1)]
    connections: usize,
    #[command(flatten)]
    span: Span,
}

impl FetchOptions {
    pub(super) fn run(&self) -> Result<Report, Problem> {
        const MAX_WAIT_MS: i32 = 500;
        let ends = Admin::connect(&self.target.server)?.await_ends(&self.target.topic, self.target.partitions)?;
        let appetite = Appetite {
            max_bytes: self.fetch_bytes,
            max_wait_ms: MAX_WAIT_MS,
        };
        let open = |index: usize| {
            let partition = index % ends.len();
            let end = Some(ends[partition]);
            let topic = &self.target.topic;
            let fetch = Fetch::new(topic, partition as i32, 0, end, appetite, self.record_bytes)?;
            Connection::open(&self.target.server, Box::new(fetch), 1)
        };
        let connections: Result<Vec<_>, Problem> = (0..self.connections).map(open).collect();
        measure(connections?, None, &self.span)
    }
}
