//! Record batches from producers, and the codecs below them.
//!
//! Checked: a batch that is accepted is read back, with as many records as it says, their offsets one after the other; bytes
//! that are decompressed never exceed the limit given.

use bytes::Bytes;
use storage::compression::{Codec, compress, decompress};
use storage::record_batch::{
    BatchBuilder, BatchHeader, HEADER_LEN, ProduceRules, Records, TimestampType, TopicCompression, validate_produced,
};

use crate::choices::Choices;
use crate::mutate::{EDGES, mutate};

const NOW_MS: i64 = 1_700_000_000_000;
/// What records may decompress to.
const MAX_DECOMPRESSED: usize = 1 << 16;
/// Where the length and the CRC of a batch stand, and from where on the CRC counts.
const LENGTH: std::ops::Range<usize> = 8..12;
const CRC: std::ops::Range<usize> = 17..21;
const COVERED: usize = 21;

/// Runs an input.
pub fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    match choices.below(8) {
        0 => codec(&mut choices),
        1 => validate(&mut choices, |choices| choices.rest().to_vec()),
        2 => validate(&mut choices, framed),
        _ => validate(&mut choices, damaged),
    }
}

/// Makes length and CRC what they should be.
pub fn mend(batch: &mut [u8]) {
    if batch.len() < HEADER_LEN {
        return;
    }
    let length = (batch.len() - LENGTH.end) as i32;
    batch[LENGTH].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&batch[COVERED..]);
    batch[CRC].copy_from_slice(&crc.to_be_bytes());
}

/// A codec's own input.
fn codec(choices: &mut Choices<'_>) {
    let codec = choices.one(&Codec::ALL);
    let limit = choices.one(&[0, 1, 100, MAX_DECOMPRESSED]);
    let input = match choices.percent(50) {
        true => choices.rest().to_vec(),
        false => {
            let plain: Vec<u8> = (0..choices.below(2_000)).map(|_| choices.byte() & 3).collect();
            let mut bytes = compress(codec, None, &plain).expect("any bytes can be compressed");
            assert_eq!(decompress(codec, &bytes, plain.len()).as_deref(), Ok(&plain[..]));
            mutate(choices, &mut bytes, 4);
            bytes
        }
    };
    if let Ok(output) = decompress(codec, &input, limit) {
        assert!(
            output.len() <= limit,
            "{codec}: {} bytes, the limit is {limit}",
            output.len()
        );
    }
}

/// A header that says what it should, before any bytes.
fn framed(choices: &mut Choices<'_>) -> Vec<u8> {
    let codec = choices.one(&Codec::ALL);
    let count = choices.one(&[1, 1, 2, 5, 1_000, i32::MAX, 0, -1]);
    let records = choices.rest();
    let mut batch = BatchBuilder::new(codec);
    let mut bytes = batch.push(NOW_MS, None, None, &[]).build().to_vec();
    bytes.truncate(HEADER_LEN);
    bytes[23..27].copy_from_slice(&(count - 1_i32.min(count)).to_be_bytes());
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(records);
    mend(&mut bytes);
    bytes
}

/// A valid batch with damage in its bytes, its header or its records.
fn damaged(choices: &mut Choices<'_>) -> Vec<u8> {
    let codec = choices.one(&Codec::ALL);
    let mut batch = BatchBuilder::new(codec);
    if choices.percent(30) {
        batch = batch.producer(choices.number(), choices.one(&EDGES) as i16, choices.one(&EDGES) as i32);
    }
    match choices.below(16) {
        0 => batch = batch.transactional(),
        1 => batch = batch.control(),
        2 => batch = batch.log_append_time(NOW_MS),
        _ => {}
    }
    for _ in 0..choices.below(12) {
        let time = match choices.percent(80) {
            true => NOW_MS + choices.below(1_000) as i64,
            false => choices.one(&EDGES),
        };
        let key = choices.percent(50).then(|| choices.bytes(12));
        let value = choices.percent(80).then(|| choices.bytes(120));
        let headers: &[(&str, Option<&[u8]>)] = match choices.percent(20) {
            true => &[("a", Some(b"b")), ("a", None)],
            false => &[],
        };
        batch.push(time, key.as_deref(), value.as_deref(), headers);
    }
    let mut bytes = batch.try_build().map(|bytes| bytes.to_vec()).unwrap_or_default();
    let plan = choices.below(8);
    if plan < 6 {
        mutate(choices, &mut bytes, 4);
    }
    if plan < 7 && choices.percent(85) {
        mend(&mut bytes);
    }
    bytes
}

fn validate(choices: &mut Choices<'_>, make: impl FnOnce(&mut Choices<'_>) -> Vec<u8>) {
    let kind = choices.one(&Codec::ALL);
    let rules = ProduceRules {
        max_message_bytes: choices.one(&[1 << 20, 200, 0]),
        segment_bytes: 1 << 20,
        timestamp_type: choices.one(&[TimestampType::CreateTime, TimestampType::LogAppendTime]),
        before_max_ms: choices.one(&[i64::MAX, 1_000]),
        after_max_ms: choices.one(&[i64::MAX, 1_000]),
        compression: match choices.percent(60) {
            true => TopicCompression::Producer,
            false => TopicCompression::Codec { kind, level: None },
        },
        compacted: choices.percent(20),
        zstd_allowed: choices.percent(80),
        max_decompressed_bytes: MAX_DECOMPRESSED,
    };
    let bytes = Bytes::from(make(choices));
    // As a reader meets them: without having been checked.
    read(&bytes);
    match validate_produced(&bytes, &rules, NOW_MS) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(batch) => {
            let header = BatchHeader::parse(&batch.bytes).expect("an accepted batch has a header");
            assert_eq!(header, batch.header);
            assert_eq!(header.size(), batch.bytes.len());
            assert_eq!(read(&batch.bytes), Some(header.record_count as usize), "{header:?}");
        }
    }
}

/// How many records are read, if all can be.
fn read(bytes: &Bytes) -> Option<usize> {
    let header = BatchHeader::parse(bytes).ok()?;
    if header.size() > bytes.len() {
        return None;
    }
    let records = Records::new(&bytes.slice(..header.size()), MAX_DECOMPRESSED).ok()?;
    let mut count = 0;
    for record in records {
        if record.ok()?.offset != header.base_offset.wrapping_add(count) {
            return None;
        }
        count += 1;
    }
    usize::try_from(count).ok()
}
