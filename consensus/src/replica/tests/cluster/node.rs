//! One node: a disk that outlives its processes, and a process with a journal and a replica.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use storage::disk::simulated::{CrashOptions, Keep};
use storage::disk::{Disk, SimulatedDisk};
use storage::journal::{GroupId, Journal};
use storage::log::{HeaderWalk, LogConfig, LogError, LogFiles, Recovery, Step, StopKind};
use storage::record_batch::BatchHeader;
use uuid::Uuid;

use super::history::History;
use crate::{Append, AppendError, Durability, OpenReplica, PeerMessage, Replica, ReplicaFlush, Role};

const DATA: &str = "data";
pub(super) const PARTITION: &str = "data/topic-0";

fn group() -> GroupId {
    GroupId {
        topic_id: Uuid::from_u128(7),
        partition: 0,
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) disk: SimulatedDisk,
    process: Option<Process>,
    /// Counts its processes.
    pub(super) start: u64,
    /// Up to here the log was synced, as the disk answered, and not cut since.
    pub(super) synced_end: i64,
    /// Operations of the disk after which the machine stops.
    halts_at: Option<u64>,
}

struct Process {
    journal: Arc<Journal>,
    replica: Replica,
    flight: Option<Flight>,
    /// The high watermark when it was last looked at.
    seen: i64,
}

/// A flush under way.
struct Flight {
    flush: ReplicaFlush,
    is_synced: bool,
    /// The log's end in it, as far as it was not cut since.
    end: Option<i64>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {:?}", self.replica.role(), self.replica.group())
    }
}

impl Node {
    pub(super) fn new(id: u64, seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed.wrapping_mul(31).wrapping_add(id));
        disk.create_dir_all(Path::new(DATA)).expect("a new disk has room");
        disk.sync_dir(Path::new("")).expect("a new disk is sound");
        disk.record_trace();
        Node {
            id,
            disk,
            process: None,
            start: 0,
            synced_end: 0,
            halts_at: None,
        }
    }

    /// Starts a process on what the disk has. `false` where the disk refused.
    pub(super) fn open(&mut self, voters: &[u64], durability: Durability, now_ms: i64) -> bool {
        self.start += 1;
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let Ok((journal, found)) = Journal::open(disk.clone(), Path::new(DATA)) else {
            return false;
        };
        let journal = Arc::new(journal);
        let boot_id = disk.boot_id(Path::new("/")).expect("the simulated disk has one");
        let stop = match (found.clean_shutdown, found.last_boot_id) {
            (true, _) => StopKind::Clean,
            (false, Some(last)) if last == boot_id => StopKind::Killed,
            _ => StopKind::Rebooted,
        };
        let state = found.groups.get(&group()).cloned().unwrap_or_default();
        let files = LogFiles::new(disk, PathBuf::from(PARTITION));
        let config = Arc::new(LogConfig {
            segment_bytes: 1500,
            index_interval_bytes: 200,
            ..LogConfig::default()
        });
        let recovered = match (Recovery {
            files,
            config,
            group: &state,
            stop,
            now_ms,
            is_filesystem_synced: false,
        })
        .run()
        {
            Ok(recovered) => recovered,
            Err(_) => return false,
        };
        assert_eq!(
            recovered.damage, None,
            "node {} after {stop:?}: no byte was damaged",
            self.id
        );
        let end = recovered.log.end().offset;
        assert!(
            end >= self.synced_end,
            "node {} lost what was synced: {end} of {}",
            self.id,
            self.synced_end
        );
        // That it stopped in order is no longer true; but until all is recovered it must be known that it lost its power.
        if stop == StopKind::Clean && journal.started(&boot_id).is_err() {
            return false;
        }
        let opened = Replica::open(OpenReplica {
            group: group(),
            node_id: self.id,
            voters,
            journal: journal.clone(),
            state: &state,
            recovered,
            durability,
            max_uncommitted_bytes: 20_000,
        });
        let Ok(replica) = opened else { return false };
        if stop != StopKind::Clean && journal.started(&boot_id).is_err() {
            return false;
        }
        self.synced_end = end;
        let seen = replica.reader().first_uncleaned();
        self.process = Some(Process {
            journal,
            replica,
            flight: None,
            // What was cleaned is not what it was.
            seen,
        });
        true
    }

    pub(super) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Whether its replica failed, or its machine stopped.
    pub(super) fn is_lost(&self) -> bool {
        self.is_halted()
            || self
                .process
                .as_ref()
                .is_some_and(|process| process.replica.role() == Role::Down)
    }

    pub(super) fn failure(&self) -> String {
        let failure = self.process.as_ref().and_then(|process| process.replica.failure());
        failure.map_or_else(String::new, ToString::to_string)
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halts_at.is_some_and(|at| self.disk.operations() >= at)
    }

    /// Lets the machine stop in the middle of one of its next operations.
    pub(super) fn halt_within(&mut self, operations: u64) {
        let at = self.disk.operations() + operations;
        self.disk.halt_at(at);
        self.halts_at = Some(at);
    }

    pub(super) fn clear_faults(&mut self) {
        self.disk.clear_faults();
        if !self.is_halted() {
            self.disk.halt_at(u64::MAX);
            self.halts_at = None;
        }
    }

    pub(super) fn kill(&mut self, cut_last_write: bool) {
        self.process = None;
        self.halts_at = None;
        self.disk.kill(cut_last_write);
    }

    pub(super) fn cut_power(&mut self) {
        self.process = None;
        self.halts_at = None;
        self.disk.crash(CrashOptions {
            data: Keep::Random,
            names: Keep::Random,
        });
    }

    /// Stops in order. `false` where the disk did not let it.
    pub(super) fn stop(&mut self) -> bool {
        self.finish_flush();
        while self.replica().is_some_and(|replica| replica.needs_flush()) && !self.is_lost() {
            self.begin_flush(true);
            self.finish_flush();
        }
        self.mark(0);
        let stopped = !self.is_lost()
            && self
                .process
                .as_ref()
                .is_some_and(|process| process.journal.stopped().is_ok());
        let is_clean = stopped && !self.is_halted();
        if is_clean {
            self.kill(false);
        }
        is_clean
    }

    pub(super) fn replica(&mut self) -> Option<&mut Replica> {
        self.process.as_mut().map(|process| &mut process.replica)
    }

    pub(super) fn role(&self) -> Role {
        match &self.process {
            Some(process) if !self.is_halted() => process.replica.role(),
            _ => Role::Down,
        }
    }

    pub(super) fn high_watermark(&self) -> i64 {
        self.process
            .as_ref()
            .map_or(0, |process| process.replica.reader().high_watermark().offset)
    }

    pub(super) fn end(&self) -> i64 {
        self.process
            .as_ref()
            .map_or(0, |process| process.replica.reader().end_offset())
    }

    pub(super) fn append(&mut self, header: &BatchHeader, bytes: &Bytes, now_ms: i64) -> Result<Append, AppendError> {
        self.replica()
            .ok_or(AppendError::NotLeader)?
            .append(header, bytes, now_ms)
    }

    /// Takes a flush, unless one is under way, and may sync it at once; its report comes with [`Node::finish_flush`].
    pub(super) fn begin_flush(&mut self, sync_now: bool) {
        let Some(process) = &mut self.process else { return };
        if process.flight.is_some() {
            return;
        }
        let Some(flush) = process.replica.take_flush(false) else {
            return;
        };
        let end = flush.log.as_ref().map(|log| log.end.offset);
        process.flight = Some(Flight {
            flush,
            is_synced: false,
            end,
        });
        if sync_now {
            self.sync_flush();
        }
    }

    fn sync_flush(&mut self) {
        let Some(process) = &mut self.process else { return };
        let Some(Flight { flush, is_synced, end }) = &mut process.flight else {
            return;
        };
        if *is_synced {
            return;
        }
        let result = process.journal.sync().map_err(|error| LogError::Io {
            operation: "sync",
            path: "journal".into(),
            source: std::io::Error::other(error.to_string()),
        });
        let result = result.and_then(|_| flush.log.as_ref().map_or(Ok(()), |log| log.sync()));
        match result {
            Ok(()) => {
                *is_synced = true;
                if let Some(log) = &flush.log {
                    self.synced_end = self.synced_end.max(end.unwrap_or(0));
                    log.finish();
                }
            }
            Err(error) => {
                let _ = process.replica.flushed(flush, Err(&error));
                process.flight = None;
            }
        }
    }

    /// Reports the flush under way.
    pub(super) fn finish_flush(&mut self) {
        self.sync_flush();
        if let Some(process) = &mut self.process
            && let Some(flight) = process.flight.take()
        {
            let _ = process.replica.flushed(&flight.flush, Ok(()));
        }
    }

    /// Notes how far it is synced.
    pub(super) fn mark(&mut self, now_ms: u64) {
        let Some(process) = &mut self.process else { return };
        let records: Vec<_> = process
            .replica
            .take_mark()
            .into_iter()
            .map(|record| (group(), record))
            .collect();
        let _ = process.journal.append_lazily(&records, now_ms);
    }

    /// Cleans what lies below `stable_end`, in closed segments; whether there was anything.
    pub(super) fn clean(&mut self, stable_end: i64) -> bool {
        let Some(process) = &mut self.process else { return false };
        let (replica, journal) = (&mut process.replica, &process.journal);
        super::super::clean::clean(replica, journal, &self.disk, stable_end, usize::MAX).is_some()
    }

    pub(super) fn take_outbound(&mut self) -> Vec<PeerMessage> {
        if self.is_lost() {
            return Vec::new();
        }
        self.replica().map(Replica::take_outbound).unwrap_or_default()
    }

    /// Looks at what is new below the high watermark. Answers its new end, if it moved.
    pub(super) fn look(&mut self, history: &mut History) -> Option<i64> {
        let is_lost = self.is_lost();
        let process = self.process.as_mut()?;
        let reader = process.replica.reader();
        let (mark, end) = (reader.high_watermark(), reader.end_offset());
        // Also a replica that failed may have cut its log before.
        self.synced_end = self.synced_end.min(end);
        if is_lost {
            return None;
        }
        if let Some(in_flight) = process.flight.as_mut().and_then(|flight| flight.end.as_mut()) {
            *in_flight = end.min(*in_flight);
        }
        assert!(
            mark.offset <= end,
            "node {}: the high watermark {} is behind the end {end}",
            self.id,
            mark.offset
        );
        assert!(
            mark.offset >= process.seen,
            "node {}: the high watermark went back to {}",
            self.id,
            mark.offset
        );
        if mark.offset == process.seen {
            return None;
        }
        let segments = reader.segments();
        let first = segments
            .partition_point(|segment| segment.base_offset() <= process.seen)
            .max(1)
            - 1;
        for segment in segments[first..]
            .iter()
            .filter(|segment| segment.base_offset() < mark.offset)
        {
            let mut walk = HeaderWalk::new(segment.file().clone(), 0, segment.size());
            loop {
                let header = match walk.step() {
                    Ok(Step::Batch { header, .. }) => header,
                    Ok(_) => break,
                    // The machine stopped just now.
                    Err(_) => return None,
                };
                if (process.seen..mark.offset).contains(&header.base_offset) {
                    history.see(self.id, &header);
                }
            }
        }
        process.seen = mark.offset;
        Some(mark.offset)
    }

    /// All batches from the one at `from` on, one behind the other.
    pub(super) fn content(&self, from: i64) -> Vec<u8> {
        let reader = self.process.as_ref().expect("it is up").replica.reader();
        let mut content = Vec::new();
        for segment in reader.segments().iter() {
            let mut walk = HeaderWalk::new(segment.file().clone(), 0, segment.size());
            while let Step::Batch { position, header } = walk.step().expect("the disk reads") {
                if header.base_offset < from {
                    continue;
                }
                let start = content.len();
                content.resize(start + header.size(), 0);
                let batch = &mut content[start..];
                storage::disk::read_exact_at(&**segment.file(), batch, position).expect("the disk reads");
            }
        }
        content
    }

    /// Below this it has cleaned its log.
    pub(super) fn first_uncleaned(&self) -> i64 {
        let process = self.process.as_ref();
        process.map_or(0, |process| process.replica.reader().first_uncleaned())
    }

    /// Where each leader epoch ends.
    pub(super) fn epochs(&self) -> Vec<(i32, i64)> {
        let reader = self.process.as_ref().expect("it is up").replica.reader();
        (0..=reader.latest_epoch().unwrap_or(0) + 1)
            .map(|epoch| reader.end_offset_for_epoch(epoch))
            .collect()
    }
}
