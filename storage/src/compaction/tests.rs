//! The decisions, each for itself.

use std::convert::Infallible;

use super::*;

const CONFIG: CompactionConfig = CompactionConfig {
    delete_retention_ms: 0,
    min_lag_ms: 0,
    max_lag_ms: i64::MAX,
    min_dirty_ratio: 0.5,
};

fn facts(bases: &[(i64, u64)]) -> Vec<SegmentFacts> {
    let facts = bases
        .iter()
        .map(|&(base_offset, size)| SegmentFacts { base_offset, size });
    facts.collect()
}

fn chosen(dirty_from: Option<i64>, stable_end: i64, config: &CompactionConfig, times: &[(i64, i64)]) -> Choice {
    let segments = facts(&[(0, 100), (10, 200), (20, 300), (30, 400)]);
    let oldest = |place: usize| Ok::<_, Infallible>(times.get(place).map_or(-1, |times| times.0));
    let newest = |place: usize| Ok::<_, Infallible>(times.get(place).map_or(-1, |times| times.1));
    let choice = choose(&segments, dirty_from, stable_end, config, 1_000, newest, oldest);
    choice
        .unwrap_or_else(|never| match never {})
        .expect("there are segments")
}

#[test]
fn the_active_segment_and_what_is_not_committed_are_left_alone() {
    let choice = chosen(None, 35, &CONFIG, &[]);
    assert_eq!((choice.first_dirty, choice.first_uncleanable), (0, 30));
    assert_eq!((choice.clean_bytes, choice.cleanable_bytes), (0, 600));
    let choice = chosen(None, 25, &CONFIG, &[]);
    assert_eq!((choice.first_uncleanable, choice.cleanable_bytes), (20, 300));
    let choice = chosen(Some(20), 25, &CONFIG, &[]);
    assert_eq!((choice.first_dirty, choice.first_uncleanable), (20, 20));
    assert!(!choice.is_due(&CONFIG));
}

#[test]
fn how_much_is_dirty_decides() {
    let choice = chosen(Some(20), 40, &CONFIG, &[]);
    assert_eq!((choice.clean_bytes, choice.cleanable_bytes), (300, 300));
    assert!(!choice.is_due(&CONFIG), "not more than half");
    assert!(
        chosen(Some(15), 40, &CONFIG, &[]).is_due(&CONFIG),
        "a segment that is dirty in part counts as a whole"
    );
    assert_eq!(chosen(Some(41), 40, &CONFIG, &[]).first_dirty, 0, "of another log");
}

#[test]
fn the_lags_hold_back_and_press_on() {
    let times = [(100, 200), (450, 500), (500, 950)];
    let young = CompactionConfig {
        min_lag_ms: 100,
        ..CONFIG
    };
    assert_eq!(chosen(None, 40, &young, &times).first_uncleanable, 20);
    let old = CompactionConfig {
        max_lag_ms: 600,
        min_dirty_ratio: 1.0,
        ..CONFIG
    };
    let choice = chosen(None, 40, &old, &times);
    assert_eq!(choice.overdue_ms, 300);
    assert!(choice.is_due(&old));
    assert!(
        !chosen(Some(10), 40, &old, &times).is_due(&old),
        "the old segment is clean"
    );
}

fn groups(
    segments: &[SegmentSize],
    end: i64,
    max_bytes: u64,
    max_index_bytes: u64,
    interval: u64,
) -> Vec<(usize, usize)> {
    let groups = group(segments, end, max_bytes, max_index_bytes, interval);
    groups.into_iter().map(|group| (group.start, group.end)).collect()
}

#[test]
fn segments_become_one_as_far_as_they_fit() {
    let sizes: Vec<SegmentSize> = [(0, 40), (10, 40), (20, 40), (30, 200), (40, 0), (50, 10)]
        .map(|(base_offset, size)| SegmentSize { base_offset, size })
        .into();
    assert_eq!(groups(&sizes, 60, 100, 1 << 20, 100), [(0, 2), (2, 3), (3, 4), (4, 6)]);
    assert_eq!(groups(&sizes, 60, 1_000, 1 << 20, 100), vec![(0, 6)]);
    assert_eq!(
        groups(&sizes, 60, 1_000, 12, 90),
        [(0, 2), (2, 3), (3, 4), (4, 6)],
        "the indexes would grow too large"
    );
    let far = [(0, 1), (10, 1), (20, 1)].map(|(base_offset, size)| SegmentSize { base_offset, size });
    assert_eq!(groups(&far, i64::from(i32::MAX) + 1, 100, 1 << 20, 100), vec![(0, 3)]);
    assert_eq!(
        groups(&far, i64::from(i32::MAX) + 2, 100, 1 << 20, 100),
        [(0, 2), (2, 3)],
        "offsets would not fit"
    );
}

#[test]
fn the_map_has_the_latest_offset_of_each_key_and_says_when_it_is_full() {
    let mut map = OffsetMap::new(1_000, 24 * 100, 0.9, (1, 2));
    assert_eq!(map.size(), 24 * 100);
    let mut taken = 0;
    for number in 0..200i64 {
        match map.insert(map.hash(&number.to_be_bytes()), number) {
            true => taken += 1,
            false => break,
        }
    }
    assert_eq!((taken, map.len()), (90, 90));
    assert!((map.utilization() - 1.0).abs() < 1e-9);
    assert!(
        map.insert(map.hash(&7i64.to_be_bytes()), 500),
        "a key that is there takes no room"
    );
    assert_eq!(map.get(map.hash(&7i64.to_be_bytes())), Some(500));
    assert_eq!(map.get(map.hash(&8i64.to_be_bytes())), Some(8));
    assert_eq!(map.get(map.hash(&150i64.to_be_bytes())), None);
    let small = OffsetMap::new(10, 1 << 20, 0.9, (1, 2));
    assert_eq!(small.size(), 24 * 17, "no more than the keys need");
    assert!(small.is_empty() && small.get(small.hash(b"x")).is_none());
}

#[test]
fn a_large_map_grows_with_its_keys_to_what_it_may_take() {
    const SLOTS: i64 = 100_000;
    let limit = SLOTS as usize * BYTES_PER_KEY;
    for load_factor in [0.9, 1.0] {
        let mut map = OffsetMap::new(u64::MAX, limit, load_factor, (3, 4));
        assert!(map.size() < limit / 4);
        let key = |map: &OffsetMap, number: i64| map.hash(&number.to_be_bytes());
        let mut taken = 0;
        // Each key twice, so that growing keeps what was noted before and what is noted after.
        for number in 0..SLOTS {
            if !map.insert(key(&map, number), number) || !map.insert(key(&map, number / 2), SLOTS + number) {
                break;
            }
            taken = number + 1;
            assert!(map.size() <= limit);
        }
        assert!(taken > SLOTS * 4 / 5, "full at {taken}");
        for number in 0..taken {
            let again = (number < (taken + 1) / 2).then(|| SLOTS + (2 * number + 1).min(taken - 1));
            assert_eq!(map.get(key(&map, number)), Some(again.unwrap_or(number)), "{number}");
        }
        assert_eq!(map.get(key(&map, SLOTS)), None);
    }
}
