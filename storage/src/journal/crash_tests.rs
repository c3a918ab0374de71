//! The journal on a disk that fails and loses power at any operation. After each crash the journal must be what it was
//! after some append, at or behind the last that was synced.

use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::tests::{DIR, any_record, disk, group, open, vote};
use super::*;
use crate::disk::simulated::{CrashOptions, Fault, Keep, SimulatedDisk};
use proptest::prelude::Strategy;

const SEEDS: u64 = 400;
const LIVES: usize = 6;
const STEPS: usize = 40;

/// A run of one seed: what was appended, and how much of it must survive.
struct Run {
    disk: SimulatedDisk,
    random: StdRng,
    records: TestRunner,
    /// The state after each append, from the one that was recovered on.
    history: Vec<Mirror>,
    /// The first of them that a crash may leave.
    durable: usize,
    /// The position of each.
    positions: Vec<JournalPosition>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            disk: disk(seed),
            random: StdRng::seed_from_u64(seed),
            records: TestRunner::new_with_rng(Default::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)),
            history: vec![Mirror::default()],
            durable: 0,
            positions: vec![JournalPosition(0)],
        }
    }

    /// Opens the journal, checks what it recovered, works on it, until the power fails.
    fn live(&mut self, faults: bool) {
        if faults && self.random.random_bool(0.3) {
            self.disk
                .halt_at(self.disk.operations() + self.random.random_range(1..12));
        }
        let opened = open(&self.disk);
        let (journal, recovered) = match opened {
            Ok(opened) => opened,
            Err(JournalError::Io { .. }) if faults => {
                self.crash();
                return self.live(false);
            }
            Err(error) => panic!("{error}"),
        };
        self.check(&journal, &recovered);
        if faults {
            for fault in [
                Fault::NoSpace,
                Fault::WriteError,
                Fault::ShortWrite,
                Fault::SyncDataError,
                Fault::SyncDirError,
            ] {
                self.disk.set_chance(fault, 10_000);
            }
            self.disk
                .halt_at(self.disk.operations() + self.random.random_range(1..120));
        }
        for _ in 0..STEPS {
            self.step(&journal);
        }
        drop(journal);
        self.crash();
        self.disk.clear_faults();
    }

    fn step(&mut self, journal: &Journal) {
        match self.random.random_range(0..10) {
            0..=5 => self.append(journal),
            6..=7 => {
                if let Ok(synced) = journal.sync() {
                    self.synced(synced);
                    assert_eq!(synced, journal.synced());
                }
            }
            8 => {
                let _ = self.rewrite(journal);
                self.synced(journal.synced());
            }
            _ => {
                let record = match self.random.random_range(0..3) {
                    0 => NodeRecord::Stopped,
                    _ => NodeRecord::Started {
                        boot_id: format!("boot {}", self.random.random_range(0..3)),
                    },
                };
                let mut state = self.history.last().unwrap().clone();
                state.apply_node(&record);
                let written = journal.append_node_record(record);
                self.appended(journal, state, written);
            }
        }
    }

    /// A rewriting with appends and syncs between its steps.
    fn rewrite(&mut self, journal: &Journal) -> Result<(), JournalError> {
        let Some(rewriting) = journal.begin_rewriting()? else {
            return Ok(());
        };
        self.meanwhile(journal);
        let new = journal.build(&rewriting)?;
        self.meanwhile(journal);
        journal.switch_to(new)?;
        self.meanwhile(journal);
        journal.finish(&rewriting)
    }

    fn meanwhile(&mut self, journal: &Journal) {
        for _ in 0..self.random.random_range(0..3) {
            self.append(journal);
        }
        if self.random.random_bool(0.3)
            && let Ok(synced) = journal.sync()
        {
            self.synced(synced);
        }
    }

    fn append(&mut self, journal: &Journal) {
        let count = self.random.random_range(1..4);
        let mut records = Vec::new();
        let mut state = self.history.last().unwrap().clone();
        for _ in 0..count {
            let record = any_record().new_tree(&mut self.records).unwrap().current();
            let group = group(self.random.random_range(0..3));
            state.apply(group, &record);
            records.push((group, record));
        }
        let written = if self.random.random_bool(0.3) {
            journal.append_lazily(&records, 0)
        } else {
            journal.append(&records)
        };
        self.appended(journal, state, written);
    }

    fn appended(&mut self, journal: &Journal, state: Mirror, written: Result<JournalPosition, JournalError>) {
        match written {
            Ok(position) => {
                assert!(position > *self.positions.last().unwrap(), "positions grow");
                assert_eq!(journal.state.lock().mirror.groups, state.groups);
                self.history.push(state);
                self.positions.push(position);
            }
            // It could not be taken back, so it may be there after the crash. Nothing can follow.
            Err(JournalError::Io { .. }) if journal.state.lock().poisoned.is_some() => {
                self.history.push(state);
                self.positions.push(JournalPosition(u64::MAX));
            }
            Err(_) => {}
        }
    }

    fn synced(&mut self, synced: JournalPosition) {
        let covered = self.positions.iter().rposition(|position| *position <= synced);
        self.durable = self.durable.max(covered.unwrap_or(0));
    }

    fn crash(&mut self) {
        let keep = [Keep::Nothing, Keep::Random, Keep::Random, Keep::Everything];
        let (data, names) = (
            keep[self.random.random_range(0..4)],
            keep[self.random.random_range(0..4)],
        );
        match self.random.random_range(0..4) {
            0 => self.disk.kill(self.random.random_bool(0.5)),
            _ => self.disk.crash(CrashOptions { data, names }),
        }
    }

    fn check(&mut self, journal: &Journal, recovered: &RecoveredJournal) {
        let found = journal.state.lock().mirror.clone();
        assert_eq!(found.groups, recovered.groups);
        let same = |state: &&Mirror| {
            state.groups == found.groups && state.boot_id == found.boot_id && state.stopped == found.stopped
        };
        let durable = &self.history[self.durable..];
        assert!(
            durable.iter().any(|state| same(&state)),
            "{} states, found {found:#?}",
            durable.len()
        );
        self.history = vec![found];
        self.positions = vec![journal.written()];
        self.durable = 0;
    }
}

#[test]
fn what_is_synced_survives_every_crash() {
    let mut counts = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut run = Run::new(seed);
        for _ in 0..LIVES {
            run.live(true);
        }
        let (journal, recovered) = open(&run.disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        run.check(&journal, &recovered);
        for (fault, count) in run.disk.fault_counts() {
            *counts.entry(fault).or_insert(0) += count;
        }
    }
    for fault in [
        Fault::Halt,
        Fault::TornWrite,
        Fault::LostWrite,
        Fault::LostName,
        Fault::SyncDataError,
    ] {
        assert!(
            counts.get(&fault).is_some_and(|count| *count > 20),
            "{fault:?} hardly struck: {counts:?}"
        );
    }
}

/// A write that failed may be on the disk in full, and the cut that took it back may be lost.
#[test]
fn a_failed_append_never_comes_back() {
    for seed in 0..4000 {
        let disk = disk(seed);
        let (journal, _) = open(&disk).unwrap();
        disk.fail_next(Fault::WriteError, Path::new(DIR), 1);
        journal.append(&[(group(1), vote(1, 1))]).unwrap_err();
        disk.crash(CrashOptions::default());
        assert!(open(&disk).unwrap().1.groups.is_empty(), "seed {seed}");
    }
}

/// The write that completes a generation failed, but may be on the disk in full: the old one went on.
#[test]
fn a_generation_that_was_given_up_never_counts() {
    for seed in 0..400 {
        let disk = disk(seed);
        let (journal, _) = open(&disk).unwrap();
        let new = journal.build(&journal.begin_rewriting().unwrap().unwrap()).unwrap();
        disk.fail_next(Fault::WriteError, Path::new(DIR), 1);
        journal.switch_to(new).unwrap_err();
        journal.append(&[(group(1), vote(1, 1))]).unwrap();
        journal.sync().unwrap();
        disk.crash(CrashOptions {
            data: Keep::Everything,
            names: Keep::Everything,
        });
        assert_eq!(open(&disk).unwrap().1.groups.len(), 1, "seed {seed}");
    }
}

#[test]
fn damage_below_the_synced_end_is_always_detected() {
    for seed in 0..SEEDS {
        let mut run = Run::new(seed);
        let (journal, _) = open(&run.disk).unwrap();
        for _ in 0..STEPS {
            run.step(&journal);
        }
        journal.sync().unwrap();
        run.append(&journal);
        let (path, mark) = {
            let state = journal.state.lock();
            (state.file.path.clone(), state.file.synced)
        };
        let synced = journal.sync().unwrap();
        run.synced(synced);
        run.disk.crash(CrashOptions {
            data: Keep::Random,
            names: Keep::Random,
        });
        let position = run.random.random_range(0..mark);
        run.disk
            .flip_bit(&path, position, run.random.random_range(0..8))
            .unwrap();
        match open(&run.disk) {
            Err(JournalError::Damaged {
                position: at,
                synced_end,
                ..
            }) => {
                assert!(at <= position && position < synced_end, "seed {seed}");
            }
            other => panic!("seed {seed}, byte {position} of {mark}: {other:?}"),
        }
    }
}
