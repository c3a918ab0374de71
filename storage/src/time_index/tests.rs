use super::*;
use proptest::prelude::*;

fn sample() -> TimeIndexBuilder {
    let mut index = TimeIndexBuilder::new(50);
    for (timestamp, offset) in [(100, 59), (200, 69), (300, 99)] {
        assert!(index.push(timestamp, offset).unwrap());
    }
    index
}

#[test]
fn the_file_is_kafkas() {
    let mut index = TimeIndexBuilder::new(1000);
    index.push(0x0102_0304_0506, 1009).unwrap();
    assert_eq!(index.encode(), [0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 9]);
}

#[test]
fn looks_up_where_to_scan() {
    let index = sample();
    for (timestamp, offset) in [
        (-1, 50),
        (99, 50),
        (100, 59),
        (199, 59),
        (200, 69),
        (i64::MAX, 99),
        (i64::MIN, 50),
    ] {
        assert_eq!(index.lookup(timestamp), offset, "{timestamp}");
    }
}

#[test]
fn adds_only_larger_timestamps() {
    let mut index = sample();
    assert!(!index.push(300, 120).unwrap());
    assert!(!index.push(10, 120).unwrap());
    assert!(matches!(
        index.push(400, 98),
        Err(TimeIndexError::Entry { slot: 3, .. })
    ));
    assert!(matches!(index.push(400, 49), Err(TimeIndexError::TooFar { .. })));
    assert_eq!(index.len(), 3);
    assert!(!TimeIndexBuilder::new(0).push(-1, 3).unwrap(), "no timestamp");
    assert_eq!(
        index.last(),
        Some(TimeEntry {
            timestamp: 300,
            offset: 99
        })
    );
}

#[test]
fn truncates_at_and_behind() {
    for (cut, left) in [(100, 3), (99, 2), (70, 2), (69, 1), (59, 0), (0, 0)] {
        let mut index = sample();
        index.truncate_to(cut);
        assert_eq!(index.len(), left, "{cut}");
    }
}

#[test]
fn sanity_check_finds_damage() {
    let good = sample().encode();
    assert!(TimeIndexView::new(50, &good[..13]).is_err());
    let check = |bytes: &[u8], next| TimeIndexView::new(50, bytes).unwrap().sanity_check(next);
    assert_eq!(check(&good, 100), Ok(()));
    assert!(check(&good, 99).is_err(), "an offset behind the segment's end");
    let mut zeroed = good.clone();
    zeroed.extend_from_slice(&[0; 12]);
    assert!(check(&zeroed, 100).is_err(), "a tail of zeroes");
}

proptest! {
    #[test]
    fn a_scan_from_the_answer_misses_nothing(
        batches in prop::collection::vec((1i64..10, 0i64..100, any::<bool>()), 1..60), target in 0i64..110,
    ) {
        let mut index = TimeIndexBuilder::new(0);
        let mut log = Vec::new();
        let (mut next, mut largest, mut at) = (0, -1, 0);
        for (count, timestamp, indexed) in batches {
            next += count;
            log.push((next - 1, timestamp));
            if timestamp > largest {
                (largest, at) = (timestamp, next - 1);
            }
            if indexed {
                index.push(largest, at).unwrap();
            }
        }
        let start = index.lookup(target);
        let first = log.iter().find(|(_, timestamp)| *timestamp >= target);
        let found = log.iter().find(|(last, timestamp)| *last >= start && *timestamp >= target);
        prop_assert_eq!(first, found);
        let bytes = index.encode();
        prop_assert_eq!(TimeIndexView::new(0, &bytes).unwrap().sanity_check(next), Ok(()));
    }

    #[test]
    fn any_bytes_are_answered_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), target: i64) {
        if let Ok(view) = TimeIndexView::new(i64::MAX - 5, &bytes) {
            let _ = (view.sanity_check(100), view.lookup(target), view.last());
        }
    }
}
