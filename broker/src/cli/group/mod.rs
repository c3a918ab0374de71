//! `weir group …`.

mod delete;
mod describe;
mod list;
mod reset;

use clap::{Args, Subcommand};

use super::cluster_args::block_on;
use super::error::{ToolError, did_you_mean};
use crate::client::{ClientError, Cluster, ErrorCode};

/// Arguments of `weir group`.
#[derive(Debug, Args)]
pub struct GroupArgs {
    #[command(subcommand)]
    command: GroupCommand,
}

#[derive(Debug, Subcommand)]
enum GroupCommand {
    /// List the consumer groups
    List(list::ListArgs),
    /// Describe groups: state, members, committed offsets and how far behind they are
    Describe(describe::DescribeArgs),
    /// Move a group's offsets; without --execute only the plan is printed
    Reset(reset::ResetArgs),
    /// Delete groups with all they have committed
    Delete(delete::DeleteArgs),
}

/// Runs `weir group …`.
pub(super) fn run(args: &GroupArgs) -> Result<(), ToolError> {
    block_on(async {
        match &args.command {
            GroupCommand::List(args) => list::run(args).await,
            GroupCommand::Describe(args) => describe::run(args).await,
            GroupCommand::Reset(args) => reset::run(args).await,
            GroupCommand::Delete(args) => delete::run(args).await,
        }
    })
}

/// Names the most similar group where there is none of that name.
async fn with_group_hint(cluster: &Cluster, name: &str, problem: ClientError) -> ToolError {
    if problem.code() != Some(ErrorCode::GROUP_ID_NOT_FOUND) {
        return problem.into();
    }
    let groups = cluster.groups().await.unwrap_or_default();
    let near = did_you_mean(name, groups.iter().map(|group| group.name.as_str()));
    ToolError::Failed(format!(
        "there is no group {name}{near}\n  list the groups with `weir group list`"
    ))
}
