//! Decisions: what a request changes in the metadata, as records, and what it is answered.
//!
//! Invariant: the records of a [`Decision`], appended as one batch, apply without error to the image that it was made
//! from. The caller decides one at a time, on the image with all records appended so far (committed or not), answers
//! once the batch has committed, and drops the answer if it never does.
//!
//! Error codes and their order follow Kafka's `ControllerApis`, `ReplicationControlManager`, `ConfigAdminManager` and
//! `ConfigurationControlManager`.

mod alter_configs;
mod alter_partition_reassignments;
mod assignment;
mod auto_create;
mod config_room;
mod config_schema;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod producer_ids;
mod register_broker;
mod settings;
mod update_features;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::image::Image;
use super::record::Record;

pub use alter_configs::{alter_configs, incremental_alter_configs};
pub use alter_partition_reassignments::alter_partition_reassignments;
pub use auto_create::{CreatedTopic, auto_create_topics};
pub use config_schema::ConfigSchema;
pub use create_partitions::create_partitions;
pub use create_topics::create_topics;
pub use delete_topics::delete_topics;
pub use producer_ids::{PRODUCER_ID_BLOCK_SIZE, ProducerIdBlock, ProducerIdsExhausted, allocate_producer_ids};
pub use register_broker::{Registration, register_broker};
pub use settings::{InternalTopicSettings, Settings};
pub use update_features::update_features;

/// The most records that one request may make: they are one batch. Kafka's `MAX_RECORDS_PER_USER_OP`.
pub const MAX_RECORDS_PER_OPERATION: usize = 10_000;

/// The most partitions that one request may create. Kafka's bound of the same size, error 44.
pub const MAX_PARTITIONS_PER_OPERATION: usize = 10_000;

/// What a request leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<R> {
    /// To be appended as one batch; empty if nothing changes.
    pub records: Vec<Record>,
    /// The answer, to be given once the records have committed.
    pub response: R,
}

impl<R> Decision<R> {
    fn without_records(response: R) -> Self {
        Self {
            records: Vec::new(),
            response,
        }
    }
}

/// What every decision reads.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The newest image, with all records that were appended.
    pub image: &'a Image,
    /// The broker's own configuration, as far as the controller needs it.
    pub settings: &'a Settings,
    /// What is known of configuration properties.
    pub configs: &'a dyn ConfigSchema,
}

/// Why a part of a request was refused: Kafka's error, and a sentence where Kafka gives one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}: {}", message.as_deref().unwrap_or("no further detail"))]
pub struct ApiError {
    /// Kafka's error.
    pub error: ResponseError,
    /// What is wrong, for the user.
    pub message: Option<String>,
}

impl ApiError {
    /// With a sentence for the user.
    pub fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self {
            error,
            message: Some(message.into()),
        }
    }

    /// Kafka's error code.
    pub fn code(&self) -> i16 {
        self.error.code()
    }

    /// The message as a response carries it.
    pub fn text(&self) -> Option<StrBytes> {
        self.message.clone().map(StrBytes::from_string)
    }

    fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ResponseError::InvalidRequest, message)
    }

    fn too_many_records() -> Self {
        Self::new(
            ResponseError::PolicyViolation,
            format!("The request would make more than {MAX_RECORDS_PER_OPERATION} metadata records."),
        )
    }
}

/// How often another topic id is asked for when one cannot be used. Ids are random: once is nearly always enough.
const TOPIC_ID_TRIES: usize = 16;

/// Gives ids to new topics: each at most once, and none that a topic has.
struct TopicIds<'a> {
    image: &'a Image,
    random: &'a mut dyn FnMut() -> Uuid,
    given: BTreeSet<Uuid>,
}

impl<'a> TopicIds<'a> {
    fn new(image: &'a Image, random: &'a mut dyn FnMut() -> Uuid) -> Self {
        Self {
            image,
            random,
            given: BTreeSet::new(),
        }
    }

    fn next(&mut self) -> Result<Uuid, ApiError> {
        for _ in 0..TOPIC_ID_TRIES {
            let id = (self.random)();
            if is_usable(id) && self.image.topic_by_id(id).is_none() && self.given.insert(id) {
                return Ok(id);
            }
        }
        Err(ApiError::new(
            ResponseError::UnknownServerError,
            "No unused topic id was found.",
        ))
    }
}

/// Whether a topic may have this id. Kafka prints ids in base64: one that began with a dash there would be taken for an
/// option by its tools.
fn is_usable(id: Uuid) -> bool {
    let dash = 62;
    id.as_bytes()[0] >> 2 != dash && id.as_u128() > MAX_RESERVED_TOPIC_ID
}

/// Kafka reserves the first ids (`Uuid.RESERVED`): zero for none, one for `__cluster_metadata`.
const MAX_RESERVED_TOPIC_ID: u128 = 99;
