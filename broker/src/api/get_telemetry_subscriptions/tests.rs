use kafka_protocol::messages::{GetTelemetrySubscriptionsRequest, PushTelemetryRequest};
use uuid::Uuid;

use crate::api::test_node::TestNode;

#[tokio::test]
async fn a_client_asks_and_pushes() {
    let node = TestNode::start(&[("telemetry.max.bytes", "1000")]);
    let asked = node.call(0, &GetTelemetrySubscriptionsRequest::default()).await;
    assert_eq!((asked.error_code, asked.push_interval_ms), (0, 300_000));
    assert_eq!((asked.telemetry_max_bytes, asked.delta_temporality), (1000, true));
    assert_eq!(asked.accepted_compression_types, [4, 3, 1, 2]);
    assert!(!asked.client_instance_id.is_nil() && asked.requested_metrics.is_empty());
    let push = |id: Uuid, subscription: i32, metrics: &'static [u8]| {
        PushTelemetryRequest::default()
            .with_client_instance_id(id)
            .with_subscription_id(subscription)
            .with_metrics(metrics.into())
    };
    // The connection of a test's request is closed when it is answered: each is a client's first.
    let unknown = push(asked.client_instance_id, asked.subscription_id ^ 1, b"");
    assert_eq!(node.call(0, &unknown).await.error_code, 117);
    let good = push(asked.client_instance_id, asked.subscription_id, b"");
    assert_eq!(node.call(0, &good).await.error_code, 0);
    let senseless = push(asked.client_instance_id, asked.subscription_id, b"abc");
    assert_eq!(node.call(0, &senseless).await.error_code, 87);
    assert_eq!(node.call(0, &push(Uuid::nil(), 0, b"")).await.error_code, 42);
}
