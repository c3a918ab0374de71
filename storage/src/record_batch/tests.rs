use bytes::Bytes;
use proptest::prelude::*;

use super::header::stamp_crc;
use super::*;
use crate::compression::Codec;

mod produced;
mod rewritten;

const LIMIT: usize = 1 << 20;
const GOLDEN: &str = include_str!("testdata/golden.txt");
const NOW: i64 = 1_700_000_100_000;

/// A record as given to the builder.
#[derive(Clone, Debug)]
struct Given {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn build(mut builder: BatchBuilder, records: &[Given]) -> Bytes {
    for record in records {
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_deref()))
            .collect();
        builder.push(
            record.timestamp,
            record.key.as_deref(),
            record.value.as_deref(),
            &headers,
        );
    }
    builder.build()
}

fn read(batch: &Bytes) -> Vec<Record> {
    Records::new(batch, LIMIT).unwrap().collect::<Result<_, _>>().unwrap()
}

fn same(given: &Given, record: &Record) -> bool {
    given.timestamp == record.timestamp
        && given.key.as_deref() == record.key.as_deref()
        && given.value.as_deref() == record.value.as_deref()
        && given.headers.len() == record.headers.len()
        && given.headers.iter().zip(&record.headers).all(|((key, value), header)| {
            key.as_bytes() == &header.key[..] && value.as_deref() == header.value.as_deref()
        })
}

fn given() -> impl Strategy<Value = Given> {
    let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200));
    let headers = proptest::collection::vec(("[a-c]{0,2}", bytes()), 0..4);
    let timestamp = prop_oneof![4 => 1_700_000_000_000..1_700_000_100_000i64, 1 => any::<i64>(), 1 => -10..10i64];
    (timestamp, bytes(), bytes(), headers).prop_map(|(timestamp, key, value, headers)| Given {
        timestamp,
        key,
        value,
        headers,
    })
}

fn codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(&Codec::ALL[..])
}

fn text(timestamp: i64, key: Option<&str>, value: Option<&str>) -> Given {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Given {
        timestamp,
        key: key.map(bytes),
        value: value.map(bytes),
        headers: Vec::new(),
    }
}

/// The records of the golden batches.
fn golden_records() -> Vec<Given> {
    let header = |key: &str, value: Option<&[u8]>| (key.to_owned(), value.map(<[u8]>::to_vec));
    let mut records = vec![
        text(1_700_000_000_000, Some("key"), Some("value")),
        text(1_699_999_999_000, None, Some("no key")),
        text(1_700_000_001_000, Some("tombstone"), None),
        text(1_700_000_000_500, Some(""), Some("")),
        text(1_700_000_000_600, Some("h"), Some("headers")),
        text(1_700_000_000_700, Some("long"), Some(&"x".repeat(300))),
    ];
    records[4].headers = vec![
        header("a", Some(b"1")),
        header("a", Some(b"2")),
        header("", None),
        header("e", Some(b"")),
    ];
    records
}

fn golden() -> Vec<(Codec, Bytes)> {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    let batches = lines.map(|line| {
        let (name, hex) = line.split_once(' ').unwrap();
        let codec = Codec::ALL.into_iter().find(|codec| codec.name() == name).unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (codec, (0..hex.len()).step_by(2).map(byte).collect())
    });
    batches.collect()
}

fn golden_builder(codec: Codec) -> BatchBuilder {
    BatchBuilder::new(codec).leader_epoch(5).producer(4711, 3, 17)
}

fn rules() -> ProduceRules {
    ProduceRules::default()
}

fn codec_rules(kind: Codec, level: Option<i32>) -> ProduceRules {
    ProduceRules {
        compression: TopicCompression::Codec { kind, level },
        ..rules()
    }
}

fn validate(batch: &Bytes, rules: &ProduceRules) -> Result<ProducedBatch, BatchError> {
    validate_produced(batch, rules, NOW)
}

fn refused(batch: &Bytes, rules: &ProduceRules) -> BatchError {
    validate(batch, rules).unwrap_err()
}

/// Checks that what was produced is a batch that agrees with itself, and gives its records.
fn appended(produced: &ProducedBatch) -> Vec<Record> {
    assert_eq!(BatchHeader::parse(&produced.bytes), Ok(produced.header));
    assert_eq!(produced.header.size(), produced.bytes.len());
    verify_crc(&produced.bytes, &produced.header).unwrap();
    let records = read(&produced.bytes);
    assert!(
        records
            .iter()
            .enumerate()
            .all(|(index, record)| record.offset == index as i64)
    );
    records
}

/// Changes bytes of a batch and makes its CRC right again.
fn patched(batch: &Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = batch.to_vec();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    stamp_crc(&mut batch);
    batch.into()
}

fn shared(produced: &ProducedBatch, batch: &Bytes) -> bool {
    produced.bytes.as_ptr() == batch.as_ptr()
}

fn simple() -> Bytes {
    build(golden_builder(Codec::None), &golden_records())
}

#[test]
fn batches_of_java_are_read() {
    let batches = golden();
    assert_eq!(batches.len(), Codec::ALL.len());
    for (codec, batch) in batches {
        let header = BatchHeader::parse(&batch).unwrap();
        assert_eq!(header.attributes.codec(), Ok(codec));
        assert_eq!(header.size(), batch.len());
        assert_eq!((header.leader_epoch, header.magic), (5, 2));
        assert_eq!(
            (header.base_offset, header.last_offset_delta, header.record_count),
            (0, 5, 6)
        );
        assert_eq!(
            (header.base_timestamp, header.max_timestamp),
            (1_700_000_000_000, 1_700_000_001_000)
        );
        assert_eq!(
            (header.producer_id, header.producer_epoch, header.base_sequence),
            (4711, 3, 17)
        );
        assert_eq!(header.last_sequence(), 22);
        verify_crc(&batch, &header).unwrap();
        let records = read(&batch);
        assert_eq!(records.len(), 6);
        for (offset, (given, record)) in golden_records().iter().zip(&records).enumerate() {
            assert!(same(given, record), "{codec}: {given:?} {record:?}");
            assert_eq!(record.offset, offset as i64);
        }
    }
}

#[test]
fn the_builder_writes_the_bytes_of_java() {
    let (codec, batch) = golden().swap_remove(0);
    assert_eq!(codec, Codec::None);
    assert_eq!(build(golden_builder(Codec::None), &golden_records()), batch);
}

#[test]
fn the_prefix_is_the_front_of_the_batch() {
    let (_, batch) = golden().swap_remove(0);
    assert_eq!(prefix(0, batch.len() as i32 - 12, 5), batch[..PREFIX_LEN]);
}

#[test]
fn headers_say_what_follows() {
    let mut builder = BatchBuilder::new(Codec::None)
        .base_offset(100)
        .producer(1, 2, i32::MAX - 1)
        .transactional();
    for _ in 0..4 {
        builder.push(5, None, None, &[]);
    }
    let header = BatchHeader::parse(&builder.build()).unwrap();
    assert_eq!((header.last_offset(), header.next_offset()), (103, 104));
    assert_eq!(header.last_sequence(), 1, "after the largest comes 0");
    assert!(header.has_producer() && header.attributes.is_transactional() && !header.attributes.is_control());
    let header = BatchHeader::parse(
        &BatchBuilder::new(Codec::None)
            .control()
            .push(5, None, None, &[])
            .build(),
    )
    .unwrap();
    assert!(!header.has_producer() && header.attributes.is_control());
    assert_eq!(header.last_sequence(), -1);
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let good = BatchBuilder::new(Codec::None).push(0, None, None, &[]).build();
    assert_eq!(
        BatchHeader::parse(&good[..60]).unwrap_err(),
        BatchError::Truncated {
            expected: HEADER_LEN,
            found: 60
        }
    );
    let with = |at: usize, bytes: &[u8]| {
        let mut batch = good.to_vec();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        BatchHeader::parse(&batch)
    };
    assert_eq!(with(16, &[1]).unwrap_err(), BatchError::OldMagic { magic: 1 });
    assert_eq!(with(16, &[3]).unwrap_err(), BatchError::UnknownMagic { magic: 3 });
    assert_eq!(
        with(8, &48i32.to_be_bytes()).unwrap_err(),
        BatchError::InvalidLength { found: 48, least: 49 }
    );
    assert!(with(8, &49i32.to_be_bytes()).is_ok());
    assert_eq!(
        with(22, &[6]).unwrap().attributes.codec(),
        Err(BatchError::UnknownCodec { id: 6 })
    );
    let long = with(8, &1000i32.to_be_bytes()).unwrap();
    assert_eq!(
        verify_crc(&good, &long).unwrap_err(),
        BatchError::Truncated {
            expected: 1012,
            found: good.len()
        }
    );
}

#[test]
fn append_time_is_the_time_of_every_record() {
    let batch = build(golden_builder(Codec::Zstd).log_append_time(42), &golden_records());
    assert!(read(&batch).iter().all(|record| record.timestamp == 42));
}

#[test]
fn a_batch_needs_records() {
    assert!(matches!(
        BatchBuilder::new(Codec::None).try_build(),
        Err(BatchError::NotABatch { record_count: 0, .. })
    ));
}

#[test]
fn records_that_are_not_there_are_an_error_and_the_end() {
    let mut batch = BatchBuilder::new(Codec::None)
        .push(0, None, None, &[])
        .push(0, None, None, &[])
        .build()
        .to_vec();
    batch[57..61].copy_from_slice(&3i32.to_be_bytes());
    let mut records = Records::new(&batch.clone().into(), LIMIT).unwrap();
    assert!(records.next().unwrap().is_ok() && records.next().unwrap().is_ok());
    assert!(matches!(
        records.next(),
        Some(Err(BatchError::MalformedRecord { index: 2, .. }))
    ));
    assert_eq!(records.next(), None);
    batch[57..61].copy_from_slice(&1i32.to_be_bytes());
    let mut records = Records::new(&batch.into(), LIMIT).unwrap();
    assert_eq!(records.next(), Some(Err(BatchError::TrailingBytes { record_count: 1 })));
    assert_eq!(records.next(), None);
}

#[test]
fn keys_and_values_share_the_memory_of_the_batch() {
    let batch = build(golden_builder(Codec::None), &golden_records());
    let range = batch.as_ptr_range();
    for value in read(&batch)
        .iter()
        .filter_map(|record| record.value.as_ref())
        .filter(|value| !value.is_empty())
    {
        assert!(range.contains(&value.as_ptr()));
    }
}

proptest! {
    #[test]
    fn every_record_comes_back(
        codec in codec(),
        records in proptest::collection::vec(given(), 1..20),
        base_offset in 0..i64::MAX / 2,
    ) {
        let batch = build(BatchBuilder::new(codec).base_offset(base_offset), &records);
        let header = BatchHeader::parse(&batch).unwrap();
        verify_crc(&batch, &header).unwrap();
        prop_assert_eq!(header.max_timestamp, records.iter().map(|record| record.timestamp).max().unwrap().max(-1));
        let read = read(&batch);
        prop_assert_eq!(read.len(), records.len());
        for (index, (given, record)) in records.iter().zip(&read).enumerate() {
            prop_assert!(same(given, record), "{:?} {:?}", given, record);
            prop_assert_eq!(record.offset, base_offset + index as i64);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 49..300i32) {
        if bytes.len() > 17 {
            bytes[16] = 2;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
        }
        let bytes = Bytes::from(bytes);
        if let Ok(header) = BatchHeader::parse(&bytes) {
            let _ = (header.last_offset(), header.next_offset(), header.last_sequence(), header.size());
            let _ = verify_crc(&bytes, &header);
        }
        if let Ok(records) = Records::new(&bytes, LIMIT) {
            let _ = records.collect::<Vec<_>>();
        }
        let _ = validate_produced(&bytes, &ProduceRules::default(), 0);
    }
}
