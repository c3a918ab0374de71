//! One file per Kafka API, and the dispatcher.
//!
//! Invariant: what ApiVersions advertises is exactly what [`HANDLERS`] has a handler for, at the versions of
//! [`crate::wire::versions::APIS`]. A request for anything else closes the connection, as in Kafka.
//!
//! To add an API: a file `api/<name>.rs` with `pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome`,
//! its `mod` line, and its line in [`HANDLERS`].

mod alter_configs;
mod alter_partition_reassignments;
mod answer_budget;
mod api_versions;
mod changes;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod epochs;
pub(crate) mod errors;
mod fetch;
mod find_coordinator;
mod get_telemetry_subscriptions;
mod group_answer;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod patience;
mod produce;
mod push_telemetry;
mod sync_group;
mod update_features;
mod view;

#[cfg(test)]
pub(crate) mod test_node;

use std::sync::Arc;

use arc_swap::ArcSwap;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Encodable;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::config::BrokerConfig;
use crate::connection::{Outcome, Request, Service};
use crate::coordinator::{CoordinatorSettings, Coordinators};
use crate::fetch_session::FetchSessions;
use crate::loggers::Loggers;
use crate::metrics::LimitCounters;
use crate::node::Node;
use crate::telemetry::ClientTelemetry;
use crate::wire::versions::{APIS, KEY_SLOTS};
use crate::wire::{ApiSpec, Response};
use init_producer_id::ProducerIds;
use patience::Patience;
use produce::HeavyBatches;

/// Answers one request. Runs on the connection's task, in the order of arrival: it does not block, and what takes longer
/// it returns as [`Outcome::Later`].
type Handler = fn(&Arc<Context>, Request) -> Outcome;

/// Every API that is served, ordered by key.
const HANDLERS: &[(ApiKey, Handler)] = &[
    (ApiKey::Produce, produce::handle),
    (ApiKey::Fetch, fetch::handle),
    (ApiKey::ListOffsets, list_offsets::handle),
    (ApiKey::Metadata, metadata::handle),
    (ApiKey::OffsetCommit, offset_commit::handle),
    (ApiKey::OffsetFetch, offset_fetch::handle),
    (ApiKey::FindCoordinator, find_coordinator::handle),
    (ApiKey::JoinGroup, join_group::handle),
    (ApiKey::Heartbeat, heartbeat::handle),
    (ApiKey::LeaveGroup, leave_group::handle),
    (ApiKey::SyncGroup, sync_group::handle),
    (ApiKey::DescribeGroups, describe_groups::handle),
    (ApiKey::ListGroups, list_groups::handle),
    (ApiKey::ApiVersions, api_versions::handle),
    (ApiKey::CreateTopics, create_topics::handle),
    (ApiKey::DeleteTopics, delete_topics::handle),
    (ApiKey::DeleteRecords, delete_records::handle),
    (ApiKey::InitProducerId, init_producer_id::handle),
    (ApiKey::OffsetForLeaderEpoch, offset_for_leader_epoch::handle),
    (ApiKey::DescribeConfigs, describe_configs::handle),
    (ApiKey::AlterConfigs, alter_configs::handle),
    (ApiKey::DescribeLogDirs, describe_log_dirs::handle),
    (ApiKey::CreatePartitions, create_partitions::handle),
    (ApiKey::DeleteGroups, delete_groups::handle),
    (ApiKey::ElectLeaders, elect_leaders::handle),
    (ApiKey::IncrementalAlterConfigs, incremental_alter_configs::handle),
    (
        ApiKey::AlterPartitionReassignments,
        alter_partition_reassignments::handle,
    ),
    (ApiKey::ListPartitionReassignments, list_partition_reassignments::handle),
    (ApiKey::OffsetDelete, offset_delete::handle),
    (ApiKey::DescribeClientQuotas, describe_client_quotas::handle),
    (ApiKey::DescribeQuorum, describe_quorum::handle),
    (ApiKey::UpdateFeatures, update_features::handle),
    (ApiKey::DescribeCluster, describe_cluster::handle),
    (ApiKey::DescribeProducers, describe_producers::handle),
    (ApiKey::GetTelemetrySubscriptions, get_telemetry_subscriptions::handle),
    (ApiKey::PushTelemetry, push_telemetry::handle),
    (ApiKey::ListConfigResources, list_config_resources::handle),
    (ApiKey::DescribeTopicPartitions, describe_topic_partitions::handle),
];

/// What handlers work on.
#[derive(Debug)]
pub struct Context {
    /// The node: partitions and metadata.
    pub node: Arc<Node>,
    /// The broker's configuration with the dynamic part that is in force.
    pub config: Arc<ArcSwap<BrokerConfig>>,
    /// The consumers' incremental fetch sessions.
    pub fetch_sessions: FetchSessions,
    /// The consumer groups of this node: give them to the node's observers.
    pub coordinators: Arc<Coordinators>,
    /// How often limits were reached: give them to [`crate::metrics::Metrics`].
    pub limits: Arc<LimitCounters>,
    /// The clients' metrics: give them to the node's observers, and to [`crate::metrics::Metrics`].
    pub telemetry: Arc<ClientTelemetry>,
    /// The levels of what is logged.
    pub loggers: Loggers,
    /// Ends the waiting of fetches.
    patience: Patience,
    producer_ids: ProducerIds,
    /// One push of metrics is read at a time.
    telemetry_turns: Semaphore,
    heavy_batches: Arc<HeavyBatches>,
}

impl Context {
    /// What handlers work on. `config` is the configuration at start; give [`crate::settings::LiveConfig`] to the node's
    /// observers to keep [`Context::config`] as requests change it, and [`Context::coordinators`] behind it.
    pub fn new(node: Arc<Node>, config: Arc<BrokerConfig>) -> Self {
        let limits = Arc::new(LimitCounters::default());
        let settings = CoordinatorSettings::from(&*config).counted_in(&limits);
        let coordinators = Coordinators::new(&node, settings, Arc::new(Uuid::new_v4));
        Context {
            node,
            fetch_sessions: FetchSessions::new(
                config.network.max_incremental_fetch_session_cache_slots,
                config.network.max_fetch_session_partitions,
            )
            .counted_in(limits.clone()),
            config: Arc::new(ArcSwap::new(config)),
            coordinators: Arc::new(coordinators),
            telemetry: Arc::new(ClientTelemetry::new(limits.clone())),
            telemetry_turns: Semaphore::new(1),
            limits,
            loggers: Loggers::default(),
            patience: Patience::default(),
            producer_ids: ProducerIds::default(),
            heavy_batches: Arc::default(),
        }
    }
}

impl Context {
    /// With the loggers of the process.
    pub fn with_loggers(mut self, loggers: Loggers) -> Self {
        self.loggers = loggers;
        self
    }

    /// Waits until no more batches are appended for clients whose connections are closed already. Call it when they are,
    /// and before the node stops.
    pub async fn stop(&self) {
        self.heavy_batches.close().await;
    }
}

/// The service behind every connection: hands each request to the handler of its API.
pub struct Api {
    context: Arc<Context>,
    handlers: [Option<Handler>; KEY_SLOTS],
}

impl Api {
    /// The dispatcher, over what its handlers work on.
    pub fn new(context: Arc<Context>) -> Self {
        let mut handlers = [None; KEY_SLOTS];
        for (key, handler) in HANDLERS {
            handlers[*key as usize] = Some(*handler);
        }
        Self { context, handlers }
    }
}

impl Service for Api {
    fn call(&self, request: Request) -> Outcome {
        let api = request.header.api;
        match self.handlers.get(api.key as usize).copied().flatten() {
            Some(handler) => handler(&self.context, request),
            None => Outcome::Close(format!("{} is not served", api.name).into()),
        }
    }

    fn drain(&self) {
        self.context.patience.drain();
    }

    fn press(&self) {
        self.context.patience.press();
    }
}

/// Answers a request, and marks the answer if it carries an error code at some level.
fn answer(request: &Request, body: &impl Encodable, failed: bool) -> Outcome {
    Response::encode(&request.header, body)
        .map(|response| response.failed(failed))
        .into()
}

/// The APIs that have a handler, ordered by key.
fn served() -> impl Iterator<Item = &'static ApiSpec> {
    APIS.iter()
        .filter(|spec| HANDLERS.iter().any(|(key, _)| *key == spec.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::versions;

    #[test]
    fn every_handler_is_in_the_table_of_versions_once() {
        assert!(HANDLERS.iter().all(|(key, _)| versions::by_key(*key as i16).is_some()));
        assert_eq!(served().count(), HANDLERS.len());
    }
}
