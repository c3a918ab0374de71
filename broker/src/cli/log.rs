//! `weir log …`: arguments of the commands that look after logs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `weir log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: LogCommand,
}

/// What to do with logs.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Read logs through and report damage; changes nothing
    Verify(VerifyArgs),
    /// Cut damaged logs back to what is whole
    Repair(RepairArgs),
}

/// Arguments of `weir log verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A data directory, or one partition in it
    #[arg(value_name = "DIR_OR_PARTITION")]
    pub path: PathBuf,
}

/// Arguments of `weir log repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// Agree that records from the first damage on are given up
    #[arg(long, required = true)]
    pub accept_loss: bool,
    /// A data directory, or one partition in it
    #[arg(value_name = "DIR_OR_PARTITION")]
    pub path: PathBuf,
}
