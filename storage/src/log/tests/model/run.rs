//! One run: random operations, a stop of some kind, a start, the comparison; again and again.

use std::collections::BTreeMap;

use super::super::super::*;
use super::super::random::Random;
use super::super::scenario::{Down, GROUP, Opened, Scenario, dir, files, open};
use super::check;
use crate::disk::Disk;
use crate::disk::simulated::{CrashOptions, Fault, Keep};
use crate::journal::GroupState;
use crate::producer_state::SequenceCheck;

const RATES: [u32; 5] = [0, 0, 0, 2_000, 20_000];
const ERRORS: [Fault; 6] = [
    Fault::ReadError,
    Fault::WriteError,
    Fault::NoSpace,
    Fault::SyncDataError,
    Fault::SyncDirError,
    Fault::SyncFilesystemError,
];
/// Starts that may fail before the faults are switched off.
const FAULTY_STARTS: usize = 4;

pub(super) struct Run {
    pub(super) scenario: Scenario,
    pub(super) random: Random,
    counts: BTreeMap<String, u64>,
    /// Chances of faults in this run.
    rates: Vec<(Fault, u32)>,
    is_halting: bool,
    /// The disk's operations when the last append was over.
    appended_at: u64,
    /// Faults that had struck when the process started.
    at_start: BTreeMap<Fault, u64>,
    is_traced: bool,
    producers: i64,
    spread_ms: u64,
}

pub(super) fn run(seed: u64) -> BTreeMap<String, u64> {
    let mut random = Random(seed);
    let config = LogConfig {
        segment_bytes: random.pick(&[900, 3_000, 20_000]),
        segment_ms: random.pick(&[50, 1_000_000]),
        segment_index_bytes: random.pick(&[24, 120, 10 << 20]),
        index_interval_bytes: random.pick(&[0, 150, 600, 4_096]),
        retention_ms: random.pick(&[-1, 40, 2_000]),
        retention_bytes: random.pick(&[-1, 0, 2_000, 10_000]),
        ..LogConfig::default()
    };
    let mut rates = vec![(Fault::ShortRead, 50_000), (Fault::ShortWrite, 50_000)];
    rates.extend(ERRORS.map(|fault| (fault, random.pick(&RATES))));
    let mut run = Run {
        scenario: Scenario::new(seed, config),
        counts: BTreeMap::new(),
        rates,
        is_halting: false,
        appended_at: 0,
        at_start: BTreeMap::new(),
        is_traced: std::env::var_os("WEIR_MODEL_TRACE").is_some(),
        producers: random.between(1, 4) as i64,
        spread_ms: random.pick(&[1, 10, 500]),
        random,
    };
    for _ in 0..run.random.between(2, 6) {
        run.life();
    }
    run.flip();
    for (fault, n) in run.scenario.disk.fault_counts() {
        run.counts.insert(format!("fault {fault:?}"), n);
    }
    run.counts
}

impl Run {
    pub(super) fn count(&mut self, name: &str) {
        self.trace(name);
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }

    /// With `WEIR_MODEL_TRACE` set, what was done and where the log stands.
    #[allow(clippy::print_stdout)]
    fn trace(&self, what: &str) {
        if self.is_traced {
            let Scenario {
                log, synced, committed, ..
            } = &self.scenario;
            let segments: Vec<(i64, u64)> = log
                .reader()
                .segments()
                .iter()
                .map(|s| (s.base_offset(), s.size()))
                .collect();
            let (last, end, mark) = (
                self.scenario.last(),
                log.end(),
                self.scenario.journal.group(GROUP).and_then(|g| g.synced_mark),
            );
            println!(
                "{what}: last {last} synced {synced} committed {committed} end {end:?} mark {mark:?} segments {segments:?}"
            );
        }
    }

    #[allow(clippy::print_stdout)]
    pub(super) fn trace_found(&self, opened: &Opened) {
        if self.is_traced {
            let Recovered {
                log,
                last_index,
                damage,
                cut_bytes,
                drop_entries_from,
                ..
            } = &opened.recovered;
            let GroupState {
                entries,
                anchors,
                synced_mark,
                ..
            } = &opened.group;
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| (entry.index, entry.term, entry.next_offset))
                .collect();
            let anchors: Vec<_> = anchors
                .values()
                .map(|anchor| (anchor.segment_base, anchor.index, anchor.term_before))
                .collect();
            println!(
                "found after {:?}: last {last_index} end {:?} cut {cut_bytes} drop {drop_entries_from:?} damage {damage:?} mark {synced_mark:?} entries {entries:?} anchors {anchors:?}",
                opened.stop,
                log.end()
            );
        }
    }

    /// From one start to the next.
    fn life(&mut self) {
        self.at_start = self.scenario.disk.fault_counts();
        for &(fault, rate) in &self.rates {
            self.scenario.disk.set_chance(fault, rate);
        }
        if self.random.percent(30) {
            let used: u64 = self.scenario.log.reader().size() + 4_000;
            let room = self.random.below(20_000);
            self.scenario.disk.set_capacity(Some(used + room));
        }
        self.is_halting = self.random.percent(40);
        let operations = self.random.between(5, 60);
        if self.is_halting {
            let at = self.random.between(1, operations * 6);
            self.scenario.disk.halt_at(self.scenario.disk.operations() + at);
        }
        let mut result = self.scenario.begin_epoch();
        for _ in 0..operations {
            if result.is_err() {
                break;
            }
            result = self.operate();
        }
        if result.is_ok() && self.random.percent(25) {
            result = self.scenario.stop();
            if result.is_ok() {
                return self.restart_after_stop();
            }
        }
        if result.is_err() {
            self.count("stops after an error");
        }
        self.restart_after_crash();
    }

    fn operate(&mut self) -> Result<(), Down> {
        self.scenario.now_ms += self.random.below(30) as i64;
        let last = self.scenario.last();
        let operation = self.random.below(100);
        self.trace(&format!("before operation {operation}"));
        match operation {
            0..45 => self.append()?,
            45..48 => self.scenario.roll(),
            48..55 => self.scenario.take_flush(false),
            55..62 => self.scenario.complete_flush()?,
            62..70 => self.scenario.flush()?,
            70..73 => self.scenario.take_flush(true),
            73..76 => self.scenario.sync_journal()?,
            76..80 => {
                let index = self.random.below(last + 1);
                self.scenario.commit(index);
            }
            80..83 if last > self.scenario.committed => {
                let index = self.random.between(self.scenario.committed + 1, last);
                self.count("cuts by the leader");
                self.scenario.truncate(index)?;
                // What another leader writes there is of another term.
                self.scenario.begin_epoch()?;
            }
            83..86 => {
                if self.scenario.retain()? {
                    self.count("removals by retention");
                }
            }
            86..87 => {
                self.scenario.remove_aside();
                let index = self.random.below(self.scenario.committed.min(self.scenario.synced) + 1);
                let offset = self.scenario.end_of(index).offset;
                self.scenario.delete_records(offset)?;
                self.count("deletions of records");
            }
            87..89 => self.scenario.begin_epoch()?,
            89..90 => self.scenario.disk.set_capacity(None),
            90..95 => check::read(&self.scenario, &mut self.random),
            _ => check::times(&self.scenario, &mut self.random),
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), Down> {
        let now = self.scenario.now_ms;
        let count = self.random.pick(&[1, 1, 1, 2, 5]);
        let timestamps: Vec<i64> = (0..count)
            .map(|_| now - self.random.below(self.spread_ms) as i64)
            .collect();
        let producer = self.random.percent(60).then(|| {
            let id = self.random.below(self.producers as u64) as i64;
            match self.scenario.producers().get(&id) {
                Some(&(epoch, _, _)) if self.random.percent(5) => (id, epoch + 1, 0),
                Some(&(epoch, sequence, _)) => (id, epoch, sequence + 1),
                None => (id, 0, 0),
            }
        });
        if producer.is_some() {
            self.repeat();
        }
        let value_len = self.random.pick(&[0, 20, 150, 700]);
        let size = self.scenario.log.reader().size();
        let end = self.scenario.log.end();
        if self.scenario.append(&timestamps, value_len, producer)? {
            self.appended_at = self.scenario.disk.operations();
            self.count("appends");
        } else {
            self.count("appends refused");
            assert_eq!(self.scenario.log.end().offset, end.offset);
            assert_eq!(self.scenario.log.reader().size(), size);
        }
        Ok(())
    }

    /// A producer's last batch, sent again, is known.
    fn repeat(&mut self) {
        let start = self.scenario.log.reader().start_offset();
        let mut batches = self.scenario.batches().rev();
        let Some(batch) = batches.find(|batch| batch.header.has_producer() && batch.header.base_offset >= start) else {
            return;
        };
        let header = batch.header;
        match self.scenario.log.check_producer(&header) {
            Ok(SequenceCheck::Duplicate {
                base_offset,
                last_offset,
                ..
            }) => {
                assert_eq!((base_offset, last_offset), (header.base_offset, header.last_offset()));
            }
            other => panic!("{other:?} for a repeat of the batch at {}", header.base_offset),
        }
    }

    fn restart_after_stop(&mut self) {
        self.count("stops in order");
        self.scenario.disk.clear_faults();
        self.scenario.disk.set_capacity(None);
        self.scenario.disk.kill(false);
        let opened = open(&self.scenario.disk, &self.scenario.config, self.scenario.now_ms).expect("a healthy disk");
        assert_eq!(opened.stop, StopKind::Clean);
        assert_eq!(opened.recovered.cut_bytes, 0);
        self.compare(opened, self.scenario.last());
    }

    /// How often a fault struck since the process started.
    fn struck(&self, fault: Fault) -> u64 {
        let counts = self.scenario.disk.fault_counts();
        let of = |counts: &BTreeMap<Fault, u64>| counts.get(&fault).copied().unwrap_or(0);
        of(&counts) - of(&self.at_start)
    }

    pub(super) fn restart_after_crash(&mut self) {
        self.scenario.disk.set_capacity(None);
        let mut floor = None;
        for attempt in 0.. {
            let least = self.stop_hard();
            floor = Some(floor.unwrap_or(u64::MAX).min(least));
            if attempt == FAULTY_STARTS {
                self.scenario.disk.clear_faults();
            }
            if attempt < FAULTY_STARTS && self.random.percent(20) {
                let at = self.random.between(1, 60);
                self.scenario.disk.halt_at(self.scenario.disk.operations() + at);
            }
            match open(&self.scenario.disk, &self.scenario.config, self.scenario.now_ms) {
                Ok(opened) => {
                    self.scenario.disk.clear_faults();
                    self.scenario.disk.halt_at(u64::MAX);
                    // A sync that failed during the start may have taken what only the page cache had.
                    let durable = match self.struck(Fault::SyncDataError) {
                        0 => u64::MAX,
                        _ => self.durable(),
                    };
                    return self.compare(opened, floor.unwrap_or(0).min(durable));
                }
                Err(error) => {
                    assert!(attempt < FAULTY_STARTS, "a start on a healthy disk failed: {error}");
                    self.count("starts that failed");
                }
            }
        }
    }

    /// A kill or a power cut. Answers up to which index nothing may be missing after it.
    pub(super) fn stop_hard(&mut self) -> u64 {
        let durable = self.durable();
        // After a failed sync of names only the device knows which there are: a system that goes on is not modelled.
        let is_crash = self.random.percent(50) || self.struck(Fault::SyncDirError) > 0;
        if is_crash {
            let keep =
                |random: &mut Random| random.pick(&[Keep::Nothing, Keep::Random, Keep::Random, Keep::Everything]);
            let options = CrashOptions {
                data: keep(&mut self.random),
                names: keep(&mut self.random),
            };
            self.count("power cuts");
            self.scenario.disk.crash(options);
            return durable;
        }
        let cut = self.random.percent(50);
        let cuts_append = cut && self.appended_at == self.scenario.disk.operations();
        self.count("kills");
        self.scenario.disk.kill(cut);
        let certain = self
            .scenario
            .entries
            .iter()
            .take_while(|entry| entry.is_certain)
            .count() as u64;
        match self.struck(Fault::SyncDataError) {
            0 => certain - u64::from(cuts_append && certain == self.scenario.last()),
            _ => durable,
        }
    }

    /// Up to which index everything is on the device for certain.
    fn durable(&self) -> u64 {
        let from = self.scenario.synced as usize;
        let own = |entry: &&super::super::scenario::Entry| entry.batch.is_none() && entry.is_certain;
        (from + self.scenario.entries[from..].iter().take_while(own).count()) as u64
    }

    fn compare(&mut self, opened: Opened, floor: u64) {
        self.trace_found(&opened);
        let recovered = &opened.recovered;
        assert_eq!(
            recovered.damage, None,
            "nothing was damaged, the stop was {:?}",
            opened.stop
        );
        let last = recovered.last_index;
        let most = self.scenario.last();
        assert!(last <= most, "index {last} of {most}");
        assert!(
            last >= floor,
            "ends at index {last}, {floor} were durable, {most} written, {:?}",
            opened.stop
        );
        if last < most {
            self.count("tails cut or lost");
        }
        let start = recovered.log.reader().start_offset();
        assert!(
            self.scenario.starts.contains(&start),
            "begins at {start}, not at {:?}",
            self.scenario.starts
        );
        let mark = opened.group.synced_mark.map_or(0, |mark| mark.last_index);
        let mut tail = recovered.tail.iter();
        for (entry, index) in self.scenario.entries[..last as usize].iter().zip(1..) {
            if let Some(batch) = entry.batch.as_ref().filter(|_| index > mark) {
                let found = tail.next().expect("a batch of the tail");
                assert_eq!((found.index, found.header, found.end), (index, batch.header, entry.end));
            }
        }
        assert!(tail.next().is_none());
        let faults: u64 = ERRORS
            .iter()
            .map(|fault| self.scenario.disk.fault_counts().get(fault).copied().unwrap_or(0))
            .sum();
        self.scenario.reopen(opened);
        check::content(&self.scenario, self.scenario.end_of(last).offset.max(start));
        assert_eq!(
            self.scenario.log.end().offset,
            self.scenario.end_of(last).offset.max(start)
        );
        // A cut below the newest snapshot leaves none that knows of what has expired, until the next checkpoint.
        let cuts = self.counts.get("cuts by the leader").copied().unwrap_or(0);
        let repairs = self.counts.get("repairs").copied().unwrap_or(0);
        check::state(&self.scenario, faults > 0 || self.is_halting || cuts + repairs > 0);
        for _ in 0..10 {
            check::read(&self.scenario, &mut self.random);
            check::times(&self.scenario, &mut self.random);
        }
        let verified = verify::verify(&files(&self.scenario.disk)).expect("readable");
        assert_eq!(verified.damage, None);
        let group = self.scenario.journal.group(GROUP).unwrap_or_default();
        let journaled = verify::verify_journaled(&files(&self.scenario.disk), &group, StopKind::Clean);
        assert_eq!(journaled.expect("readable"), verified);
        assert!(self.scenario.disk.list(&dir()).is_ok());
        self.count("starts compared");
    }
}
