//! Random clients against one shard, with appends that fail, are late or come out of order, and with restarts.
//!
//! Checked at every step: no request is answered twice; an offset that is shown is the latest committed one; within one
//! life of a group its generation only grows; no two members lead a generation. At the end: every request has been
//! answered, and a shard that replays the log is equal to the one that wrote it.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::GroupId;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{HeartbeatRequest, LeaveGroupRequest, SyncGroupRequest};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::harness::{Harness, Record, text, uuids};
use super::*;

const GROUPS: [&str; 3] = ["a", "b", "c"];
const TOPICS: [&str; 3] = ["t", "u", "v"];
const STEPS: usize = 400;
const SEEDS: u64 = 150;

struct Client {
    group: &'static str,
    instance: Option<String>,
    member: String,
    generation: i32,
}

struct World {
    random: StdRng,
    shard: Shard,
    now: Now,
    next_token: u64,
    waiting: BTreeSet<Token>,
    /// Who joined under a token, until it is answered.
    joining: BTreeMap<Token, usize>,
    clients: Vec<Client>,
    pending: Vec<(AppendId, Vec<Record>)>,
    log: Vec<Record>,
    /// The leader of each group's generations since the last restart.
    leaders: BTreeMap<(&'static str, i32), String>,
    /// Each group's last generation.
    generations: BTreeMap<&'static str, i32>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let config = GroupConfig {
            initial_rebalance_delay_ms: 1_000,
            max_size: 4,
            offsets_retention_ms: 300_000,
            offsets_retention_check_interval_ms: 60_000,
            ..GroupConfig::default()
        };
        let mut clients = Vec::new();
        for number in 0..8 {
            let instance = random.random_bool(0.4).then(|| format!("i{}", number / 2));
            let group = GROUPS.choose(&mut random).expect("there are groups");
            clients.push(Client {
                group,
                instance,
                member: String::new(),
                generation: -1,
            });
        }
        let mut shard = Shard::new(config, uuids());
        let now = Now {
            monotonic_ms: 0,
            wall_ms: 1_000_000,
        };
        shard.load_finished(now);
        Self {
            random,
            shard,
            now,
            next_token: 0,
            waiting: BTreeSet::new(),
            joining: BTreeMap::new(),
            clients,
            pending: Vec::new(),
            log: Vec::new(),
            leaders: BTreeMap::new(),
            generations: BTreeMap::new(),
        }
    }

    fn token(&mut self) -> Token {
        self.next_token += 1;
        self.waiting.insert(Token(self.next_token));
        Token(self.next_token)
    }

    fn run(&mut self) {
        while let Some(effect) = self.shard.poll_effect() {
            match effect {
                Effect::Append { id, records } => self.pending.push((id, records)),
                Effect::Respond { token, response } => {
                    assert!(self.waiting.remove(&token), "{token:?} was not waiting");
                    self.take(token, response);
                }
            }
        }
    }

    fn take(&mut self, token: Token, response: Response) {
        let Response::JoinGroup(response) = response else {
            return;
        };
        let Some(number) = self.joining.remove(&token) else {
            return;
        };
        let client = &mut self.clients[number];
        match ResponseError::try_from_code(response.error_code) {
            None => {
                client.member = response.member_id.to_string();
                client.generation = response.generation_id;
                if !response.members.is_empty() && !response.skip_assignment {
                    assert_eq!(response.leader, response.member_id);
                    let key = (client.group, response.generation_id);
                    let before = self.leaders.insert(key, client.member.clone());
                    assert!(before.is_none_or(|before| before == client.member), "two leaders");
                }
            }
            Some(ResponseError::MemberIdRequired) => client.member = response.member_id.to_string(),
            Some(ResponseError::RebalanceInProgress | ResponseError::CoordinatorNotAvailable) => {}
            Some(_) => client.member.clear(),
        }
    }

    fn step(&mut self) {
        let number = self.random.random_range(0..self.clients.len());
        match self.random.random_range(0..100) {
            0..30 => self.join(number),
            30..45 => self.sync(number),
            45..55 => self.heartbeat(number),
            55..70 => self.commit(number),
            70..74 => self.leave(number),
            74..76 => self.fetch(),
            76..77 => self.delete_group(),
            77..78 => self
                .shard
                .topic_deleted(TOPICS.choose(&mut self.random).expect("there are topics"), self.now),
            78..90 => self.resolve(),
            90..99 => self.pass(),
            _ => self.restart(),
        }
        self.run();
        self.check();
        self.check_generations();
    }

    fn join(&mut self, number: usize) {
        let client = &self.clients[number];
        let protocols: &[(&str, &[u8])] = match self.random.random_range(0..4) {
            0 => &[("sticky", b"x"), ("range", b"y")],
            _ => &[("range", b"y")],
        };
        let member = if self.random.random_bool(0.1) {
            ""
        } else {
            client.member.as_str()
        };
        let request = Harness::join_request(member, client.instance.as_deref(), protocols)
            .with_group_id(text(client.group).into())
            .with_rebalance_timeout_ms(20_000);
        let version = [0, 3, 5, 8, 9][self.random.random_range(0..5)];
        let token = self.token();
        self.joining.insert(token, number);
        let client = runtime::Client {
            id: "app",
            host: "/127.0.0.1",
            api_version: version,
        };
        self.shard.join_group(token, client, &request, self.now);
    }

    fn sync(&mut self, number: usize) {
        let token = self.token();
        let client = &self.clients[number];
        let assignment = SyncGroupRequestAssignment::default()
            .with_member_id(text(&client.member))
            .with_assignment("x".into());
        let request = SyncGroupRequest::default()
            .with_group_id(text(client.group).into())
            .with_generation_id(client.generation)
            .with_member_id(text(&client.member))
            .with_group_instance_id(client.instance.as_deref().map(text))
            .with_assignments(vec![assignment]);
        self.shard.sync_group(token, &request, self.now);
    }

    fn heartbeat(&mut self, number: usize) {
        let token = self.token();
        let client = &self.clients[number];
        let request = HeartbeatRequest::default()
            .with_group_id(text(client.group).into())
            .with_generation_id(client.generation)
            .with_member_id(text(&client.member))
            .with_group_instance_id(client.instance.as_deref().map(text));
        self.shard.heartbeat(token, &request, self.now);
    }

    fn commit(&mut self, number: usize) {
        let offset = self.random.random_range(0..1_000);
        let topic = TOPICS.choose(&mut self.random).expect("there are topics");
        let client = &self.clients[number];
        let (member, generation) = match self.random.random_bool(0.5) {
            true => (client.member.as_str(), client.generation),
            false => ("", -1),
        };
        let request =
            Harness::commit_request(member, generation, &[(topic, 0, offset)]).with_group_id(text(client.group).into());
        let token = self.token();
        self.shard.offset_commit(token, 9, &request, self.now);
    }

    fn leave(&mut self, number: usize) {
        let token = self.token();
        let client = &self.clients[number];
        let identity = MemberIdentity::default()
            .with_member_id(text(&client.member))
            .with_group_instance_id(client.instance.as_deref().map(text));
        let request = LeaveGroupRequest::default()
            .with_group_id(text(client.group).into())
            .with_members(vec![identity]);
        self.shard.leave_group(token, 5, &request, self.now);
    }

    fn fetch(&mut self) {
        let token = self.token();
        let group = text(GROUPS.choose(&mut self.random).expect("there are groups"));
        let request = kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup::default()
            .with_group_id(group.into())
            .with_topics(None);
        self.shard
            .offset_fetch(token, &request, self.random.random_bool(0.5), self.now);
    }

    fn delete_group(&mut self) {
        let token = self.token();
        let group = GroupId(text(GROUPS.choose(&mut self.random).expect("there are groups")));
        self.shard.delete_groups(token, &[group], self.now);
    }

    /// Some of the appends are done, in order in the log, their results in any order.
    fn resolve(&mut self) {
        let count = self.random.random_range(0..=self.pending.len());
        let mut results = Vec::new();
        for (id, records) in self.pending.drain(..count) {
            if self.random.random_bool(0.2) {
                results.push((id, Err(ResponseError::NotEnoughReplicas)));
            } else {
                results.push((id, Ok(self.log.len() as i64)));
                self.log.extend(records);
            }
        }
        while !results.is_empty() {
            let (id, result) = results.swap_remove(self.random.random_range(0..results.len()));
            self.shard.appended(id, result, self.now);
        }
    }

    fn pass(&mut self) {
        let ms = self.random.random_range(0..8_000);
        self.now.monotonic_ms += ms;
        self.now.wall_ms += ms as i64;
        self.shard.tick(self.now);
    }

    /// The partition comes back after a kill: appends that had no result may be in the log or not.
    fn restart(&mut self) {
        self.shard.unload(self.now);
        self.run();
        assert!(self.waiting.is_empty(), "unloading answers everyone");
        for (_, records) in std::mem::take(&mut self.pending) {
            if !self.random.random_bool(0.5) {
                break;
            }
            self.log.extend(records);
        }
        self.load();
        // A generation that was not stored begins once more.
        self.leaders.clear();
        self.generations.clear();
    }

    fn load(&mut self) {
        for (offset, (key, value)) in self.log.iter().enumerate() {
            self.shard
                .load_record(key, value.as_deref(), offset as i64)
                .expect("our own records can be read");
        }
        self.shard.load_finished(self.now);
    }

    /// What is shown is what the log below the applied offset says last.
    fn check(&self) {
        let mut expected = BTreeMap::new();
        let applied = usize::try_from(self.shard.applied_offset()).expect("not negative");
        for (offset, (key, value)) in self.log[..applied].iter().enumerate() {
            if let Ok(Some(records::Key::Offset {
                group,
                topic,
                partition,
            })) = records::read_key(key)
            {
                match value {
                    Some(value) => {
                        let committed = records::read_offset_value(value, offset as i64).expect("our own record");
                        expected.insert((group, topic, partition), committed.offset);
                    }
                    None => drop(expected.remove(&(group, topic, partition))),
                }
            }
        }
        let shown: BTreeMap<_, _> = self
            .shard
            .committed_offsets()
            .map(|(group, topic, partition, offset)| ((group.to_owned(), topic.to_owned(), partition), offset))
            .collect();
        assert_eq!(shown, expected);
        assert_eq!(self.shard.metrics().offsets, expected.len());
        self.check_groups();
    }

    /// A generation only grows, until the group is deleted and a new one begins from 0.
    fn check_generations(&mut self) {
        for group_id in GROUPS {
            let generation = self.shard.groups.get(group_id).map_or(0, |group| {
                let group_entry::Kind::Classic(classic) = &group.kind;
                classic.generation
            });
            let before = self.generations.insert(group_id, generation).unwrap_or(0);
            if generation < before {
                assert_eq!(generation, 0, "the generation of {group_id} went back from {before}");
                self.leaders.retain(|(of, _), _| *of != group_id);
            }
        }
    }

    /// The counts that groups keep agree with their members.
    fn check_groups(&self) {
        for group in self.shard.groups.values() {
            let group_entry::Kind::Classic(classic) = &group.kind;
            let waiting = classic
                .members()
                .filter(|member| member.awaiting_join.is_some())
                .count();
            assert_eq!(classic.awaiting_join(), waiting);
            let is_empty = classic.state() == classic::State::Empty;
            assert!(!is_empty || classic.size() == 0);
            assert_eq!(classic.leader.is_some(), classic.size() > 0);
            assert!(classic.leader.as_ref().is_none_or(|leader| classic.has_member(leader)));
            let is_stable = classic.state() == classic::State::Stable;
            assert!(!is_stable || classic.members().all(|member| member.awaiting_sync.is_none()));
            // A member is either on its way out or being waited for; nobody is forgotten.
            for member in classic.members() {
                let is_waiting = member.awaiting_join.is_some() || member.awaiting_sync.is_some();
                assert!(
                    member.session_timer.is_some() || is_waiting,
                    "{} has no session",
                    member.id
                );
                if let Some(instance_id) = &member.instance_id {
                    assert_eq!(classic.static_member_id(instance_id), Some(&member.id));
                }
            }
        }
    }

    fn finish(&mut self) {
        // Everyone goes silent, appends are done, and time passes.
        for _ in 0..100 {
            for (id, records) in std::mem::take(&mut self.pending) {
                let offset = self.log.len() as i64;
                self.log.extend(records);
                self.shard.appended(id, Ok(offset), self.now);
                self.run();
            }
            self.now.monotonic_ms += 10_000;
            self.now.wall_ms += 10_000;
            self.shard.tick(self.now);
            self.run();
            self.check();
        }
        assert!(
            self.waiting.is_empty(),
            "{} requests were never answered",
            self.waiting.len()
        );
        assert_eq!(self.shard.metrics().members, 0, "silent members are gone");
        let checkpoint = self.shard.checkpoint();
        self.shard.unload(self.now);
        self.load();
        assert_eq!(self.shard.checkpoint(), checkpoint);
    }
}

#[test]
fn random_clients_find_no_fault() {
    let mut rebalances = 0;
    let mut expirations = 0;
    for seed in 0..SEEDS {
        eprintln!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.finish();
        rebalances += world.shard.metrics().completed_rebalances_total;
        expirations += world.shard.metrics().offset_expirations_total;
    }
    assert!(
        rebalances > SEEDS,
        "only {rebalances} rebalances: the test tests nothing"
    );
    assert!(
        expirations > SEEDS,
        "only {expirations} expirations: the test tests nothing"
    );
}

#[test]
fn the_same_seed_gives_the_same_log() {
    let log = |seed| {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.log
    };
    assert_eq!(log(7), log(7));
    assert_ne!(log(7), log(8));
}
