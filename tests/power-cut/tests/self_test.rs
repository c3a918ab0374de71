//! A writer that syncs loses nothing that it acknowledged, in any image; the same one without syncs does. And the
//! filesystem is whole in each, which shows that flushes arrive and are kept.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use power_cut::{CutPoint, PowerCutDisk};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const SIZE: u64 = 256 << 20;
/// `POWER_CUT_IMAGES` asks for more.
const IMAGES: u64 = 30;

#[test]
fn a_writer_that_syncs_loses_nothing() {
    let disk = PowerCutDisk::new(SIZE).unwrap();
    let acknowledged = write(&disk, 150, "sync");
    assert_eq!(acknowledged.len(), 150);
    let totals = disk.totals();
    assert!(totals.flushes >= 150, "each sync flushes: {totals:?}");
    let cut_points = disk.cut_points();
    let mut random = StdRng::seed_from_u64(1);
    let (mut lost_writes, mut torn_writes, mut required) = (0, 0, 0);
    for seed in 0..images() {
        let cut = cut_points[random.random_range(0..cut_points.len())];
        let image = disk.image(cut, seed).unwrap();
        lost_writes += image.loss().lost;
        torn_writes += image.loss().torn;
        required += acknowledged.iter().filter(|(_, at)| *at <= cut).count();
        let missing = missing(image.mount_point(), &acknowledged, cut);
        assert!(
            missing.is_empty(),
            "seed {seed}, {cut:?}, {:?}: {missing:?} are missing",
            image.loss()
        );
        image.unmount_and_check().unwrap();
    }
    assert!(
        lost_writes > 0 && torn_writes > 0 && required > 0,
        "{lost_writes} {torn_writes} {required}"
    );
    // The same cut and seed give the same image.
    let cut = cut_points[cut_points.len() / 2];
    let images = [(); 2].map(|()| disk.image(cut, 7).unwrap());
    assert_eq!(images[0].loss(), images[1].loss());
}

#[test]
fn a_writer_that_does_not_sync_loses_something() {
    let disk = PowerCutDisk::new(SIZE).unwrap();
    let acknowledged = write(&disk, 150, "no-sync");
    // Let the filesystem write it back in its own time, or a cut would find nothing at all.
    rustix::fs::syncfs(fs::File::open(disk.mount_point()).unwrap()).unwrap();
    let cut_points = disk.cut_points();
    let mut lost = 0;
    for seed in 0..images() {
        let cut = cut_points[cut_points.len() * seed as usize / images() as usize];
        lost += disk
            .with_image(cut, seed, |root| missing(root, &acknowledged, cut).len())
            .unwrap();
    }
    assert!(lost > 0);
    // Synced at last, all of it is there.
    assert_eq!(
        disk.with_image(disk.now(), 1, |root| missing(root, &acknowledged, disk.now()))
            .unwrap(),
        []
    );
}

#[test]
fn a_writer_that_does_not_sync_the_directory_loses_a_name() {
    let disk = PowerCutDisk::new(SIZE).unwrap();
    let acknowledged = write(&disk, 30, "no-dir-sync");
    let lost = (5..15).map(|seed| {
        let cut = acknowledged[seed as usize].1;
        disk.with_image(cut, seed, |root| missing(root, &acknowledged, cut).len())
            .unwrap()
    });
    assert!(lost.sum::<usize>() > 0);
}

/// Set for the process that [`what_a_killed_process_left_is_taken_down`] kills: where it says what it mounted.
const HOLDER: &str = "POWER_CUT_HOLDER";

#[test]
#[ignore = "the half of another test that is killed"]
fn hold_a_disk_until_killed() {
    let Some(said) = std::env::var_os(HOLDER) else { return };
    let disk = PowerCutDisk::new(SIZE).unwrap();
    fs::write(disk.mount_point().join("dirty"), [7; 100_000]).unwrap();
    let image = disk.image(disk.now(), 1).unwrap();
    let text = format!(
        "{}\n{}\n.\n",
        disk.mount_point().display(),
        image.mount_point().display()
    );
    fs::write(said, text).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn what_a_killed_process_left_is_taken_down() {
    let dir = tempfile::tempdir().unwrap();
    let said = dir.path().join("said");
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "hold_a_disk_until_killed"])
        .env(HOLDER, &said)
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let mounted: Vec<PathBuf> = loop {
        let text = fs::read_to_string(&said).unwrap_or_default();
        if text.ends_with(".\n") {
            break text.lines().take(2).map(PathBuf::from).collect();
        }
        assert!(
            started.elapsed() < Duration::from_secs(50),
            "the other process did not mount anything"
        );
        std::thread::sleep(Duration::from_millis(20));
    };
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(mounted.iter().all(|path| is_mounted(path)));
    let _disk = PowerCutDisk::with_options(SIZE, dir.path(), "").unwrap();
    for path in mounted {
        assert!(!is_mounted(&path) && !path.exists(), "{}", path.display());
    }
}

#[test]
fn a_panic_leaves_nothing_mounted() {
    let mount_points = std::sync::Mutex::new(Vec::new());
    let result = std::panic::catch_unwind(|| {
        let disk = PowerCutDisk::new(SIZE).unwrap();
        let image = disk.image(disk.now(), 1).unwrap();
        mount_points
            .lock()
            .unwrap()
            .extend([disk.mount_point().to_owned(), image.mount_point().to_owned()]);
        assert!(mount_points.lock().unwrap().iter().all(|path| is_mounted(path)));
        std::panic::resume_unwind(Box::new("as a failing test would"));
    });
    assert!(result.is_err());
    let mount_points = mount_points.into_inner().unwrap();
    assert_eq!(mount_points.len(), 2);
    for path in mount_points {
        assert!(!is_mounted(&path) && !path.exists(), "{}", path.display());
    }
}

#[test]
fn a_cut_in_the_future_is_refused() {
    let disk = PowerCutDisk::new(SIZE).unwrap();
    let other = PowerCutDisk::new(SIZE).unwrap();
    fs::write(other.mount_point().join("a"), "a").unwrap();
    rustix::fs::syncfs(fs::File::open(other.mount_point()).unwrap()).unwrap();
    assert!(disk.mark("start") < other.mark("later"));
    assert!(
        disk.image(other.marks()[0].1, 0)
            .unwrap_err()
            .to_string()
            .contains("the log ends")
    );
}

fn images() -> u64 {
    std::env::var("POWER_CUT_IMAGES").map_or(IMAGES, |count| count.parse().unwrap())
}

/// Runs the writer to its end; each acknowledged number with the place in the log at which it was.
fn write(disk: &PowerCutDisk, count: u32, mode: &str) -> Vec<(u32, CutPoint)> {
    let mut writer = Command::new(env!("CARGO_BIN_EXE_power-cut-writer"))
        .arg(disk.mount_point())
        .args([&count.to_string(), mode])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(writer.stdout.take().unwrap());
    let mut seen = writer.stdin.take().unwrap();
    let acknowledged = output
        .lines()
        .map(|line| {
            let acknowledged = (line.unwrap().parse().unwrap(), disk.now());
            writeln!(seen).unwrap();
            acknowledged
        })
        .collect();
    assert!(writer.wait().unwrap().success());
    acknowledged
}

/// The numbers that were acknowledged before the cut and are not whole in the image.
fn missing(root: &Path, acknowledged: &[(u32, CutPoint)], cut: CutPoint) -> Vec<u32> {
    let all = fs::read_to_string(root.join("all")).unwrap_or_default();
    let lines: Vec<&str> = all.lines().collect();
    let is_there = |number: u32| {
        let expected = format!("{number}\n").repeat(1 + number as usize % 2000);
        let own = fs::read_to_string(root.join(number.to_string())).is_ok_and(|content| content == expected);
        own && lines
            .get(number as usize)
            .is_some_and(|line| *line == number.to_string())
    };
    let required = acknowledged.iter().filter(|(_, at)| *at <= cut);
    required
        .map(|(number, _)| *number)
        .filter(|number| !is_there(*number))
        .collect()
}

fn is_mounted(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    mounts.lines().any(|line| line.split(' ').nth(1) == path.to_str())
}
