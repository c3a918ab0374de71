//! The log against a plain vector: the same random operations, stops and faults, and after each the same content.
//!
//! `WEIR_MODEL_RUNS` says how many runs (each of its own seed), `WEIR_MODEL_SEED` the first seed. A failure prints the
//! seed of its run.

pub(super) mod check;
mod flips;
mod run;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs by default: some seconds.
const RUNS: u64 = 400;
const FIRST_SEED: u64 = 1;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
#[allow(clippy::print_stdout)]
fn the_log_agrees_with_the_model() {
    let first = number("WEIR_MODEL_SEED", FIRST_SEED);
    let runs = number("WEIR_MODEL_RUNS", RUNS);
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    for seed in first..first + runs {
        match catch_unwind(AssertUnwindSafe(|| run::run(seed))) {
            Ok(counts) => counts
                .into_iter()
                .for_each(|(name, n)| *totals.entry(name).or_default() += n),
            Err(panic) => {
                println!("the run of seed {seed} failed: WEIR_MODEL_SEED={seed} WEIR_MODEL_RUNS=1 repeats it");
                resume_unwind(panic);
            }
        }
    }
    println!("{runs} runs from seed {first}");
    for (name, n) in totals {
        println!("{n:>10}  {name}");
    }
}

/// Each bug that the log could have is caught by one of the first runs.
#[cfg(feature = "planted-bugs")]
#[test]
#[allow(clippy::print_stdout)]
fn planted_bugs_are_caught() {
    use crate::planted::{Bug, plant};

    for (bug, limit) in [
        (Bug::CutBelowSyncedMark, 100),
        (Bug::DedupeStateLostAtRestart, 20),
        (Bug::IndexOffByOne, 20),
        (Bug::NewFileWithoutDirectorySync, 50),
        (Bug::RetentionDeletesActiveEnd, 200),
    ] {
        plant(Some(bug));
        let caught = (FIRST_SEED..=limit).find(|&seed| catch_unwind(AssertUnwindSafe(|| run::run(seed))).is_err());
        plant(None);
        let seed = caught.unwrap_or_else(|| panic!("{bug:?} is not caught by the first {limit} seeds"));
        println!("{bug:?} is caught by seed {seed}");
    }
}
