//! `weir cluster`.

use clap::Args;
use serde::Serialize;

use super::cluster_args::{ClusterArgs, block_on};
use super::error::ToolError;
use super::output::{Cell, OutputArgs, Page, Report};

/// Arguments of `weir cluster`.
#[derive(Debug, Args)]
pub struct ClusterCommandArgs {
    /// The versions of each API that the broker serves, too
    #[arg(long)]
    apis: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Description {
    cluster_id: Option<String>,
    controller: Option<i32>,
    brokers: Vec<Broker>,
    topics: usize,
    partitions: usize,
    partitions_without_leader: usize,
    partitions_not_in_sync: usize,
    features: Vec<Feature>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    apis: Vec<Api>,
}

#[derive(Debug, Serialize)]
struct Broker {
    id: i32,
    host: String,
    port: u16,
    rack: Option<String>,
    leads: usize,
    replicas: usize,
}

#[derive(Debug, Serialize)]
struct Feature {
    name: String,
    level: i16,
}

#[derive(Debug, Serialize)]
struct Api {
    key: i16,
    name: String,
    min: i16,
    max: i16,
}

impl Report for Description {
    fn draw(&self, page: &mut Page) {
        let count = |count: usize| if count == 0 { Cell::good(0) } else { Cell::bad(count) };
        page.facts([
            ("cluster", Cell::some(self.cluster_id.as_ref())),
            ("controller", Cell::some(self.controller)),
            ("topics", Cell::plain(self.topics)),
            ("partitions", Cell::plain(self.partitions)),
            ("without a leader", count(self.partitions_without_leader)),
            ("not in sync", count(self.partitions_not_in_sync)),
        ]);
        page.heading("brokers");
        let row = |it: &Broker| {
            vec![
                Cell::strong(it.id),
                Cell::plain(&it.host),
                Cell::plain(it.port),
                Cell::some(it.rack.as_ref()),
                Cell::plain(it.leads),
                Cell::plain(it.replicas),
            ]
        };
        let columns = [">id", "host", ">port", "rack", ">leads", ">replicas"];
        page.table(&columns, self.brokers.iter().map(row).collect());
        if !self.features.is_empty() {
            page.heading("features");
            let row = |it: &Feature| vec![Cell::plain(&it.name), Cell::plain(it.level)];
            page.table(&["feature", ">level"], self.features.iter().map(row).collect());
        }
        if !self.apis.is_empty() {
            page.heading("APIs");
            let row = |it: &Api| {
                let versions = if it.min == it.max {
                    it.max.to_string()
                } else {
                    format!("{} to {}", it.min, it.max)
                };
                vec![Cell::plain(it.key), Cell::plain(&it.name), Cell::plain(versions)]
            };
            page.table(&[">key", "api", "versions"], self.apis.iter().map(row).collect());
        }
    }
}

/// Runs `weir cluster`.
pub(super) fn run(args: &ClusterCommandArgs) -> Result<(), ToolError> {
    block_on(async {
        let cluster = args.cluster.connect().await?;
        let topics = cluster.topics().await?;
        let info = cluster.describe().await?;
        let partitions = || topics.iter().flat_map(|topic| &topic.partitions);
        let broker = |node: crate::client::cluster::Node| Broker {
            id: node.id,
            host: node.address.host,
            port: node.address.port,
            rack: node.rack,
            leads: partitions().filter(|it| it.leader == Some(node.id)).count(),
            replicas: partitions().filter(|it| it.replicas.contains(&node.id)).count(),
        };
        let api = |api: crate::client::admin::ApiRange| Api {
            key: api.key,
            name: api.name,
            min: api.min,
            max: api.max,
        };
        let feature = |feature: crate::client::admin::Feature| Feature {
            name: feature.name,
            level: feature.level,
        };
        args.output.show(&Description {
            cluster_id: info.id,
            controller: info.controller,
            topics: topics.len(),
            partitions: partitions().count(),
            partitions_without_leader: partitions().filter(|it| it.leader.is_none()).count(),
            partitions_not_in_sync: partitions().filter(|it| it.isr.len() < it.replicas.len()).count(),
            brokers: info.nodes.into_iter().map(broker).collect(),
            features: info.features.into_iter().map(feature).collect(),
            apis: if args.apis {
                info.apis.into_iter().map(api).collect()
            } else {
                Vec::new()
            },
        })
    })
}
