//! `weir topic …`.

mod add_partitions;
mod alter;
mod create;
mod delete;
mod describe;
mod list;

use clap::{Args, Subcommand};

use super::cluster_args::block_on;
use super::error::ToolError;

/// Arguments of `weir topic`.
#[derive(Debug, Args)]
pub struct TopicArgs {
    #[command(subcommand)]
    command: TopicCommand,
}

#[derive(Debug, Subcommand)]
enum TopicCommand {
    /// Make a topic
    Create(create::CreateArgs),
    /// List the topics
    List(list::ListArgs),
    /// Describe topics: partitions, leaders, offsets, the settings that are not defaults
    Describe(describe::DescribeArgs),
    /// Delete topics with all they hold
    Delete(delete::DeleteArgs),
    /// Change a topic's settings
    Alter(alter::AlterArgs),
    /// Give a topic more partitions
    AddPartitions(add_partitions::AddPartitionsArgs),
}

/// Runs `weir topic …`.
pub(super) fn run(args: &TopicArgs) -> Result<(), ToolError> {
    block_on(async {
        match &args.command {
            TopicCommand::Create(args) => create::run(args).await,
            TopicCommand::List(args) => list::run(args).await,
            TopicCommand::Describe(args) => describe::run(args).await,
            TopicCommand::Delete(args) => delete::run(args).await,
            TopicCommand::Alter(args) => alter::run(args).await,
            TopicCommand::AddPartitions(args) => add_partitions::run(args).await,
        }
    })
}
