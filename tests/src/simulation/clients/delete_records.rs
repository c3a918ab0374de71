//! Somebody who deletes records: what was answered as deleted stays deleted.

use broker::node::DeleteRecordsError;

use super::super::report::Broken;
use super::super::world::World;

impl World {
    /// Deletes the records of one partition below one of its batches, or all that are committed.
    pub(crate) fn delete_records(&mut self) -> Result<(), Broken> {
        let partitions = self.user_partitions();
        let Some(partition) = self.random.pick(&partitions).cloned() else {
            return Ok(());
        };
        let bases: Vec<i64> = self.model(&partition).log.keys().copied().collect();
        let offset = match self.random.percent(20) {
            true => partition.reader().high_watermark().offset,
            false => self.random.pick(&bases).copied().unwrap_or(0),
        };
        let Some(node) = self.node() else { return Ok(()) };
        self.say(format!("records of {partition} below {offset} are deleted"));
        let model = self.model(&partition);
        model.asked_start = model.asked_start.max(offset);
        let answer = node.delete_records(&[(partition.clone(), offset)]).pop();
        match answer {
            Some(Ok(start)) => {
                let model = self.model(&partition);
                model.answered_start = model.answered_start.max(start);
                self.report.outcome("records deleted");
            }
            Some(Err(DeleteRecordsError::NotSynced)) => self.report.outcome("deletions that wait for a flush"),
            Some(Err(_)) | None => self.report.outcome("deletions refused"),
        }
        self.check_start(&partition, None)
    }
}
