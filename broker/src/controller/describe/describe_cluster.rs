//! DescribeCluster (api key 60), versions 0 to 2.
//!
//! Clients reach brokers here, never controllers: who asks for the endpoints of controllers is refused (KIP-919).

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use super::authorized_operations::{NOT_ASKED, ON_CLUSTER};
use super::{View, text};

/// The kinds of endpoints that can be asked for.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers a DescribeCluster request. Before version 1 the request names no endpoints: those of brokers are meant.
pub fn describe_cluster(view: &View<'_>, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            let message = "Controllers have no endpoints here: this is an endpoint of brokers.".to_owned();
            return refused(ResponseError::MismatchedEndpointType, message);
        }
        other => {
            let message = format!("Endpoints of type {other} are unknown.");
            return refused(ResponseError::UnsupportedEndpointType, message);
        }
    }
    let brokers = view.brokers(request.include_fenced_brokers).map(|(broker, endpoint)| {
        DescribeClusterBroker::default()
            .with_broker_id(BrokerId(broker.id))
            .with_host(text(&endpoint.host))
            .with_port(i32::from(endpoint.port))
            .with_rack(broker.rack.as_deref().map(text))
            .with_is_fenced(broker.fenced)
    });
    let operations = if request.include_cluster_authorized_operations {
        ON_CLUSTER
    } else {
        NOT_ASKED
    };
    DescribeClusterResponse::default()
        .with_endpoint_type(BROKERS)
        .with_cluster_id(text(view.image.cluster_id()))
        .with_controller_id(view.controller())
        .with_brokers(brokers.collect())
        .with_cluster_authorized_operations(operations)
}

fn refused(error: ResponseError, message: String) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_error_code(error.code())
        .with_error_message(Some(StrBytes::from_string(message)))
}
