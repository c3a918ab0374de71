//! `weir config set`, and the changes that `weir topic alter` shares with it.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::{ResourceArgs, explain_config};
use crate::cli::assignment::NameValue;
use crate::cli::cluster_args::{ClusterArgs, existing_topic};
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report};
use crate::client::Cluster;
use crate::client::admin::{ConfigChange, Resource, ResourceKind};

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Settings and their values
    #[arg(value_name = "NAME=VALUE")]
    values: Vec<NameValue>,
    #[command(flatten)]
    changes: ChangeArgs,
    #[command(flatten)]
    resource: ResourceArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Changes of settings.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Set a value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<NameValue>,
    /// Go back to the default; may be repeated
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    /// Add to a list; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    append: Vec<NameValue>,
    /// Take from a list; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    subtract: Vec<NameValue>,
    /// Only say whether it could be changed
    #[arg(long)]
    dry_run: bool,
}

impl ChangeArgs {
    fn changes(&self) -> Vec<ConfigChange> {
        let with = |make: fn(String, String) -> ConfigChange, values: &[NameValue]| {
            values
                .iter()
                .map(|it| make(it.name.clone(), it.value.clone()))
                .collect::<Vec<_>>()
        };
        let mut changes = with(ConfigChange::Set, &self.set);
        changes.extend(self.unset.iter().cloned().map(ConfigChange::Unset));
        changes.extend(with(ConfigChange::Append, &self.append));
        changes.extend(with(ConfigChange::Subtract, &self.subtract));
        changes
    }
}

#[derive(Debug, Serialize)]
struct Changed {
    of: String,
    dry_run: bool,
    changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct Change {
    name: String,
    operation: &'static str,
    value: Option<String>,
}

impl Report for Changed {
    fn draw(&self, page: &mut Page) {
        let does = if self.dry_run { "could be changed" } else { "changed" };
        page.line(Cell::good(format!("{} {does}", self.of)));
        let row = |it: &Change| {
            vec![
                Cell::plain(&it.name),
                Cell::plain(it.operation),
                Cell::some(it.value.as_ref()),
            ]
        };
        page.table(
            &["setting", "operation", "value"],
            self.changes.iter().map(row).collect(),
        );
    }
}

pub(super) async fn run(args: &SetArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let resource = args.resource.resource();
    if resource.kind == ResourceKind::Topic {
        existing_topic(&cluster, &resource.name).await?;
    }
    let first = args
        .values
        .iter()
        .map(|it| ConfigChange::Set(it.name.clone(), it.value.clone()));
    let changes = first.chain(args.changes.changes()).collect();
    carry_out(&cluster, &resource, changes, args.changes.dry_run, &args.output).await
}

/// Changes settings and prints what was changed.
pub(crate) async fn change(
    cluster: &Arc<Cluster>,
    resource: &Resource,
    args: &ChangeArgs,
    output: &OutputArgs,
) -> Result<(), ToolError> {
    carry_out(cluster, resource, args.changes(), args.dry_run, output).await
}

async fn carry_out(
    cluster: &Arc<Cluster>,
    resource: &Resource,
    changes: Vec<ConfigChange>,
    dry_run: bool,
    output: &OutputArgs,
) -> Result<(), ToolError> {
    if changes.is_empty() {
        let message = "nothing to change: give --set NAME=VALUE, --unset NAME, --append or --subtract";
        return Err(ToolError::Usage(message.to_owned()));
    }
    if let Err(problem) = cluster.alter_configs(resource, &changes, dry_run).await {
        let names: Vec<&str> = changes.iter().map(ConfigChange::name).collect();
        return Err(explain_config(cluster, resource, &names, problem).await);
    }
    let change = |change: ConfigChange| {
        let (name, operation, value) = match change {
            ConfigChange::Set(name, value) => (name, "set", Some(value)),
            ConfigChange::Unset(name) => (name, "unset", None),
            ConfigChange::Append(name, value) => (name, "append", Some(value)),
            ConfigChange::Subtract(name, value) => (name, "subtract", Some(value)),
        };
        Change { name, operation, value }
    };
    output.show(&Changed {
        of: resource.to_string(),
        dry_run,
        changes: changes.into_iter().map(change).collect(),
    })
}
