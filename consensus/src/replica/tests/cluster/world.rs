//! The scheduler: what happens when, and which faults.

use std::collections::BTreeMap;
use std::path::Path;

use storage::disk::simulated::Fault;

use super::super::random::Random;
use super::history::History;
use super::network::{Network, Sent};
use super::node::{Node, PARTITION};
use super::producer::Producer;
use crate::{Durability, Role};

const EPOCH_MS: i64 = 1_700_000_000_000;
const TICK_MS: u64 = 10;
/// How long faults go on, in simulated milliseconds.
const FAULTY_MS: u64 = 6_000;
/// How long all may take to become equal after them.
const CALM_MS: u64 = 30_000;

/// Which faults strike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    network: bool,
    kills: bool,
    /// Power cuts, full disks, failing writes and syncs.
    disks: bool,
}

impl Faults {
    pub(super) const NONE: Faults = Faults {
        network: false,
        kills: false,
        disks: false,
    };
    pub(super) const KILLS: Faults = Faults {
        network: true,
        kills: true,
        disks: false,
    };
    pub(super) const ALL: Faults = Faults {
        network: true,
        kills: true,
        disks: true,
    };
}

#[derive(Debug)]
enum Event {
    Tick(u64),
    Deliver(Box<Sent>),
    Flush(u64),
    Flushed(u64, u64),
    Mark(u64),
    Produce(usize),
    Fault,
    Open(u64),
}

pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    voters: Vec<u64>,
    durability: Durability,
    faults: Faults,
    random: Random,
    network: Network,
    producers: Vec<Producer>,
    pub(super) history: History,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    pub(super) now: u64,
    trace: u64,
    prints: bool,
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl World {
    pub(super) fn new(seed: u64, nodes: u64, voters: &[u64], durability: Durability, faults: Faults) -> Self {
        let mut world = World {
            nodes: (1..=nodes).map(|id| Node::new(id, seed)).collect(),
            voters: voters.to_vec(),
            durability,
            faults,
            random: Random::new(seed),
            network: Network::new(faults.network),
            producers: vec![Producer::new(1), Producer::new(2), Producer::new(-1)],
            history: History::default(),
            events: BTreeMap::new(),
            scheduled: 0,
            now: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            prints: std::env::var_os("WEIR_SEED").is_some(),
            counts: BTreeMap::new(),
        };
        for id in 1..=nodes {
            world.at(0, Event::Open(id));
            let phase = world.random.between(0, TICK_MS);
            world.at(phase, Event::Tick(id));
            world.at(phase, Event::Flush(id));
            world.at(phase, Event::Mark(id));
        }
        for producer in 0..world.producers.len() {
            world.at(1, Event::Produce(producer));
        }
        world.at(500, Event::Fault);
        world
    }

    /// Faults for a while, then calm until all are equal.
    pub(super) fn run(&mut self) {
        self.run_until(FAULTY_MS);
        self.calm();
        let end = self.nodes.iter().map(Node::end).max().unwrap_or(0);
        let acknowledged = self.history.check_acknowledged(end);
        self.count("acknowledged", acknowledged as u64);
        for node in &self.nodes {
            for (fault, count) in node.disk.fault_counts() {
                *self.counts.entry(name(fault)).or_default() += count;
            }
        }
    }

    pub(super) fn run_until(&mut self, until: u64) {
        while let Some((&(at, _), _)) = self.events.first_key_value()
            && at < until
        {
            let (_, event) = self.events.pop_first().expect("just seen");
            self.now = at;
            self.happen(event);
        }
        self.now = until;
    }

    /// Switches the faults off, starts what is down, and waits until all logs are equal.
    fn calm(&mut self) {
        self.faults = Faults::NONE;
        self.network.heal();
        self.network.is_faulty = false;
        self.nodes.iter_mut().for_each(Node::clear_faults);
        let duplicates = self.producers.drain(..).map(|producer| producer.duplicates).sum();
        self.count("duplicates", duplicates);
        let until = self.now + CALM_MS;
        while !self.are_equal() {
            assert!(
                self.now < until,
                "not equal after {CALM_MS} ms of calm: {:?}",
                self.state()
            );
            self.run_until(self.now + 50);
        }
        // Of what was cleaned each has what its own rounds have left.
        let from = self.nodes.iter().map(Node::first_uncleaned).max().unwrap_or(0);
        let contents: Vec<_> = self.nodes.iter().map(|node| node.content(from)).collect();
        for node in 1..self.nodes.len() {
            assert!(
                contents[0] == contents[node],
                "the logs of nodes 1 and {} differ",
                node + 1
            );
        }
    }

    fn are_equal(&self) -> bool {
        let end = self.nodes[0].end();
        self.nodes
            .iter()
            .all(|node| node.is_up() && node.end() == end && node.high_watermark() == end)
            && self.nodes.iter().all(|node| node.epochs() == self.nodes[0].epochs())
            && self.nodes.iter().any(|node| matches!(node.role(), Role::Leader(_)))
    }

    fn state(&self) -> Vec<String> {
        let state = |node: &Node| {
            let epochs = if node.is_up() { node.epochs() } else { Vec::new() };
            format!(
                "{:?} {} {} {epochs:?} {}",
                node.role(),
                node.high_watermark(),
                node.end(),
                node.failure()
            )
        };
        self.nodes.iter().map(state).collect()
    }

    fn at(&mut self, time: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((time, self.scheduled), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(id) => {
                self.at(self.now + TICK_MS, Event::Tick(id));
                self.note(&format!("tick {id}"));
                self.act(id, |node| {
                    let _ = node.replica().map(|replica| replica.tick());
                });
            }
            Event::Deliver(sent) => {
                if !self.network.arrives(&sent) {
                    return self.count("messages lost", 1);
                }
                let message = &sent.message.message;
                self.note(&format!(
                    "{} -> {}: {:?} term {} index {} commit {} reject {} entries {}",
                    sent.from,
                    sent.to,
                    message.msg_type,
                    message.term,
                    message.index,
                    message.commit,
                    message.reject,
                    message.entries.len(),
                ));
                self.act(sent.to, |node| {
                    let _ = node.replica().map(|replica| replica.step(sent.message));
                });
            }
            Event::Flush(id) => {
                let next = self.random.between(1, 12);
                self.at(self.now + next, Event::Flush(id));
                let sync_now = self.random.chance(50);
                let (delay, start) = (self.random.between(0, 10), self.nodes[id as usize - 1].start);
                self.at(self.now + delay, Event::Flushed(id, start));
                self.act(id, |node| node.begin_flush(sync_now));
            }
            Event::Flushed(id, start) => {
                if self.nodes[id as usize - 1].start == start {
                    self.act(id, Node::finish_flush);
                }
            }
            Event::Mark(id) => {
                let next = self.random.between(20, 200);
                self.at(self.now + next, Event::Mark(id));
                let now = self.now;
                self.act(id, |node| node.mark(now));
            }
            Event::Produce(place) => self.produce(place),
            Event::Fault => {
                let next = self.random.between(20, 300);
                self.at(self.now + next, Event::Fault);
                self.fault();
            }
            Event::Open(id) => self.open(id),
        }
    }

    /// Does something on a node, sends what it says, and looks at what it shows.
    pub(super) fn act(&mut self, id: u64, act: impl FnOnce(&mut Node)) {
        let node = &mut self.nodes[id as usize - 1];
        if !node.is_up() {
            return;
        }
        act(node);
        self.settle(id);
    }

    fn settle(&mut self, id: u64) {
        if !self.nodes[id as usize - 1].is_up() {
            return;
        }
        let timeout = self.random.between(10, 20) as usize;
        let node = &mut self.nodes[id as usize - 1];
        if let Some(replica) = node.replica() {
            replica.set_election_timeout(timeout);
        }
        for message in node.take_outbound() {
            match self.network.send(message, self.now, &mut self.random) {
                Some((arrival, sent)) => self.at(arrival, Event::Deliver(Box::new(sent))),
                None => self.count("messages lost", 1),
            }
        }
        let node = &mut self.nodes[id as usize - 1];
        let moved = node.look(&mut self.history);
        if let Role::Leader(term) = node.role() {
            self.history.newest_term = self.history.newest_term.max(term);
        }
        if node.is_lost() {
            let failure = node.failure();
            self.note(&format!("{id} is lost: {failure}"));
            let is_broken = failure.contains("failed:")
                && !failure.contains("journal:")
                && !self.nodes[id as usize - 1].is_halted();
            assert!(!is_broken, "node {id}: {failure}");
            // What stopped in the middle of an operation lost its power; after a failed sync the process is started anew.
            let is_failure = !failure.is_empty();
            self.count(
                if is_failure {
                    "replicas poisoned"
                } else {
                    "power cuts in an operation"
                },
                1,
            );
            // Names that a failed sync left in doubt are known again only after a reboot.
            let are_names_known = !failure.contains(&format!("sync {PARTITION}:")) && !failure.contains("sync data:");
            match is_failure && are_names_known && self.random.chance(50) {
                true => self.down(id, |node| node.kill(false)),
                false => self.down(id, Node::cut_power),
            }
            return;
        }
        if let Some(mark) = moved {
            self.note(&format!("{id} has high watermark {mark}"));
            self.check_majority(mark);
        }
    }

    /// A high watermark is never above what a majority has durably.
    fn check_majority(&self, mark: i64) {
        if self.durability == Durability::Written || self.voters.len() < self.nodes.len() {
            return;
        }
        let synced: Vec<i64> = self.nodes.iter().map(|node| node.synced_end).collect();
        let holders = synced.iter().filter(|&&end| end >= mark).count();
        assert!(
            holders * 2 > self.nodes.len(),
            "the high watermark is {mark}, synced are {synced:?}"
        );
    }

    fn produce(&mut self, place: usize) {
        let next = self.random.between(1, 12);
        if place >= self.producers.len() {
            return;
        }
        self.at(self.now + next, Event::Produce(place));
        let now_ms = EPOCH_MS + self.now as i64;
        let producer = &mut self.producers[place];
        let answer = producer.step(&mut self.nodes, now_ms, &mut self.history, &mut self.random);
        self.note(&format!("producer {place}: {answer}"));
        if answer == "the disk refused" {
            self.count("appends refused by the disk", 1);
        }
        (1..=self.nodes.len() as u64).for_each(|id| self.settle(id));
    }

    fn fault(&mut self) {
        let id = self.random.between(1, self.nodes.len() as u64 + 1);
        let others: Vec<u64> = (1..=self.nodes.len() as u64).filter(|&other| other != id).collect();
        let leader =
            (1..=self.nodes.len() as u64).find(|&id| matches!(self.nodes[id as usize - 1].role(), Role::Leader(_)));
        let what = self.random.between(0, 12);
        self.note(&format!("fault {what} at {id}"));
        let Faults { network, kills, disks } = self.faults;
        let log = Path::new(PARTITION);
        let journal = Path::new("data/journal");
        match what {
            0 if network => {
                self.count("partitions", 1);
                others.iter().for_each(|&other| self.network.block(id, other));
            }
            1 if network => {
                self.count("links cut", 1);
                self.network.block(id, others[0]);
            }
            2 | 3 if network => self.network.heal(),
            4 if network => {
                if let Some(leader) = leader.filter(|&leader| leader != id) {
                    self.count("leader transfers", 1);
                    self.act(leader, |node| {
                        let _ = node.replica().map(|replica| replica.transfer_leader(id));
                    });
                }
            }
            5 if kills => {
                self.count("kills", 1);
                let cut = disks && self.random.chance(50);
                self.down(id, |node| node.kill(cut));
            }
            6 if kills => {
                let mut is_stopped = false;
                self.act(id, |node| is_stopped = node.stop());
                if is_stopped {
                    self.count("orderly stops", 1);
                    self.network.disconnect(id);
                    self.at(self.now + 50, Event::Open(id));
                }
            }
            7 if disks => {
                self.count("power cuts", 1);
                self.down(id, Node::cut_power);
            }
            8 if disks => {
                let within = self.random.between(1, 40);
                self.nodes[id as usize - 1].halt_within(within);
            }
            9 if disks => {
                let times = self.random.between(1, 30) as u32;
                let (under, times) = if self.random.chance(80) {
                    (log, times)
                } else {
                    (journal, 1)
                };
                self.nodes[id as usize - 1].disk.fail_next(Fault::NoSpace, under, times);
            }
            10 if disks => {
                let fault = if self.random.chance(50) {
                    Fault::WriteError
                } else {
                    Fault::ShortWrite
                };
                self.nodes[id as usize - 1].disk.fail_next(fault, log, 2);
            }
            11 if disks => {
                let (fault, under) = match self.random.between(0, 3) {
                    0 => (Fault::SyncDataError, log),
                    1 => (Fault::SyncDirError, log),
                    _ => (Fault::SyncDataError, journal),
                };
                self.nodes[id as usize - 1].disk.fail_next(fault, under, 1);
            }
            _ => {}
        }
    }

    /// Takes a node down, to come back after a while.
    fn down(&mut self, id: u64, how: impl FnOnce(&mut Node)) {
        let node = &mut self.nodes[id as usize - 1];
        let was_up = node.is_up();
        how(node);
        self.network.disconnect(id);
        let delay = if self.random.chance(30) {
            self.random.between(200, 1500)
        } else {
            self.random.between(1, 100)
        };
        if was_up || self.nodes[id as usize - 1].is_up() {
            self.at(self.now + delay, Event::Open(id));
        }
    }

    /// Kills a node's process and starts another.
    pub(super) fn restart(&mut self, id: u64) {
        self.down(id, |node| node.kill(false));
    }

    fn open(&mut self, id: u64) {
        let now_ms = EPOCH_MS + self.now as i64;
        let node = &mut self.nodes[id as usize - 1];
        if node.is_up() {
            return;
        }
        if node.open(&self.voters, self.durability, now_ms) && !node.is_lost() {
            let (start, end) = (node.start, node.end());
            self.note(&format!("{id} starts for the {start}. time, its log ends at {end}"));
            self.network.disconnect(id);
            return self.settle(id);
        }
        self.note(&format!("{id} cannot start"));
        self.count("starts that failed", 1);
        let node = &mut self.nodes[id as usize - 1];
        match self.faults.disks {
            true => node.cut_power(),
            false => node.kill(false),
        }
        self.at(self.now + 50, Event::Open(id));
    }

    pub(super) fn count(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }

    fn note(&mut self, event: &str) {
        if self.prints {
            println!("{:>6} {event}", self.now);
        }
        for byte in event.bytes().chain(self.now.to_be_bytes()) {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Of all events and all operations on the disks.
    pub(super) fn trace_hash(&self) -> Vec<u64> {
        let disks = self.nodes.iter().filter_map(|node| node.disk.trace_hash());
        disks.chain([self.trace]).collect()
    }
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::ReadError => "read errors",
        Fault::ShortRead => "short reads",
        Fault::WriteError => "write errors",
        Fault::ShortWrite => "short writes",
        Fault::NoSpace => "full disks",
        Fault::SyncDataError | Fault::SyncDirError | Fault::SyncFilesystemError => "failed syncs",
        Fault::LostWrite => "lost writes",
        Fault::TornWrite => "torn writes",
        Fault::LostLength | Fault::ZeroTail => "wrong lengths",
        Fault::LostName => "lost names",
        Fault::CutWrite => "cut writes",
        Fault::Halt => "halts",
        Fault::CacheMiss | Fault::FlippedBit => "others",
    }
}
