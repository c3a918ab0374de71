//! Changes of the metadata: decided, appended, waited for.
//!
//! Invariant: what is answered is committed. A request that finds everything done already still waits for what it saw,
//! which may be appended and not committed yet.

use std::time::Duration;

use kafka_protocol::error::ResponseError;
use storage::journal::GroupId;

use super::{Context, errors};
use crate::controller::decide::{self, ApiError, Decision};
use crate::controller::record::Record;
use crate::node::{Committed, Node};
use crate::settings::{BrokerSchema, controller_settings};

/// How long a request waits that brings no timeout of its own; Kafka's `request.timeout.ms` between broker and
/// controller.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A decision on its way into the metadata log.
pub(super) struct Change<R> {
    response: R,
    /// The high watermark to wait for, unless nothing could be appended.
    appended: Result<i64, ApiError>,
    /// The partitions that it makes.
    made: Vec<GroupId>,
}

/// Decides, and appends what was decided.
pub(super) fn propose<R>(context: &Context, decide: impl FnOnce(&decide::Context<'_>) -> Decision<R>) -> Change<R> {
    let config = context.config.load();
    let settings = controller_settings(&config);
    let mut made = Vec::new();
    let mut seen = 0;
    let mut response = None;
    let proposal = context.node.propose(|image| {
        let schema = BrokerSchema { config: &config, image };
        let decision = decide(&decide::Context {
            image,
            settings: &settings,
            configs: &schema,
        });
        made = decision.records.iter().filter_map(partition_made).collect();
        seen = image.offset() + 1;
        response = Some(decision.response);
        Decision {
            records: decision.records,
            response: (),
        }
    });
    let appended = match proposal {
        Ok(proposal) => Ok(proposal.offset.unwrap_or(seen)),
        Err(error) => {
            tracing::warn!(%error, "a change of the metadata was not appended");
            Err(ApiError {
                error: errors::of_metadata(&error),
                message: Some(error.to_string()),
            })
        }
    };
    let response = response.expect("a proposal is always decided, whether it can be appended or not");
    Change {
        response,
        appended,
        made,
    }
}

fn partition_made(record: &Record) -> Option<GroupId> {
    match record {
        Record::Partition(made) => Some(GroupId {
            topic_id: made.topic_id,
            partition: made.partition_id,
        }),
        _ => None,
    }
}

impl<R> Change<R> {
    /// Waits until the change is in force here: committed, applied, and every partition that it makes takes batches.
    /// Gives the answer, and the error that its successes are to be turned into if that did not come about.
    pub(super) async fn settled(self, node: &Node, within: Duration) -> (R, Result<(), ApiError>) {
        let offset = match self.appended {
            Ok(offset) => offset,
            Err(error) => return (self.response, Err(error)),
        };
        let waiting = in_force(node, offset, &self.made);
        let result = tokio::time::timeout(within, waiting).await.unwrap_or_else(|_| {
            let message = "The change was not in force in time; it may still take place.".to_owned();
            Err(ApiError {
                error: ResponseError::RequestTimedOut,
                message: Some(message),
            })
        });
        (self.response, result)
    }
}

async fn in_force(node: &Node, offset: i64, made: &[GroupId]) -> Result<(), ApiError> {
    committed(node, offset).await?;
    let mut applied = node.applied();
    // Its sender lives as long as the node.
    _ = applied.wait_for(|applied| *applied >= offset).await;
    for id in made {
        let partition = node.topics().partition_by_id(id.topic_id, id.partition);
        let is_writable = match partition {
            Some(partition) => partition.writable().await.is_ok(),
            None => false,
        };
        // A topic that was deleted meanwhile was created all the same.
        if let Some(topic) = node.image().topic_by_id(id.topic_id).filter(|_| !is_writable) {
            return Err(storage_error(format!(
                "Partition {}-{} cannot be opened.",
                topic.name, id.partition
            )));
        }
    }
    Ok(())
}

/// Waits until the metadata log has committed up to `offset`.
pub(super) async fn committed(node: &Node, offset: i64) -> Result<(), ApiError> {
    match node.metadata_partition().committed(offset).await {
        Ok(Committed::Yes) => Ok(()),
        Ok(Committed::Never) | Err(_) => Err(storage_error(
            "The metadata log is out of service until the broker is restarted.".to_owned(),
        )),
    }
}

fn storage_error(message: String) -> ApiError {
    ApiError {
        error: ResponseError::KafkaStorageError,
        message: Some(message),
    }
}

/// What is answered for all that a request with a negative timeout asks for, before anything is decided: its time is over
/// (Kafka's controller gives such a request up unread).
pub(super) fn late(timeout_ms: i32) -> Option<ApiError> {
    (timeout_ms < 0).then_some(ApiError {
        error: ResponseError::RequestTimedOut,
        message: None,
    })
}

/// A request's `timeout_ms`.
pub(super) fn timeout_of(timeout_ms: i32) -> Duration {
    Duration::from_millis(timeout_ms.max(0) as u64)
}
