//! What goes wrong: of the disk, of the process, of the power.

use std::path::Path;

use storage::disk::simulated::{CrashOptions, Fault, Keep};
use storage::journal::GroupId;
use storage::log::{HeaderWalk, Step};

use super::report::Broken;
use super::world::{DATA, World};

/// Disk faults that an operation is told of.
pub(crate) const ERRORS: [Fault; 6] = [
    Fault::ReadError,
    Fault::WriteError,
    Fault::NoSpace,
    Fault::SyncDataError,
    Fault::SyncDirError,
    Fault::SyncFilesystemError,
];
/// Those after which what was written may be gone.
const SYNC_ERRORS: [Fault; 3] = [Fault::SyncDataError, Fault::SyncDirError, Fault::SyncFilesystemError];

/// Those after which names are in doubt that no later sync of their directory makes durable. Filesystems with a journal
/// give up then, and take no more writes before a reboot.
const NAME_ERRORS: [Fault; 2] = [Fault::SyncDirError, Fault::SyncFilesystemError];

/// How the machine is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopKind {
    Kill,
    PowerCut,
}

/// A stop in the middle of an operation to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedStop {
    pub(crate) at: u64,
    pub(crate) kind: StopKind,
}

/// What has gone wrong since the last start that nothing disturbed.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// The power was cut.
    pub(crate) power_cut: bool,
    /// Counts of [`ERRORS`] when the present life of the node began.
    errors_before: u64,
    /// Counts of [`SYNC_ERRORS`] at the last calm start.
    sync_errors_before: u64,
    /// Counts of [`NAME_ERRORS`] at the last power cut.
    name_errors_before: u64,
    /// A fault of the disk has struck since the last calm start.
    pub(crate) disk: bool,
    /// The disk has little room.
    is_small: bool,
    /// It had little room some time in this life of the node.
    was_small: bool,
}

impl World {
    pub(crate) fn struck(&self, faults: &[Fault]) -> u64 {
        let counts = self.disk.fault_counts();
        faults.iter().filter_map(|fault| counts.get(fault)).sum()
    }

    /// Whether a disk fault has struck in this life of the node.
    pub(crate) fn is_troubled(&self) -> bool {
        self.trouble.was_small || self.struck(&ERRORS) > self.trouble.errors_before
    }

    /// Whether a sync has failed, or the power was cut, since the last calm start.
    pub(crate) fn may_lose_cache(&self) -> bool {
        self.trouble.power_cut || self.struck(&SYNC_ERRORS) > self.trouble.sync_errors_before
    }

    /// A life begins.
    pub(crate) fn begin_life(&mut self) {
        self.trouble.errors_before = self.struck(&ERRORS);
        self.trouble.was_small = self.trouble.is_small;
    }

    /// It has begun without any disturbance, and everything was found as it should be.
    pub(crate) fn begun_calmly(&mut self) {
        self.trouble.power_cut = false;
        self.trouble.disk = false;
        self.trouble.sync_errors_before = self.struck(&SYNC_ERRORS);
    }

    /// Whether the planned stop has come.
    pub(crate) fn is_stopped(&self) -> bool {
        self.planned.is_some_and(|planned| self.disk.operations() >= planned.at)
    }

    /// The machine will stop in the middle of one of the next operations.
    pub(crate) fn plan_stop(&mut self, within: u64) {
        if self.planned.is_some() {
            return;
        }
        let kind = if self.random.percent(60) {
            StopKind::PowerCut
        } else {
            StopKind::Kill
        };
        let at = self.disk.operations() + 1 + self.random.below(within);
        self.say(format!("plans a {kind:?} at operation {at}"));
        self.disk.halt_at(at);
        self.planned = Some(PlannedStop { at, kind });
    }

    /// Ends the life of the node at once.
    pub(crate) fn stop_at_once(&mut self, mut kind: StopKind) {
        let name_errors = self.struck(&NAME_ERRORS);
        if name_errors > self.trouble.name_errors_before {
            self.trouble.name_errors_before = name_errors;
            kind = StopKind::PowerCut;
        }
        self.say(format!("{kind:?}"));
        self.trouble.disk |= self.is_troubled();
        let mid_operation = self.is_stopped();
        self.report.outcome(match (kind, mid_operation) {
            (StopKind::Kill, false) => "killed between steps",
            (StopKind::Kill, true) => "killed in the middle of an operation",
            (StopKind::PowerCut, false) => "power cut between steps",
            (StopKind::PowerCut, true) => "power cut in the middle of an operation",
        });
        match kind {
            StopKind::Kill => self.disk.kill(false),
            StopKind::PowerCut => {
                let keep = |random: &mut super::random::Random| {
                    [Keep::Random, Keep::Random, Keep::Nothing, Keep::Everything][random.below(4) as usize]
                };
                let options = CrashOptions {
                    data: keep(&mut self.random),
                    names: keep(&mut self.random),
                };
                self.disk.crash(options);
                self.trouble.power_cut = true;
            }
        }
        self.planned = None;
        self.running = None;
        self.hang_up();
    }

    /// Stops where the plan says so, if it has come to that.
    pub(crate) fn stop_if_planned(&mut self) {
        if let Some(planned) = self.planned.filter(|_| self.is_stopped()) {
            self.stop_at_once(planned.kind);
        }
    }

    /// Makes the disk fail some time.
    pub(crate) fn injure_disk(&mut self) {
        let faults = [
            Fault::ReadError,
            Fault::ShortRead,
            Fault::WriteError,
            Fault::ShortWrite,
            Fault::NoSpace,
            Fault::SyncDataError,
            Fault::SyncDirError,
            Fault::SyncFilesystemError,
        ];
        let fault = faults[self.random.below(faults.len() as u64) as usize];
        let times = self.random.between(1, 3) as u32;
        let partitions = self.user_partitions();
        let under = match self.random.index(partitions.len()) {
            Some(index) if self.random.percent(60) => partitions[index].reader().files().dir.clone(),
            _ => Path::new(DATA).to_path_buf(),
        };
        self.say(format!(
            "the disk will fail: {fault:?} {times} times under {}",
            under.display()
        ));
        self.disk.fail_next(fault, &under, times);
    }

    /// The disk fills up, or has room again.
    pub(crate) fn change_capacity(&mut self) {
        let free = match self.random.percent(50) {
            true => None,
            false => Some(self.random.between(0, 6_000)),
        };
        self.say(format!("room on the disk: {free:?}"));
        self.disk.set_capacity(None);
        self.trouble.is_small = free.is_some();
        if let Some(free) = free {
            self.trouble.was_small = true;
            self.report.fault("disk: small capacity");
            let used = self.used_bytes();
            self.disk.set_capacity(Some(used + free));
        }
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        use storage::disk::Disk;
        let all = u64::MAX / 2;
        self.disk.set_capacity(Some(all));
        let free = self.disk.free_bytes(Path::new(DATA)).unwrap_or(all);
        all - free
    }

    /// Bytes that are free on the disk.
    pub(crate) fn free_bytes(&self) -> u64 {
        use storage::disk::Disk;
        self.disk.free_bytes(Path::new(DATA)).unwrap_or(u64::MAX)
    }

    /// The disk works again, and has room.
    pub(crate) fn heal_disk(&mut self) {
        self.disk.clear_faults();
        self.disk.set_capacity(None);
        self.trouble.is_small = false;
    }

    /// Flips a bit in a segment of a durable partition, below what the journal durably says is synced.
    pub(crate) fn flip_bit(&mut self) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        let is_flipped = self.partitions.values().any(|model| model.flipped.is_some());
        if is_flipped || node.journal().needs_sync() || node.journal().lazy_since().is_some() {
            return Ok(());
        }
        let partitions = self.user_partitions();
        let Some(index) = self.random.index(partitions.len()) else {
            return Ok(());
        };
        let partition = &partitions[index];
        if partition.topic.starts_with('w') || partition.out_of_service().is_some() {
            return Ok(());
        }
        let state = node.journal().group(partition.id).unwrap_or_default();
        let Some(mark) = state.synced_mark else { return Ok(()) };
        let segments = partition.reader().segments();
        let below: Vec<_> = segments
            .iter()
            .filter(|segment| segment.base_offset() <= mark.segment_base)
            .collect();
        let Some(segment) = self.random.pick(&below) else {
            return Ok(());
        };
        let end = if segment.base_offset() == mark.segment_base {
            mark.position
        } else {
            segment.size()
        };
        if end == 0 {
            return Ok(());
        }
        let position = self.random.below(end);
        let mut walk = HeaderWalk::new(segment.file().clone(), 0, end);
        let mut hit = segment.base_offset();
        while let Ok(Step::Batch { position: at, header }) = walk.step() {
            if at > position {
                break;
            }
            hit = header.base_offset;
        }
        let path = partition
            .reader()
            .files()
            .path(segment.base_offset(), storage::log::LOG);
        let bit = self.random.below(8) as u8;
        if self.disk.flip_bit(&path, position, bit).is_err() {
            return Ok(());
        }
        self.say(format!(
            "flips bit {bit} of byte {position} of {}, in the batch at {hit}",
            path.display()
        ));
        self.model(partition).flipped = Some(hit);
        let id: GroupId = partition.id;
        self.producers.iter_mut().for_each(|producer| producer.leave(id));
        Ok(())
    }
}
