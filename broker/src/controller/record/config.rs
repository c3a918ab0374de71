//! `ConfigRecord` (api key 4, version 0).

use super::wire::{Reader, Writer};
use super::{Body, RecordError};

/// One configuration value of one resource was set, or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRecord {
    /// Kind of resource, as `ConfigResource.Type` numbers it: topic 2, broker 4, client metrics 16, group 32.
    pub resource_type: i8,
    /// Name of the resource; the empty broker name stands for all brokers.
    pub resource_name: String,
    /// Name of the property.
    pub name: String,
    /// Its value, or none if it was removed.
    pub value: Option<String>,
}

impl Body for ConfigRecord {
    const API_KEY: u32 = 4;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 0;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.i8(self.resource_type);
        out.string(&self.resource_name)?;
        out.string(&self.name)?;
        out.nullable_string(self.value.as_deref())?;
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, _version: u32) -> Result<Self, RecordError> {
        let record = Self {
            resource_type: input.i8()?,
            resource_name: input.string()?,
            name: input.string()?,
            value: input.nullable_string()?,
        };
        input.skip_tagged_fields()?;
        Ok(record)
    }
}
