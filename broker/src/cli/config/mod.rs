//! `weir config …`: settings of topics, brokers, groups.

mod get;
mod list;
mod set;

use clap::{ArgGroup, Args, Subcommand};

use super::cluster_args::block_on;
use super::error::{ToolError, did_you_mean};
use crate::client::admin::{Resource, ResourceKind};
use crate::client::{ClientError, Cluster, ErrorCode};
pub(super) use set::{ChangeArgs, change};

/// Arguments of `weir config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// List settings: those that somebody has set, or all
    List(list::ListArgs),
    /// Print the value of one setting
    Get(get::GetArgs),
    /// Change settings
    Set(set::SetArgs),
}

/// Runs `weir config …`.
pub(super) fn run(args: &ConfigArgs) -> Result<(), ToolError> {
    block_on(async {
        match &args.command {
            ConfigCommand::List(args) => list::run(args).await,
            ConfigCommand::Get(args) => get::run(args).await,
            ConfigCommand::Set(args) => set::run(args).await,
        }
    })
}

/// Whose settings.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whose").required(true)))]
pub(super) struct ResourceArgs {
    /// A topic's
    #[arg(long, group = "whose", value_name = "NAME")]
    topic: Option<String>,
    /// A broker's, by its id
    #[arg(long, group = "whose", value_name = "ID")]
    broker: Option<i32>,
    /// Those of all brokers that have no own
    #[arg(long, group = "whose")]
    all_brokers: bool,
    /// A consumer group's
    #[arg(long, group = "whose", value_name = "NAME")]
    group: Option<String>,
    /// The log levels of a broker, by its id
    #[arg(long, group = "whose", value_name = "ID")]
    loggers: Option<i32>,
    /// Those of a subscription to clients' metrics
    #[arg(long, group = "whose", value_name = "NAME")]
    client_metrics: Option<String>,
}

impl ResourceArgs {
    pub(super) fn resource(&self) -> Resource {
        let id = |id: &Option<i32>| id.map(|id| id.to_string());
        let given = [
            (ResourceKind::Topic, self.topic.clone()),
            (ResourceKind::Broker, id(&self.broker)),
            (ResourceKind::Group, self.group.clone()),
            (ResourceKind::BrokerLogger, id(&self.loggers)),
            (ResourceKind::ClientMetrics, self.client_metrics.clone()),
        ];
        let mut given = given
            .into_iter()
            .filter_map(|(kind, name)| Some(Resource { kind, name: name? }));
        given.next().unwrap_or(Resource {
            kind: ResourceKind::Broker,
            name: String::new(),
        })
    }
}

/// Names the nearest setting where one that does not exist was given.
pub(super) async fn explain_config(
    cluster: &Cluster,
    resource: &Resource,
    names: &[&str],
    problem: ClientError,
) -> ToolError {
    if problem.code() != Some(ErrorCode::INVALID_CONFIG) {
        return problem.into();
    }
    // A topic that is not there yet has what any other has.
    let like = match cluster.configs(resource, false).await {
        Ok(entries) => entries,
        Err(_) => match cluster.topics().await.unwrap_or_default().first() {
            Some(topic) => {
                let resource = Resource {
                    kind: ResourceKind::Topic,
                    name: topic.name.clone(),
                };
                cluster.configs(&resource, false).await.unwrap_or_default()
            }
            None => Vec::new(),
        },
    };
    let known: Vec<&str> = match like.is_empty() {
        true => crate::config::properties::topic_properties()
            .map(|property| property.name)
            .collect(),
        false => like.iter().map(|entry| entry.name.as_str()).collect(),
    };
    match names.iter().find(|name| !known.contains(*name)) {
        Some(name) => {
            let near = did_you_mean(name, known.iter().copied());
            ToolError::Failed(format!(
                "{resource} has no setting {name}{near}\n  the broker says: {problem}"
            ))
        }
        None => ToolError::Failed(format!(
            "{problem}\n  see the settings and their values with `weir config list --all`"
        )),
    }
}
