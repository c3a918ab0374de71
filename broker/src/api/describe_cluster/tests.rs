use kafka_protocol::messages::DescribeClusterRequest;

use crate::api::test_node::{NODE_ID, TestNode};

#[tokio::test]
async fn the_node_is_broker_and_controller() {
    let node = TestNode::start(&[]);
    for version in 0..=2 {
        let response = node.call(version, &DescribeClusterRequest::default()).await;
        assert_eq!((response.error_code, response.controller_id.0), (0, NODE_ID));
        assert_eq!(response.cluster_id.as_str(), "test-cluster");
        let broker = &response.brokers[0];
        assert_eq!(
            (broker.broker_id.0, broker.host.as_str(), broker.port),
            (NODE_ID, "test", 9092)
        );
    }
    let controllers = DescribeClusterRequest::default().with_endpoint_type(2);
    assert_eq!(node.call(2, &controllers).await.error_code, 114);
}
