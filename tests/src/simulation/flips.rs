//! Bits that flip on the device in other files than clients' segments, while the power is off.
//!
//! What must hold depends on the file. One that is derived from others never costs data and never makes an answer wrong:
//! all checks go on as if nothing had happened. One that is not is refused, or served rightly: the node does not start, or
//! the partition is quarantined, or the groups have no coordinator. Nothing is deleted or cut: once the bit is right again
//! everything is there.

use std::path::{Path, PathBuf};

use broker::controller::topic_name::CONSUMER_OFFSETS_TOPIC;
use broker::node::METADATA_TOPIC_ID;
use storage::journal::GroupId;
use storage::log::{INDEX, LEADER_EPOCH_CHECKPOINT, LOG, PARTITION_METADATA, SNAPSHOT, TIME_INDEX, parse_name};

use super::faults::StopKind;
use super::report::Broken;
use super::world::{DATA, World};

/// A coordinator's shortcut past its log.
const GROUP_CHECKPOINT: &str = "group-checkpoint";
const JOURNAL_DIR: &str = "journal";
/// Of a journal file: its header; and of each write in it the head, in which the length does not count so many bytes.
const JOURNAL_HEADER: usize = 24;
const JOURNAL_UNCOUNTED: usize = 8;
/// Where a write's head says how far the file was synced before.
const JOURNAL_SYNCED_END: usize = 16;

/// Whose bit is flipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Index, time index, snapshot of producers, leader epochs, checkpoint of groups.
    Derived,
    /// Says whose a directory is.
    PartitionMetadata,
    Offsets,
    MetadataLog,
    Journal,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Derived => "flipped bits in derived files",
            Kind::PartitionMetadata => "flipped bits in partition.metadata",
            Kind::Offsets => "flipped bits in __consumer_offsets",
            Kind::MetadataLog => "flipped bits in the metadata log",
            Kind::Journal => "flipped bits in the journal",
        }
    }
}

/// A bit that is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Flip {
    pub(crate) kind: Kind,
    /// The partition whose file it is.
    group: Option<GroupId>,
    path: PathBuf,
    position: usize,
    bit: u8,
    flipped: u8,
}

/// A file to choose from, and how many of its bytes.
struct Candidate {
    kind: Kind,
    group: Option<GroupId>,
    path: PathBuf,
    limit: usize,
}

impl World {
    /// Cuts the power, flips a bit somewhere, and starts.
    pub(crate) fn flip_elsewhere(&mut self) -> Result<(), Broken> {
        let kinds = [
            Kind::Derived,
            Kind::Derived,
            Kind::PartitionMetadata,
            Kind::Offsets,
            Kind::MetadataLog,
            Kind::Journal,
        ];
        let kind = kinds[self.random.below(kinds.len() as u64) as usize];
        let is_flipped = self.partitions.values().any(|model| model.flipped.is_some());
        if is_flipped || self.planned.is_some() || self.is_troubled() || self.trouble.disk {
            return Ok(());
        }
        self.mark_everything()?;
        let candidates = self.candidates(kind);
        let Some(index) = self.random.index(candidates.len()) else {
            return Ok(());
        };
        self.heal_disk();
        self.stop_at_once(StopKind::PowerCut);
        if !self.flip_in(&candidates[index]) {
            return Ok(());
        }
        self.report.fault(kind.name());
        self.start()?;
        self.live_with_the_flip()?;
        if kind == Kind::Derived {
            self.flip = None;
            return Ok(());
        }
        if self.running.is_some() {
            self.stop_at_once(StopKind::Kill);
        }
        self.undo_flip();
        self.start()?;
        self.fetch_all_offsets()?;
        self.hear()
    }

    /// What is written is synced, and the journal says so: nothing of it may be cut.
    fn mark_everything(&mut self) -> Result<(), Broken> {
        self.finish_passes();
        self.flush();
        self.clock.advance(1_000);
        self.housekeep()?;
        self.flush();
        if let Some(running) = &self.running {
            // A failure shows in what is marked.
            let _ = running.node.journal().sync();
        }
        self.hear()
    }

    fn candidates(&self, kind: Kind) -> Vec<Candidate> {
        let Some(node) = self.node() else { return Vec::new() };
        let topics = node.topics().load_full();
        let mut found = Vec::new();
        let all = topics.partitions().chain([node.metadata_partition()]);
        for partition in all.filter(|partition| partition.out_of_service().is_none()) {
            let Some(mark) = node.journal().group(partition.id).and_then(|state| state.synced_mark) else {
                continue;
            };
            if mark.next_offset != partition.reader().end_offset() || mark.next_offset == 0 {
                continue;
            }
            let files = partition.reader().files();
            let is_metadata = partition.id.topic_id == METADATA_TOPIC_ID;
            let is_offsets = &*partition.topic == CONSUMER_OFFSETS_TOPIC;
            let mut add = |path: PathBuf, limit: usize| {
                let group = Some(partition.id);
                found.push(Candidate {
                    kind,
                    group,
                    path,
                    limit,
                });
            };
            match kind {
                Kind::Derived => {
                    let names = self.disk.look_at_names(&files.dir).unwrap_or_default();
                    let reader = partition.reader();
                    let is_whole = reader.start_offset() == 0 && reader.first_uncleaned() == 0;
                    for name in names.iter().filter(|name| is_derived(name, is_whole)) {
                        add(files.dir.join(name), usize::MAX);
                    }
                }
                Kind::PartitionMetadata if !is_metadata => add(files.dir.join(PARTITION_METADATA), usize::MAX),
                Kind::Offsets if is_offsets => add_segments(partition, mark, &mut add),
                Kind::MetadataLog if is_metadata => add_segments(partition, mark, &mut add),
                _ => {}
            }
        }
        if kind == Kind::Journal {
            let dir = Path::new(DATA).join(JOURNAL_DIR);
            let names = self.disk.look_at_names(&dir).unwrap_or_default();
            found.extend(names.last().map(|name| Candidate {
                kind,
                group: None,
                path: dir.join(name),
                limit: usize::MAX,
            }));
        }
        found
    }

    /// Flips a bit of the file as the power cut has left it; whether it has one.
    fn flip_in(&mut self, candidate: &Candidate) -> bool {
        let Candidate {
            kind,
            group,
            path,
            limit,
        } = candidate;
        let Ok(content) = self.disk.look_at_device(path) else {
            return false;
        };
        let mut limit = content.len().min(*limit);
        if *kind == Kind::Journal {
            limit = limit.min(synced_of_journal(&content));
        }
        let position = self.random.below(limit as u64) as usize;
        let bit = self.random.below(8) as u8;
        let Some(byte) = content.get(position).filter(|_| limit > 0) else {
            return false;
        };
        if self.disk.flip_bit(path, position as u64, bit).is_err() {
            return false;
        }
        self.disk.drop_cache();
        self.say(format!("flips bit {bit} of byte {position} of {}", path.display()));
        self.flip = Some(Flip {
            kind: *kind,
            group: *group,
            path: path.clone(),
            position,
            bit,
            flipped: byte ^ (1 << bit),
        });
        if let Some(model) = group
            .filter(|_| *kind == Kind::PartitionMetadata)
            .and_then(|id| self.partitions.get_mut(&id))
        {
            model.flipped = Some(0);
        }
        true
    }

    /// Puts the bit right, unless its file was written anew.
    pub(crate) fn undo_flip(&mut self) {
        let Some(flip) = self.flip.take() else { return };
        let content = self.disk.look_at_device(&flip.path).unwrap_or_default();
        if content.get(flip.position) == Some(&flip.flipped) {
            let undone = self.disk.flip_bit(&flip.path, flip.position as u64, flip.bit);
            self.say(format!("the bit is right again: {undone:?}"));
        }
        self.disk.drop_cache();
        if let Some(model) = flip.group.and_then(|id| self.partitions.get_mut(&id)) {
            model.flipped = None;
        }
    }

    /// Whether a partition may be out of service for the bit that is wrong.
    pub(crate) fn may_be_refused(&self, id: GroupId) -> bool {
        let quarantines = |flip: &&Flip| matches!(flip.kind, Kind::PartitionMetadata | Kind::Offsets);
        self.flip
            .as_ref()
            .filter(quarantines)
            .is_some_and(|flip| flip.group == Some(id))
    }

    /// Whether the node may refuse to start for the bit that is wrong.
    pub(crate) fn may_not_start(&self) -> bool {
        let refuses = |flip: &Flip| matches!(flip.kind, Kind::MetadataLog | Kind::Journal);
        self.flip.as_ref().is_some_and(refuses)
    }

    /// Some of what clients do.
    fn live_with_the_flip(&mut self) -> Result<(), Broken> {
        self.fetch_all_offsets()?;
        for _ in 0..4 {
            if self.running.is_none() || self.is_stopped() {
                break;
            }
            self.check_lookups()?;
            self.produce()?;
            self.commit_offset()?;
            self.flush();
            self.hear()?;
        }
        self.stop_if_planned();
        Ok(())
    }
}

/// Whether all that a file says can be had from the log. What a snapshot has of producers whose batches have expired is
/// nowhere else, as in Kafka.
fn is_derived(name: &str, is_whole: bool) -> bool {
    match parse_name(name) {
        Some((_, INDEX | TIME_INDEX)) => true,
        Some((_, SNAPSHOT)) => is_whole,
        Some(_) => false,
        None => [LEADER_EPOCH_CHECKPOINT, GROUP_CHECKPOINT].contains(&name),
    }
}

/// The bytes of the segments below the mark.
fn add_segments(
    partition: &broker::node::Partition,
    mark: storage::journal::SyncedMark,
    add: &mut impl FnMut(PathBuf, usize),
) {
    let reader = partition.reader();
    for segment in reader.segments().iter() {
        let base = segment.base_offset();
        let limit = match base.cmp(&mark.segment_base) {
            std::cmp::Ordering::Less => segment.size(),
            std::cmp::Ordering::Equal => mark.position,
            std::cmp::Ordering::Greater => continue,
        };
        add(reader.files().path(base, LOG), limit as usize);
    }
}

/// How much of a journal file some write in it says is synced.
fn synced_of_journal(content: &[u8]) -> usize {
    let number = |at: usize, len: usize| -> Option<usize> {
        let bytes = content.get(at..at + len)?;
        Some(bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    };
    let mut synced = 0;
    let mut at = JOURNAL_HEADER;
    while let (Some(length), Some(end)) = (number(at, 4), number(at + JOURNAL_SYNCED_END, 8)) {
        if length == 0 {
            break;
        }
        synced = synced.max(end);
        at += length + JOURNAL_UNCOUNTED;
    }
    synced
}
