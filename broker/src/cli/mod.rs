//! The command line: `weir`, which is `weir serve`, and its other commands.
//!
//! Invariant: what the command line says about the broker becomes [`Assignment`](crate::config::Assignment)s and is
//! checked where a file's values are; nothing is decided here.

mod log;
mod repair;
mod serve;
mod target;
mod verify;

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod tests;

use clap::{Parser, Subcommand};

pub use log::{LogArgs, LogCommand, RepairArgs, VerifyArgs};
pub use serve::{LoadError, LogFormat, ServeArgs, host_name};
pub use verify::run_log;

/// A Kafka-wire-compatible streaming broker.
#[derive(Debug, Parser)]
#[command(name = "weir", version, args_conflicts_with_subcommands = true)]
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
    Serve(ServeArgs),
    /// Look after the logs of a broker that is not running
    Log(LogArgs),
}

impl Cli {
    /// The command; serving, where none was named.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}
