//! `weir topic create`.

use clap::Args;
use serde::Serialize;

use crate::cli::assignment::NameValue;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::config::explain_config;
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report};
use crate::client::ErrorCode;
use crate::client::admin::{NewTopic, Resource, ResourceKind};

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Names of the topics
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// How many partitions [default: the cluster's num.partitions]
    #[arg(long, short = 'p', value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas of each partition [default: the cluster's default.replication.factor]
    #[arg(long, short = 'r', value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A setting of the topic; may be repeated
    #[arg(long = "config", short = 'c', value_name = "NAME=VALUE")]
    configs: Vec<NameValue>,
    /// Do not mind if the topic is there; it is left as it is
    #[arg(long)]
    if_not_exists: bool,
    /// Only say whether it could be made
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Created {
    name: String,
    id: Option<String>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    outcome: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllCreated(Vec<Created>);

impl Report for AllCreated {
    fn draw(&self, page: &mut Page) {
        let row = |it: &Created| {
            vec![
                Cell::strong(&it.name),
                Cell::some(it.partitions),
                Cell::some(it.replication_factor),
                match it.outcome {
                    "exists" => Cell::dim(it.outcome),
                    _ => Cell::good(it.outcome),
                },
            ]
        };
        page.table(
            &["topic", ">partitions", ">replicas", "outcome"],
            self.0.iter().map(row).collect(),
        );
    }
}

pub(super) async fn run(args: &CreateArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let mut all = AllCreated(Vec::new());
    for name in &args.names {
        let configs = args.configs.iter().map(|it| (it.name.clone(), it.value.clone()));
        let topic = NewTopic {
            name: name.clone(),
            partitions: args.partitions,
            replication_factor: args.replication_factor,
            configs: configs.collect(),
        };
        let created = match cluster.create_topic(&topic, args.dry_run).await {
            Ok(created) => {
                if !args.dry_run {
                    let partitions = created.partitions.and_then(|count| usize::try_from(count).ok());
                    // The topic is there; where its leaders take long, whoever uses it waits for them.
                    let _ = cluster.await_leaders(name, partitions.unwrap_or(1)).await;
                }
                Created {
                    name: name.clone(),
                    id: Some(created.id).filter(|id| !id.is_nil()).map(kafka_id),
                    partitions: created.partitions.or(args.partitions),
                    replication_factor: created.replication_factor.or(args.replication_factor),
                    outcome: if args.dry_run { "would be created" } else { "created" },
                }
            }
            Err(problem) if args.if_not_exists && problem.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
                let topic = cluster.topic(name).await?;
                Created {
                    name: name.clone(),
                    id: Some(topic.id).filter(|id| !id.is_nil()).map(kafka_id),
                    partitions: i32::try_from(topic.partitions.len()).ok(),
                    replication_factor: topic
                        .partitions
                        .first()
                        .and_then(|it| i16::try_from(it.replicas.len()).ok()),
                    outcome: "exists",
                }
            }
            Err(problem) => {
                // What was done before stays done, and is told.
                if !all.0.is_empty() {
                    args.output.show(&all)?;
                }
                let resource = Resource {
                    kind: ResourceKind::Topic,
                    name: name.clone(),
                };
                let names = args.configs.iter().map(|it| it.name.as_str()).collect::<Vec<_>>();
                return Err(explain_config(&cluster, &resource, &names, problem).await);
            }
        };
        all.0.push(created);
    }
    args.output.show(&all)
}

/// A topic's id as Kafka writes it: URL-safe base64 without padding.
pub(super) fn kafka_id(id: uuid::Uuid) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id.as_bytes())
}
