//! The node, its disk and clock, and what everybody knows.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker::coordinator::Coordinators;
use broker::node::{CleanRound, FlushPass, Node, Partition};
use storage::disk::SimulatedDisk;
use storage::journal::GroupId;

use super::Options;
use super::clients::compacted::is_compacted;
use super::clients::groups::GroupClients;
use super::clients::members::Members;
use super::clients::metadata::MetadataClient;
use super::clients::producer::{Producer, WaitingProduce};
use super::clock::SimulatedClock;
use super::faults::{PlannedStop, Trouble};
use super::flips::Flip;
use super::model::{Compacted, PartitionModel, Sent};
use super::random::Random;
use super::report::{Broken, Report};
use super::trace::Trace;

/// The data directory.
pub(crate) const DATA: &str = "/data";

/// A node that is up.
pub(crate) struct Running {
    pub(crate) node: Arc<Node>,
    pub(crate) coordinators: Arc<Coordinators>,
    /// Passes of the flusher on their way; whether each is synced.
    pub(crate) passes: VecDeque<(FlushPass, bool)>,
    /// A round of the cleaner on its way.
    pub(crate) cleaning: Option<CleanRound>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) random: Random,
    pub(crate) disk: SimulatedDisk,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) running: Option<Running>,
    pub(crate) planned: Option<PlannedStop>,
    pub(crate) trouble: Trouble,
    /// A bit that is wrong, outside of clients' segments.
    pub(crate) flip: Option<Flip>,
    pub(crate) partitions: BTreeMap<GroupId, PartitionModel>,
    pub(crate) compacted: BTreeMap<GroupId, Compacted>,
    pub(crate) sent: BTreeMap<u64, Sent>,
    pub(crate) producers: Vec<Producer>,
    pub(crate) waiting: Vec<WaitingProduce>,
    pub(crate) metadata: MetadataClient,
    pub(crate) groups: GroupClients,
    pub(crate) members: Members,
    pub(crate) report: Report,
    pub(crate) trace: Trace,
    /// Topic ids, uuids of members.
    pub(crate) next_id: u128,
    pub(crate) next_token: u64,
    /// `weir.reserve.bytes` of the run, often none.
    pub(crate) reserve_bytes: u64,
}

impl World {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        let disk = SimulatedDisk::new(seed ^ 0x5eed);
        disk.record_trace();
        let mut random = Random::new(seed);
        // Some disks are of a kind where each file is synced for itself.
        disk.set_synced_whole(random.percent(75));
        let reserve_bytes = match random.percent(30) {
            true => random.between(20_000, 40_000),
            false => 0,
        };
        World {
            seed,
            random,
            disk,
            clock: Arc::new(SimulatedClock::new()),
            running: None,
            planned: None,
            trouble: Trouble::default(),
            flip: None,
            partitions: BTreeMap::new(),
            compacted: BTreeMap::new(),
            sent: BTreeMap::new(),
            producers: Vec::new(),
            waiting: Vec::new(),
            metadata: MetadataClient::default(),
            groups: GroupClients::default(),
            members: Members::default(),
            report: Report {
                seeds: 1,
                ..Report::default()
            },
            trace: Trace::new(options.is_verbose),
            next_id: 1_000,
            next_token: 1,
            reserve_bytes,
        }
    }

    pub(crate) fn into_report(mut self) -> Report {
        for (fault, count) in self.disk.fault_counts() {
            *self.report.faults.entry(format!("disk: {fault:?}")).or_default() += count;
        }
        self.trace.number(self.disk.trace_hash().unwrap_or(0));
        self.report.trace = self.trace.hash();
        self.report
    }

    pub(crate) fn say(&mut self, line: impl AsRef<str>) {
        self.trace.line(line.as_ref());
    }

    /// Where all data is.
    pub(crate) fn data_dir() -> PathBuf {
        Path::new(DATA).to_path_buf()
    }

    pub(crate) fn node(&self) -> Option<Arc<Node>> {
        self.running.as_ref().map(|running| running.node.clone())
    }

    /// The open partitions of clients' topics, but for those that are compacted.
    pub(crate) fn user_partitions(&self) -> Vec<Arc<Partition>> {
        let Some(running) = &self.running else {
            return Vec::new();
        };
        let topics = running.node.topics().load_full();
        topics
            .partitions()
            .filter(|partition| !partition.topic.starts_with("__") && !is_compacted(&partition.topic))
            .cloned()
            .collect()
    }

    /// The model of a partition, made when it is first met.
    pub(crate) fn model(&mut self, partition: &Partition) -> &mut PartitionModel {
        let model = self
            .partitions
            .entry(partition.id)
            .or_insert_with(|| PartitionModel::new(&partition.topic));
        let log = &partition.settings().log;
        let retention = (log.retention_ms, log.retention_bytes);
        if !model.retentions.contains(&retention) {
            model.retentions.push(retention);
        }
        model
    }

    /// Takes the answers that have come. On a machine that has stopped none is heard any more.
    pub(crate) fn hear(&mut self) -> Result<(), Broken> {
        if self.is_stopped() {
            return Ok(());
        }
        self.hear_produces()?;
        self.hear_metadata()?;
        self.hear_groups()?;
        self.hear_members()
    }

    /// Nobody will be answered any more.
    pub(crate) fn hang_up(&mut self) {
        self.waiting.clear();
        self.producers.iter_mut().for_each(Producer::hang_up);
        self.metadata.hang_up();
        self.groups.hang_up();
        self.members.hang_up();
    }
}
