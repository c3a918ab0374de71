//! `weir log …`: logs of a broker that is not running, Weir's or Apache Kafka's.

mod args;
mod dump;
mod foreign;
mod repair;
mod segment_file;
mod target;
mod verify;

#[cfg(test)]
mod tests;

pub use args::{LogArgs, LogCommand, RepairArgs, VerifyArgs};
pub use dump::DumpArgs;

use super::error::ToolError;

/// Runs `weir log …`.
pub(super) fn run_log(args: &LogArgs) -> Result<(), ToolError> {
    let done = match &args.command {
        LogCommand::Dump(args) => return dump::run_dump(args),
        LogCommand::Verify(args) => return verify::run_verify(args),
        LogCommand::Repair(args) => repair::run_repair(args),
    };
    done.map_err(ToolError::Failed)
}
