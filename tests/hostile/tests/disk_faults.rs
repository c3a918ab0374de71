//! The real binary under load on a disk that fills up, breaks, or fails: errors are clear, readers go on, writes resume where
//! they can, and nothing that was acknowledged is lost, group commits included. Needs root, ext4's tools and strace.

use std::path::Path;
use std::time::{Duration, Instant};

use crash_tests::broker_process::Broker;
use crash_tests::ledger::Ledger;
use crash_tests::scene::Scene;
use crash_tests::summary::say;
use hostile_tests::failing_calls::FailingCalls;
use hostile_tests::small_disk::{ReadOnlyRoot, SmallDisk};
use hostile_tests::steady::{Heard, SteadyLoad, verify};
use storage::disk::{Disk, RealDisk, write_all_at};

const STORAGE_ERROR: i16 = 56;
const DISK_BYTES: u64 = 400 << 20;
const WRITES: &str = "pwrite64,pwritev,pwritev2";
const SYNCS: &str = "fsync,fdatasync,syncfs";
const WHILE: Duration = Duration::from_millis(1500);
/// How often a disk breaks under files that are synced; now and then a sync is at the point that matters.
const BREAKS: usize = 12;
/// Until something is as it should be.
const SOON: Duration = Duration::from_secs(15);

struct Test {
    scene: Scene,
    broker: Broker,
    load: SteadyLoad,
    name: &'static str,
}

impl Test {
    fn start(name: &'static str, disk: Option<&SmallDisk>) -> Self {
        let data_dir = disk.map(|disk| disk.mount_point().join("data"));
        let mut scene = Scene::new(data_dir.as_deref(), &[], Ledger::default()).unwrap();
        let broker = scene.start().unwrap();
        let load = SteadyLoad::start(broker.address).unwrap();
        let test = Test {
            scene,
            broker,
            load,
            name,
        };
        test.until("all goes well", |produced, commits, read, _| {
            produced > 20 && commits > 5 && read > 100
        });
        test
    }

    /// Waits until what happens in a short time is this.
    fn until(&self, what: &str, is_so: impl Fn(u64, u64, u64, u64) -> bool) {
        let began = Instant::now();
        loop {
            self.load.heard().take_counts();
            std::thread::sleep(Duration::from_millis(300));
            let (produced, commits, read, refusals) = self.load.heard().take_counts();
            let other: Vec<_> = refusals.keys().filter(|code| **code != STORAGE_ERROR).collect();
            assert!(other.is_empty(), "{}: refused with {other:?}", self.name);
            let refused = refusals.get(&STORAGE_ERROR).copied().unwrap_or(0);
            if is_so(produced, commits, read, refused) {
                say(&format!("{}: {what} after {:?}", self.name, began.elapsed()));
                return;
            }
            assert!(
                began.elapsed() < SOON,
                "{}: not so that {what}: {produced} produced, {commits} commits, {read} read, {refused} refused\n{}",
                self.name,
                self.scene.options.log_tail()
            );
        }
    }

    fn refused_but_readable(&self) {
        self.until(
            "produces are refused, and readers go on",
            |produced, _, read, refused| produced == 0 && refused > 0 && read > 0,
        );
    }

    fn goes_on(&self) {
        self.until("writes go on", |produced, commits, _, refused| {
            produced > 5 && commits > 1 && refused == 0
        });
    }

    /// What the log must say: where, and what to do.
    fn says(&self, words: &[&str]) {
        let log = self.scene.options.log_tail();
        for word in words {
            assert!(
                log.contains(word),
                "{}: the log does not say {word:?}:\n{log}",
                self.name
            );
        }
    }

    fn end_load(self) -> (Scene, Broker, Heard) {
        let heard = self.load.stop();
        let problems: Vec<_> = heard.problems.iter().take(3).collect();
        assert!(problems.is_empty(), "{}: a reader saw {problems:?}", self.name);
        (self.scene, self.broker, heard)
    }
}

/// Starts it again, and looks whether all is there, and more can be written.
fn check_after_restart(name: &str, scene: &mut Scene, heard: &Heard) {
    let broker = scene.start().unwrap();
    let kept = verify(broker.address, heard).unwrap_or_else(|problem| panic!("{name}: {problem}\n{}", scene.tell("")));
    say(&format!(
        "{name}: {kept} acknowledged records are there after the restart"
    ));
    assert!(kept > 0);
    let mut client = crash_tests::client::Connection::open(broker.address).unwrap();
    let batch = crash_tests::payload::batch(9, 0, 1, None, storage::compression::Codec::None, 1_700_000_000_000);
    client
        .produce("steady", 0, batch, crash_tests::client::Acks::All)
        .unwrap();
    broker.stop(&scene.options).unwrap();
}

#[test]
fn a_full_disk_refuses_until_there_is_room() {
    let disk = SmallDisk::new(DISK_BYTES).unwrap();
    let test = Test::start("full disk", Some(&disk));
    for _ in 0..2 {
        let filler = disk.fill().unwrap();
        test.refused_but_readable();
        test.says(&[&disk.mount_point().display().to_string(), "free some"]);
        std::thread::sleep(WHILE);
        drop(filler);
        test.goes_on();
    }
    // And killed while it is full.
    let filler = disk.fill().unwrap();
    test.refused_but_readable();
    let (mut scene, broker, heard) = test.end_load();
    broker.kill();
    drop(filler);
    check_after_restart("full disk", &mut scene, &heard);
}

#[test]
fn a_data_directory_below_a_read_only_filesystem_is_as_good() {
    let root = ReadOnlyRoot::new().unwrap();
    let mut scene = Scene::new(Some(&root.data()), &[], Ledger::default()).unwrap();
    let broker = scene.start().unwrap();
    broker.stop(&scene.options).unwrap();
}

#[test]
fn a_disk_that_becomes_read_only_refuses_until_it_is_mended() {
    let disk = SmallDisk::new(DISK_BYTES).unwrap();
    let test = Test::start("read-only disk", Some(&disk));
    disk.break_it().unwrap();
    test.refused_but_readable();
    test.says(&[&disk.mount_point().display().to_string(), "restart"]);
    let (mut scene, broker, heard) = test.end_load();
    broker.kill();
    let _disk = disk.mend().unwrap();
    check_after_restart("read-only disk", &mut scene, &heard);
}

/// A sync that is under way when the filesystem breaks can answer well for what is lost; the disk does not believe it.
#[test]
fn what_is_synced_while_the_disk_breaks_is_there() {
    for round in 0..BREAKS {
        let disk = SmallDisk::new(DISK_BYTES).unwrap();
        let path = |writer: usize| disk.mount_point().join(format!("synced-{writer}"));
        let synced: Vec<u64> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..16)
                .map(|writer| scope.spawn(move || append_until_refused(&path(writer))))
                .collect();
            std::thread::sleep(Duration::from_millis(200));
            disk.break_it().unwrap();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let disk = disk.mend().unwrap();
        for (writer, synced) in synced.into_iter().enumerate() {
            let kept = std::fs::metadata(disk.mount_point().join(format!("synced-{writer}")));
            let kept = kept.unwrap().len();
            assert!(
                kept >= synced,
                "round {round}: {synced} bytes were synced, {kept} are there"
            );
        }
    }
}

/// Writes and syncs little by little. How many bytes were synced.
fn append_until_refused(path: &Path) -> u64 {
    const PIECE: [u8; 700] = [1; 700];
    let disk = RealDisk::new(10);
    disk.create_dir_all(path.parent().unwrap()).unwrap();
    let file = disk.create(path).unwrap();
    let mut synced = 0;
    while write_all_at(&*file, &[&PIECE], synced)
        .and_then(|()| file.sync_data())
        .is_ok()
    {
        synced += PIECE.len() as u64;
    }
    synced
}

#[test]
fn writes_that_fail_are_refused_and_lose_nothing() {
    let test = Test::start("EIO on writes", None);
    let failing = FailingCalls::of(test.broker.pid(), WRITES, "EIO").unwrap();
    test.refused_but_readable();
    test.says(&[&test.scene.options.data_dir.display().to_string()]);
    std::thread::sleep(WHILE);
    drop(failing);
    test.goes_on();
    let (mut scene, broker, heard) = test.end_load();
    broker.kill();
    check_after_restart("EIO on writes", &mut scene, &heard);
}

#[test]
fn syncs_that_fail_stop_writes_until_a_restart_and_lose_nothing() {
    let test = Test::start("EIO on syncs", None);
    let failing = FailingCalls::of(test.broker.pid(), SYNCS, "EIO").unwrap();
    test.refused_but_readable();
    test.says(&[&test.scene.options.data_dir.display().to_string(), "restart"]);
    drop(failing);
    // Nobody knows what the disk has: only a restart can tell.
    std::thread::sleep(WHILE);
    test.refused_but_readable();
    let (mut scene, broker, heard) = test.end_load();
    broker.kill();
    check_after_restart("EIO on syncs", &mut scene, &heard);
}
