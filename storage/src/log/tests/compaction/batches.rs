//! The reader of batches, from any offset, in a segment with a wrong bit anywhere.

use super::super::super::*;
use super::super::scenario::Scenario;

const BATCHES: usize = 12;
const CHUNK: usize = 200;

fn segment_of_batches() -> Scenario {
    let config = LogConfig {
        index_interval_bytes: 100,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::new(1, config);
    scenario.begin_epoch().expect("a healthy disk");
    for at in 0..BATCHES as i64 {
        let timestamps: Vec<i64> = (0..=at % 3).map(|it| 1_000 + at * 10 + it).collect();
        assert!(scenario.append(&timestamps, 20, None).expect("a healthy disk"));
    }
    scenario.roll();
    scenario.append_some(1);
    scenario.flush().expect("a healthy disk");
    scenario.commit(scenario.last());
    scenario
}

/// What a walk from `offset` on met: the base offsets of good batches, and where it says that the good ones end.
fn read_from(scenario: &Scenario, offset: i64, limit: usize) -> (Vec<i64>, Option<LogPosition>) {
    let reader = scenario.log.reader();
    let segments = reader.segments();
    let end = segments[1].base_offset();
    let mut batches = BatchReader::from(reader, segments[0].clone(), offset, end, CHUNK).expect("readable");
    let mut met = Vec::new();
    for _ in 0..limit {
        match batches.next(reader).expect("readable") {
            Met::Batch { header, .. } => met.push(header.base_offset),
            Met::End => return (met, None),
            Met::Damaged(damage, end) => {
                assert_eq!((damage.offset, damage.position), (end.offset, end.position));
                return (met, Some(end));
            }
        }
    }
    panic!("from {offset} on it never ends");
}

#[test]
fn a_walk_from_the_middle_tells_of_the_first_bad_batch_and_where_it_stands() {
    let sound = segment_of_batches();
    let size = sound.log.reader().segments()[0].size();
    let end = sound.log.reader().segments()[1].base_offset();
    let bases: Vec<_> = sound.batches().take(BATCHES).map(|it| it.header.base_offset).collect();
    for offset in 0..end {
        let (met, damage) = read_from(&sound, offset, BATCHES + 1);
        assert_eq!(damage, None);
        let holds = bases.partition_point(|&base| base <= offset) - 1;
        assert!(
            met.contains(&bases[holds]) && met.ends_with(&bases[holds..]),
            "from {offset}: {met:?}"
        );
    }
    for position in 0..size {
        let scenario = segment_of_batches();
        let path = scenario.path(0, LOG);
        scenario
            .disk
            .flip_bit(&path, position, (position % 8) as u8)
            .expect("there");
        scenario.disk.drop_cache();
        let batches: Vec<_> = scenario.batches().take(BATCHES).collect();
        let bad = batches.partition_point(|batch| batch.start.position <= position) - 1;
        let bad = batches[bad];
        for offset in 0..end {
            let (_, damage) = read_from(&scenario, offset, 2 * BATCHES + 1);
            let holds = batches.partition_point(|batch| batch.header.base_offset <= offset) - 1;
            match damage {
                Some(damage) => assert_eq!(damage, bad.start, "byte {position}, from {offset}"),
                // It lies before, and is not for who reads from here.
                None => assert!(
                    batches[holds].start.position > bad.start.position,
                    "byte {position}, from {offset}"
                ),
            }
        }
    }
}
