//! `weir log …`: arguments of the commands that look after logs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::output::OutputArgs;

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
    /// Print what stands in log files: batches, records, indexes, snapshots, the journal
    ///
    /// Works on the files of Weir and of Apache Kafka, also while a broker writes them. The exit status is 1 where something
    /// does not read.
    Dump(super::DumpArgs),
    /// Read the journal and logs through and report damage; changes nothing
    ///
    /// Every batch is checked, and each log is compared with what the journal says of it: where it begins, how far it was
    /// synced, in which term each batch was written. Partitions that the metadata has and that have no directory are
    /// reported. The broker must be stopped: a data directory in use is refused (a running broker reads its own logs
    /// through, see weir.scrub.interval.ms).
    ///
    /// The exit status is 0 where nothing is damaged, and 1 where something is, or could not be read. Notes do not count:
    /// a wrong index or snapshot is made anew, and what was torn by the last stop and never synced is cut by the next start.
    ///
    /// Data directories, partitions and segments (.log) of Apache Kafka are read through, too, without a journal.
    #[command(verbatim_doc_comment)]
    Verify(VerifyArgs),
    /// Cut damaged logs back to what is whole
    ///
    /// What lies above the first damage of a log is given up. The broker must be stopped, and its journal whole. The exit
    /// status is 0 where all that was damaged is repaired.
    Repair(RepairArgs),
}

/// Arguments of `weir log verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A data directory or one partition in it, Weir's or Apache Kafka's, or one segment
    #[arg(value_name = "DIR_OR_PARTITION")]
    pub path: PathBuf,
    #[command(flatten)]
    pub(super) output: OutputArgs,
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
