//! `weir group delete`.

use clap::Args;

use super::with_group_hint;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::confirm::confirm;
use crate::cli::error::{ToolError, explain};
use crate::cli::outcomes::{Outcome, Outcomes};
use crate::cli::output::OutputArgs;

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// Names of the groups
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Do not ask first
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &DeleteArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let list = args.names.join(", ");
    confirm(args.yes, &format!("delete {list}, with all offsets committed?"))?;
    let mut outcomes = Outcomes::new("group", "deleted");
    for name in &args.names {
        outcomes.push(match cluster.delete_group(name).await {
            Ok(()) => Outcome::done(name),
            // One alone says what to do.
            Err(problem) if args.names.len() == 1 => return Err(with_group_hint(&cluster, name, problem).await),
            Err(problem) => Outcome::failed(name, explain(&problem)),
        });
    }
    outcomes.show(&args.output)
}
