//! What is appended of it.

use super::*;
use crate::compression::compress;

#[test]
fn a_wrong_max_timestamp_is_corrected() {
    for (codec, batch) in golden() {
        let produced = validate(&patched(&batch, 35, &5i64.to_be_bytes()), &rules()).unwrap();
        assert_eq!(produced.bytes, batch, "{codec}");
        appended(&produced);
    }
}

#[test]
fn append_time_is_stamped_without_compressing_again() {
    let append_time = ProduceRules {
        timestamp_type: TimestampType::LogAppendTime,
        ..rules()
    };
    for (codec, batch) in golden() {
        let produced = validate(&batch, &append_time).unwrap();
        assert_eq!(produced.bytes[HEADER_LEN..], batch[HEADER_LEN..], "{codec}");
        assert_eq!(
            produced.header.attributes.timestamp_type(),
            TimestampType::LogAppendTime
        );
        assert_eq!(produced.header.attributes.codec(), Ok(codec));
        assert!(appended(&produced).iter().all(|record| record.timestamp == NOW));
    }
}

#[test]
fn a_producer_may_not_claim_append_time() {
    let claimed = build(golden_builder(Codec::Lz4).log_append_time(NOW - 5), &golden_records());
    let append_time = ProduceRules {
        timestamp_type: TimestampType::LogAppendTime,
        ..rules()
    };
    assert_eq!(refused(&claimed, &append_time).class(), ErrorClass::InvalidTimestamp);
    // On a topic of create time Kafka lets it pass, with that one time for all.
    let produced = validate(&claimed, &rules()).unwrap();
    assert_eq!(produced.header.attributes.timestamp_type(), TimestampType::CreateTime);
    assert_eq!(produced.header.max_timestamp, NOW - 5);
    assert!(appended(&produced).iter().all(|record| record.timestamp == NOW - 5));
}

#[test]
fn compression_type_is_honoured() {
    for (_, batch) in golden() {
        for kind in Codec::ALL {
            for level in [None, Some(1), Some(9)] {
                let produced = validate(&batch, &codec_rules(kind, level)).unwrap();
                assert_eq!(produced.header.attributes.codec(), Ok(kind));
                assert_eq!(produced.header.producer_id, 4711);
                let records = appended(&produced);
                assert_eq!(records.len(), 6);
                assert!(
                    golden_records()
                        .iter()
                        .zip(&records)
                        .all(|(given, record)| same(given, record))
                );
            }
        }
    }
    let (_, batch) = golden().swap_remove(1);
    let both = ProduceRules {
        timestamp_type: TimestampType::LogAppendTime,
        ..codec_rules(Codec::Lz4, None)
    };
    let produced = validate(&batch, &both).unwrap();
    assert_eq!(produced.header.attributes.codec(), Ok(Codec::Lz4));
    assert!(appended(&produced).iter().all(|record| record.timestamp == NOW));
}

#[test]
fn offsets_that_do_not_count_up_are_corrected_or_refused() {
    // The first record's offset delta is its fourth byte: length, attributes, timestamp delta.
    let mut records = simple().slice(HEADER_LEN..).to_vec();
    assert_eq!(records[3], 0);
    records[3] = 10;
    for codec in Codec::ALL {
        let header = BatchHeader::parse(&simple()).unwrap();
        let header = BatchHeader {
            attributes: header.attributes.with_codec(codec),
            ..header
        };
        let (_, batch) = header.with_records(&compress(codec, None, &records).unwrap()).unwrap();
        for target in [
            TopicCompression::Producer,
            TopicCompression::Codec {
                kind: Codec::Gzip,
                level: None,
            },
        ] {
            let validated = validate(
                &batch,
                &ProduceRules {
                    compression: target,
                    ..rules()
                },
            );
            if codec != Codec::None {
                assert!(matches!(validated, Err(BatchError::OffsetsInCompressed)), "{codec:?}");
                continue;
            }
            let records = appended(&validated.unwrap());
            assert!(
                golden_records()
                    .iter()
                    .zip(&records)
                    .all(|(given, record)| same(given, record))
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_is_found(codec in codec(), records in proptest::collection::vec(given(), 1..5), bit in 0..8u32) {
        let rules = ProduceRules { after_max_ms: i64::MAX, ..rules() };
        let batch = build(BatchBuilder::new(codec), &records);
        for at in 0..batch.len() {
            let mut damaged = batch.to_vec();
            damaged[at] ^= 1u8 << bit;
            let result = validate(&damaged.into(), &rules);
            if at >= 21 {
                prop_assert!(matches!(result, Err(BatchError::CrcMismatch { .. })), "byte {}: {:?}", at, result);
            } else if !(12..16).contains(&at) {
                prop_assert!(result.is_err(), "byte {}", at);
            }
        }
    }

    #[test]
    fn damage_under_a_right_crc_never_panics(
        codec in codec(),
        records in proptest::collection::vec(given(), 1..5),
        at in any::<proptest::sample::Index>(),
        bytes in proptest::collection::vec(any::<u8>(), 1..9),
        kind in codec(),
    ) {
        let batch = build(BatchBuilder::new(codec), &records);
        let at = 21 + at.index(batch.len() - 21 - bytes.len());
        let batch = patched(&batch, at, &bytes);
        for rules in [rules(), codec_rules(kind, None)] {
            if let Ok(produced) = validate(&batch, &ProduceRules { max_decompressed_bytes: LIMIT, ..rules }) {
                appended(&produced);
            }
        }
        if let Ok(records) = Records::new(&batch, LIMIT) {
            let _ = records.collect::<Vec<_>>();
        }
    }
}
