//! FindCoordinator, versions 0 to 6: one key, from version 4 on several.
//!
//! A group's coordinator is the leader of its partition of `__consumer_offsets`. Deviation: the first request makes that
//! topic and is answered when it takes batches, while Kafka answers COORDINATOR_NOT_AVAILABLE first and has the client
//! ask again; only where that takes too long, or fails, is it answered so here, too.
//!
//! Transactions are not served: a transactional id is answered CLUSTER_AUTHORIZATION_FAILED with a message, the one error
//! that is final both to librdkafka, which retries on nearly all others for ever, and to the Java client, which shows the
//! message. Share groups and unknown types of keys: INVALID_REQUEST, as Kafka answers where there is no share coordinator.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::Context;
use super::answer_budget::check_names;
use super::changes::propose;
use super::group_answer::encode;
use crate::connection::{Outcome, Request};
use crate::controller::decide::auto_create_topics;
use crate::controller::topic_name::CONSUMER_OFFSETS_TOPIC;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// The version from which on there are several keys.
const BATCHED_VERSION: i16 = 4;
/// How long an answer waits for `__consumer_offsets`. Clients ask again after an error.
const CREATE_TIMEOUT: Duration = Duration::from_secs(10);
const NO_ERROR: StrBytes = StrBytes::from_static_str("NONE");
/// "No broker", and "no port".
const NONE: i32 = -1;

/// Why there is no coordinator for a key.
struct Refusal {
    error: ResponseError,
    message: String,
}

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: FindCoordinatorRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let is_batched = request.header.api_version >= BATCHED_VERSION;
    let keys = if is_batched {
        body.coordinator_keys
    } else {
        vec![body.key]
    };
    if let Err(close) = check_names(&context.limits, keys.len()) {
        return close;
    }
    match body.key_type {
        GROUP if is_ready(context, &keys) => respond(context, &request, keys),
        GROUP => {
            let context = Arc::clone(context);
            Outcome::later(async move {
                if tokio::time::timeout(CREATE_TIMEOUT, make_ready(&context, &keys))
                    .await
                    .is_err()
                {
                    tracing::warn!("{CONSUMER_OFFSETS_TOPIC} is not ready in time");
                }
                respond(&context, &request, keys)
            })
        }
        TRANSACTION => refuse(
            &request,
            keys,
            ResponseError::ClusterAuthorizationFailed,
            "Transactions are not supported by this broker: use an idempotent producer, without transactional.id.",
        ),
        _ => refuse(
            &request,
            keys,
            ResponseError::InvalidRequest,
            "This type of coordinator is not supported.",
        ),
    }
}

/// Whether all keys can be answered without waiting.
fn is_ready(context: &Context, keys: &[StrBytes]) -> bool {
    keys.iter().all(|key| {
        let coordinator = context.coordinators.find(key);
        coordinator.is_ok_and(|coordinator| coordinator.is_serving() && coordinator.is_writable())
    })
}

/// Makes `__consumer_offsets` if it is not there, and waits until the partitions of these keys take batches.
async fn make_ready(context: &Context, keys: &[StrBytes]) {
    if context.node.image().topic(CONSUMER_OFFSETS_TOPIC).is_none() {
        let names = [CONSUMER_OFFSETS_TOPIC];
        let change = propose(context, |decide| auto_create_topics(decide, names, &mut Uuid::new_v4));
        let (created, result) = change.settled(&context.node, CREATE_TIMEOUT).await;
        let refusal = created.into_iter().find_map(|topic| topic.result.err());
        if let Some(error) = refusal.or(result.err()) {
            tracing::warn!(%error, "{CONSUMER_OFFSETS_TOPIC} cannot be created");
            return;
        }
    }
    for key in keys {
        if let Ok(coordinator) = context.coordinators.find(key) {
            // An error: it never will. That is answered.
            let _ = coordinator.writable().await;
        }
    }
}

fn respond(context: &Context, request: &Request, keys: Vec<StrBytes>) -> Outcome {
    let coordinators = keys.into_iter().map(|key| match locate(context, &key) {
        Ok(coordinator) => coordinator.with_key(key),
        Err(Refusal { error, message }) => refused(key, error, message),
    });
    answer(request, coordinators.collect())
}

/// The broker that leads the key's partition.
fn locate(context: &Context, key: &str) -> Result<Coordinator, Refusal> {
    let unavailable = |message: &str| Refusal {
        error: ResponseError::CoordinatorNotAvailable,
        message: message.to_owned(),
    };
    let config = context.config.load();
    let image = context.node.image();
    let index = context.coordinators.partition_of(key);
    let partition = index.and_then(|index| image.topic(CONSUMER_OFFSETS_TOPIC)?.partition(index));
    let partition = partition.ok_or_else(|| unavailable("There is no __consumer_offsets yet."))?;
    let leader = match context.coordinators.find(key) {
        Ok(local) if local.is_serving() => config.node_id,
        Ok(_) => {
            return Err(unavailable(
                "The group's partition of __consumer_offsets is loading or out of service.",
            ));
        }
        Err(_) => partition.leader,
    };
    let broker = image.broker(leader).filter(|broker| !broker.fenced);
    let endpoint = broker.and_then(|broker| broker.endpoint(&config.listeners.name));
    let endpoint = endpoint.ok_or_else(|| unavailable("The coordinator is not known on this listener."))?;
    Ok(Coordinator::default()
        .with_node_id(BrokerId(leader))
        .with_host(StrBytes::from_string(endpoint.host.clone()))
        .with_port(endpoint.port.into())
        .with_error_message(Some(StrBytes::new())))
}

fn refuse(request: &Request, keys: Vec<StrBytes>, error: ResponseError, message: &str) -> Outcome {
    let refused = keys.into_iter().map(|key| refused(key, error, message.to_owned()));
    answer(request, refused.collect())
}

fn refused(key: StrBytes, error: ResponseError, message: String) -> Coordinator {
    Coordinator::default()
        .with_key(key)
        .with_node_id(BrokerId(NONE))
        .with_port(NONE)
        .with_error_code(error.code())
        .with_error_message(Some(StrBytes::from_string(message)))
}

fn answer(request: &Request, mut coordinators: Vec<Coordinator>) -> Outcome {
    let failed = coordinators.iter().any(|coordinator| coordinator.error_code != 0);
    let response = FindCoordinatorResponse::default();
    let response = if request.header.api_version >= BATCHED_VERSION {
        response.with_coordinators(coordinators)
    } else {
        let only = coordinators.pop().expect("a request of these versions has one key");
        response
            .with_node_id(only.node_id)
            .with_host(only.host)
            .with_port(only.port)
            .with_error_code(only.error_code)
            // Kafka names even no error, where only one key is asked for.
            .with_error_message(Some(
                only.error_message
                    .filter(|message| !message.is_empty())
                    .unwrap_or(NO_ERROR),
            ))
    };
    encode(&request.header, &response, failed)
}
