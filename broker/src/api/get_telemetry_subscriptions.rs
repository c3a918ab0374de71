//! GetTelemetrySubscriptions, version 0 (KIP-714): which metrics a client is to push, and how often.
//!
//! Kafka advertises it where a plugin receives what is pushed; here our own metrics do, always.

use std::sync::Arc;

use kafka_protocol::messages::{GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse};
use kafka_protocol::protocol::StrBytes;
use storage::compression::Codec;
use uuid::Uuid;

use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::telemetry::ClientIdentity;

/// What pushes may be compressed with, the best first, as Kafka orders them.
const COMPRESSION: [Codec; 4] = [Codec::Zstd, Codec::Lz4, Codec::Gzip, Codec::Snappy];

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: GetTelemetrySubscriptionsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let client = identity(&request);
    let now_ms = context.node.clock().monotonic_ms();
    let telemetry = &context.telemetry;
    let asked = telemetry.subscription(
        body.client_instance_id,
        &client,
        &request.connection,
        Uuid::new_v4,
        now_ms,
    );
    let max_bytes = context.config.load().network.telemetry_max_bytes;
    let response = match asked {
        Ok(asked) => GetTelemetrySubscriptionsResponse::default()
            .with_client_instance_id(asked.instance_id)
            .with_subscription_id(asked.subscription_id)
            .with_accepted_compression_types(COMPRESSION.iter().map(|codec| codec.id() as i8).collect())
            .with_push_interval_ms(asked.interval_ms)
            .with_telemetry_max_bytes(i32::try_from(max_bytes).unwrap_or(i32::MAX))
            .with_delta_temporality(true)
            .with_requested_metrics(asked.metrics.into_iter().map(StrBytes::from_string).collect()),
        Err(error) => GetTelemetrySubscriptionsResponse::default().with_error_code(error.code()),
    };
    answer(&request, &response, response.error_code != 0)
}

/// What the client of a request says of itself.
pub(super) fn identity(request: &Request) -> ClientIdentity {
    let software = request.connection.software.get();
    ClientIdentity {
        client_id: request.header.client_id.as_deref().unwrap_or_default().to_owned(),
        software: software.map(|software| (software.name.clone(), software.version.clone())),
        source: request.connection.peer,
    }
}

#[cfg(test)]
mod tests;
