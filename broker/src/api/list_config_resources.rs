//! ListConfigResources, versions 0 and 1 (KIP-1142; version 0 is KIP-714's ListClientMetricsResources).

use std::sync::Arc;

use kafka_protocol::messages::ListConfigResourcesRequest;

use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::describe::list_config_resources;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: ListConfigResourcesRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let response = list_config_resources(&context.node.image(), &body, request.header.api_version);
    answer(&request, &response, response.error_code != 0)
}
