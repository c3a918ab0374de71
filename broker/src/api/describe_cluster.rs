//! DescribeCluster, versions 0 to 2.

use std::sync::Arc;

use kafka_protocol::messages::DescribeClusterRequest;

use super::{Context, answer, view};
use crate::connection::{Outcome, Request};
use crate::controller::describe::describe_cluster;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DescribeClusterRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let response = view::describe(context, |view| describe_cluster(view, &body));
    answer(&request, &response, response.error_code != 0)
}

#[cfg(test)]
mod tests;
