//! DescribeClientQuotas, versions 0 and 1 (KIP-546). There are no quotas: the answer is empty, or an error.

use std::sync::Arc;

use kafka_protocol::messages::DescribeClientQuotasRequest;

use super::{Context, answer};
use crate::connection::{Outcome, Request};
use crate::controller::describe::describe_client_quotas;

pub(super) fn handle(_: &Arc<Context>, request: Request) -> Outcome {
    let body: DescribeClientQuotasRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let response = describe_client_quotas(&body);
    answer(&request, &response, response.error_code != 0)
}
