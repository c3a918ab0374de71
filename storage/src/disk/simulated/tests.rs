//! What survives crashes and faults, first by example, then by chance.

use super::*;
use crate::disk::{read_exact_at, read_file, replace_file, write_all_at};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::IoSlice;
use std::path::PathBuf;

const NOTHING: CrashOptions = CrashOptions {
    data: Keep::Nothing,
    names: Keep::Nothing,
};
const EVERYTHING: CrashOptions = CrashOptions {
    data: Keep::Everything,
    names: Keep::Everything,
};

fn disk_with_dir(seed: u64) -> (SimulatedDisk, PathBuf) {
    let disk = SimulatedDisk::new(seed);
    let dir = PathBuf::from("/d");
    disk.create_dir_all(&dir).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    (disk, dir)
}

#[test]
fn a_crash_loses_what_was_not_synced_and_only_that() {
    let (disk, dir) = disk_with_dir(1);
    let a = disk.create(&dir.join("a")).unwrap();
    write_all_at(&*a, &[b"synced"], 0).unwrap();
    a.sync_data().unwrap();
    disk.sync_dir(&dir).unwrap();
    write_all_at(&*a, &[b" lost"], 6).unwrap();
    let b = disk.create(&dir.join("b")).unwrap();
    write_all_at(&*b, &[b"synced, but without a name"], 0).unwrap();
    b.sync_data().unwrap();
    let boot = disk.boot_id(Path::new("/")).unwrap();
    disk.crash(NOTHING);
    assert!(a.len().is_err(), "handles die");
    assert_ne!(disk.boot_id(Path::new("/")).unwrap(), boot);
    assert_eq!(read_file(&disk, &dir.join("a")).unwrap(), b"synced");
    assert_eq!(disk.list(&dir).unwrap().len(), 1);
    assert_eq!(disk.fault_counts()[&Fault::LostName], 1);

    disk.create(&dir.join("b")).unwrap();
    disk.crash(EVERYTHING);
    assert_eq!(disk.list(&dir).unwrap().len(), 2);
}

#[test]
fn an_unsynced_directory_takes_its_files_along() {
    let (disk, dir) = disk_with_dir(1);
    let sub = dir.join("sub");
    disk.create_dir_all(&sub).unwrap();
    let file = disk.create(&sub.join("a")).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(&sub).unwrap();
    disk.crash(NOTHING);
    assert!(disk.list(&dir).unwrap().is_empty());
    disk.create_dir_all(&sub).unwrap();
    disk.create(&sub.join("a")).unwrap();
    disk.sync_filesystem(&dir).unwrap();
    disk.rename(&sub, &dir.join("renamed")).unwrap();
    disk.crash(NOTHING);
    assert_eq!(disk.list(&sub).unwrap().len(), 1);
}

#[test]
fn a_kill_keeps_the_page_cache_and_may_cut_the_last_write() {
    let mut lengths = BTreeSet::new();
    for seed in 0..200 {
        let (disk, dir) = disk_with_dir(seed);
        let boot = disk.boot_id(Path::new("/")).unwrap();
        let file = disk.create(&dir.join("a")).unwrap();
        write_all_at(&*file, &[b"0123456789"], 0).unwrap();
        write_all_at(&*file, &[b"abcdef"], 6).unwrap();
        disk.kill(seed % 2 == 0);
        assert!(file.len().is_err());
        assert_eq!(disk.boot_id(Path::new("/")).unwrap(), boot);
        let content = read_file(&disk, &dir.join("a")).unwrap();
        let kept = content[6..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        assert_eq!(
            content,
            [b"012345", &b"abcdef"[..kept], &b"6789"[kept.min(4)..]].concat()
        );
        assert!(seed % 2 == 0 || kept == 6);
        lengths.insert(kept);
        // What a crash leaves must agree with what was cut.
        disk.sync_filesystem(&dir).unwrap();
        disk.crash(NOTHING);
        assert_eq!(read_file(&disk, &dir.join("a")).unwrap(), content);
    }
    assert_eq!(lengths.len(), 7);
}

#[test]
fn after_a_failed_sync_the_cache_is_good_and_the_device_is_not() {
    let (disk, dir) = disk_with_dir(1);
    disk.set_failed_sync_keeps(Keep::Nothing);
    let file = disk.create(&dir.join("a")).unwrap();
    let other = disk.open(&dir.join("a")).unwrap();
    disk.sync_dir(&dir).unwrap();
    write_all_at(&*file, &[b"first"], 0).unwrap();
    disk.fail_next(Fault::SyncDataError, &dir, 1);
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
    file.sync_data().unwrap();
    assert!(other.sync_data().is_err(), "each open handle is told");
    disk.open(&dir.join("a")).unwrap().sync_data().unwrap();
    let mut buf = [9; 5];
    read_exact_at(&*file, &mut buf, 0).unwrap();
    assert_eq!(&buf, b"first");
    assert_eq!(file.read_uncached_at(&mut buf, 0).unwrap(), 5);
    assert_eq!(buf, [0; 5]);
    write_all_at(&*file, &[b"second"], 5).unwrap();
    file.sync_data().unwrap();
    disk.crash(EVERYTHING);
    assert_eq!(read_file(&disk, &dir.join("a")).unwrap(), b"\0\0\0\0\0second");
}

#[test]
fn a_failed_sync_of_the_filesystem_names_its_victims_to_their_handles() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..50 {
        let (disk, dir) = disk_with_dir(seed);
        let files: Vec<_> = (0..3).map(|n| disk.create(&dir.join(n.to_string())).unwrap()).collect();
        for file in &files {
            write_all_at(&**file, &[b"x"], 0).unwrap();
        }
        disk.fail_next(Fault::SyncFilesystemError, Path::new("/"), 1);
        disk.sync_filesystem(&dir).unwrap_err();
        let failed: Vec<bool> = files.iter().map(|file| file.sync_data().is_err()).collect();
        assert!(failed.contains(&true));
        outcomes.insert(failed);
        assert!(files.iter().all(|file| file.sync_data().is_ok()));
        disk.sync_dir(&dir).unwrap();
        disk.crash(NOTHING);
        assert_eq!(disk.list(&dir).unwrap(), [], "names in doubt stay in doubt");
    }
    assert_eq!(outcomes.len(), 7);
}

#[test]
fn a_failed_sync_of_a_directory_leaves_its_names_in_doubt_until_they_are_made_anew() {
    let (disk, dir) = disk_with_dir(1);
    let path = dir.join("a");
    disk.fail_next(Fault::SyncDirError, &dir, 1);
    replace_file(&disk, &path, b"1").unwrap_err();
    disk.sync_dir(&dir).unwrap();
    disk.crash(NOTHING);
    assert!(disk.open(&path).is_err());
    disk.fail_next(Fault::SyncDirError, &dir, 1);
    replace_file(&disk, &path, b"2").unwrap_err();
    replace_file(&disk, &path, b"3").unwrap();
    disk.crash(NOTHING);
    assert_eq!(read_file(&disk, &path).unwrap(), b"3");
}

#[test]
fn a_full_disk_writes_short_then_nothing() {
    let (disk, dir) = disk_with_dir(1);
    disk.set_capacity(Some(10));
    let file = disk.create(&dir.join("a")).unwrap();
    assert_eq!(file.write_at(&[IoSlice::new(b"0123456789ab")], 0).unwrap(), 10);
    assert_eq!(disk.free_bytes(&dir).unwrap(), 0);
    assert_eq!(
        file.write_at(&[IoSlice::new(b"x")], 10).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_eq!(file.write_at(&[IoSlice::new(b"xy")], 9).unwrap(), 1);
    assert_eq!(
        disk.create(&dir.join("b")).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert!(file.set_len(11).is_err());
    disk.remove_file(&dir.join("a")).unwrap();
    assert_eq!(disk.free_bytes(&dir).unwrap(), 10);
}

#[test]
fn faults_strike_by_chance_and_by_plan_and_are_counted() {
    let (disk, dir) = disk_with_dir(3);
    let file = disk.create(&dir.join("a")).unwrap();
    write_all_at(&*file, &[&[7; 100]], 0).unwrap();
    file.sync_data().unwrap();
    for fault in [
        Fault::ReadError,
        Fault::ShortRead,
        Fault::WriteError,
        Fault::ShortWrite,
        Fault::CacheMiss,
    ] {
        disk.set_chance(fault, 300_000);
    }
    let (mut errors, mut short, mut misses) = (0, 0, 0);
    for _ in 0..500 {
        match file.read_at(&mut [0; 100], 0) {
            Ok(n) => short += u64::from(n < 100),
            Err(_) => errors += 1,
        }
        match file.write_at(&[IoSlice::new(&[7; 100])], 0) {
            Ok(n) => short += u64::from(n < 100),
            Err(_) => errors += 1,
        }
        misses += u64::from(!file.is_resident(0, 1).unwrap());
    }
    let counts = disk.fault_counts();
    assert_eq!(counts[&Fault::ReadError] + counts[&Fault::WriteError], errors);
    assert_eq!(counts[&Fault::ShortRead] + counts[&Fault::ShortWrite], short);
    assert_eq!(counts[&Fault::CacheMiss], misses);
    assert!(errors > 200 && short > 150 && misses > 100);
    disk.clear_faults();
    disk.fail_next(Fault::NoSpace, &dir.join("a"), 2);
    let other = disk.create(&dir.join("b")).unwrap();
    write_all_at(&*other, &[b"fine"], 0).unwrap();
    for fails in [true, true, false] {
        assert_eq!(file.write_at(&[IoSlice::new(b"x")], 0).is_err(), fails);
    }
}

#[test]
fn a_flipped_bit_shows_past_the_cache() {
    let (disk, dir) = disk_with_dir(1);
    let path = dir.join("a");
    let file = disk.create(&path).unwrap();
    assert_eq!(disk.flip_any_bit(&path).unwrap(), None);
    write_all_at(&*file, &[b"abc"], 0).unwrap();
    assert!(disk.flip_bit(&path, 0, 0).is_err(), "not on the device yet");
    file.sync_data().unwrap();
    disk.flip_bit(&path, 1, 0).unwrap();
    let mut buf = [0; 3];
    read_exact_at(&*file, &mut buf, 0).unwrap();
    assert_eq!(&buf, b"abc");
    file.read_uncached_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"acc");
    disk.drop_cache();
    assert_eq!(read_file(&disk, &path).unwrap(), b"acc");
    assert!(disk.flip_any_bit(&path).unwrap().is_some());
}

#[test]
fn a_stopped_machine_does_nothing_more() {
    let (disk, dir) = disk_with_dir(5);
    let file = disk.create(&dir.join("a")).unwrap();
    disk.halt_at(disk.operations() + 2);
    file.write_at(&[IoSlice::new(b"first")], 0).unwrap();
    file.write_at(&[IoSlice::new(b"second")], 5).unwrap_err();
    file.sync_data().unwrap_err();
    disk.list(&dir).unwrap_err();
    disk.kill(false);
    let content = read_file(&disk, &dir.join("a")).unwrap();
    assert!(b"firstsecond".starts_with(&content) && content.len() >= 5);
    assert_eq!(disk.fault_counts()[&Fault::Halt], 1);
}

#[test]
fn a_replaced_file_is_old_or_new_wherever_the_power_goes() {
    let (old, new) = (vec![b'o'; 3000], vec![b'n'; 5000]);
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let (disk, dir) = disk_with_dir(seed);
        let path = dir.join("meta");
        replace_file(&disk, &path, &old).unwrap();
        disk.halt_at(disk.operations() + 1 + seed % 8);
        let done = replace_file(&disk, &path, &new).is_ok();
        disk.crash(CrashOptions::default());
        let content = read_file(&disk, &path).unwrap();
        assert!(content == new || (content == old && !done), "seed {seed}");
        seen.insert((done, content == new));
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// One step of a run by chance, over three files in two directories.
#[derive(Debug, Clone)]
enum Step {
    Write {
        file: usize,
        position: u64,
        len: usize,
        fill: u8,
    },
    SetLen {
        file: usize,
        len: u64,
    },
    Sync {
        file: usize,
    },
    FailSync {
        file: usize,
    },
    Rename {
        file: usize,
    },
    SyncDirs,
    SyncAll,
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..3usize;
    prop_oneof![
        6 => (file.clone(), 0..3000u64, 1..3000usize, 1..=255u8)
            .prop_map(|(file, position, len, fill)| Step::Write { file, position, len, fill }),
        1 => (file.clone(), 0..4000u64).prop_map(|(file, len)| Step::SetLen { file, len }),
        3 => file.clone().prop_map(|file| Step::Sync { file }),
        1 => file.clone().prop_map(|file| Step::FailSync { file }),
        2 => file.prop_map(|file| Step::Rename { file }),
        1 => Just(Step::SyncDirs),
        1 => Just(Step::SyncAll),
    ]
}

/// What must be known of one file to judge a crash.
#[derive(Debug, Default, Clone)]
struct Model {
    cached: Vec<u8>,
    /// For each position the bytes that a crash may leave there; the first is what was synced last.
    possible: Vec<BTreeSet<u8>>,
    /// The lengths that a crash may leave.
    least_len: usize,
    greatest_len: usize,
    /// Whether a sync failed since the start: then no length is known for certain.
    in_doubt: bool,
    /// The names that a crash may leave.
    names: BTreeSet<String>,
    name: String,
}

impl Model {
    fn note(&mut self) {
        self.possible
            .resize(self.possible.len().max(self.cached.len()), BTreeSet::from([0]));
        for (position, possible) in self.possible.iter_mut().enumerate() {
            possible.insert(self.cached.get(position).copied().unwrap_or(0));
        }
        self.least_len = self.least_len.min(self.cached.len());
        self.greatest_len = self.greatest_len.max(self.cached.len());
    }

    fn synced(&mut self) {
        if self.in_doubt {
            return;
        }
        self.possible = self.cached.iter().map(|byte| BTreeSet::from([*byte])).collect();
        self.least_len = self.cached.len();
        self.greatest_len = self.cached.len();
    }
}

const DIRS: [&str; 2] = ["/d", "/e"];

fn run(seed: u64, steps: &[Step]) -> (SimulatedDisk, Vec<Model>) {
    let disk = SimulatedDisk::new(seed);
    disk.record_trace();
    for dir in DIRS {
        disk.create_dir_all(Path::new(dir)).unwrap();
    }
    let mut models = Vec::new();
    let mut files = Vec::new();
    for n in 0..3 {
        let name = format!("/d/{n}");
        files.push(disk.create(Path::new(&name)).unwrap());
        models.push(Model {
            names: BTreeSet::from([name.clone()]),
            name,
            ..Model::default()
        });
    }
    disk.sync_filesystem(Path::new("/")).unwrap();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Write {
                file,
                position,
                len,
                fill,
            } => {
                write_all_at(&*files[file], &[&vec![fill; len]], position).unwrap();
                let cached = &mut models[file].cached;
                let end = position as usize + len;
                cached.resize(cached.len().max(end), 0);
                cached[position as usize..end].fill(fill);
                models[file].note();
            }
            Step::SetLen { file, len } => {
                files[file].set_len(len).unwrap();
                models[file].cached.resize(len as usize, 0);
                models[file].note();
            }
            Step::Sync { file } => {
                files[file].sync_data().unwrap();
                models[file].synced();
            }
            Step::FailSync { file } => {
                disk.fail_next(Fault::SyncDataError, Path::new("/"), 1);
                files[file].sync_data().unwrap_err();
                models[file].in_doubt = true;
            }
            Step::Rename { file } => {
                let model = &mut models[file];
                let to = format!("{}/r{number}", DIRS[number % 2]);
                disk.rename(Path::new(&model.name), Path::new(&to)).unwrap();
                model.names.insert(to.clone());
                model.name = to;
            }
            Step::SyncDirs => {
                DIRS.iter().for_each(|dir| disk.sync_dir(Path::new(dir)).unwrap());
                models
                    .iter_mut()
                    .for_each(|model| model.names = BTreeSet::from([model.name.clone()]));
            }
            Step::SyncAll => {
                disk.sync_filesystem(Path::new("/")).unwrap();
                models
                    .iter_mut()
                    .for_each(|model| model.names = BTreeSet::from([model.name.clone()]));
                models.iter_mut().for_each(Model::synced);
            }
        }
    }
    (disk, models)
}

fn tree(disk: &SimulatedDisk) -> BTreeMap<String, Vec<u8>> {
    let mut tree = BTreeMap::new();
    for dir in DIRS {
        for entry in disk.list(Path::new(dir)).unwrap() {
            let path = format!("{dir}/{}", entry.name);
            let content = read_file(disk, Path::new(&path)).unwrap();
            tree.insert(path, content);
        }
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_leaves_only_what_it_may(seed: u64, steps in prop::collection::vec(step(), 0..40)) {
        let (disk, models) = run(seed, &steps);
        for model in &models {
            prop_assert_eq!(&read_file(&disk, Path::new(&model.name)).unwrap(), &model.cached);
        }
        disk.crash(CrashOptions::default());
        let tree = tree(&disk);
        prop_assert_eq!(tree.len(), 3, "a renamed file has one name");
        for model in &models {
            let found: Vec<_> = model.names.iter().filter_map(|name| tree.get(name)).collect();
            prop_assert_eq!(found.len(), 1);
            let content = found[0];
            prop_assert!(model.in_doubt || content.len() >= model.least_len);
            prop_assert!(content.len() <= model.greatest_len.max(model.possible.len()));
            for (position, byte) in content.iter().enumerate() {
                let possible = model.possible.get(position);
                prop_assert!(possible.is_some_and(|set| set.contains(byte)) || *byte == 0 && position >= model.least_len,
                    "byte {} at {} is none of {:?}", byte, position, possible);
            }
        }
    }

    #[test]
    fn the_extremes_are_exact(seed: u64, steps in prop::collection::vec(step(), 0..40)) {
        let (disk, models) = run(seed, &steps);
        disk.set_failed_sync_keeps(Keep::Nothing);
        disk.crash(EVERYTHING);
        for model in models.iter().filter(|model| !model.in_doubt) {
            prop_assert_eq!(&read_file(&disk, Path::new(&model.name)).unwrap(), &model.cached);
        }
        let (disk, models) = run(seed, &steps);
        disk.kill(false);
        for model in &models {
            prop_assert_eq!(&read_file(&disk, Path::new(&model.name)).unwrap(), &model.cached);
        }
        disk.sync_filesystem(Path::new("/")).unwrap();
        let before = tree(&disk);
        disk.crash(NOTHING);
        let after = tree(&disk);
        prop_assert!(before.keys().eq(after.keys()));
        for model in models.iter().filter(|model| !model.in_doubt) {
            prop_assert_eq!(&after[&model.name], &model.cached);
        }
    }

    #[test]
    fn a_seed_replays(seed: u64, steps in prop::collection::vec(step(), 0..40)) {
        let outcome = || {
            let (disk, _) = run(seed, &steps);
            disk.crash(CrashOptions::default());
            (tree(&disk), disk.trace_hash(), disk.operations(), disk.fault_counts(), disk.boot_id(Path::new("/")).unwrap())
        };
        prop_assert_eq!(outcome(), outcome());
    }
}
