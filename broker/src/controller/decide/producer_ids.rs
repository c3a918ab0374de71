//! Blocks of producer ids, of which a broker hands out single ones for InitProducerId (Kafka's
//! `ProducerIdControlManager`).
//!
//! Invariant: a block is used only after its record has committed, so no id is handed out twice, whatever is killed.

use super::Decision;
use crate::controller::image::Image;
use crate::controller::record::{ProducerIdsRecord, Record};

/// Ids in a block, as many as Kafka's blocks have. What is left of a block is lost when its broker stops.
pub const PRODUCER_ID_BLOCK_SIZE: u32 = 1000;

/// Consecutive producer ids that belong to one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first id.
    pub first: i64,
    /// How many there are.
    pub size: u32,
}

/// All 2^63 producer ids have been handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no producer ids are left: the next block of {size} would begin at {next}")]
pub struct ProducerIdsExhausted {
    /// First id of the block that does not fit.
    pub next: i64,
    /// Ids that were asked for.
    pub size: u32,
}

/// The next block of producer ids for a broker.
pub fn allocate_producer_ids(
    image: &Image,
    broker_id: i32,
    size: u32,
) -> Result<Decision<ProducerIdBlock>, ProducerIdsExhausted> {
    let first = image.next_producer_id();
    let next_producer_id = first
        .checked_add(i64::from(size))
        .ok_or(ProducerIdsExhausted { next: first, size })?;
    let broker_epoch = image.broker(broker_id).map_or(-1, |broker| broker.epoch);
    let record = Record::ProducerIds(ProducerIdsRecord {
        broker_id,
        broker_epoch,
        next_producer_id,
    });
    Ok(Decision {
        records: vec![record],
        response: ProducerIdBlock { first, size },
    })
}
