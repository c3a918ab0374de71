//! `weir topic list`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report, human_bytes};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only topics whose name contains this
    #[arg(value_name = "TEXT")]
    filter: Option<String>,
    /// The cluster's own topics, too
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    partitions: usize,
    replication_factor: usize,
    /// Partitions with replicas out of sync, or without a leader.
    impaired: usize,
    /// Bytes of one replica of each partition; absent where the brokers do not say.
    bytes: Option<u64>,
    internal: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllListed(Vec<Listed>);

impl Report for AllListed {
    fn draw(&self, page: &mut Page) {
        let row = |it: &Listed| {
            vec![
                if it.internal {
                    Cell::dim(&it.name)
                } else {
                    Cell::strong(&it.name)
                },
                Cell::plain(it.partitions),
                Cell::plain(it.replication_factor),
                Cell::some(it.bytes.map(human_bytes)),
                match it.impaired {
                    0 => Cell::good("ok"),
                    count => Cell::bad(format!("{count} impaired")),
                },
            ]
        };
        let columns = ["topic", ">partitions", ">replicas", ">size", "state"];
        page.table(&columns, self.0.iter().map(row).collect());
    }
}

pub(super) async fn run(args: &ListArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let topics = cluster.topics().await?;
    // A list without sizes is better than none.
    let sizes = cluster.sizes().await.ok().flatten();
    let by_topic = sizes.map(|sizes| {
        let mut by_topic: BTreeMap<String, u64> = BTreeMap::new();
        for ((topic, _), bytes) in sizes {
            *by_topic.entry(topic).or_default() += bytes;
        }
        by_topic
    });
    let is_wanted = |name: &str| args.filter.as_ref().is_none_or(|text| name.contains(text.as_str()));
    let listed = topics
        .into_iter()
        .filter(|topic| (args.all || !topic.is_internal) && is_wanted(&topic.name))
        .map(|topic| Listed {
            bytes: by_topic
                .as_ref()
                .map(|sizes| sizes.get(&topic.name).copied().unwrap_or(0)),
            partitions: topic.partitions.len(),
            replication_factor: topic.partitions.iter().map(|it| it.replicas.len()).max().unwrap_or(0),
            impaired: (topic.partitions.iter())
                .filter(|it| it.leader.is_none() || it.isr.len() < it.replicas.len())
                .count(),
            internal: topic.is_internal,
            name: topic.name,
        });
    let all = AllListed(listed.collect());
    if all.0.is_empty() {
        args.output.tell("no topics; make one with `weir topic create NAME`");
    }
    args.output.show(&all)
}
