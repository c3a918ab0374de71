//! UpdateFeatures (api key 57), versions 0 to 2 (Kafka: `FeatureControlManager`).
//!
//! All updates of a request take place, or none.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::update_features_response::UpdatableFeatureResult;
use kafka_protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use kafka_protocol::protocol::StrBytes;

use super::Decision;
use crate::controller::features::SUPPORTED;
use crate::controller::image::Image;
use crate::controller::record::{FeatureLevelRecord, Record};

/// The kinds of updates, by their numbers from version 1 on.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// From this version on the answer has no result for each feature.
const NO_RESULTS_VERSION: i16 = 2;

/// Decides an UpdateFeatures request of this version.
pub fn update_features(
    image: &Image,
    request: &UpdateFeaturesRequest,
    version: i16,
) -> Decision<UpdateFeaturesResponse> {
    let mut records = Vec::new();
    for update in &request.feature_updates {
        match update_feature(image, update, version) {
            Ok(record) => records.extend(record),
            Err(problem) => {
                let message = format!("No feature is updated: {}: {problem}", &*update.feature);
                let response = UpdateFeaturesResponse::default()
                    .with_error_code(ResponseError::InvalidUpdateVersion.code())
                    .with_error_message(Some(StrBytes::from_string(message)));
                return Decision::without_records(response);
            }
        }
    }
    let results = request.feature_updates.iter().map(|update| {
        UpdatableFeatureResult::default()
            .with_feature(update.feature.clone())
            // Kafka says so, in place of saying nothing.
            .with_error_message(Some(StrBytes::from_static_str("NONE")))
    });
    let mut response = UpdateFeaturesResponse::default().with_error_message(None);
    if version < NO_RESULTS_VERSION {
        response.results = results.collect();
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, response }
}

/// The record that sets a feature's level, if that becomes another.
fn update_feature(image: &Image, update: &FeatureUpdateKey, version: i16) -> Result<Option<Record>, String> {
    let kind = match version {
        0 if update.allow_downgrade => SAFE_DOWNGRADE,
        0 => UPGRADE,
        _ => update.upgrade_type,
    };
    if !(UPGRADE..=UNSAFE_DOWNGRADE).contains(&kind) {
        return Err(format!("updates of type {kind} are unknown"));
    }
    let (name, level) = (update.feature.as_str(), update.max_version_level);
    let Some(feature) = SUPPORTED.iter().find(|feature| feature.name == name) else {
        return Err("there is no such feature in this release".to_owned());
    };
    if !(feature.min..=feature.max).contains(&level) {
        return Err(format!(
            "level {level} is not supported, only {} to {}",
            feature.min, feature.max
        ));
    }
    let current = image
        .features()
        .find(|(known, _)| *known == name)
        .map_or(0, |(_, level)| level);
    if level < current && kind == UPGRADE {
        return Err(format!("level {level} is below {current}: ask for a downgrade"));
    }
    if level > current && kind != UPGRADE {
        return Err(format!("level {level} is above {current}: ask for an upgrade"));
    }
    Ok((level != current).then(|| {
        Record::FeatureLevel(FeatureLevelRecord {
            name: name.to_owned(),
            feature_level: level,
        })
    }))
}
