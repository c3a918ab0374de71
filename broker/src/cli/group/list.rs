//! `weir group list`.

use clap::Args;
use serde::Serialize;

use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only groups whose name contains this
    #[arg(value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    state: Option<String>,
    kind: Option<String>,
    protocol_type: String,
    coordinator: i32,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllListed(Vec<Listed>);

impl Report for AllListed {
    fn draw(&self, page: &mut Page) {
        let row = |it: &Listed| {
            vec![
                Cell::strong(&it.name),
                it.state.as_deref().map_or_else(|| Cell::dim("-"), state_cell),
                Cell::some(it.kind.as_ref()),
                Cell::some(Some(&it.protocol_type).filter(|text| !text.is_empty())),
                Cell::plain(it.coordinator),
            ]
        };
        let columns = ["group", "state", "kind", "protocol", ">coordinator"];
        page.table(&columns, self.0.iter().map(row).collect());
    }
}

/// A group's state in its colour.
pub(super) fn state_cell(state: &str) -> Cell {
    match state {
        "Stable" => Cell::good(state),
        "Empty" => Cell::plain(state),
        "Dead" => Cell::bad(state),
        _ => Cell::strong(state),
    }
}

pub(super) async fn run(args: &ListArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let is_wanted = |name: &str| args.filter.as_ref().is_none_or(|text| name.contains(text.as_str()));
    let groups = cluster.groups().await?;
    let listed = groups
        .into_iter()
        .filter(|group| is_wanted(&group.name))
        .map(|group| Listed {
            name: group.name,
            state: group.state,
            kind: group.kind.map(|kind| kind.to_lowercase()),
            protocol_type: group.protocol_type,
            coordinator: group.coordinator,
        });
    let all = AllListed(listed.collect());
    if all.0.is_empty() {
        args.output.tell("no groups");
    }
    args.output.show(&all)
}
