use super::*;
use proptest::prelude::*;

fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
    let mut epochs = LeaderEpochs::default();
    for (epoch, start) in entries {
        assert!(epochs.assign(*epoch, *start));
    }
    epochs
}

fn pairs(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
    epochs
        .entries()
        .iter()
        .map(|entry| (entry.epoch, entry.start_offset))
        .collect()
}

#[test]
fn the_file_is_kafkas() {
    let epochs = epochs(&[(3, 0), (7, 1042)]);
    assert_eq!(epochs.encode(), b"0\n2\n3 0\n7 1042\n");
    assert_eq!(LeaderEpochs::decode(b"0\n2\n3 0\n7 1042\n"), Ok(epochs));
    assert_eq!(LeaderEpochs::decode(b""), Ok(LeaderEpochs::default()));
    assert_eq!(LeaderEpochs::decode(b"0\n"), Ok(LeaderEpochs::default()));
    assert_eq!(LeaderEpochs::default().encode(), b"0\n0\n");
}

#[test]
fn bad_files_are_refused() {
    for bad in [
        "1\n0\n",
        "0\nx\n",
        "0\n1\n",
        "0\n1\n3 0\n4 5\n",
        "0\n1\n3\n",
        "0\n1\n3 0 1\n",
        "0\n1\n-3 0\n",
        "0\n2\n3 0\n3 5\n",
        "0\n2\n3 5\n4 5\n",
        "0\n1\n99999999999 0\n",
        "0\n18446744073709551615\n",
    ] {
        assert!(LeaderEpochs::decode(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert_eq!(LeaderEpochs::decode(&[0xff, 0xfe]), Err(LeaderEpochsError::NotText));
}

#[test]
fn assigning_drops_what_contradicts() {
    let mut list = epochs(&[(1, 0), (2, 10), (4, 20)]);
    assert!(!list.assign(4, 25), "the epoch goes on");
    assert!(list.assign(5, 20), "epoch 4 wrote nothing");
    assert_eq!(pairs(&list), [(1, 0), (2, 10), (5, 20)]);
    assert!(list.assign(6, 5));
    assert_eq!(pairs(&list), [(1, 0), (6, 5)]);
    assert!(list.assign(6, 3), "an earlier start counts");
    assert!(list.assign(2, 30), "a lower epoch replaces the higher");
    assert_eq!(pairs(&list), [(1, 0), (2, 30)]);
}

#[test]
fn end_offsets_are_answered_as_kafka_does() {
    let list = epochs(&[(2, 10), (3, 20), (6, 30)]);
    for (epoch, answer) in [
        (-1, UNDEFINED),
        (7, UNDEFINED),
        (6, (6, 99)),
        (5, (3, 30)),
        (3, (3, 30)),
        (2, (2, 20)),
        (1, (1, 10)),
        (0, (0, 10)),
    ] {
        assert_eq!(list.end_offset_for(epoch, 99), answer, "{epoch}");
    }
    assert_eq!(LeaderEpochs::default().end_offset_for(0, 5), UNDEFINED);
}

#[test]
fn epochs_of_offsets() {
    let list = epochs(&[(2, 10), (3, 20)]);
    for (offset, epoch) in [(9, None), (10, Some(2)), (19, Some(2)), (20, Some(3)), (500, Some(3))] {
        assert_eq!(list.epoch_for_offset(offset), epoch, "{offset}");
    }
}

#[test]
fn truncation_from_both_ends() {
    let full = epochs(&[(2, 10), (3, 20), (6, 30)]);
    for (end, left) in [(31, 3), (30, 2), (21, 2), (20, 1), (10, 0)] {
        let mut list = full.clone();
        assert_eq!(list.truncate_from_end(end), left < 3);
        assert_eq!(list.entries().len(), left, "{end}");
    }
    for (start, left) in [
        (5, vec![(2, 10), (3, 20), (6, 30)]),
        (10, vec![(2, 10), (3, 20), (6, 30)]),
        (15, vec![(2, 15), (3, 20), (6, 30)]),
        (20, vec![(3, 20), (6, 30)]),
        (29, vec![(3, 29), (6, 30)]),
        (40, vec![(6, 40)]),
    ] {
        let mut list = full.clone();
        assert_eq!(list.truncate_from_start(start), left != pairs(&full), "{start}");
        assert_eq!(pairs(&list), left, "{start}");
    }
    assert!(!LeaderEpochs::default().truncate_from_start(5));
}

proptest! {
    #[test]
    fn stays_ordered_and_survives_the_file(steps in prop::collection::vec((0u8..3, 0i32..20, 0i64..50), 0..40)) {
        let mut list = LeaderEpochs::default();
        for (what, epoch, offset) in steps {
            match what {
                0 => { list.assign(epoch, offset); }
                1 => { list.truncate_from_end(offset); }
                _ => { list.truncate_from_start(offset); }
            }
            prop_assert!(list.entries().is_sorted_by(|a, b| a.epoch < b.epoch && a.start_offset < b.start_offset));
            prop_assert_eq!(LeaderEpochs::decode(&list.encode()), Ok(list.clone()));
        }
    }

    #[test]
    fn any_text_is_answered_without_panic(text in "0\n[0-3]\n([0-9 \n-]{0,20})") {
        let _ = LeaderEpochs::decode(text.as_bytes());
    }
}
