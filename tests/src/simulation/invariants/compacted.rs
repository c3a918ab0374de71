//! Compacted logs, against every record that was ever seen in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::node::{Clock, Partition};
use bytes::Bytes;
use storage::log::LogError;
use storage::record_batch::{BatchHeader, Record, Records, verify_crc};

use super::super::model::Compacted;
use super::super::report::{Broken, broken};
use super::super::world::World;

const LATEST: &str = "6 the latest record of a key stays";
const TOMBSTONE: &str = "6 a tombstone stays until its time";
const RESURRECTED: &str = "6 what was deleted does not come back";
const SAME: &str = "6 what compaction leaves is what was written";
const WHOLE: &str = "6 what no round has reached is whole";
const PRODUCER: &str = "6 the last batch of a producer stays";
const ONE: &str = "6 a clean log has each key once";
const VISIBLE: &str = "2 what was visible stays, compacted or not";
const INDEX: &str = "7 in a compacted log, too, an index answers what a scan finds";
const EPOCH: &str = "7 in a compacted log, too, an epoch is that of its batches";

/// Bytes read at once.
const READ_BYTES: u64 = 700;
const MAX_DECOMPRESSED: usize = 1 << 20;

type Batches = Vec<(BatchHeader, Vec<Record>)>;

impl World {
    /// After a start: what was written and not seen may be gone, from the end.
    pub(crate) fn check_compacted_after_start(&mut self) -> Result<(), Broken> {
        for partition in self.compacted_partitions() {
            if partition.out_of_service().is_some() {
                continue;
            }
            let end = partition.reader().end_offset();
            if let Some(model) = self.compacted.get_mut(&partition.id) {
                let seen = model.seen_end;
                if end < seen {
                    return broken(VISIBLE, format!("{partition} was seen up to {seen}, and ends at {end}"));
                }
                model.restarted(end);
            }
            self.see_new(&partition)?;
            self.check_compacted(&partition)?;
        }
        Ok(())
    }

    /// One of them, at random, and look-ups in it.
    pub(crate) fn check_any_compacted(&mut self) -> Result<(), Broken> {
        let partitions = self.compacted_partitions();
        let Some(index) = self.random.index(partitions.len()) else {
            return Ok(());
        };
        let partition = partitions[index].clone();
        self.see_new(&partition)?;
        self.check_compacted(&partition)
    }

    pub(crate) fn check_all_compacted(&mut self) -> Result<(), Broken> {
        for partition in self.compacted_partitions() {
            self.see_new(&partition)?;
            self.check_compacted(&partition)?;
        }
        Ok(())
    }

    /// Takes in what is new below the high watermark: no round has been there, so it has no gaps.
    pub(crate) fn see_new(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        if partition.out_of_service().is_some() {
            return Ok(());
        }
        let from = self.compacted.entry(partition.id).or_default().seen_end;
        let Some(batches) = self.read_batches(partition, from)? else {
            return Ok(());
        };
        let start = partition.reader().start_offset();
        let model = self.compacted.entry(partition.id).or_default();
        for (header, records) in batches {
            if header.base_offset < model.seen_end {
                continue;
            }
            if header.base_offset != model.seen_end && model.seen_end >= start {
                let seen = model.seen_end;
                return broken(
                    WHOLE,
                    format!("{partition} has nothing from {seen} to {}", header.base_offset),
                );
            }
            if let Err(reason) = model.see(&header, &records) {
                return broken(SAME, format!("{partition} at {}: {reason}", header.base_offset));
            }
        }
        Ok(())
    }

    /// Everything from `from` on; `None` where the disk has failed or the machine stopped.
    fn read_batches(&mut self, partition: &Arc<Partition>, from: i64) -> Result<Option<Batches>, Broken> {
        let reader = partition.reader().clone();
        let mut next = from.max(reader.start_offset());
        let mut found = Vec::new();
        loop {
            let limit = reader.high_watermark();
            if next >= limit.offset {
                return Ok(Some(found));
            }
            let read = reader
                .read(next, limit, READ_BYTES)
                .map(|slice| slice.map(|slice| slice.read()));
            let bytes = match read {
                Ok(Some(Ok(bytes))) => bytes,
                Ok(None) => return broken(INDEX, format!("{partition} has nothing at {next} below {limit:?}")),
                Ok(Some(Err(_))) | Err(LogError::Io { .. }) if self.is_troubled() || self.is_stopped() => {
                    return Ok(None);
                }
                Ok(Some(Err(error))) => return broken(INDEX, format!("{partition} at {next}: {error}")),
                Err(error) => return broken(INDEX, format!("{partition} at {next}: {error}")),
            };
            let mut bytes = Bytes::from(bytes);
            while !bytes.is_empty() {
                let (header, records) = match parse(&mut bytes) {
                    Ok(parsed) => parsed,
                    Err(error) => return broken(SAME, format!("{partition} at {next}: {error}")),
                };
                if header.next_offset() <= next {
                    return broken(
                        INDEX,
                        format!("{partition}: a read from {next} begins with {}", header.base_offset),
                    );
                }
                next = header.next_offset();
                found.push((header, records));
            }
        }
    }

    /// Everything that must hold of a compacted log at any time.
    pub(crate) fn check_compacted(&mut self, partition: &Arc<Partition>) -> Result<(), Broken> {
        if partition.out_of_service().is_some() || self.is_stopped() {
            return Ok(());
        }
        self.see_new(partition)?;
        let reader = partition.reader().clone();
        let seen_end = self.compacted.get(&partition.id).map_or(0, |model| model.seen_end);
        if seen_end < reader.high_watermark().offset {
            // What is new could not be read just now.
            return Ok(());
        }
        let Some(batches) = self.read_batches(partition, reader.start_offset())? else {
            return Ok(());
        };
        let (start, uncleaned) = (reader.start_offset(), reader.first_uncleaned());
        let now_ms = self.clock.wall_ms();
        let is_troubled = self.is_troubled();
        let World { compacted, report, .. } = self;
        let Some(model) = compacted.get(&partition.id) else {
            return Ok(());
        };
        check_records(partition, model, report, &batches, start, uncleaned, now_ms)?;
        for (header, _) in &batches {
            report.checked(EPOCH);
            let known = reader.epoch_of(header.base_offset);
            if known != Some(header.leader_epoch) {
                let (base, epoch) = (header.base_offset, header.leader_epoch);
                return broken(EPOCH, format!("{partition} at {base}: {epoch}, and {known:?} is known"));
            }
        }
        if is_troubled {
            return Ok(());
        }
        self.look_up_in(partition, &batches)
    }

    fn look_up_in(&mut self, partition: &Arc<Partition>, batches: &Batches) -> Result<(), Broken> {
        let reader = partition.reader().clone();
        let limit = reader.high_watermark();
        let end = batches.last().map_or(0, |(header, _)| header.next_offset());
        if end != limit.offset || end <= reader.start_offset() {
            return Ok(());
        }
        self.report.checked(INDEX);
        let from = self.random.between(reader.start_offset() as u64, end as u64 - 1) as i64;
        let found = reader
            .read(from, limit, 1)
            .ok()
            .flatten()
            .and_then(|slice| slice.read().ok());
        let found = found
            .and_then(|bytes| BatchHeader::parse(&bytes).ok())
            .map(|header| header.base_offset);
        let expected = batches.iter().find(|(header, _)| header.last_offset() >= from);
        let expected = expected.map(|(header, _)| header.base_offset);
        if found != expected && !self.is_stopped() && !self.is_troubled() {
            return broken(
                INDEX,
                format!("{partition} at {from}: the batch {found:?}, a scan finds {expected:?}"),
            );
        }
        let records: Vec<(i64, i64)> = batches
            .iter()
            .flat_map(|(_, records)| records)
            .map(|record| (record.offset, record.timestamp))
            .collect();
        let Some(index) = self.random.index(records.len()) else {
            return Ok(());
        };
        let wanted = records[index].1 + self.random.below(3) as i64 - 1;
        let newest = records.iter().map(|record| record.1).max();
        for (what, found, expected) in [
            (
                "by time",
                reader.offset_for_timestamp(wanted, limit, MAX_DECOMPRESSED),
                records.iter().find(|record| record.1 >= wanted),
            ),
            (
                "the newest",
                reader.max_timestamp(limit, MAX_DECOMPRESSED),
                records.iter().find(|record| Some(record.1) == newest),
            ),
        ] {
            let Ok(found) = found else {
                if self.is_troubled() || self.is_stopped() {
                    return Ok(());
                }
                return broken(INDEX, format!("{partition} {what}: {found:?}"));
            };
            let found = found.map(|found| (found.offset, found.timestamp));
            if found != expected.copied() {
                return broken(
                    INDEX,
                    format!("{partition} {what} {wanted}: {found:?}, a scan finds {expected:?}"),
                );
            }
        }
        Ok(())
    }

    /// When nothing is left to clean: below the clean end each key stands once.
    pub(crate) fn check_clean(&mut self) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        for partition in self.compacted_partitions() {
            if partition.out_of_service().is_some() || !partition.settings().log.compact {
                continue;
            }
            let Some(batches) = self.read_batches(&partition, 0)? else {
                continue;
            };
            let dirty_from = node.journal().dirty_from(partition.id).unwrap_or(0);
            let mut seen = BTreeMap::new();
            for record in batches
                .iter()
                .flat_map(|(_, records)| records)
                .filter(|it| it.offset < dirty_from)
            {
                self.report.checked(ONE);
                if let Some(other) = seen.insert(record.key.clone(), record.offset) {
                    let offset = record.offset;
                    return broken(
                        ONE,
                        format!("{partition}: a key stands at {other} and {offset}, below {dirty_from}"),
                    );
                }
            }
        }
        Ok(())
    }
}

fn check_records(
    partition: &Partition,
    model: &Compacted,
    report: &mut super::super::report::Report,
    batches: &Batches,
    start: i64,
    uncleaned: i64,
    now_ms: i64,
) -> Result<(), Broken> {
    let there: BTreeMap<i64, &Record> = batches
        .iter()
        .flat_map(|(_, records)| records)
        .map(|record| (record.offset, record))
        .collect();
    report.checked(SAME);
    for (offset, record) in &there {
        if model.known.get(offset) != Some(*record) {
            let known = model.known.get(offset);
            return broken(
                SAME,
                format!("{partition} at {offset}: {record:?}, {known:?} was written"),
            );
        }
    }
    report.checked(WHOLE);
    let missing = model
        .known
        .range(uncleaned.max(start)..)
        .find(|(offset, _)| !there.contains_key(offset));
    if let Some((missing, _)) = missing {
        return broken(
            WHOLE,
            format!("{partition} has lost the record at {missing}, not below {uncleaned}"),
        );
    }
    let mut latest: BTreeMap<&Option<Bytes>, &Record> = BTreeMap::new();
    for record in model.known.range(start..).map(|(_, record)| record) {
        latest.insert(&record.key, record);
    }
    for (key, record) in latest
        .into_iter()
        .filter(|(_, record)| !there.contains_key(&record.offset))
    {
        report.checked(LATEST);
        if record.value.is_some() {
            return broken(
                LATEST,
                format!("{partition} has lost {key:?}, last at {}", record.offset),
            );
        }
        report.checked(TOMBSTONE);
        let horizon = model.horizons.get(&record.offset);
        if horizon.is_none_or(|horizon| *horizon > now_ms) {
            let offset = record.offset;
            return broken(
                TOMBSTONE,
                format!("{partition}: that of {key:?} at {offset} is gone at {now_ms}, {horizon:?}"),
            );
        }
        report.checked(RESURRECTED);
        if let Some(back) = there.values().find(|other| other.key == *key) {
            return broken(RESURRECTED, format!("{partition}: {key:?} at {}", back.offset));
        }
    }
    for (producer, last) in model.last_batches().filter(|(_, last)| *last >= start) {
        report.checked(PRODUCER);
        let is_there = batches
            .iter()
            .any(|(header, _)| header.producer_id == producer && header.last_offset() == last);
        if !is_there {
            return broken(
                PRODUCER,
                format!("{partition}: that of {producer}, up to {last}, is gone"),
            );
        }
    }
    Ok(())
}

fn parse(bytes: &mut Bytes) -> Result<(BatchHeader, Vec<Record>), String> {
    let header = BatchHeader::parse(bytes).map_err(|error| error.to_string())?;
    if header.size() > bytes.len() {
        return Err("half a batch".to_string());
    }
    let batch = bytes.split_to(header.size());
    verify_crc(&batch, &header).map_err(|error| error.to_string())?;
    let records = Records::new(&batch, MAX_DECOMPRESSED).map_err(|error| error.to_string())?;
    let records: Result<Vec<Record>, _> = records.collect();
    Ok((header, records.map_err(|error| error.to_string())?))
}
