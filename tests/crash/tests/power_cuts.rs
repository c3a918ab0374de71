//! The real binary under power cuts: its disk is recorded below the filesystem, images are cut at random points with
//! unsynced writes dropped, and the binary is started on each, with another boot id. Nothing acknowledged with acks=all, no
//! committed offset and no created topic is missing. With `write.caching` on, records are; with syncs that do nothing,
//! commits and topics too: so the test sees.
//!
//! `WEIR_POWER_CUTS` says how many images (20), `WEIR_CRASH_SEED` repeats what can be repeated. Needs root,
//! /dev/fuse and strace.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crash_tests::broker_process::Broker;
use crash_tests::check::{Keeps, ReadBack, Report, check};
use crash_tests::client::{Acks, Connection};
use crash_tests::ledger::{Ledger, Totals};
use crash_tests::load::Load;
use crash_tests::payload;
use crash_tests::scene::Scene;
use crash_tests::summary::{Durations, from_env, say};
use power_cut::{CutPoint, PowerCutDisk};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use storage::compression::Codec;

const DISK_BYTES: u64 = 1 << 30;
/// So many images are cut from one recording.
const IMAGES_OF_A_RECORDING: u64 = 50;
/// How often a cut falls into the first start, before any topic is there.
const EARLY_CUTS: f64 = 0.1;
/// The writer of what is written to show that a broker serves after the cut.
const PROBE: payload::WriterId = u32::MAX;

/// What keeps, or does not keep, the data of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syncs {
    /// As it is by default.
    Durable,
    /// `write.caching` on: batches may be lost, nothing else.
    WriteCaching,
    /// The broker's syncs do nothing: anything may be lost.
    Nothing,
}

#[test]
fn a_power_cut_leaves_what_was_acknowledged() {
    let tally = run(Syncs::Durable, from_env("WEIR_POWER_CUTS", 20));
    assert!(
        tally.kept_records > 0 && tally.kept_others > 0 && tally.lost_writes > 0,
        "{tally}"
    );
}

#[test]
fn with_write_caching_a_power_cut_costs_records() {
    let tally = run(Syncs::WriteCaching, few_images());
    assert!(
        tally.lost_records > 0,
        "a test that cannot see a loss shows nothing: {tally}"
    );
}

#[test]
fn without_syncs_a_power_cut_costs_records_commits_and_topics() {
    let tally = run(Syncs::Nothing, few_images());
    assert!(
        tally.lost_records > 0 && tally.lost_commits > 0 && tally.lost_topics > 0,
        "a test that cannot see a loss shows nothing: {tally}"
    );
}

/// A loss is soon seen.
fn few_images() -> u64 {
    from_env("WEIR_POWER_CUTS", 20).min(IMAGES_OF_A_RECORDING)
}

fn run(syncs: Syncs, images: u64) -> Tally {
    let seed: u64 = from_env("WEIR_CRASH_SEED", rand::random());
    say(&format!("power cuts, {syncs:?}: WEIR_CRASH_SEED={seed}"));
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    while tally.images < images {
        let most = if syncs == Syncs::Nothing {
            images.div_ceil(2)
        } else {
            IMAGES_OF_A_RECORDING
        };
        let count = most.min(images - tally.images);
        if let Err(problem) = recording(&mut random, syncs, count, &mut tally) {
            panic!(
                "power cuts, {syncs:?}, after {} images with WEIR_CRASH_SEED={seed}: {problem}",
                tally.images
            );
        }
        if tally.images < images {
            say(&format!("power cuts, {syncs:?}: {} of {images}", tally.images));
        }
    }
    say(&format!("power cuts, {syncs:?}: {tally}"));
    tally
}

/// Records a broker under load, and judges images of its disk.
fn recording(random: &mut StdRng, syncs: Syncs, images: u64, tally: &mut Tally) -> Result<(), String> {
    let options = match syncs {
        Syncs::Durable | Syncs::WriteCaching => "",
        // At first nothing reaches the disk while the test lasts; then what the filesystem commits by itself.
        Syncs::Nothing if tally.images == 0 => "commit=300",
        Syncs::Nothing => "commit=1",
    };
    let disk = PowerCutDisk::with_options(DISK_BYTES, &std::env::temp_dir(), options);
    let disk = Arc::new(disk.map_err(|problem| problem.to_string())?);
    let clock = Arc::clone(&disk);
    let settings: &[_] = match syncs {
        Syncs::WriteCaching => &[("write.caching", "true")],
        Syncs::Durable | Syncs::Nothing => &[],
    };
    let data_dir = disk.mount_point().join("data");
    let mut scene = Scene::new(Some(&data_dir), settings, Ledger::with_clock(move || clock.now()))?;
    scene.options.without_syncs = syncs == Syncs::Nothing;
    let recorded = record(random, &mut scene, &disk);
    scene.options.without_syncs = false;
    let result = recorded.and_then(|topics_at| {
        tally.add(scene.ledger.totals());
        let cut_points = disk.cut_points();
        let early = cut_points.partition_point(|cut| *cut < topics_at);
        for _ in 0..images {
            let range = match random.random_bool(EARLY_CUTS) && early > 0 {
                true => 0..early,
                false => early..cut_points.len(),
            };
            let cut = cut_points[random.random_range(range)];
            let image_seed = random.random();
            judge_image(&mut scene, &disk, cut, image_seed, syncs, tally)
                .map_err(|problem| format!("image of {cut:?} with seed {image_seed}: {problem}"))?;
        }
        Ok(())
    });
    result.map_err(|problem| format!("{problem}\n{}", scene.keep()))
}

/// Runs the load, through a kill and a restart more often than not. Returns where the first topics were there.
fn record(random: &mut StdRng, scene: &mut Scene, disk: &PowerCutDisk) -> Result<CutPoint, String> {
    let mut load = Load::new(random.random(), Arc::clone(&scene.ledger));
    let mut topics_at = None;
    for _ in 0..random.random_range(1..=3) {
        let mut broker = scene.start()?;
        if topics_at.is_none() {
            load.create_topics(broker.address)
                .map_err(|problem| scene.tell(&problem.to_string()))?;
            topics_at = Some(disk.now());
        }
        scene.check(&broker, Keeps::Everything)?;
        let lasting = Duration::from_millis(random.random_range(500..2000));
        let mut ended = None;
        let findings = load.run(broker.address, lasting, || {
            ended = broker.ended();
            broker.kill();
        });
        if let Some(problem) = ended
            .into_iter()
            .chain(findings)
            .reduce(|all, one| format!("{all}\n{one}"))
        {
            return Err(scene.tell(&problem));
        }
    }
    topics_at.ok_or_else(|| "nothing was recorded".to_owned())
}

fn judge_image(
    scene: &mut Scene,
    disk: &PowerCutDisk,
    cut: CutPoint,
    seed: u64,
    syncs: Syncs,
    tally: &mut Tally,
) -> Result<(), String> {
    let image = disk.image(cut, seed).map_err(|problem| problem.to_string())?;
    let loss = image.loss();
    tally.images += 1;
    tally.lost_writes += loss.lost as u64;
    tally.torn_writes += loss.torn as u64;
    scene.options.data_dir = image.mount_point().join("data");
    scene.options.reboot().map_err(|problem| problem.to_string())?;
    scene.read_back = ReadBack::new();
    let result = start_and_check(scene, cut, syncs, tally);
    if result.is_err() && syncs != Syncs::Nothing {
        keep_data(scene);
    }
    image.unmount().map_err(|problem| problem.to_string())?;
    match result {
        // A broker whose syncs did nothing may find anything on its disk, and need not start.
        Err(_) if syncs == Syncs::Nothing => tally.refused += 1,
        result => result.map_err(|problem| format!("{loss:?}: {problem}"))?,
    }
    Ok(())
}

fn start_and_check(scene: &mut Scene, cut: CutPoint, syncs: Syncs, tally: &mut Tally) -> Result<(), String> {
    let broker = scene.start()?;
    tally.restarts.push(broker.started_in);
    let checked = check(broker.address, &scene.ledger, &mut scene.read_back, Keeps::Synced(cut));
    let report = checked.map_err(|problem| scene.tell(&problem.to_string()))?;
    tally.count(&report);
    let problems = match syncs {
        Syncs::Durable => report.problems(),
        Syncs::WriteCaching => [report.violations, report.lost_topics, report.lost_commits].concat(),
        Syncs::Nothing => Vec::new(),
    };
    if !problems.is_empty() {
        return Err(scene.tell(&problems.join("\n")));
    }
    probe(scene, &broker)
}

/// Whether every partition takes what comes next, where the log ended.
fn probe(scene: &Scene, broker: &Broker) -> Result<(), String> {
    let mut client = Connection::open(broker.address).map_err(|problem| scene.tell(&problem.to_string()))?;
    for (partition, found) in &scene.read_back {
        let batch = payload::batch(PROBE, 0, 1, None, Codec::None, 1_700_000_000_000);
        let offset = client.produce(&partition.topic, partition.index, batch, Acks::All);
        match offset.map_err(|problem| scene.tell(&problem.to_string()))? {
            offset if offset == found.len() as i64 => {}
            offset => return Err(scene.tell(&format!("{partition}: ended at {}, the next is {offset}", found.len()))),
        }
    }
    Ok(())
}

/// The image goes; what the broker made of it is kept beside its log.
fn keep_data(scene: &Scene) {
    let kept = scene.options.log.with_file_name("image");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&scene.options.data_dir)
        .arg(&kept)
        .status();
    if !copied.is_ok_and(|status| status.success()) {
        say(&format!(
            "cannot copy {} to {}",
            Path::display(&scene.options.data_dir),
            kept.display()
        ));
    }
}

#[derive(Debug, Default)]
struct Tally {
    images: u64,
    /// Images on which the broker did not start, or did not serve.
    refused: u64,
    load: Totals,
    lost_writes: u64,
    torn_writes: u64,
    kept_records: u64,
    lucky_records: u64,
    lost_records: u64,
    kept_others: u64,
    lost_commits: u64,
    lost_topics: u64,
    repeats: u64,
    restarts: Durations,
}

impl Tally {
    fn add(&mut self, totals: Totals) {
        self.load.acknowledged += totals.acknowledged;
        self.load.unknown += totals.unknown;
        self.load.commits += totals.commits;
        self.load.topics += totals.topics;
    }

    fn count(&mut self, report: &Report) {
        self.lost_records += report.lost_records;
        self.kept_records += report.kept_records;
        self.lucky_records += report.lucky_records;
        self.kept_others += report.kept_others;
        self.lost_commits += report.lost_commits.len() as u64;
        self.lost_topics += report.lost_topics.len() as u64;
        self.repeats += report.repeats;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} images, which lack {} writes and have {} torn ones, {} refused; recorded: {} records acknowledged, {} without \
             an answer, {} commits, {} topics; in the images: {} records that had to be there, {} others; {} commits and \
             topics that had to be there; lost: {} records, {} commits, {} topics; {} batches repeated; start to ready \
             min/median/max {}",
            self.images,
            self.lost_writes,
            self.torn_writes,
            self.refused,
            self.load.acknowledged,
            self.load.unknown,
            self.load.commits,
            self.load.topics,
            self.kept_records,
            self.lucky_records,
            self.kept_others,
            self.lost_records,
            self.lost_commits,
            self.lost_topics,
            self.repeats,
            self.restarts
        )
    }
}
