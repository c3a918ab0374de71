//! DescribeClientQuotas (api key 48), versions 0 and 1. Clients have no quotas here: a filter that makes sense finds none
//! (Kafka: `ClientQuotasImage.describe`).

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use kafka_protocol::protocol::StrBytes;

use crate::controller::decide::ApiError;

/// What a part of a filter may be about.
const IP: &str = "ip";
const ENTITY_TYPES: [&str; 3] = ["user", "client-id", IP];

/// How a part of a filter is matched.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

/// Answers a DescribeClientQuotas request.
pub fn describe_client_quotas(request: &DescribeClientQuotasRequest) -> DescribeClientQuotasResponse {
    match check(&request.components) {
        Ok(()) => DescribeClientQuotasResponse::default()
            .with_error_message(Some(StrBytes::default()))
            .with_entries(Some(Vec::new())),
        Err(error) => DescribeClientQuotasResponse::default()
            .with_error_code(error.code())
            .with_error_message(error.text())
            .with_entries(None),
    }
}

fn check(components: &[ComponentData]) -> Result<(), ApiError> {
    let invalid = |message: String| {
        Err(ApiError {
            error: ResponseError::InvalidRequest,
            message: Some(message),
        })
    };
    let mut types = BTreeSet::new();
    for component in components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return invalid("A part of the filter has no entity type.".to_owned());
        }
        if types.contains(kind) {
            return invalid(format!("The filter has more than one part for {kind}."));
        }
        if !ENTITY_TYPES.contains(&kind) {
            return Err(ApiError {
                error: ResponseError::UnsupportedVersion,
                message: Some(format!("Quotas of entities of type {kind} are unknown.")),
            });
        }
        match (component.match_type, &component._match) {
            (EXACT, Some(_)) | (DEFAULT | SPECIFIED, None) => {}
            (EXACT, None) => return invalid(format!("The filter's part for {kind} names nobody.")),
            (DEFAULT | SPECIFIED, Some(_)) => {
                return invalid(format!("The filter's part for {kind} must not give a name."));
            }
            (other, _) => return invalid(format!("Matches of type {other} are unknown.")),
        }
        types.insert(kind);
    }
    if types.contains(IP) && types.len() > 1 {
        return invalid("A filter is for ip, or for user and client-id, not for both.".to_owned());
    }
    Ok(())
}
