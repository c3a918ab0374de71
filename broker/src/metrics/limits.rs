//! How often each limit was reached.
//!
//! Invariant: every limit at which something is refused, closed, cut or made to wait has a counter here, under its
//! property's name, from the start. Fixed ones have a name of their own there.

use super::instrument::Counter;
use super::text::{Kind, TextWriter};

/// Declares the limits with the properties that set them.
macro_rules! limits {
    ($($variant:ident $property:literal)*) => {
        /// A limit, by the property that sets it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Limit {
            $(#[doc = concat!("`", $property, "`.")] $variant,)*
        }

        impl Limit {
            /// Every limit, in the order of the README's table.
            pub const ALL: &[Limit] = &[$(Limit::$variant),*];

            /// The property that sets it.
            pub fn property(self) -> &'static str {
                match self {
                    $(Limit::$variant => $property,)*
                }
            }
        }
    };
}

limits! {
    SocketRequestMaxBytes "socket.request.max.bytes"
    MaxRequestBytes "weir.max.request.bytes"
    QueuedMaxRequestBytes "queued.max.request.bytes"
    MaxPipelinedRequests "weir.max.pipelined.requests"
    MaxConnectionResponseBytes "weir.max.connection.response.bytes"
    MaxResponseBytes "weir.max.response.bytes"
    FrameTimeoutMs "weir.frame.timeout.ms"
    ConnectionsMaxIdleMs "connections.max.idle.ms"
    MaxConnections "max.connections"
    MaxConnectionsPerIp "max.connections.per.ip"
    MaxColdReads "weir.max.cold.reads"
    MaxFetchSessions "max.incremental.fetch.session.cache.slots"
    MaxFetchSessionPartitions "weir.max.fetch.session.partitions"
    MaxPartitions "weir.max.partitions"
    MaxConfigBytes "weir.max.config.bytes"
    MaxClientMetricsSubscriptions "weir.max.client.metrics.subscriptions"
    MaxProducerIds "weir.max.producer.ids.per.partition"
    MaxProducerIdsOfNode "weir.max.producer.ids"
    MaxDecompressedBatchBytes "weir.max.decompressed.batch.bytes"
    MaxGroups "weir.max.groups"
    MaxMemberMetadataBytes "weir.max.member.metadata.bytes"
    MaxGroupMemoryBytes "weir.max.group.memory.bytes"
    MaxOffsetsBytes "weir.max.offsets.bytes"
    Answer "fixed.answer"
    RequestFields "fixed.request.fields"
    HeavyBatches "fixed.heavy.batches"
    ClientMetrics "fixed.client.metrics"
    TelemetryMaxBytes "telemetry.max.bytes"
    MaxUncommittedBytes "weir.max.uncommitted.bytes"
    GroupMaxSize "group.max.size"
    OffsetMetadataMaxBytes "offset.metadata.max.bytes"
}

/// A counter for each [`Limit`].
#[derive(Debug)]
pub struct LimitCounters([Counter; Limit::ALL.len()]);

impl Default for LimitCounters {
    fn default() -> Self {
        LimitCounters(std::array::from_fn(|_| Counter::new()))
    }
}

impl LimitCounters {
    /// Counts that a limit was reached: something was refused, closed, cut or made to wait by it.
    pub fn reached(&self, limit: Limit) {
        self.0[limit as usize].add(1);
    }

    /// Counts what a refusal of the controller names: its message has the property.
    pub fn named_in(&self, message: Option<&str>) {
        let named = |limit: &Limit| message.is_some_and(|message| message.contains(limit.property()));
        let of_controller = [
            Limit::MaxPartitions,
            Limit::MaxConfigBytes,
            Limit::MaxClientMetricsSubscriptions,
        ];
        if let Some(limit) = of_controller.into_iter().find(named) {
            self.reached(limit);
        }
    }

    /// How often it was.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize].get()
    }

    pub(super) fn collect(&self, out: &mut TextWriter) {
        let help = "Times that a limit refused, closed, cut or delayed something, by the property that sets it.";
        out.family("weir_limit_reached_total", Kind::Counter, help);
        for limit in Limit::ALL {
            out.sample(&[("limit", limit.property())], self.get(*limit));
        }
    }
}
