//! `weir config list`.

use clap::Args;
use serde::Serialize;

use super::ResourceArgs;
use crate::cli::cluster_args::{ClusterArgs, existing_topic};
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report};
use crate::client::admin::{ConfigSource, ResourceKind};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    resource: ResourceArgs,
    /// All settings, those at their defaults too
    #[arg(long, short)]
    all: bool,
    /// With what each setting means
    #[arg(long)]
    docs: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    /// Absent where it is a secret.
    value: Option<String>,
    source: &'static str,
    read_only: bool,
    sensitive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllListed(Vec<Listed>);

impl Report for AllListed {
    fn draw(&self, page: &mut Page) {
        let has_docs = self.0.iter().any(|it| it.documentation.is_some());
        let columns = ["setting", "value", "set by", "changes", "meaning"];
        let columns = if has_docs { &columns[..] } else { &columns[..4] };
        let row = |it: &Listed| {
            let mut cells = vec![
                Cell::plain(&it.name),
                if it.sensitive {
                    Cell::dim("(secret)")
                } else {
                    Cell::strong(it.value.as_deref().unwrap_or(""))
                },
                if it.source == "default" {
                    Cell::dim(it.source)
                } else {
                    Cell::plain(it.source)
                },
                if it.read_only {
                    Cell::dim("at a start")
                } else {
                    Cell::plain("any time")
                },
            ];
            if has_docs {
                cells.push(Cell::plain(it.documentation.as_deref().unwrap_or("")));
            }
            cells
        };
        page.table(columns, self.0.iter().map(row).collect());
    }
}

pub(super) async fn run(args: &ListArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let resource = args.resource.resource();
    if resource.kind == ResourceKind::Topic {
        existing_topic(&cluster, &resource.name).await?;
    }
    let entries = cluster.configs(&resource, args.docs).await?;
    let is_wanted = |source: ConfigSource| args.all || source.is_set(resource.kind);
    let listed = entries
        .into_iter()
        .filter(|entry| is_wanted(entry.source))
        .map(|entry| Listed {
            name: entry.name,
            value: entry.value.filter(|_| !entry.sensitive),
            source: entry.source.name(),
            read_only: entry.read_only,
            sensitive: entry.sensitive,
            documentation: entry.documentation.filter(|_| args.docs),
        });
    let listed = AllListed(listed.collect());
    if listed.0.is_empty() {
        args.output.tell("nothing is set here; --all shows the defaults");
    }
    args.output.show(&listed)
}
