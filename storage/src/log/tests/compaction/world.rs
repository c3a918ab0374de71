//! A log that is compacted, and every record that it ever had.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::super::super::verify::verify_journaled;
use super::super::super::*;
use super::super::random::Random;
use super::super::scenario::{Down, GROUP, Scenario, dir, files, mark};
use crate::compaction::{Choice, Clean, CleanError, CleanOptions, CompactionConfig, Progress, SegmentFacts, choose};
use crate::compression::Codec;
use crate::disk::Disk;
use crate::journal::{Journal, Record as Noted};
use crate::record_batch::{BatchBuilder, Record, Records, verify_crc};

const DELETE_RETENTION_MS: i64 = 60;
pub(super) const MAX_DECOMPRESSED: usize = 1 << 20;
const SECRET: (u64, u64) = (3, 4);

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    Done,
    /// There was nothing to do.
    Idle,
    /// The disk refused, and all is as before.
    Refused,
    Damaged,
    /// The process is to be started again.
    Down,
}

/// What is known.
pub(super) struct World {
    pub(super) scenario: Scenario,
    random: Random,
    /// Everything that was appended, by offset.
    pub(super) records: BTreeMap<i64, Record>,
    /// The batch that was the last of each producer.
    pub(super) producers: BTreeMap<i64, i64>,
    sequences: BTreeMap<i64, i32>,
    /// When a tombstone may go at the earliest.
    pub(super) horizons: BTreeMap<i64, i64>,
    map_bytes: usize,
    /// What a round goes by, changed.
    pub(super) change_options: fn(CleanOptions) -> CleanOptions,
    /// The most bytes that a cleaned segment had, and the disk did not, after any step; where somebody wants to know.
    pub(super) most_unsynced: Option<usize>,
    /// What must be left, while the round that decides it has not been broken off.
    pub(super) expected: Option<Vec<i64>>,
}

impl World {
    pub(super) fn new(seed: u64, map_bytes: usize) -> World {
        let mut random = Random(seed ^ 0xc1ea);
        let config = LogConfig {
            segment_bytes: random.pick(&[700, 1_500, 4_000]),
            index_interval_bytes: random.pick(&[0, 150, 600]),
            delete: false,
            compact: true,
            compaction: CompactionConfig {
                delete_retention_ms: DELETE_RETENTION_MS,
                min_dirty_ratio: 0.0,
                ..CompactionConfig::default()
            },
            ..LogConfig::default()
        };
        let mut scenario = Scenario::new(seed, config);
        scenario.begin_epoch().expect("a healthy disk");
        World {
            scenario,
            random,
            records: BTreeMap::new(),
            producers: BTreeMap::new(),
            sequences: BTreeMap::new(),
            horizons: BTreeMap::new(),
            map_bytes,
            change_options: |options| options,
            most_unsynced: None,
            expected: None,
        }
    }

    pub(super) fn append_many(&mut self, count: usize) {
        for _ in 0..count {
            self.append().expect("a healthy disk");
            if self.random.below(25) == 0 {
                self.scenario.begin_epoch().expect("a healthy disk");
            }
        }
        self.scenario.flush().expect("a healthy disk");
        self.scenario.commit(self.scenario.last());
    }

    fn append(&mut self) -> Result<(), Down> {
        let random = &mut self.random;
        self.scenario.now_ms += random.below(5) as i64;
        let codec = random.pick(&[
            Codec::None,
            Codec::None,
            Codec::None,
            Codec::Lz4,
            Codec::Zstd,
            Codec::Gzip,
            Codec::Snappy,
        ]);
        let mut builder = BatchBuilder::new(codec);
        let producer = match random.below(3) {
            0 => Some(7_000 + random.below(4) as i64),
            _ => None,
        };
        let count = 1 + random.below(4);
        if let Some(id) = producer {
            let sequence = self.sequences.entry(id).or_default();
            builder = builder.producer(id, 0, *sequence);
            *sequence += count as i32;
        }
        if random.below(6) == 0 {
            builder = builder.log_append_time(self.scenario.now_ms);
        }
        let mut timestamps = Vec::new();
        for _ in 0..count {
            let timestamp = self.scenario.now_ms - random.below(30) as i64;
            timestamps.push(timestamp);
            let key = format!("k{}", random.below(12));
            let key = (random.below(15) > 0).then_some(key.as_bytes());
            let value = vec![random.below(256) as u8; random.below(60) as usize];
            let value = (random.below(4) > 0).then_some(&value[..]);
            let header: &[(&str, Option<&[u8]>)] = match random.below(3) {
                0 => &[("h", Some(b"v")), ("n", None)],
                _ => &[],
            };
            builder.push(timestamp, key, value, header);
        }
        let base = self.scenario.log.end().offset;
        let bytes = builder.base_offset(base).build();
        for record in Records::new(&bytes, MAX_DECOMPRESSED).expect("just built") {
            let record = record.expect("just built");
            self.records.insert(record.offset, record);
        }
        self.expected = None;
        assert!(self.scenario.append_built(bytes, &timestamps)?);
        if let Some(id) = producer {
            self.producers.insert(id, self.scenario.log.end().offset - 1);
        }
        Ok(())
    }

    pub(super) fn restart_in_order(&mut self) {
        self.scenario.stop().expect("a healthy disk");
        self.scenario.disk.kill(false);
        self.restart("in order");
    }

    pub(super) fn restart(&mut self, what: &str) {
        let seen = self.scenario.restart();
        assert_eq!(seen.damage, None, "{what}");
        let end = self.scenario.log.end().offset;
        assert!(end >= self.scenario.log.reader().high_watermark().offset);
        let lost = self.records.split_off(&end);
        assert!(
            lost.is_empty(),
            "{what}: committed records from {:?} on are gone",
            lost.keys().next()
        );
    }

    fn choose(&self) -> Option<Choice> {
        let reader = self.scenario.log.reader();
        let segments = reader.segments();
        let facts: Vec<_> = segments
            .iter()
            .map(|segment| SegmentFacts {
                base_offset: segment.base_offset(),
                size: segment.size(),
            })
            .collect();
        let choice = choose::<()>(
            &facts,
            self.scenario.journal.dirty_from(GROUP),
            reader.high_watermark().offset,
            &self.scenario.config.compaction,
            self.scenario.now_ms,
            |_| Ok(-1),
            |_| Ok(-1),
        );
        choice
            .expect("nothing is asked of the disk")
            .filter(|it| it.is_due(&self.scenario.config.compaction))
    }

    /// One round; with `beside`, so many batches are appended between its steps.
    pub(super) fn clean(&mut self, beside: Option<usize>) -> Round {
        if self.scenario.flush().is_err() {
            return Round::Down;
        }
        let Some(choice) = self.choose() else {
            return Round::Idle;
        };
        let end = choice.first_uncleanable;
        let mark = self.scenario.log.reader().high_watermark().offset;
        if !self.scenario.log.remembers_producers(end, mark) {
            if self.scenario.flush().is_err() {
                return Round::Down;
            }
            if !self.scenario.log.remembers_producers(end, mark) {
                return Round::Refused;
            }
        }
        if self.scenario.journal.sync().is_err() {
            return Round::Down;
        }
        let now_ms = self.scenario.now_ms;
        let options = CleanOptions {
            now_ms,
            delete_retention_ms: DELETE_RETENTION_MS,
            segment_bytes: self.scenario.config.segment_bytes,
            segment_index_bytes: self.scenario.config.segment_index_bytes,
            index_interval_bytes: self.scenario.config.index_interval_bytes,
            map_bytes: self.map_bytes,
            load_factor: 0.9,
            io_bytes: self.random.pick(&[61, 200, 4_096]),
            sync_bytes: self.random.pick(&[1, 300, 1 << 20]),
            max_decompressed: MAX_DECOMPRESSED,
            secret: SECRET,
        };
        let options = (self.change_options)(options);
        // Where the disk refuses, or a bit is wrong, nothing is expected.
        let before = self.try_read_all().map(offsets);
        let mut clean = Clean::new(self.scenario.log.reader().clone(), choice, options);
        let round = loop {
            for _ in 0..beside.unwrap_or(0) {
                self.append().expect("a healthy disk");
            }
            let producers: BTreeMap<i64, i64> = self
                .scenario
                .log
                .producers()
                .iter()
                .filter_map(|(id, entry)| Some((id, entry.batches().last()?.last_offset)))
                .collect();
            let step = clean.step(500, || Some(producers));
            self.measure_unsynced();
            match step {
                Ok(Progress::More) => {}
                Ok(Progress::Replace(replacement)) => match self.replace(&replacement, now_ms) {
                    Ok(true) => {}
                    Ok(false) => break Round::Refused,
                    Err(Down) => break Round::Down,
                },
                Ok(Progress::Done { dirty_from }) => {
                    let record = [(GROUP, Noted::DirtyFrom { offset: dirty_from })];
                    let _ = self.scenario.journal.append_lazily(&record, 0);
                    self.expected = before.ok().map(|before| self.left_of(&before, choice, dirty_from));
                    break Round::Done;
                }
                Err(CleanError::Damaged(..)) => break Round::Damaged,
                Err(CleanError::NamesInDoubt(_)) => break Round::Down,
                Err(_) => break Round::Refused,
            }
        };
        clean.abandon();
        if beside.is_some() && self.scenario.flush().is_ok() {
            self.scenario.commit(self.scenario.last());
            self.expected = None;
        }
        round
    }

    fn measure_unsynced(&mut self) {
        let Some(most) = &mut self.most_unsynced else { return };
        let disk = &self.scenario.disk;
        for name in self.scenario.names(&format!("{LOG}.{CLEANED}")) {
            let path = dir().join(name);
            let (cached, device) = (disk.look_at_cached(&path), disk.look_at_device(&path));
            *most = (*most).max(cached.expect("there").len() - device.expect("there").len());
        }
    }

    /// As the owner does it.
    fn replace(&mut self, replacement: &Replacement, now_ms: i64) -> Result<bool, Down> {
        let scenario = &mut self.scenario;
        if !scenario.log.can_replace(replacement) {
            replacement.discard();
            return Ok(false);
        }
        let end = replacement.cleaned().end_offset;
        let mut records = Vec::new();
        if end > scenario.log.first_uncleaned() {
            records.push((
                GROUP,
                Noted::SyncedMark(mark(scenario.synced, scenario.end_of(scenario.synced))),
            ));
            records.push((GROUP, Noted::Anchor(scenario.committed_anchor(end))));
        }
        records.push((GROUP, Noted::Cleaned(replacement.cleaned())));
        // From now on tombstones below may have their time.
        let tombstones = self.records.range(replacement.cleaned().base_offset..end);
        for (offset, _) in tombstones.filter(|(_, record)| record.value.is_none()) {
            self.horizons.entry(*offset).or_insert(now_ms + DELETE_RETENTION_MS);
        }
        let noted = scenario.journal.append(&records).and_then(|_| scenario.journal.sync());
        noted.map_err(|_| Down)?;
        let aside = scenario.log.replace(replacement).map_err(|_| Down)?;
        scenario.put_aside(aside);
        scenario.disk.sync_dir(&dir()).map_err(|_| Down)?;
        let in_place = scenario.journal.append(&[(GROUP, Noted::CleanedInPlace)]);
        in_place.and_then(|_| scenario.journal.sync()).map_err(|_| Down)?;
        Ok(true)
    }

    /// What a naive cleaner leaves of `before`: it knows all that was ever written.
    fn left_of(&self, before: &[i64], choice: Choice, dirty_from: i64) -> Vec<i64> {
        let mut latest = BTreeMap::new();
        for record in self
            .records
            .range(choice.first_dirty..dirty_from)
            .map(|(_, record)| record)
        {
            if let Some(key) = &record.key
                && before.binary_search(&record.offset).is_ok()
            {
                latest.insert(key.clone(), record.offset);
            }
        }
        let stays = |offset: &i64| {
            let record = &self.records[offset];
            if *offset >= dirty_from {
                return true;
            }
            let Some(key) = &record.key else { return false };
            let is_latest = latest.get(key).is_none_or(|latest| latest <= offset);
            is_latest && record.value.is_some()
        };
        // Of tombstones the batch's horizon decides, which `check` looks at.
        before.iter().copied().filter(stays).collect()
    }

    /// Offsets of the records that are there.
    fn survivors(&self) -> Vec<i64> {
        offsets(self.read_all())
    }

    pub(super) fn read_all(&self) -> Vec<(BatchHeader, Vec<Record>)> {
        self.try_read_all().expect("readable")
    }

    /// Every batch from the log's start on.
    fn try_read_all(&self) -> Result<Vec<(BatchHeader, Vec<Record>)>, String> {
        let reader = self.scenario.log.reader();
        let (mut next, limit) = (reader.start_offset(), reader.high_watermark());
        let mut found = Vec::new();
        while next < limit.offset {
            let slice = reader.read(next, limit, 400).map_err(|error| error.to_string())?;
            let slice = slice.ok_or_else(|| format!("nothing is at {next} below {limit:?}"))?;
            let mut bytes: Bytes = slice.read().map_err(|error| error.to_string())?.into();
            while !bytes.is_empty() {
                let header = BatchHeader::parse(&bytes).map_err(|error| error.to_string())?;
                let batch = bytes.split_to(header.size().min(bytes.len()));
                verify_crc(&batch, &header).map_err(|error| error.to_string())?;
                let records: Vec<_> = Records::new(&batch, MAX_DECOMPRESSED)
                    .expect("readable")
                    .map(|it| it.expect("readable"))
                    .collect();
                if header.next_offset() <= next {
                    return Err(format!("the batch at {} again", header.base_offset));
                }
                next = header.next_offset();
                found.push((header, records));
            }
        }
        Ok(found)
    }

    pub(super) fn cleaned_segments(&self) -> usize {
        let segments = self.scenario.log.reader().segments();
        segments.iter().filter(|segment| segment.cleaned().is_some()).count()
    }

    /// Records below the clean end that a later one there has superseded.
    pub(super) fn duplicates_below_dirty(&self) -> usize {
        let dirty = self.scenario.journal.dirty_from(GROUP).unwrap_or(0);
        let survivors = self.survivors();
        let keys: Vec<_> = survivors
            .iter()
            .filter(|&&it| it < dirty)
            .map(|it| self.records[it].key.clone())
            .collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        keys.len() - distinct.len()
    }

    fn cleaned_bases(&self) -> Vec<i64> {
        let segments = self.scenario.log.reader().segments();
        let cleaned = segments
            .iter()
            .filter(|segment| segment.cleaned().is_some() && segment.size() > 0);
        cleaned.map(|segment| segment.base_offset()).collect()
    }

    pub(super) fn flip_a_cleaned_bit(&mut self, random: &mut Random) -> bool {
        let bases = self.cleaned_bases();
        if bases.is_empty() {
            return false;
        }
        let base = random.pick(&bases);
        let path = self.scenario.path(base, LOG);
        let flipped = self.scenario.disk.flip_any_bit(&path).expect("there").is_some();
        self.scenario.disk.drop_cache();
        flipped
    }

    pub(super) fn remove_a_cleaned_segment(&mut self) {
        let bases = self.cleaned_bases();
        let base = self.random.pick(&bases);
        self.scenario
            .disk
            .remove_file(&self.scenario.path(base, LOG))
            .expect("there");
    }

    pub(super) fn scrub_finds_damage(&self) -> bool {
        let reader = self.scenario.log.reader();
        let mut scrub = Scrub::default();
        loop {
            match scrub.step(reader, reader.end(), 300).expect("readable") {
                Scrubbed::More(_) => {}
                Scrubbed::End(_) => return false,
                Scrubbed::Damaged(..) => return true,
            }
        }
    }

    pub(super) fn verification_finds_damage(&self) -> bool {
        let group = self.scenario.journal.group(GROUP).unwrap_or_default();
        let verified = verify_journaled(&files(&self.scenario.disk), &group, StopKind::Clean);
        verified.expect("readable").damage.is_some()
    }

    pub(super) fn cleaning_finds_damage(&mut self) -> bool {
        self.append_many(60);
        self.clean(None) == Round::Damaged
    }

    /// Gives up what lies above the damage, and goes on.
    pub(super) fn repair_and_check(&mut self, seed: u64) {
        self.scenario.stop().expect("a healthy disk");
        self.scenario.disk.kill(false);
        let arc: Arc<dyn Disk> = Arc::new(self.scenario.disk.clone());
        let (journal, _) = Journal::open(arc, &super::super::scenario::data_dir()).expect("a healthy disk");
        let group = journal.group(GROUP).unwrap_or_default();
        let files = files(&self.scenario.disk);
        let plan = repair::plan(&files, &group, None)
            .expect("readable")
            .expect("there is damage");
        plan.apply(&files).expect("a healthy disk");
        let records: Vec<_> = plan.records.iter().cloned().map(|record| (GROUP, record)).collect();
        journal
            .append(&records)
            .and_then(|_| journal.sync())
            .expect("a healthy disk");
        drop(journal);
        let opened = super::super::scenario::open(&self.scenario.disk, &self.scenario.config, self.scenario.now_ms);
        let opened = opened.expect("a healthy disk");
        assert_eq!(opened.recovered.damage, None, "seed {seed}");
        let log = opened.recovered.log;
        assert_eq!(log.end().offset, plan.end.offset, "seed {seed}");
        let verified = verify_journaled(&files, &opened.group, StopKind::Clean).expect("readable");
        assert_eq!(verified.damage, None, "seed {seed}");
    }

    /// Half of the segments expire.
    pub(super) fn expire_half(&mut self) {
        let reader = self.scenario.log.reader().clone();
        let bytes = reader.size() / 2;
        let config = LogConfig {
            delete: true,
            retention_bytes: bytes as i64,
            ..(*self.scenario.config).clone()
        };
        self.scenario.log.set_config(Arc::new(config));
        let before = reader.start_offset();
        self.scenario.flush().expect("a healthy disk");
        if let Ok(Some(base)) = self.scenario.log.expired_before(self.scenario.now_ms) {
            self.scenario.flush().expect("a healthy disk");
            let mark = self.scenario.log.reader().high_watermark().offset;
            assert!(self.scenario.log.remembers_producers(base, mark));
            let mut records = vec![(GROUP, Noted::SyncedMark(mark_of(&self.scenario)))];
            if base >= self.scenario.log.first_uncleaned() {
                records.push((GROUP, Noted::Anchor(self.scenario.committed_anchor(base))));
            }
            records.push((GROUP, Noted::AnchorsDropped { below: base }));
            self.scenario.journal.append(&records).expect("a healthy disk");
            self.scenario.sync_journal().expect("a healthy disk");
            let aside = self.scenario.log.remove_before(base).expect("a healthy disk");
            self.scenario.put_aside(aside);
        }
        let config = self.scenario.config.clone();
        self.scenario.log.set_config(config);
        assert!(reader.start_offset() > before, "something expired");
        self.expected = None;
    }
}

fn offsets(batches: Vec<(BatchHeader, Vec<Record>)>) -> Vec<i64> {
    let records = batches.into_iter().flat_map(|(_, records)| records);
    records.map(|record| record.offset).collect()
}

fn mark_of(scenario: &Scenario) -> crate::journal::SyncedMark {
    mark(scenario.synced, scenario.end_of(scenario.synced))
}
