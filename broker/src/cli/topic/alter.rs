//! `weir topic alter`.

use clap::Args;

use crate::cli::cluster_args::{ClusterArgs, existing_topic};
use crate::cli::config::{ChangeArgs, change};
use crate::cli::error::ToolError;
use crate::cli::output::OutputArgs;
use crate::client::admin::{Resource, ResourceKind};

#[derive(Debug, Args)]
pub(super) struct AlterArgs {
    /// Name of the topic
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    changes: ChangeArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: &AlterArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    existing_topic(&cluster, &args.name).await?;
    let resource = Resource {
        kind: ResourceKind::Topic,
        name: args.name.clone(),
    };
    change(&cluster, &resource, &args.changes, &args.output).await
}
