use std::io::Read as _;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

/// A batch of `records` records and `bytes` bytes in all.
fn batch(records: i32, bytes: usize) -> Vec<u8> {
    let mut batch = vec![0xab; bytes];
    batch[..8].copy_from_slice(&77_i64.to_be_bytes());
    batch[8..12].copy_from_slice(&i32::try_from(bytes - LENGTH_END).unwrap().to_be_bytes());
    batch[MAGIC] = 2;
    batch[LAST_OFFSET_DELTA..LAST_OFFSET_DELTA + 4].copy_from_slice(&(records - 1).to_be_bytes());
    let crc = crc32c::crc32c(&batch[CRC + 4..]);
    batch[CRC..CRC + 4].copy_from_slice(&crc.to_be_bytes());
    batch
}

fn partition() -> (TempDir, Partition) {
    let directory = TempDir::new().unwrap();
    let partition = Partition::create(&directory.path().join("t-0.log")).unwrap();
    (directory, partition)
}

#[test]
fn batches_get_offsets_one_after_the_other() {
    let (_directory, partition) = partition();
    assert_eq!(partition.append(&mut batch(3, 100)).unwrap(), 0);
    assert_eq!(partition.append(&mut [batch(2, 80), batch(1, 61)].concat()).unwrap(), 3);
    assert_eq!(partition.end_offset(), 6);

    let mut written = Vec::new();
    (&partition.file).read_to_end(&mut written).unwrap();
    assert_eq!(written.len(), 241);
    assert_eq!(written[180..188], 5_i64.to_be_bytes(), "the third batch's base offset");
    assert_eq!(
        written[180 + 12..],
        [&[0; 4], &batch(1, 61)[16..]].concat(),
        "its CRC still fits"
    );
}

#[test]
fn a_fetch_is_of_whole_batches() {
    let (_directory, partition) = partition();
    for _ in 0..3 {
        partition.append(&mut batch(10, 100)).unwrap();
    }
    let found = |offset, limit, at_least_one| {
        let Found { position, length, .. } = partition.find(offset, limit, at_least_one);
        (position, length)
    };
    assert_eq!(found(0, 1000, true), (0, 300));
    assert_eq!(found(10, 1000, true), (100, 200));
    assert_eq!(
        found(19, 1000, true),
        (100, 200),
        "from inside of a batch: the whole batch"
    );
    assert_eq!(found(0, 299, true), (0, 200));
    assert_eq!(found(0, 200, true), (0, 200));
    assert_eq!(found(0, 99, true), (0, 100), "at least one");
    assert_eq!(found(0, 99, false), (0, 0));
    assert_eq!(found(20, 99, true), (200, 100));
    assert_eq!(found(30, 99, true).1, 0, "the end");
    assert!(partition.find(30, 99, true).in_range);
    assert!(!partition.find(31, 99, true).in_range);
    assert!(!partition.find(-1, 99, true).in_range);
}

#[test]
fn corrupt_batches_change_nothing() {
    let (_directory, partition) = partition();
    let good = batch(1, 100);
    let spoiled = |at: usize, byte: u8| {
        let mut spoiled = good.clone();
        spoiled[at] = byte;
        spoiled
    };
    let mut all = vec![Vec::new(), good[..99].to_vec(), good[..60].to_vec()];
    all.extend([
        spoiled(99, 0),
        spoiled(MAGIC, 1),
        spoiled(8, 0xff),
        spoiled(11, 10),
        spoiled(23, 0xff),
    ]);
    all.push([good.clone(), spoiled(99, 0)].concat());
    for mut records in all {
        assert!(matches!(partition.append(&mut records), Err(AppendError::Corrupt)));
    }
    assert_eq!(partition.end_offset(), 0);
    assert_eq!(partition.append(&mut good.clone()).unwrap(), 0);
}

#[test]
fn a_long_poll_ends_with_an_append_or_its_time() {
    let (_directory, partition) = partition();
    partition.wait_past(0, Instant::now() + Duration::from_millis(5));
    std::thread::scope(|scope| {
        scope.spawn(|| partition.wait_past(0, Instant::now() + Duration::from_secs(60)));
        partition.append(&mut batch(1, 100)).unwrap();
    });
}
