//! The command line: `weir`, which is `weir serve`, and its other commands.
//!
//! Invariant: what the command line says about the broker becomes [`Assignment`](crate::config::Assignment)s and is
//! checked where a file's values are; nothing is decided here.

//!
//! Each command is a room of its own; what the tools share is [`output`] (one value, printed as table, JSON or YAML),
//! [`error`] (exit statuses, and what to do) and [`cluster_args`] (which cluster).

mod assignment;
mod cluster;
mod cluster_args;
mod config;
mod confirm;
mod consume;
mod error;
mod escapes;
mod generate;
mod group;
mod log;
mod outcomes;
mod output;
mod partitions;
mod produce;
mod progress;
mod record_json;
mod serve;
mod time;
mod topic;

#[cfg(test)]
mod tests;

use clap::{Parser, Subcommand};

pub use cluster::ClusterCommandArgs;
pub use config::ConfigArgs;
pub use consume::ConsumeArgs;
pub use error::ToolError;
pub use generate::{CompletionsArgs, ManArgs};
pub use group::GroupArgs;
pub use log::{DumpArgs, LogArgs, LogCommand, RepairArgs, VerifyArgs};
pub use produce::ProduceArgs;
pub use serve::{LoadError, LogFormat, ServeArgs, host_name};
pub use topic::TopicArgs;

/// Said at the end of every help.
const EXIT_STATUS: &str = "Exit status: 0 where it was done, 1 where it failed, 2 where the command line is wrong.";

/// A Kafka-wire-compatible streaming broker, and tools for it and for Apache Kafka.
#[derive(Debug, Parser)]
#[command(name = "weir", version, args_conflicts_with_subcommands = true, after_help = EXIT_STATUS)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the broker (what `weir` alone does)
    Serve(Box<ServeArgs>),
    /// Make, list, describe, change and delete topics
    #[command(after_help = EXIT_STATUS)]
    Topic(TopicArgs),
    /// List, describe, reset and delete consumer groups
    #[command(after_help = EXIT_STATUS)]
    Group(GroupArgs),
    /// Send records from standard input
    #[command(after_help = EXIT_STATUS)]
    Produce(ProduceArgs),
    /// Write records to standard output
    #[command(after_help = EXIT_STATUS)]
    Consume(ConsumeArgs),
    /// List, print and change settings of topics, brokers and groups
    #[command(after_help = EXIT_STATUS)]
    Config(ConfigArgs),
    /// Describe the cluster: brokers, health, features
    #[command(after_help = EXIT_STATUS)]
    Cluster(ClusterCommandArgs),
    /// Look at the logs of a broker that is not running, Weir's or Apache Kafka's
    #[command(after_help = EXIT_STATUS)]
    Log(LogArgs),
    /// Print a script that completes this command line in a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write all of them into a directory
    Man(ManArgs),
}

impl Cli {
    /// The command; serving, where none was named.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(Box::new(self.serve)))
    }
}

/// Runs any command but [`Command::Serve`].
pub fn run(command: &Command) -> Result<(), ToolError> {
    match command {
        Command::Serve(_) => Ok(()),
        Command::Topic(args) => topic::run(args),
        Command::Group(args) => group::run(args),
        Command::Produce(args) => produce::run(args),
        Command::Consume(args) => consume::run(args),
        Command::Config(args) => config::run(args),
        Command::Cluster(args) => cluster::run(args),
        Command::Log(args) => log::run_log(args),
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args),
    }
}
