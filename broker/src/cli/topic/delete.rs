//! `weir topic delete`.

use clap::Args;

use crate::cli::cluster_args::{ClusterArgs, with_topic_hint};
use crate::cli::confirm::confirm;
use crate::cli::error::{ToolError, explain};
use crate::cli::outcomes::{Outcome, Outcomes};
use crate::cli::output::OutputArgs;
use crate::client::ErrorCode;

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// Names of the topics
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Do not ask first
    #[arg(long, short)]
    yes: bool,
    /// Do not mind a topic that is not there
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &DeleteArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let list = args.names.join(", ");
    confirm(args.yes, &format!("delete {list}, with all records in it?"))?;
    let names: Vec<&str> = args.names.iter().map(String::as_str).collect();
    let mut outcomes = Outcomes::new("topic", "deleted");
    for (name, outcome) in names.iter().zip(cluster.delete_topics(&names).await?) {
        let is_missing = |code| code == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        outcomes.push(match outcome {
            Ok(()) => Outcome::done(name),
            Err(problem) if args.if_exists && is_missing(problem.code()) => Outcome::skipped(name, "is not there"),
            // One alone says what to do.
            Err(problem) if names.len() == 1 => return Err(with_topic_hint(&cluster, name, problem).await),
            Err(problem) => Outcome::failed(name, explain(&problem)),
        });
    }
    outcomes.show(&args.output)
}
