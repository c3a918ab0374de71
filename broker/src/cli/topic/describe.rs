//! `weir topic describe`.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::create::kafka_id;
use crate::cli::cluster_args::{ClusterArgs, existing_topic};
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report, human_bytes};
use crate::cli::partitions::offsets_at_hand;
use crate::client::Cluster;
use crate::client::admin::{OffsetSpec, Resource, ResourceKind, TopicPartition};

#[derive(Debug, Args)]
pub(super) struct DescribeArgs {
    /// Names of the topics
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
    id: Option<String>,
    internal: bool,
    replication_factor: usize,
    /// Settings that somebody has set on the topic.
    configs: BTreeMap<String, Option<String>>,
    partitions: Vec<Partition>,
}

#[derive(Debug, Serialize)]
struct Partition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: Option<i32>,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    /// The first offset that is there.
    earliest: Option<i64>,
    /// The next offset to be written.
    latest: Option<i64>,
    bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllDescribed(Vec<Described>);

impl Report for AllDescribed {
    fn draw(&self, page: &mut Page) {
        for topic in &self.0 {
            page.heading(&format!("topic {}", topic.name));
            let mut facts = vec![
                ("id", Cell::some(topic.id.as_ref())),
                ("partitions", Cell::plain(topic.partitions.len())),
                ("replication factor", Cell::plain(topic.replication_factor)),
            ];
            if topic.internal {
                facts.push(("internal", Cell::plain("yes")));
            }
            page.facts(facts);
            let config =
                |(name, value): (&String, &Option<String>)| vec![Cell::plain(name), Cell::some(value.as_ref())];
            page.table(&["setting", "value"], topic.configs.iter().map(config).collect());
            let columns = [
                ">partition",
                ">leader",
                ">epoch",
                "replicas",
                "in sync",
                ">earliest",
                ">latest",
                ">size",
            ];
            page.table(&columns, topic.partitions.iter().map(row).collect());
        }
    }
}

fn row(it: &Partition) -> Vec<Cell> {
    let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    vec![
        Cell::strong(it.partition),
        it.leader.map_or_else(|| Cell::bad("none"), Cell::plain),
        Cell::some(it.leader_epoch),
        Cell::plain(ids(&it.replicas)),
        match it.isr.len() < it.replicas.len() {
            true => Cell::bad(ids(&it.isr)),
            false => Cell::plain(ids(&it.isr)),
        },
        Cell::some(it.earliest),
        Cell::some(it.latest),
        Cell::some(it.bytes.map(human_bytes)),
    ]
}

pub(super) async fn run(args: &DescribeArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    // A description without sizes is better than none.
    let sizes = cluster.sizes().await.ok().flatten().unwrap_or_default();
    let mut all = Vec::with_capacity(args.names.len());
    for name in &args.names {
        all.push(describe(&cluster, name, &sizes, &args.output).await?);
    }
    args.output.show(&AllDescribed(all))
}

async fn describe(
    cluster: &Arc<Cluster>,
    name: &str,
    sizes: &BTreeMap<TopicPartition, u64>,
    output: &OutputArgs,
) -> Result<Described, ToolError> {
    let topic = existing_topic(cluster, name).await?;
    let resource = Resource {
        kind: ResourceKind::Topic,
        name: name.to_owned(),
    };
    let configs = cluster.configs(&resource, false).await?;
    let with_leader = topic.partitions.iter().filter(|partition| partition.leader.is_some());
    let partitions: Vec<_> = with_leader.map(|it| (name.to_owned(), it.index)).collect();
    let earliest = offsets_at_hand(cluster, &partitions, OffsetSpec::Earliest, output).await?;
    // Those without one were told.
    let with_offsets: Vec<_> = earliest.keys().cloned().collect();
    let latest = offsets_at_hand(cluster, &with_offsets, OffsetSpec::Latest, output).await?;
    let partitions = topic.partitions.iter().map(|it| {
        let key = (name.to_owned(), it.index);
        Partition {
            partition: it.index,
            leader: it.leader,
            leader_epoch: it.leader_epoch,
            replicas: it.replicas.clone(),
            isr: it.isr.clone(),
            earliest: earliest.get(&key).copied(),
            latest: latest.get(&key).copied(),
            bytes: sizes.get(&key).copied(),
        }
    });
    Ok(Described {
        name: name.to_owned(),
        id: Some(topic.id).filter(|id| !id.is_nil()).map(kafka_id),
        internal: topic.is_internal,
        replication_factor: topic.partitions.iter().map(|it| it.replicas.len()).max().unwrap_or(0),
        configs: (configs.into_iter())
            .filter(|entry| entry.source.is_set(ResourceKind::Topic))
            .map(|entry| (entry.name, entry.value))
            .collect(),
        partitions: partitions.collect(),
    })
}
