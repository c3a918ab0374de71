//! ApiVersions, versions 0 to 4.
//!
//! A version that we lack is answered in version 0 with error 35 and only ApiVersions itself listed (KIP-511), so that
//! the client can ask again. An empty or malformed name or version of the client software: 42. Features are those of
//! [`SUPPORTED`]: `transaction.version` and `group.version` would switch on protocols that are not served yet.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use std::sync::Arc;

use super::{Context, served};
use crate::connection::{ClientSoftware, Outcome, Request};
use crate::controller::features::SUPPORTED;
use crate::controller::image::Image;
use crate::wire::{ApiSpec, Response};

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let header = &request.header;
    let mut response = ApiVersionsResponse::default();
    if !header.api.serves(header.api_version) {
        response.error_code = ResponseError::UnsupportedVersion.code();
        response.api_keys = vec![entry(header.api)];
        return Response::encode_as(header, &response, 0)
            .map(|response| response.failed(true))
            .into();
    }
    let body: ApiVersionsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    if header.api_version >= 3 {
        let (name, version) = (&*body.client_software_name, &*body.client_software_version);
        if !is_software_name(name) || !is_software_name(version) {
            response.error_code = ResponseError::InvalidRequest.code();
            return Response::encode(header, &response)
                .map(|response| response.failed(true))
                .into();
        }
        // A client that says it again does not change it.
        let software = ClientSoftware {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        _ = request.connection.software.set(software);
    }
    response.api_keys = served().map(entry).collect();
    if header.api_version >= FEATURES_VERSION {
        add_features(&context.node.image(), &mut response);
    }
    request.answer(&response)
}

/// From this version on features are told.
const FEATURES_VERSION: i16 = 3;

fn add_features(image: &Image, response: &mut ApiVersionsResponse) {
    for feature in SUPPORTED {
        let mut key = SupportedFeatureKey::default();
        key.name = StrBytes::from_static_str(feature.name);
        (key.min_version, key.max_version) = (feature.min, feature.max);
        response.supported_features.push(key);
    }
    for (name, level) in image.features() {
        let mut key = FinalizedFeatureKey::default();
        key.name = StrBytes::from_string(name.to_owned());
        (key.min_version_level, key.max_version_level) = (level, level);
        response.finalized_features.push(key);
    }
    response.finalized_features_epoch = image.offset();
}

fn entry(spec: &ApiSpec) -> ApiVersion {
    let mut entry = ApiVersion::default();
    entry.api_key = spec.key as i16;
    entry.min_version = spec.advertised_min;
    entry.max_version = spec.max;
    entry
}

/// Letters, digits, and within, not at the ends, hyphens and dots.
fn is_software_name(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'.';
    match name.as_bytes() {
        [] => false,
        [only] => only.is_ascii_alphanumeric(),
        [first, middle @ .., last] => {
            first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && middle.iter().copied().all(inner)
        }
    }
}

#[cfg(test)]
mod tests;
