//! Which step comes next, and how a run ends.

use std::sync::atomic::Ordering;

use broker::node::Clock;

use super::clients::members::RETENTION_MS;
use super::faults::StopKind;
use super::report::{Broken, broken};
use super::world::World;

const LIVENESS: &str = "liveness: without faults everything is answered and takes batches";
/// Passes of the flusher in which everything must come right.
const PASSES_TO_SETTLE: usize = 200;

/// A step, and how often it is taken among all.
const STEPS: [(&str, u64); 30] = [
    ("produce", 300),
    ("fetch", 60),
    ("look up", 60),
    ("commit an offset", 60),
    ("fetch an offset", 30),
    ("act as a member", 60),
    ("change the metadata", 25),
    ("delete a topic and make it again", 6),
    ("delete records", 6),
    ("begin a flush", 60),
    ("sync a flush", 60),
    ("end a flush", 60),
    ("flush", 60),
    ("housekeep", 60),
    ("scrub", 60),
    ("produce keyed records", 120),
    ("compact", 120),
    ("look at a compacted log", 20),
    ("a moment passes", 60),
    ("seconds pass", 20),
    ("the disk fails", 8),
    ("the disk heals", 16),
    ("room on the disk changes", 3),
    ("use up the disk but for the reserve", 6),
    ("plan a stop", 12),
    ("kill", 6),
    ("cut the power", 6),
    ("stop in order", 5),
    ("flip a bit", 3),
    ("flip a bit elsewhere", 4),
];

impl World {
    /// The whole run.
    pub(crate) fn live(&mut self, steps: u64) -> Result<(), Broken> {
        self.start()?;
        // Some runs are calm but for stops, so that nothing excuses a loss; some have no power cuts.
        let is_calm = self.random.percent(40);
        let weights: Vec<u64> = STEPS
            .iter()
            .map(|&(name, weight)| match name {
                "the disk fails" | "room on the disk changes" if is_calm => 0,
                _ => weight,
            })
            .collect();
        for _ in 0..steps {
            self.trace.step += 1;
            if self.running.is_none() {
                self.start()?;
                self.fetch_all_offsets()?;
                self.hear()?;
                continue;
            }
            if self.lacks_first_topics() {
                self.create_first_topics()?;
            }
            let (name, _) = STEPS[self.random.weighted(&weights)];
            self.report.step(name);
            self.act(name)?;
            self.hear()?;
            self.check_no_panic()?;
            self.stop_if_planned();
        }
        self.end()
    }

    fn act(&mut self, name: &str) -> Result<(), Broken> {
        match name {
            "produce" => self.produce(),
            "fetch" => self.consume(),
            "look up" => self.check_lookups(),
            "commit an offset" => self.commit_offset(),
            "fetch an offset" => self.fetch_offset(),
            "act as a member" => self.act_as_member(),
            "change the metadata" => self.change_metadata(),
            "delete a topic and make it again" => self.recreate_topic(),
            "delete records" => self.delete_records(),
            "begin a flush" => {
                self.begin_flush();
                Ok(())
            }
            "sync a flush" => {
                self.sync_flush();
                Ok(())
            }
            "end a flush" => {
                self.end_flush();
                Ok(())
            }
            "flush" => {
                self.flush();
                Ok(())
            }
            "housekeep" => self.housekeep(),
            "scrub" => {
                self.scrub();
                Ok(())
            }
            "produce keyed records" => self.produce_keyed(),
            "compact" => self.compact(),
            "look at a compacted log" => self.check_any_compacted(),
            "a moment passes" => {
                self.clock.advance(self.random.between(1, 300));
                Ok(())
            }
            "seconds pass" => {
                self.clock.advance(self.random.between(500, 6_000));
                Ok(())
            }
            "the disk fails" => {
                self.injure_disk();
                Ok(())
            }
            "the disk heals" => {
                self.heal_disk();
                Ok(())
            }
            "room on the disk changes" => {
                self.change_capacity();
                Ok(())
            }
            "use up the disk but for the reserve" => self.use_up_disk(),
            "plan a stop" => {
                self.plan_stop(60);
                Ok(())
            }
            "kill" => {
                self.stop_at_once(StopKind::Kill);
                Ok(())
            }
            "cut the power" => {
                self.stop_at_once(StopKind::PowerCut);
                Ok(())
            }
            "stop in order" => self.stop_in_order(),
            "flip a bit" => self.flip_bit(),
            "flip a bit elsewhere" => self.flip_elsewhere(),
            other => unreachable!("{other} is in the list of steps"),
        }
    }

    pub(crate) fn begin_flush(&mut self) {
        if let Some(running) = &mut self.running
            && let Some(pass) = running.node.begin_flush()
        {
            running.passes.push_back((pass, false));
        }
    }

    /// Syncs any of the passes that are not synced yet.
    pub(crate) fn sync_flush(&mut self) {
        let Some(running) = &mut self.running else { return };
        let open: Vec<usize> = (0..running.passes.len())
            .filter(|index| !running.passes[*index].1)
            .collect();
        if let Some(&index) = self.random.pick(&open) {
            let (pass, is_synced) = &mut running.passes[index];
            running.node.sync_flush(pass);
            *is_synced = true;
        }
    }

    /// Ends any of the passes that are synced.
    fn end_flush(&mut self) {
        if self.is_stopped() {
            return;
        }
        let Some(running) = &mut self.running else { return };
        let synced: Vec<usize> = (0..running.passes.len())
            .filter(|index| running.passes[*index].1)
            .collect();
        if let Some(&index) = self.random.pick(&synced)
            && let Some((pass, _)) = running.passes.remove(index)
        {
            running.node.end_flush(pass);
        }
    }

    /// One pass as a whole.
    pub(crate) fn flush(&mut self) {
        if let Some(running) = &self.running {
            running.node.flush_pass();
        }
    }

    pub(crate) fn finish_passes(&mut self) {
        let Some(running) = &mut self.running else { return };
        while let Some((mut pass, is_synced)) = running.passes.pop_front() {
            if !is_synced {
                running.node.sync_flush(&mut pass);
            }
            running.node.end_flush(pass);
        }
    }

    pub(crate) fn housekeep(&mut self) -> Result<(), Broken> {
        // What is about to expire has to be known.
        for partition in self.user_partitions() {
            let end = self.model(&partition).end();
            if partition.out_of_service().is_none() {
                self.read_from(&partition, end)?;
            }
        }
        let Some(running) = &self.running else { return Ok(()) };
        running.node.housekeep();
        running.coordinators.tick();
        running.coordinators.housekeep();
        if self.is_stopped() {
            return Ok(());
        }
        for partition in self.user_partitions() {
            self.check_start(&partition, Some(partition.reader().size()))?;
        }
        self.check_directories()
    }

    /// Verifies a part of some log; rounds follow each other without a pause.
    fn scrub(&mut self) {
        let budget = self.random.between(1, 3_000);
        let Some(running) = &self.running else { return };
        let damages = || running.node.scrub_counters().damages.load(Ordering::Relaxed);
        let before = damages();
        running.node.scrub(budget, 0);
        if damages() > before {
            self.report.outcome("flipped bits found by the scrub");
        }
    }

    fn stop_in_order(&mut self) -> Result<(), Broken> {
        self.say("stops in order");
        self.finish_passes();
        if let Some(running) = &mut self.running
            && let Some(round) = running.cleaning.take()
        {
            running.node.abandon_clean(round);
        }
        if let Some(running) = &self.running {
            running.coordinators.stop();
            running.node.stop();
        }
        self.hear()?;
        if !self.is_stopped() {
            self.report.outcome("stopped in order");
        }
        let then_cut = self.random.percent(50);
        self.stop_if_planned();
        if self.running.is_some() {
            self.stop_at_once(if then_cut { StopKind::PowerCut } else { StopKind::Kill });
        }
        Ok(())
    }

    /// Faults are over: after one more start everything has to come right, and stay.
    fn end(&mut self) -> Result<(), Broken> {
        self.trace.step += 1;
        if self.running.is_some() {
            self.stop_at_once(StopKind::Kill);
        }
        self.heal_disk();
        self.start_undisturbed()?;
        self.settle()?;
        for _ in 0..20 {
            self.produce()?;
            self.produce_keyed()?;
            self.commit_offset()?;
            self.hear()?;
        }
        self.settle()?;
        self.compact_all()?;
        self.check_all_compacted()?;
        self.check_clean()?;
        self.fetch_all_offsets()?;
        self.hear()?;
        self.clock.advance(2 * RETENTION_MS as u64);
        self.settle()?;
        self.clock.advance(2 * RETENTION_MS as u64);
        self.settle()?;
        self.check_expiring(true)?;
        self.stop_in_order()?;
        self.start_undisturbed()?;
        self.settle()?;
        self.check_all_compacted()?;
        self.fetch_all_offsets()?;
        self.hear()
    }

    fn start_undisturbed(&mut self) -> Result<(), Broken> {
        self.start()?;
        while self.running.is_none() || self.planned.is_some() {
            if self.running.is_some() {
                self.stop_at_once(StopKind::Kill);
            }
            self.start()?;
        }
        Ok(())
    }

    /// Everything is answered, and takes batches.
    fn settle(&mut self) -> Result<(), Broken> {
        self.finish_passes();
        for _ in 0..PASSES_TO_SETTLE {
            self.flush();
            self.housekeep()?;
            self.hear()?;
            self.clock.advance(50);
            if self.waiting.is_empty() && self.groups.are_settled() && self.is_metadata_settled() {
                break;
            }
        }
        self.report.checked(LIVENESS);
        let (produces, now) = (self.waiting.len(), self.clock.monotonic_ms());
        if produces > 0 || !self.groups.are_settled() || !self.is_metadata_settled() {
            let (groups, metadata) = (self.groups.are_settled(), self.is_metadata_settled());
            return broken(
                LIVENESS,
                format!("at {now} {produces} produces wait, groups are settled: {groups}, the metadata: {metadata}"),
            );
        }
        self.check_service(true)
    }
}
