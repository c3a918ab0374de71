//! Several replicas, each with its own log and journal on its own faulty disk, under a scheduler that follows from a seed.
//!
//! Checked all along: what was acknowledged stays; no two replicas differ below the high watermark; it never passes what
//! is written, nor what a majority has synced; an offset is given once, an idempotent batch is there once. In the end,
//! when the faults are off, all logs are equal byte for byte.
//!
//! `WEIR_SEEDS=1000` runs more seeds, `WEIR_SEED=7` one, with its events printed.

#![allow(clippy::print_stdout, reason = "a failed run says its seed, a good one its faults")]

mod cleaned;
mod history;
mod members;
mod network;
mod node;
mod producer;
mod world;

use std::collections::BTreeMap;

use crate::Durability;
use world::{Faults, World};

/// Seeds of a run in CI.
const SEEDS: u64 = 50;

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("WEIR_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WEIR_SEEDS").unwrap_or(SEEDS),
    }
}

/// Runs every seed, and says which one failed.
fn run_all(durability: Durability, faults: Faults) {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let range = seeds();
    let runs = range.end - range.start;
    for seed in range {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, 3, &[1, 2, 3], durability, faults);
            world.run();
            world.counts
        });
        match outcome {
            Ok(seen) => seen
                .into_iter()
                .for_each(|(what, count)| *counts.entry(what).or_default() += count),
            Err(panic) => {
                println!("failed with WEIR_SEED={seed}, {durability:?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(
        counts["acknowledged"] > 20 * runs,
        "hardly anything was acknowledged: {counts:?}"
    );
    println!("{runs} seeds, {durability:?}: {counts:?}");
}

#[test]
fn synced_batches_survive_crashes_and_failing_disks() {
    run_all(Durability::Synced, Faults::ALL);
}

#[test]
fn written_batches_survive_kills() {
    run_all(Durability::Written, Faults::KILLS);
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [3, 4] {
        let trace = || {
            let mut world = World::new(seed, 3, &[1, 2, 3], Durability::Synced, Faults::ALL);
            world.run();
            world.trace_hash()
        };
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}
