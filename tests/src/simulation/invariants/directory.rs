//! What is in a partition's directory is its own.

use std::sync::Arc;

use broker::node::{Partition, topic_id};
use storage::log::{CLEANED, DELETED, LOG, PARTITION_METADATA, SNAPSHOT, is_own_name, parse_name};

use super::super::report::{Broken, broken};
use super::super::world::World;

const OWN_FILES: &str = "a topic's directory has no files of another";

impl World {
    /// Looks into the directory of every partition that serves. A disk that failed may have left something behind.
    pub(crate) fn check_directories(&mut self) -> Result<(), Broken> {
        if self.is_troubled() || self.is_stopped() {
            return Ok(());
        }
        for partition in self.user_partitions().into_iter().chain(self.compacted_partitions()) {
            if partition.out_of_service().is_none() && !self.is_flipped(&partition) {
                self.check_directory(&partition)?;
            }
        }
        Ok(())
    }

    fn check_directory(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let reader = partition.reader();
        let dir = &reader.files().dir;
        let Ok(names) = self.disk.look_at_names(dir) else {
            return broken(OWN_FILES, format!("{partition} has no directory"));
        };
        self.report.checked(OWN_FILES);
        let bases: Vec<i64> = reader.segments().iter().map(|segment| segment.base_offset()).collect();
        // What retention has removed meanwhile may still be on its way.
        let cleaning = self.running.as_ref().and_then(|running| running.cleaning.as_ref());
        let is_cleaned = cleaning.is_some_and(|round| round.partition().id == partition.id);
        let is_own = |name: &str| match parse_name(name) {
            Some((_, suffix)) if suffix.ends_with(CLEANED) => is_cleaned,
            Some((_, suffix)) if suffix.ends_with(DELETED) => true,
            Some((offset, suffix)) if suffix.starts_with(SNAPSHOT) => offset <= reader.end_offset(),
            Some((base, _)) => bases.contains(&base),
            None => is_own_name(name),
        };
        if let Some(foreign) = names.iter().find(|name| !is_own(name)) {
            let end = reader.end_offset();
            return broken(
                OWN_FILES,
                format!("{partition} with segments {bases:?} and end {end} has {foreign}"),
            );
        }
        if let Some(missing) = bases.iter().find(|base| !names.contains(&format!("{base:020}.{LOG}"))) {
            return broken(OWN_FILES, format!("{partition} has lost the segment at {missing}"));
        }
        let content = self
            .disk
            .look_at_cached(&dir.join(PARTITION_METADATA))
            .unwrap_or_default();
        let own = topic_id::encode(partition.id.topic_id);
        if !String::from_utf8_lossy(&content).contains(&own) {
            return broken(
                OWN_FILES,
                format!("{partition} has another topic's {PARTITION_METADATA}"),
            );
        }
        Ok(())
    }
}
