//! One client that is asked for metrics, or pushes them (Kafka: `ClientMetricsInstance`).

use std::sync::{Arc, Weak};

use kafka_protocol::error::ResponseError;
use storage::compression::Codec;

use super::Push;
use crate::connection::ConnectionInfo;

/// A client.
#[derive(Debug, Default)]
pub(super) struct Instance {
    pub(super) subscription_id: i32,
    /// The version of all subscriptions that this one is of.
    pub(super) version: u64,
    /// The places of the subscriptions of that version that it matches.
    pub(super) matched: Arc<[usize]>,
    pub(super) interval_ms: i32,
    /// The connection that it first came by. When that closes the client is forgotten.
    pub(super) connection: Weak<ConnectionInfo>,
    pub(super) expires_ms: u64,
    asked_ms: Option<u64>,
    pushed_ms: Option<u64>,
    is_terminating: bool,
    /// What its last request was refused for.
    last_error: Option<ResponseError>,
}

impl Instance {
    pub(super) fn is_connected(&self) -> bool {
        self.connection.strong_count() > 0
    }

    /// It asks for its subscription.
    pub(super) fn ask(&mut self, now_ms: u64) -> Result<(), ResponseError> {
        let is_mended = matches!(
            self.last_error,
            Some(ResponseError::UnknownSubscriptionId | ResponseError::UnsupportedCompressionType)
        );
        if self.is_due(self.asked_ms.max(self.pushed_ms), now_ms) {
            self.asked_ms = Some(now_ms);
        } else if !is_mended {
            return Err(ResponseError::ThrottlingQuotaExceeded);
        }
        self.last_error = None;
        Ok(())
    }

    /// It pushes.
    pub(super) fn push(&mut self, push: &Push<'_>, now_ms: u64) -> Result<(), ResponseError> {
        let checked = self.check(push, now_ms);
        self.is_terminating = push.terminating;
        self.last_error = checked.err();
        checked
    }

    /// What it pushed could not be taken.
    pub(super) fn failed_to_export(&mut self) {
        self.last_error = Some(ResponseError::InvalidRecord);
    }

    fn check(&mut self, push: &Push<'_>, now_ms: u64) -> Result<(), ResponseError> {
        if self.is_terminating {
            return Err(ResponseError::InvalidRequest);
        }
        // Clients push at any time after they have asked, lest all push at once; then at the interval.
        let is_first = self.asked_ms > self.pushed_ms;
        if is_first || self.is_due(self.pushed_ms, now_ms) {
            self.pushed_ms = Some(now_ms);
        } else if !push.terminating {
            return Err(ResponseError::ThrottlingQuotaExceeded);
        }
        if push.subscription_id != self.subscription_id {
            return Err(ResponseError::UnknownSubscriptionId);
        }
        if u8::try_from(push.compression_type)
            .ok()
            .and_then(Codec::from_id)
            .is_none()
        {
            return Err(ResponseError::UnsupportedCompressionType);
        }
        if push.metrics.len() > push.max_bytes {
            return Err(ResponseError::TelemetryTooLarge);
        }
        Ok(())
    }

    fn is_due(&self, last_ms: Option<u64>, now_ms: u64) -> bool {
        let interval_ms = u64::from(self.interval_ms.unsigned_abs());
        last_ms.is_none_or(|last_ms| now_ms.saturating_sub(last_ms) >= interval_ms)
    }
}
