//! DeleteRecords: the log start offset of partitions is moved by request.
//!
//! Invariant: what is answered as deleted stays deleted over any crash, and no start lies behind what is synced. The
//! journal is told the new starts and synced, once for all partitions of a request; then records below them are hidden.
//! Their segments go with the next retention run.

use std::sync::Arc;

use consensus::Role;
use storage::journal::Record;
use storage::log::LogError;

use super::Node;
use super::flush_queue::Urgency;
use super::partition::Partition;

/// Why no records of a partition were deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRecordsError {
    /// This node does not lead the partition.
    #[error("this node does not lead the partition")]
    NotLeader,
    /// The offset is negative, or above the log's end; or the log takes no writes.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What lies below the offset is not synced yet (`write.caching`), or not committed. It is sent to the flusher: ask again.
    #[error("what is to be deleted is not synced yet")]
    NotSynced,
    /// The partition is out of service, or the journal cannot be written.
    #[error("the deletion cannot be noted: {0}")]
    Storage(String),
}

impl Node {
    /// Deletes the records of each partition below its offset. Answers the log start
    /// offset of each. Waits for one sync of the journal.
    pub fn delete_records(&self, targets: &[(Arc<Partition>, i64)]) -> Vec<Result<i64, DeleteRecordsError>> {
        let planned: Vec<_> = targets
            .iter()
            .map(|(partition, offset)| self.plan_deletion(partition, *offset))
            .collect();
        let needs_sync = |(target, planned): (&(Arc<Partition>, i64), &Result<i64, _>)| matches!(planned, Ok(offset) if *offset > target.0.reader().start_offset());
        let synced = match targets.iter().zip(&planned).any(needs_sync) {
            true => self.journal.sync().map(drop).map_err(|error| error.to_string()),
            false => Ok(()),
        };
        let hide = |(planned, (partition, _)): (Result<i64, _>, &(Arc<Partition>, i64))| {
            let offset = planned?;
            synced.clone().map_err(DeleteRecordsError::Storage)?;
            let hidden = partition.with_replica(|replica| replica.with_log(|log| log.advance_start(offset)));
            hidden.ok_or_else(|| out_of_service(partition))
        };
        planned.into_iter().zip(targets).map(hide).collect()
    }

    /// Checks a deletion, and tells the journal of it. Answers the offset that is meant.
    fn plan_deletion(&self, partition: &Arc<Partition>, offset: i64) -> Result<i64, DeleteRecordsError> {
        let planned = partition.with_replica(|replica| {
            if !matches!(replica.role(), Role::Leader(_)) {
                return Ok(Err(DeleteRecordsError::NotLeader));
            }
            match replica.with_log(|log| log.plan_start(offset))? {
                Err(LogError::OutOfRange { .. }) if (0..=replica.reader().end_offset()).contains(&offset) => {
                    return Ok(Err(DeleteRecordsError::NotSynced));
                }
                Err(error) => return Ok(Err(error.into())),
                Ok(false) => return Ok(Ok(offset)),
                Ok(true) => {}
            }
            if replica.synced_end().is_none_or(|end| end.offset < offset) {
                return Ok(Err(DeleteRecordsError::NotSynced));
            }
            // Under the replica's lock: the journal has a partition's starts in their order. The mark goes along, so that a
            // start finds no log that begins above what it knows to be committed.
            let records: Vec<_> = replica
                .take_mark()
                .into_iter()
                .chain([Record::StartOffset { offset }])
                .map(|record| (partition.id, record))
                .collect();
            if let Err(error) = self.journal.append(&records) {
                replica.mark_refused();
                return Ok(Err(DeleteRecordsError::Storage(error.to_string())));
            }
            replica.with_log(|log| log.note_start(offset))?;
            Ok(Ok(offset))
        });
        let planned = planned.unwrap_or_else(|| Err(out_of_service(partition)));
        if matches!(planned, Err(DeleteRecordsError::NotSynced)) {
            self.queue.push(partition, Urgency::Now);
        }
        planned
    }
}

fn out_of_service(partition: &Partition) -> DeleteRecordsError {
    match partition.out_of_service() {
        Some(reason) => DeleteRecordsError::Storage(reason),
        None => DeleteRecordsError::NotLeader,
    }
}
