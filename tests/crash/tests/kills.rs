//! The real binary killed with SIGKILL under load at random moments, started again, and checked: every acknowledged record
//! is there once, in order, offsets have no gaps, committed offsets and created topics are kept.
//!
//! `WEIR_KILLS` says how often (20), `WEIR_CRASH_SEED` repeats what the clients do, as far as a real process repeats.

use std::sync::Arc;
use std::time::Duration;

use crash_tests::check::{Keeps, ReadBack};
use crash_tests::ledger::{Ledger, Totals};
use crash_tests::load::Load;
use crash_tests::scene::Scene;
use crash_tests::summary::{Durations, from_env, say};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// So many kills share a data directory.
const KILLS_OF_A_CAMPAIGN: u64 = 25;
/// Retention is looked at often, so that one topic always expires.
const SETTINGS: [(&str, &str); 1] = [("log.retention.check.interval.ms", "200")];
/// How often a start is killed before it is ready.
const KILLED_STARTS: f64 = 0.25;

#[test]
fn a_killed_broker_keeps_what_it_acknowledged() {
    let kills: u64 = from_env("WEIR_KILLS", 20);
    let seed: u64 = from_env("WEIR_CRASH_SEED", rand::random());
    say(&format!("kills: WEIR_CRASH_SEED={seed}"));
    let mut tally = Tally::default();
    let mut random = StdRng::seed_from_u64(seed);
    while tally.kills < kills {
        let count = KILLS_OF_A_CAMPAIGN.min(kills - tally.kills);
        let mut scene = Scene::new(None, &SETTINGS, Ledger::default()).unwrap();
        if let Err(problem) = campaign(&mut scene, random.random(), count, &mut tally) {
            panic!(
                "after {} kills with WEIR_CRASH_SEED={seed}: {problem}\n{}",
                tally.kills,
                scene.keep()
            );
        }
        tally.close(&scene);
        if tally.kills < kills {
            say(&format!("kills: {} of {kills}", tally.kills));
        }
    }
    say(&format!("kills: {tally}"));
    assert!(
        tally.load.acknowledged > 0 && tally.load.commits > 0 && tally.load.topics > 0,
        "{tally}"
    );
}

fn campaign(scene: &mut Scene, seed: u64, kills: u64, tally: &mut Tally) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut load = Load::new(random.random(), Arc::clone(&scene.ledger)).with_churn(random.random());
    for kill in 0..kills {
        while random.random_bool(KILLED_STARTS) {
            scene.start_and_kill(Duration::from_micros(random.random_range(0..150_000)))?;
            tally.killed_starts += 1;
        }
        let mut broker = scene.start()?;
        if kill == 0 {
            load.create_topics(broker.address)
                .map_err(|problem| scene.tell(&problem.to_string()))?;
        }
        tally.repeats += scene.check(&broker, Keeps::Everything)?.repeats;
        let lasting = Duration::from_millis(random.random_range(10..1500));
        let address = broker.address;
        let mut ended = None;
        let findings = load.run(address, lasting, || {
            ended = broker.ended();
            broker.kill();
        });
        tally.kills += 1;
        if let Some(problem) = ended
            .into_iter()
            .chain(findings)
            .reduce(|all, one| format!("{all}\n{one}"))
        {
            return Err(scene.tell(&problem));
        }
    }
    // Once more from the first record on, before and after a stop in order.
    for _ in 0..2 {
        let broker = scene.start()?;
        let before = std::mem::take(&mut scene.read_back);
        let report = scene.check(&broker, Keeps::Everything)?;
        if !begins_with(&scene.read_back, &before) {
            return Err(scene.tell("read from the start, records are not what they were when read one by one"));
        }
        broker.stop(&scene.options)?;
        tally.kept = report.kept_records;
        tally.lucky = report.lucky_records;
    }
    tally.checked_records += tally.kept + tally.lucky;
    Ok(())
}

fn begins_with(all: &ReadBack, before: &ReadBack) -> bool {
    (before.iter()).all(|(partition, before)| all.get(partition).is_some_and(|all| all.starts_with(before)))
}

#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    killed_starts: u64,
    load: Totals,
    kept: u64,
    lucky: u64,
    checked_records: u64,
    repeats: u64,
    restarts: Durations,
    ready_in: Durations,
}

impl Tally {
    fn close(&mut self, scene: &Scene) {
        let totals = scene.ledger.totals();
        self.load.acknowledged += totals.acknowledged;
        self.load.unknown += totals.unknown;
        self.load.commits += totals.commits;
        self.load.topics += totals.topics;
        self.restarts.extend(&scene.restarts);
        self.ready_in.extend(&scene.ready_in);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} kills under load, {} while starting; {} records acknowledged, {} without an answer, {} read back; {} commits, \
             {} topics; {} batches repeated; start to ready min/median/max {}, by its own account {}",
            self.kills,
            self.killed_starts,
            self.load.acknowledged,
            self.load.unknown,
            self.checked_records,
            self.load.commits,
            self.load.topics,
            self.repeats,
            self.restarts,
            self.ready_in
        )
    }
}
