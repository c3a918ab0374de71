use super::*;
use proptest::prelude::*;

fn sample() -> OffsetIndexBuilder {
    let mut index = OffsetIndexBuilder::new(1000);
    for (offset, position) in [(1009, 0), (1019, 4200), (1049, 9000)] {
        index.push(offset, position).unwrap();
    }
    index
}

#[test]
fn the_file_is_kafkas() {
    let mut index = OffsetIndexBuilder::new(1000);
    index.push(1009, 4200).unwrap();
    assert_eq!(index.encode(), [0, 0, 0, 9, 0, 0, 0x10, 0x68]);
}

#[test]
fn looks_up_the_last_entry_at_or_before() {
    let index = sample();
    let bytes = index.encode();
    let view = OffsetIndexView::new(1000, &bytes).unwrap();
    for (offset, position) in [
        (0, 0),
        (1008, 0),
        (1009, 0),
        (1018, 0),
        (1019, 4200),
        (1048, 4200),
        (1049, 9000),
    ] {
        assert_eq!(index.lookup(offset), position, "{offset}");
        assert_eq!(view.lookup(offset), position, "{offset}");
    }
    assert_eq!(view.lookup(i64::MAX), 9000);
    assert_eq!(view.lookup(i64::MIN), 0);
    assert_eq!(OffsetIndexBuilder::new(5).lookup(7), 0);
}

#[test]
fn truncates_at_and_behind() {
    for (cut, left) in [(2000, 3), (1050, 3), (1049, 2), (1020, 2), (1019, 1), (1009, 0), (0, 0)] {
        let mut index = sample();
        index.truncate_to(cut);
        assert_eq!(index.len(), left, "{cut}");
    }
}

#[test]
fn refuses_what_does_not_fit_or_goes_back() {
    let mut index = sample();
    assert!(matches!(
        index.push(1049, 9100),
        Err(OffsetIndexError::Entry { slot: 3, .. })
    ));
    assert!(matches!(index.push(1050, 9000), Err(OffsetIndexError::Entry { .. })));
    assert!(matches!(index.push(999, 9100), Err(OffsetIndexError::TooFar { .. })));
    assert!(matches!(
        index.push(1001 + i64::from(i32::MAX), 9100),
        Err(OffsetIndexError::TooFar { .. })
    ));
    assert!(matches!(
        index.push(1051, 1 << 31),
        Err(OffsetIndexError::TooFar { .. })
    ));
    assert_eq!(index.len(), 3);
    index.push(1000 + i64::from(i32::MAX), i32::MAX as u32).unwrap();
}

#[test]
fn sanity_check_finds_damage() {
    let good = sample().encode();
    assert!(OffsetIndexView::new(1000, &good[..9]).is_err());
    let check = |bytes: &[u8], size| OffsetIndexView::new(1000, bytes).unwrap().sanity_check(size);
    assert_eq!(check(&good, 9001), Ok(()));
    assert!(check(&good, 9000).is_err(), "a position behind the segment's end");
    let mut zeroed = good.clone();
    zeroed.extend_from_slice(&[0; 8]);
    assert!(check(&zeroed, 9001).is_err(), "a tail of zeroes");
    let mut negative = good;
    negative[0] = 0x80;
    assert!(check(&negative, 9001).is_err(), "an offset before the segment");
}

proptest! {
    #[test]
    fn answers_as_a_scan_would(steps in prop::collection::vec((1i64..50, 1u32..5000), 0..60), target in 0i64..3000) {
        let mut index = OffsetIndexBuilder::new(100);
        let mut entries = Vec::new();
        let (mut offset, mut position) = (99, 0);
        for (by, size) in steps {
            offset += by;
            index.push(offset, position).unwrap();
            entries.push(OffsetEntry { offset, position });
            position += size;
        }
        let expected = entries.iter().rev().find(|entry| entry.offset <= target).map_or(0, |entry| entry.position);
        let bytes = index.encode();
        let view = OffsetIndexView::new(100, &bytes).unwrap();
        prop_assert_eq!(view.sanity_check(u64::from(position)), Ok(()));
        prop_assert_eq!(view.lookup(target), expected);
        prop_assert_eq!(view.iter().collect::<Vec<_>>(), entries.clone());
        index.truncate_to(target);
        entries.retain(|entry| entry.offset < target);
        prop_assert_eq!(index.last(), entries.last().copied());
        prop_assert_eq!(index.len(), entries.len());
    }

    #[test]
    fn any_bytes_are_answered_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), target: i64) {
        if let Ok(view) = OffsetIndexView::new(i64::MAX - 5, &bytes) {
            let _ = (view.sanity_check(100), view.lookup(target), view.last());
        }
    }
}
