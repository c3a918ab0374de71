use super::*;
use crate::record_batch::HEADER_LEN;
use proptest::prelude::*;

const LIMIT: usize = 100;

/// The header of a batch as it stands in a log.
fn header(producer_id: i64, epoch: i16, first: i32, count: i32, base_offset: i64) -> BatchHeader {
    with_attributes(producer_id, epoch, first, count, base_offset, 0)
}

fn with_attributes(id: i64, epoch: i16, first: i32, count: i32, base_offset: i64, attributes: i16) -> BatchHeader {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&base_offset.to_be_bytes());
    bytes.extend_from_slice(&49i32.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0, 2, 0, 0, 0, 0]); // leader epoch, magic, crc
    bytes.extend_from_slice(&attributes.to_be_bytes());
    bytes.extend_from_slice(&(count - 1).to_be_bytes());
    bytes.extend_from_slice(&[0; 16]); // timestamps
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(&count.to_be_bytes());
    assert_eq!(bytes.len(), HEADER_LEN);
    BatchHeader {
        base_offset,
        ..BatchHeader::parse(&bytes).unwrap()
    }
}

fn with(batches: &[(i64, i16, i32, i32, i64)]) -> ProducerStates {
    let mut states = ProducerStates::new(LIMIT);
    for (id, epoch, first, count, offset) in batches {
        states.record(&header(*id, *epoch, *first, *count, *offset), 1000 + offset);
    }
    states
}

#[test]
fn sequences_follow_one_another() {
    let states = with(&[(7, 0, 0, 10, 0), (7, 0, 10, 1, 10)]);
    assert_eq!(states.check(&header(7, 0, 11, 5, 0)), Ok(SequenceCheck::New));
    for wrong in [12, 9, 0] {
        assert_eq!(
            states.check(&header(7, 0, wrong, 5, 0)),
            Err(SequenceError::OutOfOrderSequence {
                producer_id: 7,
                epoch: 0,
                found: wrong,
                last: 10,
                last_epoch: 0
            })
        );
    }
}

#[test]
fn a_producer_without_epoch_may_send_any_sequence_once() {
    let states = with(&[(7, -1, 0, 10, 0)]);
    for epoch in [-1, 0, 3] {
        assert_eq!(states.check(&header(7, epoch, 55, 5, 0)), Ok(SequenceCheck::New));
    }
    assert!(matches!(
        states.check(&header(7, -1, 0, 10, 0)),
        Ok(SequenceCheck::Duplicate { base_offset: 0, .. })
    ));
    assert!(matches!(
        states.check(&header(7, -2, 10, 1, 0)),
        Err(SequenceError::InvalidProducerEpoch { .. })
    ));
}

#[test]
fn a_repeat_answers_the_original_offsets() {
    let mut states = with(&[(7, 0, 0, 10, 100), (7, 0, 10, 5, 200)]);
    assert_eq!(
        states.check(&header(7, 0, 0, 10, 0)),
        Ok(SequenceCheck::Duplicate {
            base_offset: 100,
            last_offset: 109,
            timestamp: 1100
        })
    );
    assert!(
        states.check(&header(7, 0, 0, 9, 0)).is_err(),
        "another range is no repeat"
    );
    assert!(states.check(&header(7, 0, 0, 15, 0)).is_err());
    for n in 0..4 {
        states.record(&header(7, 0, 15 + n, 1, 300 + i64::from(n)), 0);
    }
    assert!(states.check(&header(7, 0, 0, 10, 0)).is_err(), "six batches ago");
    assert!(matches!(
        states.check(&header(7, 0, 10, 5, 0)),
        Ok(SequenceCheck::Duplicate { base_offset: 200, .. })
    ));
}

#[test]
fn sequences_wrap_to_zero() {
    let max = i32::MAX;
    let mut states = with(&[(7, 0, max - 4, 5, 0)]);
    assert_eq!(states.check(&header(7, 0, 0, 1, 0)), Ok(SequenceCheck::New));
    states = with(&[(7, 0, max - 4, 10, 0)]);
    assert_eq!(states.get(7).unwrap().last_sequence(), 4);
    assert_eq!(states.check(&header(7, 0, 5, 1, 0)), Ok(SequenceCheck::New));
    assert!(matches!(
        states.check(&header(7, 0, max - 4, 10, 0)),
        Ok(SequenceCheck::Duplicate {
            base_offset: 0,
            last_offset: 9,
            ..
        })
    ));
}

#[test]
fn epochs_begin_at_zero_and_never_go_back() {
    let mut states = with(&[(7, 3, 40, 10, 0)]);
    assert_eq!(
        states.check(&header(8, 3, 77, 1, 0)),
        Ok(SequenceCheck::New),
        "an unknown producer begins anywhere"
    );
    assert_eq!(states.check(&header(7, 4, 0, 1, 0)), Ok(SequenceCheck::New));
    assert!(matches!(
        states.check(&header(7, 4, 50, 1, 0)),
        Err(SequenceError::OutOfOrderSequence { .. })
    ));
    assert_eq!(
        states.check(&header(7, 2, 0, 1, 0)),
        Err(SequenceError::InvalidProducerEpoch {
            producer_id: 7,
            found: 2,
            last: 3
        })
    );
    states.record(&header(7, 4, 0, 1, 50), 0);
    assert!(matches!(
        states.check(&header(7, 3, 40, 10, 0)),
        Err(SequenceError::InvalidProducerEpoch { .. })
    ));
    assert_eq!(
        states.get(7).unwrap().batches().len(),
        1,
        "batches of the old epoch are gone"
    );
}

#[test]
fn batches_without_producer_are_always_new() {
    let mut states = ProducerStates::new(0);
    let plain = header(-1, -1, -1, 3, 0);
    states.record(&plain, 0);
    assert_eq!(states.check(&plain), Ok(SequenceCheck::New));
    assert!(states.is_empty());
}

#[test]
fn idle_producers_expire() {
    let mut states = with(&[(1, 0, 0, 1, 0), (2, 0, 0, 1, 50)]);
    assert_eq!(states.expire(1099, 100), 0);
    assert_eq!(states.expire(1100, 100), 1);
    assert_eq!(states.iter().map(|(id, _)| id).collect::<Vec<_>>(), [2]);
    states.record(&with_attributes(3, 0, 0, 1, 60, 0x10), 1060);
    assert_eq!(states.expire(9999, 100), 1);
    assert_eq!(
        states.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        [3],
        "an open transaction keeps its producer"
    );
    states.record(&with_attributes(3, 0, -1, 1, 70, 0x30), 1070);
    assert_eq!(states.get(3).unwrap().transaction_first_offset(), None);
    assert_eq!(states.expire(9999, 100), 1);
}

#[test]
fn a_full_table_refuses_new_producers_only() {
    let mut states = ProducerStates::new(2);
    states.record(&header(1, 0, 0, 1, 0), 1000);
    states.record(&header(2, 0, 0, 1, 1), 2000);
    assert_eq!(
        states.check(&header(3, 0, 0, 1, 0)),
        Err(SequenceError::TooManyProducers {
            producer_id: 3,
            limit: 2
        })
    );
    assert_eq!(states.check(&header(2, 0, 1, 1, 0)), Ok(SequenceCheck::New));
    assert_eq!(states.expire(2500, 1500), 1);
    assert_eq!(states.check(&header(3, 0, 0, 1, 0)), Ok(SequenceCheck::New));
}

#[test]
fn logs_share_a_room_and_a_full_one_refuses_new_producers_only() {
    let room = ProducerRoom::new(3);
    let mut one = ProducerStates::new(10).in_room(&room);
    let mut other = ProducerStates::new(10).in_room(&room);
    one.record(&header(1, 0, 0, 1, 0), 1000);
    one.record(&header(2, 0, 0, 1, 1), 1000);
    other.record(&header(1, 0, 0, 1, 0), 5000);
    one.record(&header(1, 0, 1, 1, 2), 5000);
    assert!(room.is_full());
    let refused = Err(SequenceError::TooManyProducersOnNode {
        producer_id: 3,
        limit: 3,
    });
    assert_eq!(other.check(&header(3, 0, 0, 1, 0)), refused);
    assert_eq!(other.check(&header(1, 0, 1, 1, 0)), Ok(SequenceCheck::New));
    // What is in the log is noted all the same.
    other.record(&header(4, 0, 0, 1, 0), 5000);
    let copy = other.clone();
    assert_eq!(room.used(), 6);
    drop(copy);
    assert_eq!(one.expire(6000, 3000), 1);
    assert_eq!(room.used(), 3);
    other.clear();
    assert_eq!(other.check(&header(3, 0, 0, 1, 0)), Ok(SequenceCheck::New));
    let moved = one.in_room(&ProducerRoom::default());
    assert_eq!((moved.len(), room.used()), (1, 0));
}

#[test]
fn the_snapshot_is_kafkas() {
    let mut states = with(&[(0x0102, 3, 40, 10, 500)]);
    states.record_coordinator_epoch(0x0102, 9);
    let bytes = states.encode_snapshot();
    let mut expected = vec![0, 0, 0, 1];
    expected.extend_from_slice(&0x0102i64.to_be_bytes());
    expected.extend_from_slice(&[0, 3, 0, 0, 0, 49]);
    expected.extend_from_slice(&509i64.to_be_bytes());
    expected.extend_from_slice(&[0, 0, 0, 9]);
    expected.extend_from_slice(&1500i64.to_be_bytes());
    expected.extend_from_slice(&[0, 0, 0, 9]);
    expected.extend_from_slice(&(-1i64).to_be_bytes());
    assert_eq!(bytes[..2], [0, 1]);
    assert_eq!(bytes[2..6], crc32c::crc32c(&expected).to_be_bytes());
    assert_eq!(bytes[6..], expected);
}

#[test]
fn a_snapshot_keeps_what_a_retry_needs() {
    let mut states = with(&[(7, 0, 0, 10, 100), (7, 0, 10, 5, 200)]);
    states.record(&with_attributes(9, 2, 0, 1, 205, 0x10), 1300);
    states.record(&with_attributes(5, 1, -1, 1, 206, 0x30), 1301); // a marker is all that is left of producer 5
    let again = ProducerStates::decode_snapshot(&states.encode_snapshot(), LIMIT).unwrap();
    assert_eq!(again.encode_snapshot(), states.encode_snapshot());
    assert!(matches!(
        again.check(&header(7, 0, 10, 5, 0)),
        Ok(SequenceCheck::Duplicate { base_offset: 200, .. })
    ));
    assert!(matches!(
        again.check(&header(7, 0, 0, 10, 0)),
        Ok(SequenceCheck::Duplicate { base_offset: 100, .. })
    ));
    assert_eq!(again.check(&header(7, 0, 15, 5, 0)), Ok(SequenceCheck::New));
    assert_eq!(again.get(9).unwrap().transaction_first_offset(), Some(205));
    assert_eq!(again.check(&header(5, 1, 0, 5, 0)), Ok(SequenceCheck::New));
    assert!(again.check(&header(5, 1, 1, 5, 0)).is_err());
}

#[test]
fn damaged_snapshots_are_refused() {
    let good = with(&[(7, 0, 0, 10, 100), (8, 0, 0, 10, 110)]).encode_snapshot();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(ProducerStates::decode_snapshot(&bad, LIMIT).is_err(), "byte {at}");
        assert!(
            ProducerStates::decode_snapshot(&good[..at], LIMIT).is_err(),
            "cut at {at}"
        );
    }
    let sealed = |mut bytes: Vec<u8>| {
        let crc = crc32c::crc32c(&bytes[6..]);
        bytes[2..6].copy_from_slice(&crc.to_be_bytes());
        ProducerStates::decode_snapshot(&bytes, LIMIT).map(|_| ())
    };
    let mut twice = good.clone();
    twice.copy_within(10..56, 56);
    assert_eq!(
        sealed(twice),
        Err(SnapshotError::Entry {
            slot: 1,
            producer_id: 7
        })
    );
    let mut huge = good;
    huge[6..10].copy_from_slice(&i32::MAX.to_be_bytes());
    assert!(matches!(sealed(huge), Err(SnapshotError::Length { .. })));
}

proptest! {
    /// A producer that retries at random, against a log that appends what it is told to.
    #[test]
    fn every_batch_is_appended_once(
        start in prop_oneof![Just(0i32), Just(i32::MAX - 20)],
        steps in prop::collection::vec((1i32..6, 0usize..8, any::<bool>()), 1..60),
    ) {
        let mut states = ProducerStates::new(LIMIT);
        let mut log: Vec<BatchHeader> = Vec::new();
        let (mut sequence, mut offset) = (start, 0i64);
        for (count, back, restart) in steps {
            if restart {
                states = ProducerStates::decode_snapshot(&states.encode_snapshot(), LIMIT).unwrap();
            }
            if back > 0 && back <= log.len() {
                let sent = log[log.len() - back];
                match states.check(&sent) {
                    Ok(SequenceCheck::Duplicate { base_offset, last_offset, .. }) =>
                        prop_assert_eq!((base_offset, last_offset), (sent.base_offset, sent.last_offset())),
                    Err(SequenceError::OutOfOrderSequence { .. }) => prop_assert!(back > BATCHES_KEPT),
                    other => prop_assert!(false, "{:?}", other),
                }
            } else {
                let batch = header(7, 0, sequence, count, offset);
                prop_assert_eq!(states.check(&batch), Ok(SequenceCheck::New));
                states.record(&batch, offset);
                log.push(batch);
                offset += i64::from(count);
                sequence = (i64::from(sequence) + i64::from(count)).rem_euclid(1 << 31) as i32;
            }
        }
    }

    #[test]
    fn any_bytes_are_answered_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = ProducerStates::decode_snapshot(&bytes, LIMIT);
    }
}
