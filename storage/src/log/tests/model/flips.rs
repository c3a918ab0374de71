//! Flipped bits, and the repair that opens the partition again.

use super::super::super::*;
use super::super::damage::repair;
use super::super::scenario::{Batch, files, open};
use super::check;
use super::run::Run;

impl Run {
    /// Flips a bit of some batch, behind a stop. Below the mark it is damage, or found by a verification, and never cut;
    /// above it the log may end there. A repair opens the partition again.
    pub(super) fn flip(&mut self) {
        let start = self.scenario.log.reader().start_offset();
        let batches: Vec<Batch> = self
            .scenario
            .batches()
            .filter(|b| b.header.base_offset >= start)
            .cloned()
            .collect();
        let Some(batch) = batches.get(self.random.below(batches.len() as u64) as usize) else {
            return;
        };
        let floor = self.stop_hard();
        let path = self.scenario.path(batch.start.segment_base, LOG);
        // Offset and epoch are not covered by the CRC: at the log's ends nothing tells that they changed.
        let at = loop {
            let at = self.random.below(batch.bytes.len() as u64);
            if (8..12).contains(&at) || at >= 16 {
                break at;
            }
        };
        let bit = self.random.below(8) as u8;
        if self
            .scenario
            .disk
            .flip_bit(&path, batch.start.position + at, bit)
            .is_err()
        {
            return;
        }
        if self.random.percent(70) {
            self.scenario.disk.drop_cache();
        }
        let opened = open(&self.scenario.disk, &self.scenario.config, self.scenario.now_ms).expect("a healthy disk");
        self.trace_found(&opened);
        let index = 1 + self
            .scenario
            .entries
            .iter()
            .position(|entry| {
                entry
                    .batch
                    .as_ref()
                    .is_some_and(|b| b.header.base_offset == batch.header.base_offset)
            })
            .expect("there") as u64;
        let mark = opened.group.synced_mark.map_or(0, |mark| mark.last_index);
        let offset = batch.header.base_offset;
        let last = opened.recovered.last_index;
        if let Some(damage) = &opened.recovered.damage {
            assert_eq!(damage.offset, offset, "{damage}");
            let (log, damage) = (opened.recovered.log, damage.clone());
            self.scenario.log = log;
            check::content(&self.scenario, offset);
            self.count("flips: damage at the start");
            self.repair(Some(&damage), index);
        } else if last < index {
            assert!(index > mark, "entry {index} was cut, and {mark} were marked");
            assert!(
                last >= floor.min(index - 1),
                "ends at {last}, at least {floor} were durable, {index} flipped"
            );
            self.scenario.committed = self.scenario.committed.min(last);
            self.scenario.reopen(opened);
            check::content(&self.scenario, self.scenario.end_of(last).offset.max(start));
            self.count("flips: cut above the mark");
        } else {
            self.scenario.committed = self.scenario.committed.min(last);
            self.scenario.reopen(opened);
            self.scenario.disk.drop_cache();
            let verified = verify::verify(&files(&self.scenario.disk)).expect("readable");
            let damage = verified.damage.expect("a verification finds it");
            assert_eq!(damage.offset, offset, "{damage}");
            self.count("flips: found by a verification");
            self.scenario.disk.kill(false);
            self.repair(None, index);
        }
    }

    fn repair(&mut self, damage: Option<&Damage>, index: u64) {
        repair(&mut self.scenario, damage);
        let last = self.scenario.last();
        assert_eq!(last, index - 1, "everything below the damage stays");
        let start = self.scenario.log.reader().start_offset();
        check::content(&self.scenario, self.scenario.end_of(last).offset.max(start));
        check::state(&self.scenario, true);
        self.scenario.begin_epoch().expect("a healthy disk");
        self.scenario.append_some(2);
        self.scenario.flush().expect("a healthy disk");
        self.count("repairs");
        self.restart_after_crash();
    }
}
