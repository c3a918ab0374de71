//! The load generator. It speaks to any Kafka broker, and says how much CPU it used itself, so that it is seen when it is
//! the limit.

mod admin;
mod connection;
mod dialogue;
mod end_to_end;
mod engine;
mod fetch;
mod idle;
mod measure;
mod noise;
mod produce;
mod request;
mod start;
mod steady;

use std::error::Error;
use std::io;

use crate::print;
use crate::wire::Malformed;

/// What to do to a broker.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Creates a topic, and waits until each partition answers
    Topic(steady::Topic),
    /// Removes a topic
    DeleteTopic(steady::DeleteTopic),
    /// Produces pre-built batches, as fast as it goes or at a rate
    Produce(steady::ProduceOptions),
    /// Reads partitions from the start, over and over
    Fetch(steady::FetchOptions),
    /// Produces at a rate, and consumes: how long each record takes
    EndToEnd(end_to_end::Options),
    /// Holds connections on which nothing happens
    Idle(idle::Options),
    /// Opens and closes connections, well-behaved or not
    Noise(noise::Options),
    /// Starts a broker, and tells when it has answered
    Start(start::Options),
}

/// Why a load cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("cannot connect to {0}: {1}; is the broker running?")]
    Connect(String, io::Error),
    #[error("a connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("the broker closed a connection")]
    Closed,
    #[error("{0}: the broker answers with error {1}")]
    Refused(String, i16),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("no batch can be made: {0}")]
    Batch(String),
    #[error("{0}")]
    Unexpected(&'static str),
}

impl From<rustix::io::Errno> for Problem {
    fn from(errno: rustix::io::Errno) -> Self {
        Problem::Io(errno.into())
    }
}

/// Does it, and prints a line of JSON.
pub(crate) fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Topic(options) => print(&options.run()?),
        Command::DeleteTopic(options) => print(&options.run()?),
        Command::Produce(options) => print(&options.run()?),
        Command::Fetch(options) => print(&options.run()?),
        Command::EndToEnd(options) => print(&options.run()?),
        Command::Idle(options) => print(&options.run()?),
        Command::Noise(options) => print(&options.run()?),
        Command::Start(options) => print(&options.run()?),
    }
}
