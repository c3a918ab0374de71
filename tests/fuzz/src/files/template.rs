//! Data directories as brokers leave them.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use kafka_protocol::messages::ApiKey;
use storage::compression::Codec;
use storage::disk::{Disk, SimulatedDisk};
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};

use crate::node::DATA_DIR;
use crate::requests::World;

/// A file, and what is in it.
pub(super) type File = (PathBuf, Vec<u8>);

/// The files of one that was stopped in order.
pub(super) static STOPPED: LazyLock<Vec<File>> = LazyLock::new(|| files(true));
/// The files of one that was killed.
pub(super) static KILLED: LazyLock<Vec<File>> = LazyLock::new(|| files(false));

fn files(is_stopped: bool) -> Vec<File> {
    let mut world = World::with_topics(&["t0", "t1"]);
    let node = world.node().clone();
    let topics = node.topics().load_full();
    let partitions: Vec<_> = topics
        .partitions()
        .filter(|partition| !partition.topic.starts_with("__"))
        .collect();
    for round in 0..12 {
        for (place, partition) in partitions.iter().enumerate().filter(|(place, _)| *place < 3) {
            let codec = Codec::ALL[(round + place) % Codec::ALL.len()];
            let mut batch = BatchBuilder::new(codec);
            if place == 0 {
                batch = batch.producer(round as i64 % 3, 0, (round / 3) as i32);
            }
            let bytes = batch
                .push(node.clock().wall_ms(), Some(b"key"), Some(&[7; 60]), &[])
                .build();
            let header = BatchHeader::parse(&bytes).expect("the builder builds whole batches");
            let appended = node.append(partition, &ProducedBatch { header, bytes });
            assert!(appended.is_ok(), "a sound batch is appended");
        }
        while node.flush_pass() {}
    }
    for offset in 0..6 {
        world.ask(ApiKey::OffsetCommit, 2, offset_commit(offset));
    }
    let disk = world.disk().clone();
    if is_stopped {
        world.stop();
    }
    let mut files = Vec::new();
    collect(&disk, Path::new(DATA_DIR), &mut files);
    files
}

fn offset_commit(offset: i64) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat();
    [
        &text("g0")[..],
        &(-1_i32).to_be_bytes(),
        &text(""),
        &(-1_i64).to_be_bytes(),
        &1_i32.to_be_bytes(),
        &text("t0"),
        &1_i32.to_be_bytes(),
        &0_i32.to_be_bytes(),
        &offset.to_be_bytes(),
        &text("note"),
    ]
    .concat()
}

fn collect(disk: &SimulatedDisk, dir: &Path, files: &mut Vec<File>) {
    for entry in disk.list(dir).expect("a directory that was listed") {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            collect(disk, &path, files);
        } else {
            let content = disk.look_at_cached(&path).expect("a file that was listed");
            files.push((path, content));
        }
    }
}

/// A disk with these files, all of them durable.
pub(super) fn disk_of(files: &[File], seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let write = |path: &Path, content: &[u8]| -> std::io::Result<()> {
        disk.create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        let file = disk.create(path)?;
        if !content.is_empty() {
            file.write_at(&[IoSlice::new(content)], 0)?;
        }
        Ok(())
    };
    for (path, content) in files {
        // A name that was made up may be there already.
        let _ = write(path, content);
    }
    disk.sync_filesystem(Path::new("/")).expect("no fault was asked for");
    disk
}
