//! PushTelemetry, version 0 (KIP-714): metrics of a client, which become series of our own.
//!
//! One push at a time is decompressed and read, on a thread of its own. Deviation: what is no OTLP is refused
//! (INVALID_RECORD), while Kafka leaves that to its plugin.

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{PushTelemetryRequest, PushTelemetryResponse};

use super::get_telemetry_subscriptions::identity;
use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::metrics::Limit;
use crate::telemetry::Push;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: PushTelemetryRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let client = identity(&request);
    let now_ms = context.node.clock().monotonic_ms();
    let max_bytes = context.config.load().network.telemetry_max_bytes;
    let checked = {
        let push = push_of(&body, max_bytes);
        context
            .telemetry
            .check_push(&push, &client, &request.connection, now_ms)
    };
    if checked == Err(ResponseError::TelemetryTooLarge) {
        context.limits.reached(Limit::TelemetryMaxBytes);
    }
    if checked.is_err() || body.metrics.is_empty() {
        return respond(&request, checked);
    }
    let context = context.clone();
    Outcome::later(async move {
        let Ok(_one_at_a_time) = context.telemetry_turns.acquire().await else {
            return Outcome::Close("the broker stops".into());
        };
        let telemetry = context.telemetry.clone();
        let work = tokio::task::spawn_blocking(move || {
            let push = push_of(&body, max_bytes);
            telemetry.take(&push, &client, now_ms)
        });
        let taken = match work.await {
            Ok(taken) => taken,
            Err(error) => return Outcome::Close(error.to_string().into()),
        };
        respond(&request, taken.map_err(|_| ResponseError::InvalidRecord))
    })
}

fn push_of(body: &PushTelemetryRequest, max_bytes: usize) -> Push<'_> {
    Push {
        instance_id: body.client_instance_id,
        subscription_id: body.subscription_id,
        terminating: body.terminating,
        compression_type: body.compression_type,
        metrics: &body.metrics,
        max_bytes,
    }
}

fn respond(request: &Request, result: Result<(), ResponseError>) -> Outcome {
    let error_code = result.err().map_or(0, |error| error.code());
    let response = PushTelemetryResponse::default().with_error_code(error_code);
    answer(request, &response, error_code != 0)
}
