//! What producers may send.

use super::*;
use crate::compression::CompressionError;

#[test]
fn a_good_batch_is_not_copied() {
    let mut builder = BatchBuilder::new(Codec::None);
    while builder.size() < 16 * 1024 {
        builder.push(NOW, Some(b"key"), Some(&[7; 100]), &[("header", Some(b"value"))]);
    }
    let mut frame = vec![1; 100];
    frame.extend_from_slice(&builder.build());
    frame.extend_from_slice(&[1; 11]);
    let frame = Bytes::from(frame);
    let batch = frame.slice(100..);
    let produced = validate(&batch, &rules()).unwrap();
    assert!(shared(&produced, &batch));
    assert_eq!(
        produced.bytes.len(),
        batch.len() - 11,
        "what cannot be a batch behind it is left off"
    );
    for (codec, batch) in golden() {
        assert!(shared(&validate(&batch, &rules()).unwrap(), &batch), "{codec}");
        assert!(
            shared(&validate(&batch, &codec_rules(codec, Some(1))).unwrap(), &batch),
            "{codec}"
        );
    }
}

#[test]
fn exactly_one_batch_of_magic_2_is_taken() {
    let batch = simple();
    let joined = |behind: &[u8]| Bytes::from([&batch[..], behind].concat());
    assert_eq!(refused(&Bytes::new(), &rules()), BatchError::NoBatch { found: 0 });
    assert_eq!(
        refused(&batch.slice(..batch.len() - 1), &rules()),
        BatchError::NoBatch { found: batch.len() - 1 }
    );
    assert_eq!(refused(&joined(&batch), &rules()), BatchError::SeveralBatches);
    assert!(
        validate(&joined(&batch[..60]), &rules()).is_ok(),
        "a partial batch behind it is left off"
    );
    let error = refused(&joined(&[0; 12]), &rules());
    assert_eq!(
        (error.class(), error),
        (
            ErrorClass::CorruptMessage,
            BatchError::InvalidLength { found: 0, least: 49 }
        )
    );
    for magic in [0, 1] {
        let error = refused(&patched(&batch, 16, &[magic]), &rules());
        assert_eq!(
            (error.class(), error),
            (ErrorClass::InvalidRecord, BatchError::OldMagic { magic: magic as i8 })
        );
    }
    for magic in [3, 0xff] {
        let error = refused(&patched(&batch, 16, &[magic]), &rules());
        assert_eq!(error.class(), ErrorClass::CorruptMessage);
        assert_eq!(error, BatchError::UnknownMagic { magic: magic as i8 });
    }
    // A length for which there is no header.
    let mut short = patched(&batch, 8, &40i32.to_be_bytes()).to_vec();
    short.truncate(52);
    assert_eq!(
        refused(&short.into(), &rules()),
        BatchError::InvalidLength { found: 40, least: 49 }
    );
}

#[test]
fn a_header_must_agree_with_itself() {
    let batch = simple();
    let class = |at: usize, bytes: &[u8]| {
        let error = refused(&patched(&batch, at, bytes), &rules());
        (error.class(), error)
    };
    let invalid = ErrorClass::InvalidRecord;
    assert_eq!(
        class(0, &1i64.to_be_bytes()),
        (invalid, BatchError::BaseOffset { found: 1 })
    );
    assert_eq!(
        class(23, &6i32.to_be_bytes()),
        (
            invalid,
            BatchError::InvalidCount {
                record_count: 6,
                last_offset_delta: 6
            }
        )
    );
    assert_eq!(
        class(57, &0i32.to_be_bytes()),
        (
            invalid,
            BatchError::InvalidCount {
                record_count: 0,
                last_offset_delta: 5
            }
        )
    );
    assert_eq!(class(22, &[0x20]), (invalid, BatchError::Control));
    assert_eq!(class(22, &[0x10]), (invalid, BatchError::Transactional));
    assert_eq!(
        class(53, &(-1i32).to_be_bytes()),
        (
            invalid,
            BatchError::InvalidSequence {
                producer_id: 4711,
                base_sequence: -1
            }
        )
    );
    assert_eq!(
        class(22, &[5]),
        (
            ErrorClass::UnsupportedCompressionType,
            BatchError::UnknownCodec { id: 5 }
        )
    );
    // A sequence without a producer is not Kafka's business, nor is the leader epoch.
    assert!(validate(&patched(&batch, 43, &(-1i64).to_be_bytes()), &rules()).is_ok());
    assert!(validate(&patched(&batch, 12, &(-1i32).to_be_bytes()), &rules()).is_ok());
    let mut flipped = batch.to_vec();
    flipped[100] ^= 1;
    assert!(matches!(
        refused(&flipped.into(), &rules()),
        BatchError::CrcMismatch { .. }
    ));
}

#[test]
fn more_or_fewer_records_than_declared_are_refused() {
    for (codec, batch) in golden() {
        let declared = |count: i32| {
            let batch = patched(&batch, 57, &count.to_be_bytes());
            refused(&patched(&batch, 23, &(count - 1).to_be_bytes()), &rules())
        };
        assert_eq!(declared(5), BatchError::TrailingBytes { record_count: 5 }, "{codec}");
        assert!(
            matches!(declared(7), BatchError::MalformedRecord { index: 6, .. }),
            "{codec}"
        );
        assert!(
            matches!(declared(i32::MAX), BatchError::MalformedRecord { index: 6, .. }),
            "{codec}"
        );
    }
}

#[test]
fn sizes_are_limited() {
    let batch = simple();
    let limit = batch.len() - 1;
    let error = refused(
        &batch,
        &ProduceRules {
            max_message_bytes: limit,
            ..rules()
        },
    );
    assert_eq!(
        (error.class(), error),
        (
            ErrorClass::MessageTooLarge,
            BatchError::TooLarge { size: limit + 1, limit }
        )
    );
    assert!(
        validate(
            &batch,
            &ProduceRules {
                max_message_bytes: limit + 1,
                ..rules()
            }
        )
        .is_ok()
    );
    let error = refused(
        &batch,
        &ProduceRules {
            segment_bytes: limit,
            ..rules()
        },
    );
    assert_eq!(error.class(), ErrorClass::RecordListTooLarge);
    // What is small when it comes can be large when it is written.
    let zeroes = BatchBuilder::new(Codec::Zstd)
        .push(NOW, None, Some(&[0; 10_000]), &[])
        .build();
    let rules = ProduceRules {
        max_message_bytes: 5000,
        ..codec_rules(Codec::None, None)
    };
    assert_eq!(refused(&zeroes, &rules).class(), ErrorClass::MessageTooLarge);
}

#[test]
fn bombs_are_too_large() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = BatchBuilder::new(codec)
            .push(NOW, None, Some(&vec![0; 1 << 20]), &[])
            .build();
        for compression in [
            TopicCompression::Producer,
            TopicCompression::Codec {
                kind: Codec::None,
                level: None,
            },
        ] {
            let rules = ProduceRules {
                max_decompressed_bytes: 1 << 19,
                compression,
                ..rules()
            };
            let error = refused(&batch, &rules);
            assert_eq!(error.class(), ErrorClass::MessageTooLarge);
            assert_eq!(
                error,
                BatchError::Compression(CompressionError::TooLarge { codec, limit: 1 << 19 })
            );
        }
    }
}

#[test]
fn records_that_do_not_decompress_are_refused() {
    for (codec, batch) in golden().into_iter().skip(1) {
        let error = refused(&patched(&batch, 61, &[0xff; 30]), &rules());
        assert_eq!(error.class(), ErrorClass::InvalidRecord, "{codec}: {error}");
    }
}

#[test]
fn zstd_needs_a_request_that_knows_it() {
    let old = ProduceRules {
        zstd_allowed: false,
        ..rules()
    };
    for (codec, batch) in golden() {
        match codec {
            Codec::Zstd => assert_eq!(refused(&batch, &old), BatchError::ZstdNotAllowed),
            _ => assert!(validate(&batch, &old).is_ok()),
        }
    }
    assert_eq!(
        BatchError::ZstdNotAllowed.class(),
        ErrorClass::UnsupportedCompressionType
    );
}

#[test]
fn a_compacted_topic_needs_keys() {
    for (codec, batch) in golden() {
        let error = refused(
            &batch,
            &ProduceRules {
                compacted: true,
                ..rules()
            },
        );
        assert_eq!(error.class(), ErrorClass::InvalidRecord, "{codec}");
        assert_eq!(
            error
                .rejections()
                .iter()
                .map(|rejection| rejection.index)
                .collect::<Vec<_>>(),
            [1]
        );
    }
}

#[test]
fn timestamps_have_bounds() {
    let batch = |timestamps: &[i64]| {
        let mut builder = BatchBuilder::new(Codec::None);
        for timestamp in timestamps {
            builder.push(*timestamp, None, None, &[]);
        }
        builder.build()
    };
    let bounded = ProduceRules {
        before_max_ms: 1000,
        after_max_ms: 500,
        ..rules()
    };
    assert!(validate(&batch(&[NOW - 1000, NOW, NOW + 500, -1]), &bounded).is_ok());
    let error = refused(&batch(&[NOW - 1001, NOW, NOW + 501]), &bounded);
    assert_eq!(error.class(), ErrorClass::InvalidTimestamp);
    assert_eq!(
        error
            .rejections()
            .iter()
            .map(|rejection| rejection.index)
            .collect::<Vec<_>>(),
        [0, 2]
    );
    // By default only the future is bounded; the extremes wrap as in Java.
    assert!(validate(&batch(&[0, -2, NOW + 3_600_000]), &rules()).is_ok());
    for timestamp in [NOW + 3_600_001, i64::MAX, i64::MIN] {
        assert_eq!(
            refused(&batch(&[timestamp]), &rules()).class(),
            ErrorClass::InvalidTimestamp,
            "{timestamp}"
        );
    }
    // Append time makes them irrelevant.
    let append_time = ProduceRules {
        timestamp_type: TimestampType::LogAppendTime,
        ..bounded
    };
    assert!(validate(&batch(&[0, i64::MAX]), &append_time).is_ok());
}

#[test]
fn rejections_are_counted_and_listed_to_a_bound() {
    let mut builder = BatchBuilder::new(Codec::Zstd);
    for _ in 0..5000 {
        builder.push(NOW, None, None, &[]);
    }
    match refused(
        &builder.build(),
        &ProduceRules {
            compacted: true,
            ..rules()
        },
    ) {
        BatchError::Rejected {
            total: 5000,
            rejections,
            timestamp: false,
        } => {
            assert_eq!(rejections.len(), MAX_REJECTIONS);
        }
        error => panic!("{error}"),
    }
}
