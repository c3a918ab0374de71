//! What the indexes answer, against a walk over everything that was seen.

use std::sync::Arc;

use broker::node::Partition;
use storage::log::LogError;

use super::super::model::PartitionModel;
use super::super::report::{Broken, broken};
use super::super::world::World;

const NEWEST: &str = "7 the newest record is what a scan finds";
const EPOCH: &str = "7 a leader epoch ends where a scan finds it";
/// No epoch.
const UNDEFINED: (i32, i64) = storage::leader_epochs::UNDEFINED;
const INDEX: &str = "7 what the index answers is what a scan finds";

impl World {
    /// Reads at any offset, and asks for any time.
    pub(crate) fn check_lookups(&mut self) -> Result<(), Broken> {
        let partitions = self.user_partitions();
        let Some(index) = self.random.index(partitions.len()) else {
            return Ok(());
        };
        let partition = partitions[index].clone();
        if partition.out_of_service().is_some() {
            return Ok(());
        }
        let end = self.model(&partition).end();
        self.read_from(&partition, end)?;
        self.check_offset(&partition)?;
        self.check_time(&partition)?;
        self.check_newest(&partition)?;
        self.check_epoch(&partition)
    }

    fn check_offset(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let reader = partition.reader().clone();
        let (start, limit) = (reader.start_offset(), reader.high_watermark());
        // A read before this one may have failed: then not all is known that a look-up may find.
        if start >= limit.offset || self.model(partition).end() != limit.offset {
            return Ok(());
        }
        let from = self.random.between(start as u64, limit.offset as u64 - 1) as i64;
        let max_bytes = self.random.between(1, 600);
        self.report.checked(INDEX);
        let bytes = match reader.read(from, limit, max_bytes) {
            Ok(Some(slice)) => slice.read(),
            Ok(None) => {
                return broken(
                    INDEX,
                    format!("{partition} has nothing at {from} below {}", limit.offset),
                );
            }
            Err(LogError::Io { source, .. }) => Err(source),
            Err(_) if self.model(partition).flipped.is_some() => return Ok(()),
            Err(error) => return broken(INDEX, format!("{partition} at {from}: {error}")),
        };
        match bytes {
            Ok(bytes) => self.take_in(partition, from, bytes.into()).map(|_| ()),
            Err(_) if self.is_troubled() || self.is_stopped() => Ok(()),
            Err(error) => broken(INDEX, format!("{partition} at {from}: {error}")),
        }
    }

    fn check_time(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let reader = partition.reader().clone();
        let limit = reader.high_watermark();
        let start = reader.start_offset();
        let model = self.model(partition);
        if model.flipped.is_some() || model.end() != limit.offset {
            return Ok(());
        }
        let all: Vec<i64> = timestamps(model, start).map(|(_, timestamp)| timestamp).collect();
        let Some(index) = self.random.index(all.len()) else {
            return Ok(());
        };
        let wanted = all[index] + self.random.below(3) as i64 - 1;
        let expected = timestamps(self.model(partition), start).find(|(_, timestamp)| *timestamp >= wanted);
        self.report.checked(INDEX);
        let found = match reader.offset_for_timestamp(wanted, limit, 1 << 20) {
            Ok(found) => found.map(|found| (found.offset, found.timestamp)),
            Err(_) if self.is_troubled() || self.is_stopped() => return Ok(()),
            Err(error) => return broken(INDEX, format!("{partition} at time {wanted}: {error}")),
        };
        if found != expected {
            return broken(
                INDEX,
                format!("{partition} at time {wanted}: {found:?}, a scan finds {expected:?}"),
            );
        }
        Ok(())
    }
}

impl World {
    /// ListOffsets −3: the earliest of the records with the largest timestamp.
    fn check_newest(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let reader = partition.reader().clone();
        let limit = reader.high_watermark();
        let start = reader.start_offset();
        let model = self.model(partition);
        if model.flipped.is_some() || model.end() != limit.offset {
            return Ok(());
        }
        let expected =
            timestamps(model, start).max_by_key(|&(offset, timestamp)| (timestamp, std::cmp::Reverse(offset)));
        self.report.checked(NEWEST);
        let found = match reader.max_timestamp(limit, 1 << 20) {
            Ok(found) => found.map(|found| (found.offset, found.timestamp)),
            Err(_) if self.is_troubled() || self.is_stopped() => return Ok(()),
            Err(error) => return broken(NEWEST, format!("{partition}: {error}")),
        };
        if found != expected {
            return broken(NEWEST, format!("{partition}: {found:?}, a scan finds {expected:?}"));
        }
        Ok(())
    }

    /// OffsetForLeaderEpoch: an epoch ends where the first batch of a later one begins.
    fn check_epoch(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        let reader = partition.reader().clone();
        let (start, end) = (reader.start_offset(), reader.end_offset());
        let model = self.model(partition);
        let Some(latest) = reader.latest_epoch() else {
            return Ok(());
        };
        if model.flipped.is_some() || model.end() != end {
            return Ok(());
        }
        let epochs: Vec<(i32, i64)> = model
            .log
            .range(start..)
            .map(|(base, placed)| (placed.epoch, *base))
            .collect();
        let Some((epoch, _)) = self.random.pick(&epochs).copied() else {
            return Ok(());
        };
        let asked = epoch + self.random.below(3) as i32 - 1;
        let floor = epochs
            .iter()
            .map(|(epoch, _)| *epoch)
            .filter(|epoch| *epoch <= asked)
            .max();
        let later = epochs.iter().find(|(epoch, _)| *epoch > asked);
        let expected_end = later.map_or(end, |(_, base)| *base);
        self.report.checked(EPOCH);
        let found = reader.end_offset_for_epoch(asked);
        let fits = match found {
            UNDEFINED => asked > latest || asked < 0,
            (epoch, end) => epoch <= asked && floor.is_none_or(|floor| epoch >= floor) && end == expected_end,
        };
        if !fits {
            return broken(
                EPOCH,
                format!(
                    "{partition}: epoch {asked} of {latest} is answered {found:?}, a scan finds {floor:?} up to {expected_end}"
                ),
            );
        }
        Ok(())
    }
}

/// Offsets and timestamps of all records from `start` on.
fn timestamps(model: &PartitionModel, start: i64) -> impl Iterator<Item = (i64, i64)> {
    let records = |(base, placed): (&i64, &super::super::model::Placed)| {
        let base = *base;
        placed
            .timestamps
            .clone()
            .into_iter()
            .zip(base..)
            .map(|(timestamp, offset)| (offset, timestamp))
    };
    model
        .log
        .iter()
        .flat_map(records)
        .filter(move |(offset, _)| *offset >= start)
        .collect::<Vec<_>>()
        .into_iter()
}
