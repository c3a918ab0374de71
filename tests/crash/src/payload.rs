//! The records of the load: each is unique, and says who wrote it and as which.
//!
//! Invariant: from a record's writer and sequence follow its key, its value and its size, so what is read back can be
//! compared byte for byte without keeping what was sent.

use bytes::Bytes;
use storage::compression::Codec;
use storage::record_batch::{BatchBuilder, Record};

use crate::client::ProducerIdentity;

const MAX_FILLER: u64 = 700;

/// A writer's number, unique in a ledger.
pub type WriterId = u32;

/// The batch of `count` records of a writer from sequence `first` on.
pub fn batch(
    writer: WriterId,
    first: u64,
    count: u32,
    producer: Option<(ProducerIdentity, i32)>,
    codec: Codec,
    timestamp_ms: i64,
) -> Bytes {
    let mut batch = BatchBuilder::new(codec);
    if let Some((identity, sequence)) = producer {
        batch = batch.producer(identity.id, identity.epoch, sequence);
    }
    for sequence in first..first + u64::from(count) {
        let (key, value) = (key(writer, sequence), value(writer, sequence));
        batch.push(
            timestamp_ms,
            key.as_deref().map(str::as_bytes),
            Some(value.as_bytes()),
            &[],
        );
    }
    batch.build()
}

/// Who wrote a record, and which of the writer's it is; or what is wrong with it.
pub fn identify(record: &Record) -> Result<(WriterId, u64), String> {
    let stranger = || format!("at {}: a record that is not of the load", record.offset);
    let bytes = record.value.as_ref().ok_or_else(stranger)?;
    let text = std::str::from_utf8(bytes).map_err(|_| stranger())?;
    let mut words = text.split(' ');
    let writer: WriterId = words.next().and_then(|word| word.parse().ok()).ok_or_else(stranger)?;
    let sequence: u64 = words.next().and_then(|word| word.parse().ok()).ok_or_else(stranger)?;
    if text != value(writer, sequence) || record.key.as_deref() != key(writer, sequence).as_deref().map(str::as_bytes) {
        return Err(format!(
            "at {}: record {sequence} of writer {writer} is damaged",
            record.offset
        ));
    }
    Ok((writer, sequence))
}

fn key(writer: WriterId, sequence: u64) -> Option<String> {
    (!sequence.is_multiple_of(3)).then(|| format!("{writer}/{}", sequence % 100))
}

fn value(writer: WriterId, sequence: u64) -> String {
    let mut state = mix(sequence ^ u64::from(writer).rotate_left(40));
    let mut text = format!("{writer} {sequence} ");
    for _ in 0..state % MAX_FILLER / 16 {
        state = mix(state);
        text.push_str(&format!("{state:016x}"));
    }
    text
}

/// `SplitMix64`.
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
