//! What must be the same in the log and in the vector.

use super::super::super::*;
use super::super::random::Random;
use super::super::scenario::{Batch, Scenario};

const MAX_DECOMPRESSED: usize = 1 << 20;

/// Every batch, byte for byte, from the log's start to `end`.
pub(in crate::log::tests) fn content(scenario: &Scenario, end: i64) {
    let reader = scenario.log.reader();
    let start = reader.start_offset();
    let mut from = start;
    let limit = reader.end();
    for batch in scenario
        .batches()
        .filter(|batch| batch.header.base_offset >= start && batch.header.base_offset < end)
    {
        assert_eq!(batch.header.base_offset, from, "the model's batches follow each other");
        let slice = reader.read(from, limit, 1).expect("readable").expect("not the end");
        assert_eq!(
            slice.read().expect("readable"),
            batch.bytes,
            "the batch at offset {from}"
        );
        from = batch.header.next_offset();
    }
    assert_eq!(from, end);
}

/// Names, epochs and producers after a start.
pub(in crate::log::tests) fn state(scenario: &Scenario, producers_may_be_lost: bool) {
    let log = &scenario.log;
    let reader = log.reader();
    let (start, end) = (reader.start_offset(), reader.end_offset());
    for suffix in [DELETED, "tmp"] {
        assert_eq!(scenario.names(suffix), Vec::<String>::new());
    }
    for name in scenario.names("") {
        match parse_name(&name) {
            Some((base, INDEX | TIME_INDEX)) => assert!(
                reader.segments().iter().any(|segment| segment.base_offset() == base),
                "{name} without its segment"
            ),
            Some((offset, SNAPSHOT)) => assert!(offset <= end, "{name} above the end {end}"),
            _ => {}
        }
    }
    for batch in scenario.batches().filter(|batch| batch.header.base_offset >= start) {
        let offset = batch.header.base_offset;
        assert_eq!(
            reader.epoch_of(offset),
            Some(batch.header.leader_epoch),
            "epoch of offset {offset}"
        );
    }
    if let Some(last) = scenario.entries.last() {
        assert_eq!(reader.latest_epoch(), Some(last.term as i32), "the latest epoch");
    }
    producers(scenario, producers_may_be_lost);
}

/// Each producer's last batch. One whose batches have all expired may be forgotten where its snapshot could not be
/// written.
pub(in crate::log::tests) fn producers(scenario: &Scenario, may_be_lost: bool) {
    let start = scenario.log.reader().start_offset();
    let expected = scenario.producers();
    let found = scenario.log.producers();
    for (id, _) in found.iter() {
        assert!(expected.contains_key(&id), "producer {id} of no batch");
    }
    for (id, (epoch, sequence, offset)) in expected {
        let Some(entry) = found.get(id) else {
            assert!(
                may_be_lost && offset < start,
                "producer {id}, last at {offset}, is forgotten"
            );
            continue;
        };
        let last = entry.batches().last().map(|batch| batch.last_offset);
        assert_eq!(
            (entry.epoch(), entry.last_sequence(), last),
            (epoch, sequence, Some(offset)),
            "producer {id}"
        );
    }
}

/// A read from anywhere, with any limits, against what a scan gives.
pub(in crate::log::tests) fn read(scenario: &Scenario, random: &mut Random) {
    let reader = scenario.log.reader();
    let start = reader.start_offset();
    let batches: Vec<&Batch> = scenario
        .batches()
        .filter(|batch| batch.header.base_offset >= start)
        .collect();
    if batches.is_empty() {
        return;
    }
    let upto = random.below(batches.len() as u64) as usize;
    let limit = scenario.entries.iter().find(|entry| {
        let batch = entry.batch.as_ref();
        batch.is_some_and(|batch| batch.header.base_offset == batches[upto].header.base_offset)
    });
    let limit = limit.expect("there").end;
    let from = start + random.below((limit.offset - start + 1) as u64) as i64;
    let max_bytes = random.pick(&[0, 1, 300, 1_000, 5_000, u64::MAX]);
    let Ok(found) = reader.read(from, limit, max_bytes) else {
        return;
    };
    let mut wanted = batches[..=upto]
        .iter()
        .skip_while(|batch| batch.header.next_offset() <= from);
    let Some(slice) = found else {
        assert_eq!(from, limit.offset);
        return;
    };
    let Ok(bytes) = slice.read() else { return };
    let first = wanted.next().expect("below the limit");
    assert_eq!(slice.position, first.start.position);
    let mut rest = bytes.strip_prefix(&first.bytes[..]).expect("the first batch, whole");
    assert!(rest.is_empty() || bytes.len() as u64 <= max_bytes);
    while !rest.is_empty() {
        let next = wanted.next().expect("nothing at or above the limit");
        assert_eq!(next.start.segment_base, first.start.segment_base);
        rest = rest.strip_prefix(&next.bytes[..]).expect("the next batch, whole");
    }
    let next = wanted.find(|batch| batch.start.segment_base == first.start.segment_base);
    let has_room = next.is_some_and(|next| slice.len + next.bytes.len() as u64 <= max_bytes);
    assert!(!has_room, "as many batches as there is room for");
}

/// Look-ups by time, against a scan of all records.
pub(in crate::log::tests) fn times(scenario: &Scenario, random: &mut Random) {
    let reader = scenario.log.reader();
    let start = reader.start_offset();
    let index = random.between(0, scenario.last());
    let limit = scenario.end_of(index);
    if limit.offset < start || (limit.offset == start && start > 0) {
        return;
    }
    let records: Vec<(i64, i64)> = scenario
        .batches()
        .filter(|batch| batch.header.base_offset >= start && batch.header.base_offset < limit.offset)
        .flat_map(|batch| (batch.header.base_offset..).zip(batch.timestamps.iter().copied()))
        .collect();
    let some = |found: Option<TimestampedOffset>| found.map(|found| (found.offset, found.timestamp));
    let timestamp = match records.len() {
        0 => scenario.now_ms,
        len => records[random.below(len as u64) as usize].1 + random.below(3) as i64 - 1,
    };
    if let Ok(found) = reader.offset_for_timestamp(timestamp, limit, MAX_DECOMPRESSED) {
        let expected = records.iter().copied().find(|record| record.1 >= timestamp);
        assert_eq!(some(found), expected, "by time {timestamp} below {limit:?}");
    }
    if let Ok(found) = reader.max_timestamp(limit, MAX_DECOMPRESSED) {
        let newest = records.iter().map(|record| record.1).max();
        let expected = records.iter().copied().find(|record| Some(record.1) == newest);
        assert_eq!(some(found), expected, "the newest below {limit:?}");
    }
}
