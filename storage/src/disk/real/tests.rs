use super::*;
use crate::disk::{DirLock, LockError, read_exact_at, read_file, write_all_at};
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicBool;

fn create_synced(disk: &RealDisk, path: &Path, content: &[u8]) -> Arc<dyn DiskFile> {
    let file = disk.create(path).unwrap();
    write_all_at(&*file, &[content], 0).unwrap();
    file.sync_data().unwrap();
    file
}

fn first_byte(file: &dyn DiskFile) -> io::Result<u8> {
    let mut byte = [0];
    read_exact_at(file, &mut byte, 0)?;
    Ok(byte[0])
}

#[test]
fn idle_descriptors_are_closed_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(4);
    let files: Vec<_> = (0..20u8)
        .map(|n| create_synced(&disk, &dir.path().join(format!("{n}")), &[n]))
        .collect();
    assert!(disk.open_descriptors() <= 4);
    for _ in 0..3 {
        for (n, file) in files.iter().enumerate() {
            assert_eq!(first_byte(&**file).unwrap(), n as u8);
            assert!(disk.open_descriptors() <= 4);
        }
    }
    drop(files);
    assert_eq!(disk.open_descriptors(), 0);
}

#[test]
fn a_dirty_file_stays_open_until_it_is_synced() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let disk = RealDisk::new(2);
    let dirty: Vec<_> = (0..5)
        .map(|n| {
            let file = disk.create(&dir.path().join(format!("dirty{n}"))).unwrap();
            write_all_at(&*file, &[b"x"], 0).unwrap();
            file
        })
        .collect();
    assert_eq!(disk.open_descriptors(), 5);
    let clean: Vec<_> = (0..5)
        .map(|n| create_synced(&disk, &dir.path().join(format!("clean{n}")), b"x"))
        .collect();
    for file in clean.iter().chain(&clean) {
        first_byte(&**file).unwrap();
    }
    assert!(
        (5..=7).contains(&disk.open_descriptors()),
        "{}",
        disk.open_descriptors()
    );
    dirty[0].sync_data().unwrap();
    disk.sync_filesystem(dir.path()).unwrap();
    for file in clean.iter().chain(&clean) {
        first_byte(&**file).unwrap();
    }
    assert!(disk.open_descriptors() <= 2);
    dirty[3].set_len(10).unwrap();
    for file in clean.iter().chain(&clean) {
        first_byte(&**file).unwrap();
    }
    let slot_is_open = |name: &str| {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .any(|fd| std::fs::read_link(fd.unwrap().path()).is_ok_and(|target| target == dir.path().join(name)))
    };
    assert!(slot_is_open("dirty3") && !slot_is_open("dirty1"));
}

#[test]
fn a_sync_does_not_cover_a_write_that_began_before_it_and_ended_after() {
    let slot = Slot::new(1, 0);
    let descriptors = Descriptors::new(1);
    let slot = Arc::new(slot);
    let open = || Ok(OwnedFd::from(std::fs::File::open("/dev/null")?));
    slot.begin_write();
    descriptors.open(&slot, open).unwrap();
    let covered = slot.begin_sync();
    slot.end_write();
    slot.synced(covered);
    assert_eq!(descriptors.dirty_on(0).len(), 1);
    slot.filesystem_sync_failed();
    slot.synced_with_filesystem(slot.begin_sync());
    assert_eq!(
        descriptors.dirty_on(0).len(),
        1,
        "after a failed sync of the filesystem the file's own sync decides"
    );
    slot.synced(slot.begin_sync());
    assert_eq!(descriptors.dirty_on(0).len(), 0);
    slot.sync_failed();
    slot.synced(slot.begin_sync());
    assert_eq!(descriptors.dirty_on(0).len(), 1, "a failed sync is never forgotten");
}

#[test]
fn a_descriptor_outlives_its_eviction() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(1);
    let first = create_synced(&disk, &dir.path().join("first"), b"1");
    let descriptor = first.descriptor().unwrap().unwrap();
    let second = create_synced(&disk, &dir.path().join("second"), b"2");
    for _ in 0..3 {
        first_byte(&*second).unwrap();
    }
    let mut byte = [0];
    rustix::io::pread(&descriptor, &mut byte, 0).unwrap();
    assert_eq!(byte[0], b'1');
    assert_eq!(first_byte(&*first).unwrap(), b'1');
    assert_ne!(first.descriptor().unwrap().unwrap().as_raw_fd(), descriptor.as_raw_fd());
}

#[test]
fn a_closed_handle_follows_renames_but_never_takes_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let disk = RealDisk::new(1);
    disk.create_dir_all(&at("d/sub")).unwrap();
    disk.create_dir_all(&at("d.2")).unwrap();
    let file = create_synced(&disk, &at("d/sub/a"), b"1");
    let neighbour = create_synced(&disk, &at("d.2/a"), b"2");
    let replaced = create_synced(&disk, &at("b"), b"3");
    let removed = create_synced(&disk, &at("c"), b"4");
    let other = create_synced(&disk, &at("other"), b"5");
    let close_the_rest = || (0..3).for_each(|_| assert_eq!(first_byte(&*other).unwrap(), b'5'));
    close_the_rest();
    assert_eq!(disk.open_descriptors(), 1);
    disk.rename(&at("d"), &at("e")).unwrap();
    assert_eq!(first_byte(&*file).unwrap(), b'1');
    assert_eq!(first_byte(&*neighbour).unwrap(), b'2');
    close_the_rest();
    disk.rename(&at("e/sub/a"), &at("b")).unwrap();
    assert_eq!(first_byte(&*file).unwrap(), b'1');
    assert_eq!(first_byte(&*replaced).unwrap_err().kind(), io::ErrorKind::NotFound);
    close_the_rest();
    disk.remove_file(&at("c")).unwrap();
    create_synced(&disk, &at("c"), b"6");
    assert_eq!(first_byte(&*removed).unwrap_err().kind(), io::ErrorKind::NotFound);
    // A removal that fails leaves the handle as it was.
    disk.remove_file(&at("e")).unwrap_err();
    close_the_rest();
    assert_eq!(first_byte(&*file).unwrap(), b'1');
    assert_eq!(read_file(&disk, &at("b")).unwrap(), b"1");
}

#[test]
fn handles_stand_threads_that_evict_each_other_and_rename() {
    let dir = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(2);
    let files: Vec<_> = (0..6u8)
        .map(|n| create_synced(&disk, &dir.path().join(format!("{n}.0")), &[n; 8]))
        .collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3u64 {
            let (files, stop) = (&files, &stop);
            scope.spawn(move || {
                for round in 0..1500u64 {
                    let n = ((round * 7 + thread * 3) % 6) as usize;
                    assert_eq!(first_byte(&*files[n]).unwrap(), n as u8);
                    if round % 5 == thread {
                        write_all_at(&*files[n], &[&[n as u8; 8]], 8 * thread).unwrap();
                    }
                    if round % 300 == 299 {
                        files.iter().for_each(|file| file.sync_data().unwrap());
                    }
                }
                stop.store(true, Ordering::Relaxed);
            });
        }
        let mut generation = 0;
        while !stop.load(Ordering::Relaxed) {
            for n in 0..6 {
                let (from, to) = (format!("{n}.{generation}"), format!("{n}.{}", generation + 1));
                disk.rename(&dir.path().join(from), &dir.path().join(to)).unwrap();
            }
            generation += 1;
            std::thread::yield_now();
        }
    });
    for file in &files {
        file.sync_data().unwrap();
    }
    for file in files.iter().chain(&files) {
        first_byte(&**file).unwrap();
    }
    assert!(disk.open_descriptors() <= 2, "{}", disk.open_descriptors());
}

#[test]
fn what_was_just_written_is_resident_and_what_was_dropped_is_not() {
    let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let disk = RealDisk::new(4);
    let file = create_synced(&disk, &dir.path().join("a"), &vec![7; 1 << 20]);
    assert!(file.is_resident(0, 1 << 20).unwrap());
    assert!(file.is_resident(1 << 20, 10).unwrap());
    let descriptor = file.descriptor().unwrap().unwrap();
    rustix::fs::fadvise(&descriptor, 0, None, Advice::DontNeed).unwrap();
    assert!(!file.is_resident(0, 1 << 20).unwrap());
}

#[test]
fn what_is_on_a_filesystem_in_memory_is_resident() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let file = create_synced(&RealDisk::new(4), &dir.path().join("a"), &[7; 100_000]);
    assert!(file.is_resident(0, 100_000).unwrap());
}

#[test]
fn a_filesystem_is_synced_whole_only_where_that_is_all() {
    let (dir, memory) = (
        tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap(),
        tempfile::tempdir_in("/dev/shm").unwrap(),
    );
    let whole = |disk: &RealDisk, dir: &Path| disk.sync_filesystem(dir).map_err(|error| error.kind());
    let disk = RealDisk::new(4);
    assert_eq!(whole(&disk, memory.path()), Ok(()));
    // A partition's directory that is a link to another filesystem.
    std::os::unix::fs::symlink(dir.path(), memory.path().join("t-0")).unwrap();
    create_synced(&disk, &memory.path().join("t-0/a"), b"1");
    assert_eq!(whole(&disk, memory.path()), Err(io::ErrorKind::Unsupported));
    // Its answer to `syncfs` means nothing.
    assert_eq!(
        whole(&RealDisk::new(4), Path::new("/proc")),
        Err(io::ErrorKind::Unsupported)
    );
}

#[test]
fn a_direct_read_sees_the_device() {
    let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let shared = RealDisk::new(4);
    let path = dir.path().join("a");
    create_synced(&shared, &path, b"0123456789");
    let file = RealFile {
        is_memory: OnceLock::new(),
        slot: Arc::new(Slot::new(99, 0)),
        shared: shared.shared.clone(),
    };
    shared.shared.names.write().insert(path, file.slot.clone());
    let mut buf = [0; 4];
    assert_eq!(
        file.read_direct(&mut buf, 3).unwrap(),
        Some(4),
        "the build directory's filesystem has direct reads"
    );
    assert_eq!(&buf, b"3456");
}

#[test]
fn the_boot_id_is_that_of_the_file_named_and_of_the_mount() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("boot"), "abc\n").unwrap();
    let disk = RealDisk::with_boot_id_path(1, dir.path().join("boot"));
    let here = disk.boot_id(dir.path()).unwrap();
    assert!(here.starts_with("abc"), "{here}");
    // An older kernel has no ids of mounts that tell them apart.
    if here != "abc" {
        assert_ne!(disk.boot_id(Path::new("/proc")).unwrap(), here);
    }
    assert!(RealDisk::new(1).boot_id(dir.path()).unwrap().len() >= 36);
}

#[test]
fn a_data_directory_has_one_holder() {
    let dir = tempfile::tempdir().unwrap();
    let lock = DirLock::acquire(dir.path()).unwrap();
    let refused = DirLock::acquire(dir.path()).unwrap_err();
    let expected = format!("process {}", std::process::id());
    assert!(
        matches!(&refused, LockError::Held { holder, .. } if *holder == expected),
        "{refused}"
    );
    assert!(lock.path().exists());
    drop(lock);
    DirLock::acquire(dir.path()).unwrap();
    assert!(matches!(
        DirLock::acquire(&dir.path().join("no")),
        Err(LockError::Io { .. })
    ));
}

#[test]
fn a_disk_to_read_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, b"as it is").unwrap();
    let disk = RealDisk::to_read(1);
    assert_eq!(read_file(&disk, &path).unwrap(), b"as it is");
    let file = disk.open(&path).unwrap();
    assert!(write_all_at(&*file, &[b"other"], 0).is_err() && file.set_len(0).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"as it is");
}
