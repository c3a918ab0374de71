//! `weir log verify` and `repair` on the data directory of a node that was stopped in order.

use std::path::{Path, PathBuf};

use consensus::Append;
use storage::disk::{DirLock, Disk, read_file};

use super::verify::Report;
use super::{RepairArgs, repair as repairing};
use crate::api::test_node::{TestNode, batch};
use crate::cli::output::OutputArgs;

/// Topic `t` with two partitions, three batches in the first, two in the other; `empty`, with one and none.
async fn data_dir() -> tempfile::TempDir {
    let node = TestNode::start(&[]);
    node.create_topic("t", 2, &[]).await;
    node.create_topic("empty", 1, &[]).await;
    for (index, count) in [(0, 3), (1, 2)] {
        let partition = node.context.node.topics().partition("t", index).unwrap();
        for value in 0..count {
            partition.writable().await.unwrap();
            let Append::Written(written) = node.context.node.append(&partition, &batch(&[value; 100])).unwrap() else {
                panic!("not written")
            };
            partition.committed(written.end.offset).await.unwrap();
        }
    }
    let disk = node.disk.clone();
    drop(node);
    let dir = tempfile::tempdir().unwrap();
    copy(&disk, Path::new("/data"), dir.path());
    dir
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) {
    for entry in disk.list(from).unwrap() {
        let (from, to) = (from.join(&entry.name), to.join(&entry.name));
        if entry.is_dir {
            std::fs::create_dir(&to).unwrap();
            copy(disk, &from, &to);
        } else {
            std::fs::write(&to, read_file(disk, &from).unwrap()).unwrap();
        }
    }
}

/// Every file with its bytes, but the lock.
fn content(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        } else if path.file_name().unwrap() != ".lock" {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

fn verify(path: &Path) -> Result<(), String> {
    Report::read(path)?.verdict()
}

fn repair(path: &Path) -> Result<(), String> {
    repairing::run_repair(&RepairArgs {
        accept_loss: true,
        path: path.into(),
    })
}

fn lines(path: &Path) -> String {
    let report = OutputArgs::default().render(&Report::read(path).unwrap()).unwrap();
    anstream::adapter::strip_str(&report).to_string()
}

fn log_of(dir: &Path, partition: &str) -> PathBuf {
    dir.join(partition).join("00000000000000000000.log")
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 8;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_sound_directory_is_sound_and_stays_as_it_is() {
    let dir = data_dir().await;
    let before = content(dir.path());
    verify(dir.path()).unwrap();
    verify(&dir.path().join("t-0")).unwrap();
    assert_eq!(content(dir.path()), before);
    let lines = lines(dir.path());
    for said in [
        "journal: 4 groups, the broker was stopped in order: sound",
        "__cluster_metadata-0: 1 segments, ",
        "t-0: 1 segments, 3 batches, ",
        "t-1: 1 segments, 2 batches, ",
        "empty-0: 1 segments, 0 batches, 0 bytes, next offset 0: sound",
    ] {
        assert!(lines.contains(said), "{lines}");
    }
    assert!(!lines.contains("note"), "{lines}");
    repair(dir.path()).unwrap();
    verify(dir.path()).unwrap();
}

#[tokio::test]
async fn a_log_that_was_cut_between_two_batches_is_damaged() {
    let dir = data_dir().await;
    let log = log_of(dir.path(), "t-0");
    let size = std::fs::metadata(&log).unwrap().len();
    std::fs::File::options()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(size / 3 * 2)
        .unwrap();
    let said = lines(dir.path());
    assert!(
        said.contains("the journal says that it was synced up to offset 3"),
        "{said}"
    );
    assert!(
        verify(dir.path())
            .unwrap_err()
            .contains("1 of 4 partitions are damaged")
    );
    assert!(verify(&dir.path().join("t-0")).is_err());
    verify(&dir.path().join("t-1")).unwrap();
    repair(&dir.path().join("t-0")).unwrap();
    verify(dir.path()).unwrap();
}

#[tokio::test]
async fn an_offset_that_leaps_is_cut_off_and_no_further() {
    let dir = data_dir().await;
    let log = log_of(dir.path(), "t-0");
    let size = std::fs::metadata(&log).unwrap().len();
    flip(&log, size as usize / 3 * 2 + 3);
    let said = lines(dir.path());
    assert!(said.contains("offset 34359738370 stands where 2 belongs"), "{said}");
    repair(dir.path()).unwrap();
    let said = lines(dir.path());
    assert!(
        said.contains("t-0: 1 segments, 2 batches") && said.contains("next offset 2: sound"),
        "{said}"
    );
}

#[tokio::test]
async fn a_partition_without_its_directory_is_told_and_can_be_repaired() {
    let dir = data_dir().await;
    std::fs::remove_dir_all(dir.path().join("t-1")).unwrap();
    std::fs::remove_dir_all(dir.path().join("empty-0")).unwrap();
    let said = lines(dir.path());
    assert!(
        said.contains("t-1: 0 segments, 0 batches, 0 bytes, next offset 0: its directory is missing: "),
        "{said}"
    );
    assert!(
        said.contains("nothing of it was synced: the next start makes it"),
        "{said}"
    );
    assert!(verify(dir.path()).unwrap_err().contains("1 of 4 partitions"));
    assert!(verify(&dir.path().join("t-1")).is_err());
    repair(&dir.path().join("t-1")).unwrap();
    verify(dir.path()).unwrap();
    assert!(
        verify(&dir.path().join("t-9"))
            .unwrap_err()
            .contains("there is no partition t-9")
    );
}

#[tokio::test]
async fn a_damaged_journal_is_told_and_the_logs_are_read_all_the_same() {
    let dir = data_dir().await;
    let journal = std::fs::read_dir(dir.path().join("journal"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    flip(&journal, 60);
    let said = lines(dir.path());
    assert!(
        said.contains("journal damaged at byte 49") && said.contains("t-0: 1 segments, 3 batches"),
        "{said}"
    );
    assert!(verify(dir.path()).unwrap_err().contains("the journal is damaged"));
    assert!(repair(dir.path()).unwrap_err().contains("journal damaged"));
    std::fs::remove_dir_all(dir.path().join("journal")).unwrap();
    assert!(lines(dir.path()).contains("journal: it is gone"));
    assert!(verify(dir.path()).is_err() && repair(dir.path()).is_err());
}

#[tokio::test]
async fn what_is_no_partition_or_not_for_us_is_refused() {
    let dir = data_dir().await;
    let both = |path: &Path, said: &str| {
        for answer in [verify(path), repair(path)] {
            let answer = answer.unwrap_err();
            assert!(answer.contains(said), "{answer}");
        }
    };
    both(&dir.path().join("journal"), "journal is no partition");
    both(Path::new("/"), "neither a data directory of Weir nor a partition");
    let lock = DirLock::acquire(dir.path()).unwrap();
    both(dir.path(), "is in use by another process");
    drop(lock);
    let meta = std::fs::read_to_string(dir.path().join("weir.meta")).unwrap();
    std::fs::write(dir.path().join("weir.meta"), meta.replace("format=1", "format=9")).unwrap();
    both(dir.path(), "was written by a newer release of Weir (format 9");
    both(
        &dir.path().join("t-0"),
        "was written by a newer release of Weir (format 9",
    );
}

#[tokio::test]
async fn a_wrong_derived_file_is_a_note_and_no_damage() {
    let dir = data_dir().await;
    let snapshot = std::fs::read_dir(dir.path().join("t-0")).unwrap();
    let mut snapshots = snapshot
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some("snapshot".as_ref()));
    flip(&snapshots.next().expect("an orderly stop writes one"), 3);
    let said = lines(dir.path());
    assert!(
        said.contains("t-0: note: ") && said.contains(".snapshot is wrong, and is made anew"),
        "{said}"
    );
    verify(dir.path()).unwrap();
}
