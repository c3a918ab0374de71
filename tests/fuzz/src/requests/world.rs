//! A node over a simulated disk and clock, its handlers, and the requests that wait.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use broker::api::{Api, Context};
use broker::connection::{ConnectionInfo, Outcome, Request, Service};
use broker::node::{Clock, Node};
use broker::settings::{LiveConfig, Observers};
use broker::wire::versions::APIS;
use broker::wire::{ApiSpec, Part, RequestHeader, Response};
use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use storage::disk::SimulatedDisk;
use tokio::runtime::Runtime;

use super::counters::count;
use super::harvest::{Harvest, Membership};
use super::plausible::Plausible;
use crate::choices::Choices;
use crate::mutate::mutate;
use crate::node::{self, FuzzClock};
use crate::schema::{Field, MESSAGES, Value, put_varint, read, write};

/// Inputs that a node lives for, and what it may grow to.
const MAX_RUNS: usize = 500;
const MAX_PARTITIONS: usize = 120;
/// Requests that may wait at a time: as many connections, the oldest of which gives up.
const MAX_PENDING: usize = 16;
/// What some nodes' disks have room for.
const SMALL_DISK: u64 = 256 << 10;
/// Longer than any timeout of a request, in milliseconds.
const AGES_MS: u64 = 60 * 86_400_000;
/// Work on other threads must be done by then.
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECTIONS: usize = 3;
/// What there is from the start.
const TOPICS: [&str; 3] = ["t0", "t1", "t2"];

/// What a request was.
#[derive(Debug, Clone)]
struct Asked {
    api: &'static ApiSpec,
    version: i16,
    correlation_id: i32,
    is_damaged: bool,
    /// The group that it names.
    group: String,
}

struct Pending {
    asked: Asked,
    answer: Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

/// See the module.
pub(crate) struct World {
    runtime: Rc<Runtime>,
    clock: Arc<FuzzClock>,
    disk: SimulatedDisk,
    node: Arc<Node>,
    context: Arc<Context>,
    api: Api,
    connections: Vec<Arc<ConnectionInfo>>,
    harvest: Harvest,
    pending: Vec<Pending>,
    runs: usize,
    next_correlation_id: i32,
}

impl World {
    /// A node as an input begins it: its disk may be small.
    pub(super) fn new(input: &[u8]) -> Self {
        let world = Self::with_topics(&TOPICS);
        if Choices::new(input).percent(20) {
            world.disk.set_capacity(Some(SMALL_DISK));
        }
        world
    }

    /// A node with these topics and a coordinator.
    pub(crate) fn with_topics(topics: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let runtime = runtime.expect("a runtime without I/O needs nothing");
        let disk = SimulatedDisk::new(1);
        let clock = Arc::new(FuzzClock::default());
        let config = node::config();
        let node = node::open(&disk, &clock, &config).expect("an empty disk");
        let context = Arc::new(Context::new(node.clone(), config.clone()));
        let live = Arc::new(LiveConfig::new(context.config.clone()));
        node.set_observer(Arc::new(Observers::new(vec![live, context.coordinators.clone()])));
        node::register(&node, &config);
        let mut world = World {
            runtime: Rc::new(runtime),
            clock,
            api: Api::new(context.clone()),
            node,
            context,
            connections: (0..CONNECTIONS as u64).map(connection).collect(),
            harvest: Harvest::default(),
            pending: Vec::new(),
            runs: 0,
            next_correlation_id: 1,
            disk,
        };
        world.begin(topics);
        world
    }

    /// The node.
    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Its disk.
    pub(crate) fn disk(&self) -> &SimulatedDisk {
        &self.disk
    }

    /// Sends a request, and waits for its answer.
    pub(crate) fn ask(&mut self, key: ApiKey, version: i16, body: Vec<u8>) {
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            self.call(key, version, body);
            self.settle(1_000).await;
        });
        assert!(self.pending.is_empty(), "it is answered");
    }

    /// Topics, and a group's coordinator, so that there is something from the start.
    fn begin(&mut self, topics: &[&str]) {
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            let text = |text: &str| [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat();
            // Metadata 4: names, and whether to make them.
            let count = (topics.len() as i32).to_be_bytes();
            let names = topics.iter().copied().map(text).collect::<Vec<_>>().concat();
            self.call(ApiKey::Metadata, 4, [&count[..], &names, &[1]].concat());
            // Metadata 12: all topics with their ids.
            self.settle(1_000).await;
            self.call(ApiKey::Metadata, 12, vec![0, 0, 0, 0]);
            self.call(ApiKey::FindCoordinator, 0, text("g0"));
            self.settle(1_000).await;
            assert!(self.pending.is_empty(), "the first requests are answered");
        });
    }

    /// Whether it is time for a new one.
    pub(super) fn is_grown(&self) -> bool {
        self.runs >= MAX_RUNS || self.node.topics().load().partitions().count() >= MAX_PARTITIONS
    }

    /// Sends the requests of an input.
    pub(super) fn run(&mut self, choices: &mut Choices<'_>) {
        self.runs += 1;
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            for _ in 0..=choices.below(6) {
                self.request(choices);
                self.work().await;
                if choices.percent(15) {
                    let ms = choices.one(&[1, 100, 3_000, 60_000]);
                    self.pass(ms).await;
                }
            }
            match choices.below(64) {
                0 => self.await_all().await,
                1..8 => self.settle(60_000).await,
                8..32 => self.settle(200).await,
                _ => {}
            }
        });
    }

    fn request(&mut self, choices: &mut Choices<'_>) {
        let api = &APIS[choices.below(APIS.len())];
        let version = api.min + choices.below((api.max - api.min) as usize + 1) as i16;
        let Some(message) = MESSAGES.request(api.key as i16) else {
            unreachable!("the test of the tables has found every API")
        };
        let now_ms = self.clock.wall_ms();
        let mut values = Plausible::new(choices, &mut self.harvest, now_ms);
        let mut body = write(message, version, &mut values);
        let group = std::mem::take(&mut values.group);
        let is_damaged = choices.percent(30);
        if is_damaged {
            mutate(choices, &mut body, 4);
        }
        // Any version of ApiVersions is answered. The body is another version's, then.
        let (version, is_damaged) = match api.key {
            ApiKey::ApiVersions if choices.percent(5) => (choices.byte() as i16, true),
            _ => (version, is_damaged),
        };
        let connection = choices.below(CONNECTIONS);
        let asked = Asked {
            api,
            version,
            correlation_id: self.correlation_id(),
            is_damaged,
            group,
        };
        self.send(asked, &body, connection);
    }

    fn correlation_id(&mut self) -> i32 {
        self.next_correlation_id += 1;
        self.next_correlation_id
    }

    fn call(&mut self, key: ApiKey, version: i16, body: Vec<u8>) {
        let api = broker::wire::versions::by_key(key as i16).expect("an API of the first requests");
        let asked = Asked {
            api,
            version,
            correlation_id: self.correlation_id(),
            is_damaged: false,
            group: String::new(),
        };
        self.send(asked, &body, 0);
    }

    fn send(&mut self, asked: Asked, body: &[u8], connection: usize) {
        let (api, version) = (asked.api, asked.version);
        let mut frame = Vec::with_capacity(body.len() + 20);
        frame.extend((api.key as i16).to_be_bytes());
        frame.extend(version.to_be_bytes());
        frame.extend(asked.correlation_id.to_be_bytes());
        frame.extend([0, 4]);
        frame.extend(b"fuzz");
        if api.is_flexible(version) {
            put_varint(&mut frame, 0);
        }
        frame.extend_from_slice(body);
        let mut frame = Bytes::from(frame);
        let header = RequestHeader::decode(&mut frame).expect("the header is sound, the version served");
        let request = Request {
            header,
            body: frame,
            connection: self.connections[connection].clone(),
            received_at: Instant::now(),
        };
        let outcome = self.api.call(request);
        self.take(asked, outcome);
    }

    /// Takes what came of a request.
    fn take(&mut self, asked: Asked, outcome: Outcome) {
        let (api, version) = (asked.api, asked.version);
        match outcome {
            Outcome::Ready(response) => {
                count(api, version, |fates| match response.has_failed() {
                    true => &mut fates.refused,
                    false => &mut fates.answered,
                });
                self.check(asked, response);
            }
            Outcome::Later(answer) | Outcome::Detached(answer) => {
                if self.pending.len() == MAX_PENDING {
                    self.hang_up(0);
                }
                self.pending.push(Pending { asked, answer });
            }
            Outcome::Large(build) => self.take(asked, build()),
            Outcome::Silent => {
                assert_eq!(api.key, ApiKey::Produce, "only a produce may go unanswered");
                count(api, version, |fates| &mut fates.silent);
            }
            Outcome::Close(reason) => {
                let is_malformed = reason.starts_with("malformed") || reason.contains("cannot be encoded");
                assert!(
                    asked.is_damaged || !is_malformed,
                    "{} {version}, which was valid: {reason}",
                    api.name
                );
                assert!(
                    !reason.contains("cannot be encoded"),
                    "{} {version}: {reason}",
                    api.name
                );
                count(api, version, |fates| &mut fates.closed);
            }
        }
    }

    fn hang_up(&mut self, place: usize) {
        let Asked { api, version, .. } = self.pending.remove(place).asked;
        count(api, version, |fates| &mut fates.silent);
    }

    /// Whether an answer is one, by its schema. What it says is learned.
    fn check(&mut self, asked: Asked, response: Response) {
        let (api, version) = (asked.api, asked.version);
        let bytes = bytes_of(response);
        let size = (bytes.len() - 4) as i32;
        assert_eq!(bytes[..4], size.to_be_bytes(), "{} {version}: its size", api.name);
        assert_eq!(
            bytes[4..8],
            asked.correlation_id.to_be_bytes(),
            "{} {version}: its id",
            api.name
        );
        let mut body = &bytes[8..];
        if api.is_flexible(version) && api.key != ApiKey::ApiVersions {
            assert_eq!(body[0], 0, "{} {version}: tags of the header", api.name);
            body = &body[1..];
        }
        // ApiVersions at a version that is not served is answered at version 0.
        let version = if api.serves(version) { version } else { 0 };
        let Some(message) = MESSAGES.response(api.key as i16) else {
            unreachable!("the test of the tables has found every API")
        };
        let harvest = &mut self.harvest;
        let mut membership = Membership {
            group: asked.group,
            member: String::new(),
            generation: -1,
        };
        let learn = |field: &Field, value: Value| {
            match (&*field.meaning, &value) {
                ("memberid", Value::Text(member)) if membership.member.is_empty() => {
                    membership.member.clone_from(member)
                }
                ("generationid", Value::Number(generation)) => membership.generation = *generation,
                ("sessionid", Value::Number(id)) if *id != 0 => harvest.session(*id),
                _ => {}
            }
            harvest.learn(field, value);
        };
        if let Err(problem) = read(message, version, body, learn) {
            panic!("the answer to {} {version}: {problem}\n{body:02x?}", api.name);
        }
        if api.key == ApiKey::JoinGroup && !membership.member.is_empty() {
            harvest.joined(membership);
        }
    }

    /// Lets everything go on that can at this moment.
    async fn work(&mut self) {
        loop {
            let mut has_moved = false;
            while self.node.flush_pass() {
                has_moved = true;
            }
            let mut place = 0;
            while place < self.pending.len() {
                let answer = &mut self.pending[place].answer;
                match poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
                    Poll::Ready(outcome) => {
                        has_moved = true;
                        let asked = self.pending.remove(place).asked;
                        self.take(asked, outcome);
                    }
                    Poll::Pending => place += 1,
                }
            }
            if !has_moved {
                return;
            }
        }
    }

    async fn pass(&mut self, ms: u64) {
        self.clock.advance(ms);
        tokio::time::advance(Duration::from_millis(ms)).await;
        self.context.coordinators.tick();
        self.node.housekeep();
        self.context.coordinators.housekeep();
        self.work().await;
    }

    /// Lets time pass until all is answered, or so much has.
    async fn settle(&mut self, most_ms: u64) {
        let (mut passed, mut step) = (0, 1);
        self.work().await;
        while !self.pending.is_empty() && passed < most_ms {
            self.pass(step).await;
            passed += step;
            step *= 4;
        }
    }

    /// After a long time every request must be answered.
    async fn await_all(&mut self) {
        self.settle(AGES_MS).await;
        let began = Instant::now();
        while !self.pending.is_empty() {
            let waiting: Vec<_> = self.pending.iter().map(|pending| &pending.asked).collect();
            assert!(began.elapsed() < PATIENCE, "never answered: {waiting:?}");
            std::thread::sleep(Duration::from_micros(100));
            self.pass(60_000).await;
        }
    }

    /// Stops the node in order.
    pub(crate) fn stop(&mut self) {
        self.pending.clear();
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            self.pass(1_000).await;
            self.context.coordinators.stop();
            self.context.stop().await;
        });
        self.node.stop_flushers();
        self.node.stop();
    }

    /// Stops the node in order and starts it again on the same disk.
    pub(super) fn end(mut self) {
        self.disk.set_capacity(None);
        self.stop();
        let World {
            disk,
            clock,
            node,
            context,
            ..
        } = self;
        let config = context.config.load_full();
        drop((context, node));
        let again = match node::open(&disk, &clock, &config) {
            Ok(again) => again,
            Err(error) => panic!("the node does not start again: {error}"),
        };
        assert!(
            again.out_of_service().is_empty(),
            "out of service: {:?}",
            again.out_of_service()
        );
    }
}

fn bytes_of(response: Response) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(response.len() as usize);
    for part in response.into_parts() {
        match part {
            Part::Bytes(part) => bytes.extend_from_slice(&part),
            Part::File { file, position, len } => {
                let begin = bytes.len();
                bytes.resize(begin + len as usize, 0);
                storage::disk::read_exact_at(&*file, &mut bytes[begin..], position)
                    .expect("an answer's range is there");
            }
        }
    }
    bytes
}

fn connection(id: u64) -> Arc<ConnectionInfo> {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Arc::new(ConnectionInfo {
        id,
        peer: address,
        local: address,
        software: Default::default(),
    })
}
