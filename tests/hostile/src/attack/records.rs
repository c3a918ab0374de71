//! Batches that are more than they seem.

use std::io;
use std::sync::LazyLock;

use kafka_protocol::messages::ApiKey;
use storage::compression::{Codec, compress};
use storage::record_batch::BatchBuilder;

use super::Target;
use crate::raw::{array, text};

const TOPIC: &str = "attacked";
const RECOMPRESSED: &str = "recompressed";

/// A Produce 3 of one batch.
fn produce(topic: &str, acks: i16, batch: &[u8]) -> Vec<u8> {
    let partition = [&0_i32.to_be_bytes()[..], &(batch.len() as i32).to_be_bytes(), batch].concat();
    let topic = [text(topic), array([partition])].concat();
    [
        &(-1_i16).to_be_bytes()[..],
        &acks.to_be_bytes(),
        &10_000_i32.to_be_bytes(),
        &array([topic]),
    ]
    .concat()
}

fn create(target: &Target<'_>) -> io::Result<crate::raw::Raw> {
    let mut client = target.open()?;
    // Metadata 4, which makes it.
    client.request(ApiKey::Metadata, 4, &[array([text(TOPIC)]), vec![1]].concat())?;
    client.answer()?;
    Ok(client)
}

/// Of each codec a batch that fits and grows, as far as the codec can.
static BOMBS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let sizes = [
        (Codec::Gzip, 400 << 20),
        (Codec::Gzip, 60 << 20),
        (Codec::Snappy, 18 << 20),
        (Codec::Lz4, 200 << 20),
        (Codec::Zstd, 500 << 20),
        (Codec::Zstd, 60 << 20),
    ];
    sizes.map(|(codec, size)| bomb(codec, size)).into()
});

/// One record whose value is so many zeros.
fn bomb(codec: Codec, size: usize) -> Vec<u8> {
    let mut batch = BatchBuilder::new(codec);
    let mut bytes = batch.push(-1, None, Some(b""), &[]).build().to_vec();
    bytes.truncate(storage::record_batch::HEADER_LEN);
    // Attributes, deltas, no key, the value's length and, behind it, no headers.
    let mut inner = vec![0, 0, 0, 1];
    varint(&mut inner, size as u64);
    let mut record = Vec::with_capacity(size + 32);
    varint(&mut record, (inner.len() + size + 1) as u64);
    record.extend(inner);
    record.resize(record.len() + size + 1, 0);
    bytes.extend(compress(codec, Some(1), &record).expect("zeros can be compressed"));
    fuzz_bodies::batches::mend(&mut bytes);
    bytes
}

/// Zigzag.
fn varint(bytes: &mut Vec<u8>, number: u64) {
    let mut left = number << 1;
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

/// Makes what takes long to make.
pub(super) fn prepare() {
    LazyLock::force(&BOMBS);
}

/// Batches that decompress to a multiple, some into a topic for which they are compressed anew.
pub(super) fn bombs(target: &Target<'_>) -> io::Result<()> {
    let bombs = &*BOMBS;
    let mut client = create(target)?;
    // CreateTopics 2.
    let config = [text("compression.type"), text("lz4")].concat();
    let topic = [
        text(RECOMPRESSED),
        1_i32.to_be_bytes().to_vec(),
        1_i16.to_be_bytes().to_vec(),
        array([]),
        array([config]),
    ];
    client.request(
        ApiKey::CreateTopics,
        2,
        &[array([topic.concat()]), 5_000_i32.to_be_bytes().to_vec(), vec![0]].concat(),
    )?;
    client.answer()?;
    while target.goes_on() {
        let number = target.number();
        let bomb = &bombs[(number / 2 % bombs.len() as u64) as usize];
        let topic = if number.is_multiple_of(2) { TOPIC } else { RECOMPRESSED };
        client.request(ApiKey::Produce, 7, &produce(topic, -1, bomb))?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}

/// Each batch of another idempotent producer, whether it was given out or not.
pub(super) fn producer_ids(target: &Target<'_>) -> io::Result<()> {
    const AT_ONCE: usize = 100;
    let mut client = create(target)?;
    // InitProducerId 0: no transactional id.
    let init = [&(-1_i16).to_be_bytes()[..], &i32::MAX.to_be_bytes()].concat();
    while target.goes_on() {
        for _ in 0..AT_ONCE {
            let id = 1_000_000 + target.number() as i64;
            let mut batch = BatchBuilder::new(Codec::None).producer(id, 0, 0);
            let batch = batch.push(-1, None, Some(b"x"), &[]).build();
            client.request(ApiKey::Produce, 3, &produce(TOPIC, 1, &batch))?;
        }
        client.request(ApiKey::InitProducerId, 0, &init)?;
        for _ in 0..=AT_ONCE {
            client.answer()?;
        }
    }
    Ok(())
}
