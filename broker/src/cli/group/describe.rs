//! `weir group describe`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::list::state_cell;
use super::with_group_hint;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report};
use crate::cli::partitions::offsets_at_hand;
use crate::client::Cluster;
use crate::client::admin::{OffsetSpec, TopicPartition};

#[derive(Debug, Args)]
pub(super) struct DescribeArgs {
    /// Names of the groups
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Described {
    name: String,
    state: String,
    kind: &'static str,
    assignor: String,
    /// Records between what is committed and the end, over all partitions.
    lag: i64,
    members: Vec<Member>,
    offsets: Vec<Offset>,
}

#[derive(Debug, Serialize)]
struct Member {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    client_id: String,
    host: String,
    partitions: usize,
}

#[derive(Debug, Serialize)]
struct Offset {
    topic: String,
    partition: i32,
    /// The next offset to read; absent if none was committed.
    committed: Option<i64>,
    latest: Option<i64>,
    lag: Option<i64>,
    /// The member that reads it.
    member: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    metadata: String,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllDescribed(Vec<Described>);

impl Report for AllDescribed {
    fn draw(&self, page: &mut Page) {
        for group in &self.0 {
            page.heading(&format!("group {}", group.name));
            page.facts([
                ("state", state_cell(&group.state)),
                ("kind", Cell::plain(group.kind)),
                (
                    "assignor",
                    Cell::some(Some(&group.assignor).filter(|name| !name.is_empty())),
                ),
                (
                    "lag",
                    if group.lag == 0 {
                        Cell::good(0)
                    } else {
                        Cell::plain(group.lag)
                    },
                ),
            ]);
            let row = |it: &Member| {
                vec![
                    Cell::plain(&it.id),
                    Cell::some(it.instance.as_ref()),
                    Cell::plain(&it.client_id),
                    Cell::plain(&it.host),
                    Cell::plain(it.partitions),
                ]
            };
            let columns = ["member", "instance", "client", "host", ">partitions"];
            page.table(&columns, group.members.iter().map(row).collect());
            let row = |it: &Offset| {
                vec![
                    Cell::strong(&it.topic),
                    Cell::plain(it.partition),
                    Cell::some(it.committed),
                    Cell::some(it.latest),
                    it.lag.map_or_else(
                        || Cell::dim("-"),
                        |lag| if lag == 0 { Cell::good(lag) } else { Cell::plain(lag) },
                    ),
                    Cell::some(it.member.as_ref()),
                ]
            };
            let columns = ["topic", ">partition", ">committed", ">latest", ">lag", "member"];
            page.table(&columns, group.offsets.iter().map(row).collect());
        }
    }
}

pub(super) async fn run(args: &DescribeArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let mut all = Vec::with_capacity(args.names.len());
    for name in &args.names {
        all.push(describe(&cluster, name, &args.output).await?);
    }
    args.output.show(&AllDescribed(all))
}

async fn describe(cluster: &Arc<Cluster>, name: &str, output: &OutputArgs) -> Result<Described, ToolError> {
    let group = match cluster.group(name).await {
        Ok(group) => group,
        Err(problem) => return Err(with_group_hint(cluster, name, problem).await),
    };
    let committed = cluster.committed(name).await?;
    let mut owners: BTreeMap<TopicPartition, &str> = BTreeMap::new();
    for member in &group.members {
        owners.extend(
            member
                .partitions
                .iter()
                .map(|partition| (partition.clone(), member.id.as_str())),
        );
    }
    let partitions: BTreeSet<&TopicPartition> = committed.keys().chain(owners.keys()).collect();
    // A topic that was deleted has no end, and what was committed for it may still be there.
    let there = cluster.partitions().await?;
    let asked = partitions.iter().filter(|it| there.contains(**it));
    let asked: Vec<TopicPartition> = asked.map(|it| (*it).clone()).collect();
    let latest = offsets_at_hand(cluster, &asked, OffsetSpec::Latest, output).await?;
    let offsets = partitions.iter().map(|partition| {
        let committed = committed.get(*partition);
        let latest = latest.get(*partition).copied();
        Offset {
            topic: partition.0.clone(),
            partition: partition.1,
            committed: committed.map(|it| it.offset),
            latest,
            lag: committed
                .zip(latest)
                .map(|(committed, latest)| (latest - committed.offset).max(0)),
            member: owners.get(*partition).map(|id| (*id).to_owned()),
            metadata: committed.map(|it| it.metadata.clone()).unwrap_or_default(),
        }
    });
    let offsets: Vec<Offset> = offsets.collect();
    Ok(Described {
        name: name.to_owned(),
        state: group.state,
        kind: group.kind,
        assignor: group.assignor,
        lag: offsets
            .iter()
            .filter_map(|offset| offset.lag)
            .fold(0, i64::saturating_add),
        members: (group.members.iter())
            .map(|member| Member {
                id: member.id.clone(),
                instance: member.instance.clone(),
                client_id: member.client_id.clone(),
                host: member.host.clone(),
                partitions: member.partitions.len(),
            })
            .collect(),
        offsets,
    })
}
