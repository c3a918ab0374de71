//! `FeatureLevelRecord` (api key 12, version 0).

use super::wire::{Reader, Writer};
use super::{Body, RecordError};

/// The level of a feature (such as `metadata.version`) that the whole cluster has agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureLevelRecord {
    /// Name of the feature.
    pub name: String,
    /// Its level; 0 means that it is not in use.
    pub feature_level: i16,
}

impl Body for FeatureLevelRecord {
    const API_KEY: u32 = 12;
    const WRITE_VERSION: u32 = 0;
    const HIGHEST_VERSION: u32 = 0;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.string(&self.name)?;
        out.i16(self.feature_level);
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, _version: u32) -> Result<Self, RecordError> {
        let record = Self {
            name: input.string()?,
            feature_level: input.i16()?,
        };
        input.skip_tagged_fields()?;
        Ok(record)
    }
}
