//! What both disks promise.

use super::*;
use std::io::ErrorKind;

#[test]
fn the_real_disk_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conforms(&RealDisk::new(100), dir.path());
    let dir = tempfile::tempdir().unwrap();
    conforms(&RealDisk::new(1), dir.path());
}

#[test]
fn the_real_disk_conforms_in_memory() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    conforms(&RealDisk::new(100), dir.path());
}

#[test]
fn the_simulated_disk_conforms() {
    conforms(&SimulatedDisk::new(1), Path::new("/data"));
}

fn conforms(disk: &dyn Disk, root: &Path) {
    let dir = root.join("conformance");
    disk.create_dir_all(&dir).unwrap();
    disk.create_dir_all(&dir).unwrap();
    for check in [names, contents, renames, removals, syncs, small_files] {
        let dir = dir.join("check");
        disk.create_dir_all(&dir).unwrap();
        check(disk, &dir);
        disk.remove_dir_all(&dir).unwrap();
        disk.remove_dir_all(&dir).unwrap();
        assert_eq!(disk.list(&dir).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert!(!disk.boot_id(root).unwrap().is_empty());
    assert_eq!(disk.boot_id(root).unwrap(), disk.boot_id(root).unwrap());
    assert!(disk.free_bytes(root).unwrap() > 0);
}

fn names(disk: &dyn Disk, dir: &Path) {
    let kind = |result: io::Result<Arc<dyn DiskFile>>| result.unwrap_err().kind();
    assert_eq!(kind(disk.open(&dir.join("a"))), ErrorKind::NotFound);
    assert_eq!(kind(disk.create(&dir.join("no/a"))), ErrorKind::NotFound);
    disk.create(&dir.join("a")).unwrap();
    assert_eq!(kind(disk.create(&dir.join("a"))), ErrorKind::AlreadyExists);
    assert_eq!(kind(disk.create(&dir.join("a/b"))), ErrorKind::NotADirectory);
    assert!(disk.create_dir_all(&dir.join("a")).is_err());
    disk.create_dir_all(&dir.join("sub/below")).unwrap();
    assert!(disk.open(&dir.join("sub")).is_err());
    disk.create(&dir.join("Z")).unwrap();
    let entries = disk.list(dir).unwrap();
    let entry = |name: &str, is_dir| Entry {
        name: name.to_owned(),
        is_dir,
    };
    assert_eq!(entries, [entry("Z", false), entry("a", false), entry("sub", true)]);
}

fn contents(disk: &dyn Disk, dir: &Path) {
    let file = disk.create(&dir.join("a")).unwrap();
    assert!(file.is_empty().unwrap());
    let mut buf = [9; 8];
    assert_eq!(file.read_at(&mut buf, 0).unwrap(), 0);
    assert_eq!(file.write_at(&[], 0).unwrap(), 0);
    write_all_at(&*file, &[b"hello", b"", b", world"], 0).unwrap();
    assert_eq!(file.len().unwrap(), 12);
    write_all_at(&*file, &[b"W"], 7).unwrap();
    read_exact_at(&*file, &mut buf[..5], 7).unwrap();
    assert_eq!(&buf[..5], b"World");
    assert_eq!(
        read_exact_at(&*file, &mut buf, 5).unwrap_err().kind(),
        ErrorKind::UnexpectedEof
    );
    assert_eq!(file.read_at(&mut buf, 100).unwrap(), 0);

    file.set_len(5).unwrap();
    file.set_len(7).unwrap();
    write_all_at(&*file, &[b"!"], 9).unwrap();
    assert_eq!(read_file(disk, &dir.join("a")).unwrap(), b"hello\0\0\0\0!");
    assert_eq!(&file.map(5).unwrap()[..], b"hello");
    assert!(file.map(0).unwrap().is_empty());
    assert!(file.map(11).is_err());
    assert!(file.is_resident(0, 0).unwrap());
    file.is_resident(0, 10).unwrap();
    assert!(file.is_resident(1000, 10).is_ok());

    // A second handle is the same file; more slices than one system call takes are a short write.
    let second = disk.open(&dir.join("a")).unwrap();
    let parts = vec![&b"ab"[..]; 2000];
    write_all_at(&*second, &parts, 0).unwrap();
    assert_eq!(file.len().unwrap(), 4000);
    let mut last = [0; 2];
    read_exact_at(&*file, &mut last, 3998).unwrap();
    assert_eq!(&last, b"ab");
}

fn renames(disk: &dyn Disk, dir: &Path) {
    let file = disk.create(&dir.join("a")).unwrap();
    write_all_at(&*file, &[b"one"], 0).unwrap();
    file.sync_data().unwrap();
    disk.rename(&dir.join("a"), &dir.join("b")).unwrap();
    assert_eq!(
        disk.rename(&dir.join("a"), &dir.join("b")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    disk.rename(&dir.join("b"), &dir.join("b")).unwrap();
    let other = disk.create(&dir.join("a")).unwrap();
    write_all_at(&*other, &[b"two"], 0).unwrap();
    other.sync_data().unwrap();
    assert_eq!(content_of(&*file), b"one");
    write_all_at(&*file, &[b"!"], 3).unwrap();
    assert_eq!(read_file(disk, &dir.join("b")).unwrap(), b"one!");

    disk.rename(&dir.join("a"), &dir.join("b")).unwrap();
    assert_eq!(read_file(disk, &dir.join("b")).unwrap(), b"two");
    assert_eq!(content_of(&*other), b"two");
    assert_eq!(
        content_of(&*file),
        b"one!",
        "a replaced file stays readable while its descriptor is open"
    );

    disk.create_dir_all(&dir.join("d/e")).unwrap();
    let below = disk.create(&dir.join("d/e/f")).unwrap();
    write_all_at(&*below, &[b"below"], 0).unwrap();
    below.sync_data().unwrap();
    assert!(disk.rename(&dir.join("d"), &dir.join("d/e/g")).is_err());
    assert!(disk.rename(&dir.join("b"), &dir.join("d")).is_err());
    disk.rename(&dir.join("d"), &dir.join("d.deleted")).unwrap();
    assert_eq!(content_of(&*below), b"below");
    assert_eq!(read_file(disk, &dir.join("d.deleted/e/f")).unwrap(), b"below");
    assert!(disk.list(&dir.join("d")).is_err());
}

fn removals(disk: &dyn Disk, dir: &Path) {
    assert_eq!(
        disk.remove_file(&dir.join("a")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let file = disk.create(&dir.join("a")).unwrap();
    write_all_at(&*file, &[b"old"], 0).unwrap();
    disk.remove_file(&dir.join("a")).unwrap();
    assert_eq!(content_of(&*file), b"old");
    file.sync_data().unwrap();
    let new = disk.create(&dir.join("a")).unwrap();
    write_all_at(&*new, &[b"newer"], 0).unwrap();
    assert_eq!(content_of(&*file), b"old");
    disk.create_dir_all(&dir.join("d/e")).unwrap();
    disk.create(&dir.join("d/e/f")).unwrap();
    assert!(disk.remove_file(&dir.join("d")).is_err());
    disk.remove_dir_all(&dir.join("d")).unwrap();
    assert_eq!(disk.list(dir).unwrap().len(), 1);
}

fn syncs(disk: &dyn Disk, dir: &Path) {
    let file = disk.create(&dir.join("a")).unwrap();
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
    write_all_at(&*file, &[&content], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(dir).unwrap();
    assert!(disk.sync_dir(&dir.join("no")).is_err());
    write_all_at(&*file, &[b"x"], 1).unwrap();
    disk.sync_filesystem(dir).unwrap();
    assert!(file.is_resident(0, content.len()).is_ok());
    for (position, len) in [
        (0, 1),
        (1, 5),
        (4095, 2),
        (511, 100_000),
        (2_999_990, 100),
        (3_000_000, 8),
        (10_000_000, 8),
    ] {
        let mut buf = vec![0; len];
        let mut done = 0;
        while done < len {
            match file.read_uncached_at(&mut buf[done..], position + done as u64).unwrap() {
                0 => break,
                n => done += n,
            }
        }
        let start = (position as usize).min(content.len());
        let mut expected = content[start..(start + len).min(content.len())].to_vec();
        if let Some(at) = 1usize.checked_sub(start).filter(|at| *at < expected.len()) {
            expected[at] = b'x';
        }
        assert!(buf[..done] == expected, "{len} bytes at {position}");
    }
}

fn small_files(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("checkpoint");
    replace_file(disk, &path, b"first").unwrap();
    replace_file(disk, &path, b"2").unwrap();
    assert_eq!(read_file(disk, &path).unwrap(), b"2");
    assert_eq!(disk.list(dir).unwrap().len(), 1);
}

fn content_of(file: &dyn DiskFile) -> Vec<u8> {
    let mut content = vec![0; file.len().unwrap() as usize];
    read_exact_at(file, &mut content, 0).unwrap();
    content
}
