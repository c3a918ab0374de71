//! `ProducerIdsRecord` (api key 15, version 0).

use super::wire::{Reader, Writer};
use super::{Body, RecordError};

/// A block of producer ids was handed to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerIdsRecord {
    /// Broker that got the block.
    pub broker_id: i32,
    /// Epoch of that broker's registration.
    pub broker_epoch: i64,
    /// First id of the next block: one past the block that was handed out.
    pub next_producer_id: i64,
}

impl Body for ProducerIdsRecord {
    const API_KEY: u32 = 15;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 0;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.i32(self.broker_id);
        out.i64(self.broker_epoch);
        out.i64(self.next_producer_id);
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, _version: u32) -> Result<Self, RecordError> {
        let record = Self {
            broker_id: input.i32()?,
            broker_epoch: input.i64()?,
            next_producer_id: input.i64()?,
        };
        input.skip_tagged_fields()?;
        Ok(record)
    }
}
