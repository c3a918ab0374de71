//! A node without threads: the test flushes it, moves its clock and cuts its power.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{
    CreateTopicsRequest, FindCoordinatorRequest, FindCoordinatorResponse, GroupId, JoinGroupRequest,
    OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::{Encodable, Request as CodecRequest, StrBytes};
use storage::disk::simulated::SimulatedDisk;

use crate::api::test_node::{NODE_ID, config, decode, register, request};
use crate::api::{Api, Context};
use crate::connection::{Outcome, Request, Service};
use crate::coordinator::Coordinator;
use crate::node::{Clock, OpenNode};
use crate::settings::{ConfiguredTopics, LiveConfig, Observers, metadata_partition};
use crate::wire::Part;

pub(super) const GROUP: &str = "orders";
pub(super) const TOPIC: &str = "t";
/// Partitions of [`TOPIC`].
pub(super) const PARTITIONS: i32 = 4;

/// Steps after which an answer is given up.
const MAX_STEPS: usize = 10_000;

#[derive(Default)]
struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        1_700_000_000_000 + self.monotonic_ms() as i64
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct Rig {
    pub(super) disk: SimulatedDisk,
    pub(super) context: Arc<Context>,
    api: Api,
    clock: Arc<ManualClock>,
    runtime: tokio::runtime::Runtime,
}

/// An answer on its way.
pub(super) struct Pending(Outcome);

impl Pending {
    /// The whole frame of an answer that is there.
    pub(super) fn into_bytes(self) -> Bytes {
        let Outcome::Ready(response) = self.0 else {
            panic!("no answer but {:?}", self.0)
        };
        let mut parts = response.into_parts();
        match (parts.next(), parts.next()) {
            (Some(Part::Bytes(bytes)), None) => bytes,
            other => panic!("{other:?}"),
        }
    }
}

impl Rig {
    /// A new node, with [`TOPIC`] and `__consumer_offsets`.
    pub(super) fn start(properties: &[(&str, &str)]) -> Self {
        let rig = Self::open(SimulatedDisk::new(1), properties);
        rig.create_topic(TOPIC, PARTITIONS);
        assert_eq!(rig.find_coordinator(GROUP).coordinators[0].error_code, 0);
        rig
    }

    /// A node on what a disk holds.
    pub(super) fn open(disk: SimulatedDisk, properties: &[(&str, &str)]) -> Self {
        let all: Vec<_> = [("offsets.topic.num.partitions", "3")]
            .iter()
            .chain(properties)
            .copied()
            .collect();
        let config = Arc::new(config(&all));
        let clock = Arc::new(ManualClock::default());
        let node = OpenNode {
            disk: Arc::new(disk.clone()),
            data_dir: "/data".into(),
            clock: clock.clone(),
            node_id: NODE_ID as u64,
            new_cluster_id: "test-cluster".into(),
            settings: Arc::new(ConfiguredTopics::new(config.clone())),
            metadata_settings: metadata_partition(),
            reserve_bytes: 0,
            retention_interval_ms: 300_000,
            max_cached_bytes: 64 << 20,
        };
        let node = node.run().unwrap();
        let context = Arc::new(Context::new(node.clone(), config.clone()));
        let live_config = Arc::new(LiveConfig::new(context.config.clone()));
        node.set_observer(Arc::new(Observers::new(vec![
            live_config,
            context.coordinators.clone(),
        ])));
        register(&node, &config.listeners.name);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let rig = Self {
            disk,
            api: Api::new(context.clone()),
            context,
            clock,
            runtime,
        };
        rig.flush();
        rig
    }

    /// Syncs all that is written.
    pub(super) fn flush(&self) {
        while self.context.node.flush_pass() {}
    }

    /// Lets time pass, and the timers fire.
    pub(super) fn pass(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
        self.context.coordinators.tick();
    }

    /// Sends a request.
    pub(super) fn send(&self, key: i16, version: i16, body: &impl Encodable) -> Pending {
        self.send_raw(request(key, version, body))
    }

    pub(super) fn send_raw(&self, request: Request) -> Pending {
        let _runtime = self.runtime.enter();
        Pending(self.api.call(request))
    }

    /// The answer, if it is there.
    pub(super) fn poll(&self, pending: &mut Pending) -> bool {
        let _runtime = self.runtime.enter();
        let mut task = TaskContext::from_waker(Waker::noop());
        while let Outcome::Later(later) | Outcome::Detached(later) = &mut pending.0 {
            match Pin::new(later).poll(&mut task) {
                Poll::Ready(outcome) => pending.0 = outcome,
                Poll::Pending => return false,
            }
        }
        true
    }

    /// The answer, which must be there.
    pub(super) fn answer<R: CodecRequest>(&self, mut pending: Pending, version: i16) -> R::Response {
        assert!(self.poll(&mut pending), "the answer is not there yet");
        match pending.0 {
            Outcome::Ready(response) => decode(response, version),
            other => panic!("no answer but {other:?}"),
        }
    }

    /// Sends a request and flushes until it is answered.
    pub(super) fn call<R: CodecRequest>(&self, version: i16, body: &R) -> R::Response {
        let mut pending = self.send(R::KEY, version, body);
        for _ in 0..MAX_STEPS {
            if self.poll(&mut pending) {
                return self.answer::<R>(pending, version);
            }
            self.context.node.flush_pass();
        }
        panic!("no answer");
    }

    pub(super) fn create_topic(&self, name: &str, partitions: i32) {
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let response = self.call(7, &request);
        assert_eq!(
            response.topics[0].error_code, 0,
            "{:?}",
            response.topics[0].error_message
        );
    }

    pub(super) fn find_coordinator(&self, group: &str) -> FindCoordinatorResponse {
        self.call(
            6,
            &FindCoordinatorRequest::default().with_coordinator_keys(vec![text(group)]),
        )
    }

    pub(super) fn coordinator(&self) -> Arc<Coordinator> {
        self.context.coordinators.find(GROUP).unwrap()
    }

    /// The committed state of the group's coordinator.
    pub(super) fn state(&self) -> Vec<u8> {
        self.coordinator().read(|shard| shard.checkpoint()).unwrap()
    }

    /// Directory of the partition of `__consumer_offsets` that has the group.
    pub(super) fn directory(&self) -> PathBuf {
        self.coordinator().partition.reader().files().dir.clone()
    }

    /// Commits offsets of a simple group, and returns the error codes.
    pub(super) fn commit(&self, group: &str, offsets: &[(i32, i64)]) -> Vec<i16> {
        let response = self.call(9, &commit_request(group, TOPIC, offsets));
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    /// The committed offset of a partition.
    pub(super) fn fetch(&self, group: &str, partition: i32) -> i64 {
        let response = self.fetch_topics(group, Some(vec![partition]));
        assert_eq!(response.groups[0].error_code, 0);
        response.groups[0].topics[0].partitions[0].committed_offset
    }

    pub(super) fn fetch_topics(&self, group: &str, partitions: Option<Vec<i32>>) -> OffsetFetchResponse {
        let topics = partitions.map(|partitions| {
            vec![
                OffsetFetchRequestTopics::default()
                    .with_name(topic_name(TOPIC))
                    .with_partition_indexes(partitions),
            ]
        });
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group_id(group))
            .with_topics(topics);
        self.call(
            9,
            &OffsetFetchRequest::default()
                .with_groups(vec![group])
                .with_require_stable(true),
        )
    }
}

pub(super) fn commit_request(group: &str, topic: &str, offsets: &[(i32, i64)]) -> OffsetCommitRequest {
    let partition = |(index, offset): &(i32, i64)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*index)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(text("m")))
    };
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(offsets.iter().map(partition).collect());
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

pub(super) fn join_request(group: &str, member: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata("subscription".into());
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(member))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
