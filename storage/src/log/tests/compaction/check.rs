//! What must hold of a compacted log at any time.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::super::verify::verify_journaled;
use super::super::super::*;
use super::super::scenario::{GROUP, files};
use super::world::{MAX_DECOMPRESSED, World};
use crate::record_batch::Record;

impl World {
    /// Everything that must hold after any round, whole or broken off.
    pub(super) fn check(&mut self) {
        let reader = self.scenario.log.reader().clone();
        let (start, mark) = (reader.start_offset(), reader.high_watermark().offset);
        let batches = self.read_all();
        let there: BTreeMap<i64, &Record> = batches
            .iter()
            .flat_map(|(_, records)| records)
            .map(|record| (record.offset, record))
            .collect();
        for (offset, record) in &there {
            let mut known = self.records[offset].clone();
            // What was appended under LogAppendTime keeps that of its batch.
            known.offset = *offset;
            assert_eq!(**record, known, "the record at {offset}");
        }
        let mut latest: BTreeMap<&Bytes, &Record> = BTreeMap::new();
        for record in self.records.range(start..mark).map(|(_, record)| record) {
            if let Some(key) = &record.key {
                latest.insert(key, record);
            }
        }
        for (key, record) in latest {
            if there.contains_key(&record.offset) {
                continue;
            }
            assert!(
                record.value.is_none(),
                "the latest record of {key:?}, at {}, is lost",
                record.offset
            );
            let horizon = self.horizons.get(&record.offset).copied();
            assert!(
                horizon.is_some_and(|horizon| horizon <= self.scenario.now_ms),
                "the tombstone at {} went at {}, before {horizon:?}",
                record.offset,
                self.scenario.now_ms
            );
            let back = there.values().find(|other| other.key.as_ref() == Some(key));
            assert_eq!(back, None, "{key:?} is resurrected");
        }
        // What no round has reached is whole.
        let begin = self.scenario.log.first_uncleaned();
        for offset in self.records.range(begin..mark).map(|(offset, _)| offset) {
            assert!(there.contains_key(offset), "the record at {offset} is gone");
        }
        for (id, last) in self.producers.iter().filter(|(_, last)| (start..mark).contains(last)) {
            let is_there = batches
                .iter()
                .any(|(header, _)| header.producer_id == *id && header.last_offset() == *last);
            assert!(is_there, "the last batch of producer {id}, up to {last}, is gone");
            let entry = self.scenario.log.producers().get(*id).expect("known");
            assert_eq!(entry.batches().last().map(|batch| batch.last_offset), Some(*last));
        }
        for (header, _) in &batches {
            assert_eq!(reader.epoch_of(header.base_offset), Some(header.leader_epoch));
        }
        if let Some(expected) = &self.expected {
            let found: Vec<i64> = there
                .values()
                .filter(|it| it.value.is_some())
                .map(|it| it.offset)
                .collect();
            let dirty = self.scenario.journal.dirty_from(GROUP).unwrap_or(0);
            let expected: Vec<i64> = expected
                .iter()
                .copied()
                .filter(|it| self.records[it].value.is_some())
                .collect();
            assert_eq!(found, expected, "clean up to {dirty}");
        }
    }

    /// Look-ups by offset and time, against a scan.
    pub(super) fn check_look_ups(&mut self) {
        let reader = self.scenario.log.reader().clone();
        let limit = reader.high_watermark();
        let batches = self.read_all();
        for offset in reader.start_offset()..limit.offset {
            let slice = reader.read(offset, limit, 1).expect("readable").expect("below the end");
            let found = BatchHeader::parse(&slice.read().expect("readable")).expect("a header");
            let expected = batches.iter().find(|(header, _)| header.last_offset() >= offset);
            assert_eq!(
                Some(found.base_offset),
                expected.map(|(header, _)| header.base_offset),
                "at {offset}"
            );
        }
        let records: Vec<(i64, i64)> = batches
            .iter()
            .flat_map(|(_, records)| records)
            .map(|it| (it.offset, it.timestamp))
            .collect();
        let some = |found: Option<TimestampedOffset>| found.map(|found| (found.offset, found.timestamp));
        for &(_, time) in &records {
            for time in time - 1..=time + 1 {
                let found = reader
                    .offset_for_timestamp(time, limit, MAX_DECOMPRESSED)
                    .expect("readable");
                let expected = records.iter().copied().find(|record| record.1 >= time);
                assert_eq!(some(found), expected, "by time {time}");
            }
        }
        let newest = records.iter().map(|record| record.1).max();
        let expected = records.iter().copied().find(|record| Some(record.1) == newest);
        let found = reader.max_timestamp(limit, MAX_DECOMPRESSED).expect("readable");
        assert_eq!(some(found), expected, "the newest");
    }

    pub(super) fn check_files(&self) {
        for suffix in [CLEANED, DELETED, "tmp"] {
            assert_eq!(self.scenario.names(suffix), Vec::<String>::new());
        }
        let group = self.scenario.journal.group(GROUP).unwrap_or_default();
        let verified = verify_journaled(&files(&self.scenario.disk), &group, StopKind::Killed).expect("readable");
        assert_eq!((verified.damage, verified.findings), (None, Vec::new()));
    }
}
