//! A whole data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::coordinator::{CoordinatorSettings, Coordinators};
use broker::node::{Node, Partition};
use storage::compression::Codec;
use storage::disk::SimulatedDisk;
use storage::log::{LogFiles, verify};
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};
use uuid::Uuid;

use super::mend::mend;
use super::template::{File, KILLED, STOPPED, disk_of};
use crate::choices::Choices;
use crate::mutate::{EDGES, mutate};
use crate::node::{self, DATA_DIR, FuzzClock};

/// Names of files that may turn up in a partition's directory, or in the data directory.
const NAMES: [&str; 12] = [
    "damage",
    "00000000000000000005.log",
    "00000000000000000005.snapshot",
    "00000000000000000000.timeindex",
    "00000000000000000000.log.deleted",
    "00000000000000000003.index.tmp",
    "99999999999999999999.log",
    "09223372036854775807.log",
    "leader-epoch-checkpoint",
    "partition.metadata",
    "weir.meta",
    "00000000000000000002.journal",
];

const NOTES: [&str; 3] = [
    "segment=00000000000000000000.log\nposition=0\noffset=0\nreason=x\n",
    "segment=00000000000000000000.log\nposition=100\noffset=1\nreason=x\n",
    "segment=00000000000000000000.log\nposition=18446744073709551615\noffset=-9223372036854775808\nreason=\n",
];

pub(super) fn run(choices: &mut Choices<'_>) {
    let mut files = choices.one(&[&STOPPED, &KILLED]).to_vec();
    for _ in 0..=choices.below(3) {
        damage(choices, &mut files);
    }
    // Of another seed, the machine was started since.
    let disk = disk_of(&files, choices.one(&[1, 1, 2]));
    let clock = Arc::new(FuzzClock::default());
    let config = node::config();
    let node = match node::open(&disk, &clock, &config) {
        Ok(node) => node,
        Err(error) => return assert_tells(&error.to_string()),
    };
    let coordinators = Arc::new(Coordinators::new(
        &node,
        CoordinatorSettings::from(&*config),
        Arc::new(Uuid::new_v4),
    ));
    node.set_observer(coordinators.clone());
    let topics = node.topics().load_full();
    for partition in topics.partitions() {
        look(choices, &node, partition);
    }
    coordinators.stop();
    node.stop_flushers();
    node.stop();
    for (_, reason) in node.out_of_service() {
        assert!(!reason.is_empty());
    }
    verify_all(&disk);
    drop((topics, coordinators, node));
    if let Err(error) = node::open(&disk, &clock, &config) {
        panic!("it started, was stopped in order, and does not start again: {error}");
    }
}

/// Whether a reason names what it is about: a file or directory, or an offset of the metadata.
fn assert_tells(reason: &str) {
    assert!(reason.contains(DATA_DIR) || reason.contains("metadata"), "{reason}");
}

fn damage(choices: &mut Choices<'_>, files: &mut Vec<File>) {
    if files.is_empty() {
        return;
    }
    let place = choices.below(files.len());
    let (path, content) = &mut files[place];
    match choices.below(12) {
        0 => {
            files.remove(place);
        }
        1 => *content = choices.bytes(200),
        2 => content.clear(),
        3 => {
            let more = choices.bytes(100);
            content.extend(more);
        }
        4 => {
            let path = path.with_file_name(choices.one(&NAMES));
            files.push((path, made_up(choices)));
        }
        5 => {
            let dirs = ["t0-7", "t9-0", "x", "t1-0.x-delete", "__consumer_offsets-5", "a-b-c-1"];
            let path = PathBuf::from(DATA_DIR)
                .join(choices.one(&dirs))
                .join(choices.one(&NAMES));
            files.push((path, made_up(choices)));
        }
        6 => {
            let other = choices.below(files.len());
            let stolen = files[other].1.clone();
            files[place].1 = stolen;
        }
        _ => {
            mutate(choices, content, 4);
            if choices.percent(70) {
                mend(path, content);
            }
        }
    }
}

fn made_up(choices: &mut Choices<'_>) -> Vec<u8> {
    match choices.below(4) {
        0 => Vec::new(),
        1 => choices.bytes(60),
        _ => choices.one(&NOTES).into(),
    }
}

/// Reads a partition as consumers do, and appends to it.
fn look(choices: &mut Choices<'_>, node: &Arc<Node>, partition: &Arc<Partition>) {
    let reader = partition.reader();
    let limit = reader.high_watermark();
    let mut next = reader.start_offset();
    assert!(
        next >= 0 && limit.offset <= reader.end_offset(),
        "{partition}: {next} to {limit:?}"
    );
    while next < limit.offset {
        let Ok(Some(slice)) = reader.read(next, limit, 1_000) else {
            break;
        };
        let bytes = slice.read().expect("the disk does not fail");
        let mut left = &bytes[..];
        while let Ok(header) = BatchHeader::parse(left)
            && header.size() <= left.len()
        {
            left = &left[header.size()..];
            if header.next_offset() <= next {
                // A batch that begins below is there whole.
                continue;
            }
            next = header.next_offset();
        }
        if left.len() == bytes.len() {
            break;
        }
    }
    let timestamp = choices.one(&EDGES);
    let _ = reader.offset_for_timestamp(timestamp, limit, 1 << 20);
    let _ = reader.max_timestamp(limit, 1 << 20);
    reader.end_offset_for_epoch(choices.one(&EDGES) as i32);
    let mut batch = BatchBuilder::new(Codec::None);
    let bytes = batch.push(node.clock().wall_ms(), Some(b"k"), None, &[]).build();
    let header = BatchHeader::parse(&bytes).expect("the builder builds whole batches");
    if let Err(error) = node.append(partition, &ProducedBatch { header, bytes }) {
        assert!(!error.to_string().is_empty());
    }
    while node.flush_pass() {}
}

fn verify_all(disk: &SimulatedDisk) {
    let Ok(entries) = storage::disk::Disk::list(disk, Path::new(DATA_DIR)) else {
        return;
    };
    for entry in entries.iter().filter(|entry| entry.is_dir && entry.name != "journal") {
        let files = LogFiles::new(Arc::new(disk.clone()), Path::new(DATA_DIR).join(&entry.name));
        if let Err(error) = verify::verify(&files) {
            assert_tells(&error.to_string());
        }
    }
}
