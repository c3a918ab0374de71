//! The room that there is for configuration: what all resources have together stays in memory, on every node, for ever.
//!
//! Invariant: after a decision the configuration takes at most `weir.max.config.bytes`, and there are at most
//! `weir.max.client.metrics.subscriptions`; where there is more already (the limit was lowered), only what needs no more
//! is changed.

use kafka_protocol::error::ResponseError;

use super::{ApiError, Context};
use crate::controller::image::{Overrides, ResourceType, config_bytes};

/// What is left while the resources of one request are decided on.
#[derive(Debug)]
pub(super) struct ConfigRoom {
    bytes: usize,
    max_bytes: usize,
    subscriptions: usize,
    /// Subscriptions that the request names: to read one takes long.
    named: usize,
    max_subscriptions: usize,
}

impl ConfigRoom {
    pub(super) fn new(context: &Context<'_>) -> Self {
        ConfigRoom {
            bytes: context.image.config_bytes(),
            max_bytes: context.settings.max_config_bytes,
            subscriptions: context.image.resource_count(ResourceType::ClientMetrics),
            named: 0,
            max_subscriptions: context.settings.max_client_metrics_subscriptions,
        }
    }

    /// Whether a resource may have `after` in place of `before`, as far as room goes. Call it before they are validated.
    pub(super) fn check(
        &mut self,
        kind: ResourceType,
        resource: &str,
        before: &Overrides,
        after: &Overrides,
    ) -> Result<(), ApiError> {
        let refused = |message: String| Err(ApiError::new(ResponseError::PolicyViolation, message));
        if kind == ResourceType::ClientMetrics {
            self.named += 1;
            let is_new = before.is_empty() && !after.is_empty();
            if self.named > self.max_subscriptions || (is_new && self.subscriptions >= self.max_subscriptions) {
                return refused(format!(
                    "There can be at most {} subscriptions to client metrics \
                     (weir.max.client.metrics.subscriptions), and as many in one request.",
                    self.max_subscriptions
                ));
            }
        }
        let (before, after) = (config_bytes(resource, before), config_bytes(resource, after));
        if after > before && self.bytes.saturating_add(after - before) > self.max_bytes {
            return refused(format!(
                "The configuration of all resources would take more than {} bytes (weir.max.config.bytes).",
                self.max_bytes
            ));
        }
        Ok(())
    }

    /// The resource has `after` in place of `before`.
    pub(super) fn take(&mut self, kind: ResourceType, resource: &str, before: &Overrides, after: &Overrides) {
        self.bytes = self.bytes - config_bytes(resource, before) + config_bytes(resource, after);
        if kind == ResourceType::ClientMetrics {
            self.subscriptions = self.subscriptions + usize::from(!after.is_empty()) - usize::from(!before.is_empty());
        }
    }
}
