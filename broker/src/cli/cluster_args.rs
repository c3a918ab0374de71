//! Which cluster a command talks to, and the runtime it runs on.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::error::{ToolError, did_you_mean};
use crate::client::admin::Topic;
use crate::client::{ClientError, Cluster, ErrorCode, Options};
use crate::config::HostPort;

/// The port that Kafka's clients take where none is named.
const DEFAULT_PORT: u16 = 9092;

/// Which cluster, and how patiently.
#[derive(Debug, Clone, Args)]
pub(super) struct ClusterArgs {
    /// Brokers to ask first, Weir's or Apache Kafka's; one is enough
    #[arg(
        long,
        short = 'b',
        env = "WEIR_BOOTSTRAP",
        default_value = "127.0.0.1:9092",
        value_delimiter = ',',
        value_name = "HOST:PORT",
        value_parser = address,
        help_heading = "Cluster"
    )]
    pub bootstrap_server: Vec<HostPort>,
    /// How long anything may take
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86400), help_heading = "Cluster")]
    pub timeout: u64,
}

impl ClusterArgs {
    /// Connects.
    pub(super) async fn connect(&self) -> Result<Arc<Cluster>, ToolError> {
        let options = Options {
            bootstrap: self.bootstrap_server.clone(),
            timeout: Duration::from_secs(self.timeout),
            client_id: "weir".to_owned(),
        };
        Ok(Cluster::connect(options).await?)
    }
}

/// `HOST:PORT`, or a host alone.
fn address(text: &str) -> Result<HostPort, String> {
    let is_alone = !text.contains(':') || (text.starts_with('[') && text.ends_with(']'));
    let text = if is_alone {
        format!("{text}:{DEFAULT_PORT}")
    } else {
        text.to_owned()
    };
    let address: HostPort = text.parse().map_err(|problem| format!("{problem}"))?;
    match address.host.is_empty() {
        true => Err("the host is missing".to_owned()),
        false => Ok(address),
    }
}

/// Runs a command's future to its end; Ctrl-C ends the process as it would without.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, ToolError>>) -> Result<T, ToolError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("weir-tool")
        .build();
    let runtime = runtime.map_err(|problem| ToolError::Failed(format!("cannot start threads: {problem}")))?;
    let result = runtime.block_on(work);
    // A thread may still read standard input, and nobody waits for it.
    runtime.shutdown_background();
    result
}

/// A topic, or an error that names the most similar one.
pub(super) async fn existing_topic(cluster: &Cluster, name: &str) -> Result<Topic, ToolError> {
    match cluster.topic(name).await {
        Err(problem) if problem.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
            Err(unknown_topic(cluster, name).await)
        }
        answer => Ok(answer?),
    }
}

/// What is said where a topic is not there.
pub(super) async fn unknown_topic(cluster: &Cluster, name: &str) -> ToolError {
    let topics = cluster.topics().await.unwrap_or_default();
    let near = did_you_mean(name, topics.iter().map(|topic| topic.name.as_str()));
    ToolError::Failed(format!(
        "there is no topic {name}{near}\n  list the topics with `weir topic list`, or make it with `weir topic create {name}`"
    ))
}

/// Takes an "unknown topic" for what it is, whatever was asked.
pub(super) async fn with_topic_hint(cluster: &Cluster, name: &str, problem: ClientError) -> ToolError {
    match problem.code() {
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => unknown_topic(cluster, name).await,
        _ => problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_port_may_be_left_out() {
        let said = |text: &str| address(text).map(|address| address.to_string());
        assert_eq!(said("kafka").as_deref(), Ok("kafka:9092"));
        assert_eq!(said("kafka:1").as_deref(), Ok("kafka:1"));
        assert_eq!(said("[::1]").as_deref(), Ok("[::1]:9092"));
        assert_eq!(said("[::1]:7").as_deref(), Ok("[::1]:7"));
        assert!(said(":9").is_err() && said("a:b").is_err() && said("::1").is_err());
    }
}
