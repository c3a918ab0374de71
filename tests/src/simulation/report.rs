//! What a run did and checked, and how it failed.

use std::collections::BTreeMap;
use std::fmt;

/// What was seen to be wrong, not yet with its place.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    pub(crate) invariant: &'static str,
    pub(crate) detail: String,
}

pub(crate) fn broken<T>(invariant: &'static str, detail: impl Into<String>) -> Result<T, Broken> {
    Err(Broken {
        invariant,
        detail: detail.into(),
    })
}

/// An invariant that did not hold.
#[derive(Debug, Clone, thiserror::Error)]
#[error("seed {seed}, step {step}: {invariant}: {detail}\nreplay it with WEIR_SIM_SEED={seed}")]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// The step in which it was seen.
    pub step: u64,
    /// Its name.
    pub invariant: &'static str,
    /// What was expected and found.
    pub detail: String,
}

/// Counts of one run, or of several added up.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Runs.
    pub seeds: u64,
    /// Steps, by what was done.
    pub steps: BTreeMap<&'static str, u64>,
    /// Faults, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Checks, by invariant.
    pub checks: BTreeMap<&'static str, u64>,
    /// What came of it all: answers, restarts and the like.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// The hash of everything that happened.
    pub trace: u64,
}

impl Report {
    pub(crate) fn step(&mut self, name: &'static str) {
        *self.steps.entry(name).or_default() += 1;
    }

    pub(crate) fn fault(&mut self, name: &str) {
        *self.faults.entry(name.to_string()).or_default() += 1;
    }

    pub(crate) fn checked(&mut self, name: &'static str) {
        *self.checks.entry(name).or_default() += 1;
    }

    pub(crate) fn outcome(&mut self, name: &'static str) {
        *self.outcomes.entry(name).or_default() += 1;
    }

    /// How often this came of it.
    pub(crate) fn count(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Report) {
        fn sum<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            from.iter()
                .for_each(|(key, count)| *into.entry(key.clone()).or_default() += count);
        }
        self.seeds += other.seeds;
        sum(&mut self.steps, &other.steps);
        sum(&mut self.faults, &other.faults);
        sum(&mut self.checks, &other.checks);
        sum(&mut self.outcomes, &other.outcomes);
        self.trace = (self.trace ^ other.trace).rotate_left(7);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: u64 = self.steps.values().sum();
        writeln!(f, "{} seeds, {steps} steps", self.seeds)?;
        let mut table = |title: &str, rows: Vec<(String, u64)>| -> fmt::Result {
            writeln!(f, "{title}")?;
            rows.iter()
                .try_for_each(|(name, count)| writeln!(f, "  {name:<58}{count:>9}"))
        };
        let named = |rows: &BTreeMap<&'static str, u64>| {
            rows.iter()
                .map(|(name, count)| (name.to_string(), *count))
                .collect::<Vec<_>>()
        };
        table("steps", named(&self.steps))?;
        table("outcomes", named(&self.outcomes))?;
        table(
            "faults injected",
            self.faults.iter().map(|(name, count)| (name.clone(), *count)).collect(),
        )?;
        table("invariants checked", named(&self.checks))
    }
}
