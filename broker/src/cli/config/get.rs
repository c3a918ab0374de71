//! `weir config get`.

use clap::Args;
use serde::Serialize;

use super::ResourceArgs;
use crate::cli::cluster_args::{ClusterArgs, existing_topic};
use crate::cli::error::{ToolError, did_you_mean};
use crate::cli::output::{Cell, OutputArgs, Page, Report};
use crate::client::admin::ResourceKind;

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// The setting
    #[arg(value_name = "SETTING")]
    name: String,
    #[command(flatten)]
    resource: ResourceArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Value {
    name: String,
    value: Option<String>,
    source: &'static str,
}

impl Report for Value {
    fn draw(&self, page: &mut Page) {
        page.line(Cell::plain(self.value.as_deref().unwrap_or("")));
    }
}

pub(super) async fn run(args: &GetArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let resource = args.resource.resource();
    if resource.kind == ResourceKind::Topic {
        existing_topic(&cluster, &resource.name).await?;
    }
    let entries = cluster.configs(&resource, false).await?;
    let Some(entry) = entries.iter().find(|entry| entry.name == args.name) else {
        let near = did_you_mean(&args.name, entries.iter().map(|entry| entry.name.as_str()));
        return Err(ToolError::Failed(format!(
            "{resource} has no setting {}{near}\n  see all with `weir config list --all`",
            args.name
        )));
    };
    if entry.sensitive {
        return Err(ToolError::Failed(format!(
            "{} is a secret, which no broker tells",
            args.name
        )));
    }
    args.output.show(&Value {
        name: entry.name.clone(),
        value: entry.value.clone(),
        source: entry.source.name(),
    })
}
