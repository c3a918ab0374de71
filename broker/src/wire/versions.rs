//! The APIs that Weir serves, and at which versions.
//!
//! Invariant: what is advertised is fully served, at every version in its range, with one exception that clients need:
//! Produce is advertised from version 0 (librdkafka before 2.11.1 otherwise stops compressing, KAFKA-18659) and served
//! from 3, as Kafka does.
//!
//! Floors are Apache Kafka 4's (KIP-896); ceilings the newest stable versions of Kafka 4.3 (schemas in
//! `clients/src/main/resources/common/message`).

use kafka_protocol::messages::ApiKey;

/// One API: its key, versions, and from which version on its messages are flexible (KIP-482).
#[derive(Debug, Clone, Copy)]
pub struct ApiSpec {
    /// The API key.
    pub key: ApiKey,
    /// Kafka's name for the API, as it stands in metrics.
    pub name: &'static str,
    /// Lowest version in ApiVersions responses.
    pub advertised_min: i16,
    /// Lowest version that is served.
    pub min: i16,
    /// Highest version.
    pub max: i16,
    /// First version with compact types and tagged fields, in body and header.
    pub flexible_from: i16,
}

/// For [`ApiSpec::flexible_from`]: no version is flexible.
const NEVER: i16 = i16::MAX;

const fn api(key: ApiKey, name: &'static str, min: i16, max: i16, flexible_from: i16) -> ApiSpec {
    ApiSpec {
        key,
        name,
        advertised_min: min,
        min,
        max,
        flexible_from,
    }
}

/// How many APIs there are in [`APIS`]. A number of its own: where the length of [`APIS`] stands in a type, rustc 1.95
/// finds a cycle when it optimises.
pub const API_COUNT: usize = 38;

/// Every API of this release, ordered by key.
pub const APIS: [ApiSpec; API_COUNT] = [
    ApiSpec {
        advertised_min: 0,
        ..api(ApiKey::Produce, "Produce", 3, 13, 9)
    },
    api(ApiKey::Fetch, "Fetch", 4, 18, 12),
    api(ApiKey::ListOffsets, "ListOffsets", 1, 11, 6),
    api(ApiKey::Metadata, "Metadata", 0, 13, 9),
    api(ApiKey::OffsetCommit, "OffsetCommit", 2, 10, 8),
    api(ApiKey::OffsetFetch, "OffsetFetch", 1, 10, 6),
    api(ApiKey::FindCoordinator, "FindCoordinator", 0, 6, 3),
    api(ApiKey::JoinGroup, "JoinGroup", 0, 9, 6),
    api(ApiKey::Heartbeat, "Heartbeat", 0, 4, 4),
    api(ApiKey::LeaveGroup, "LeaveGroup", 0, 5, 4),
    api(ApiKey::SyncGroup, "SyncGroup", 0, 5, 4),
    api(ApiKey::DescribeGroups, "DescribeGroups", 0, 6, 5),
    api(ApiKey::ListGroups, "ListGroups", 0, 5, 3),
    api(ApiKey::ApiVersions, "ApiVersions", 0, 4, 3),
    api(ApiKey::CreateTopics, "CreateTopics", 2, 7, 5),
    api(ApiKey::DeleteTopics, "DeleteTopics", 1, 6, 4),
    api(ApiKey::DeleteRecords, "DeleteRecords", 0, 2, 2),
    // Version 6 is unstable in Kafka 4.3 (two-phase commit).
    api(ApiKey::InitProducerId, "InitProducerId", 0, 5, 2),
    api(ApiKey::OffsetForLeaderEpoch, "OffsetForLeaderEpoch", 2, 4, 4),
    api(ApiKey::DescribeConfigs, "DescribeConfigs", 1, 4, 4),
    api(ApiKey::AlterConfigs, "AlterConfigs", 0, 2, 2),
    api(ApiKey::DescribeLogDirs, "DescribeLogDirs", 1, 5, 2),
    api(ApiKey::CreatePartitions, "CreatePartitions", 0, 3, 2),
    api(ApiKey::DeleteGroups, "DeleteGroups", 0, 2, 2),
    api(ApiKey::ElectLeaders, "ElectLeaders", 0, 2, 2),
    api(ApiKey::IncrementalAlterConfigs, "IncrementalAlterConfigs", 0, 1, 1),
    api(
        ApiKey::AlterPartitionReassignments,
        "AlterPartitionReassignments",
        0,
        1,
        0,
    ),
    api(
        ApiKey::ListPartitionReassignments,
        "ListPartitionReassignments",
        0,
        0,
        0,
    ),
    api(ApiKey::OffsetDelete, "OffsetDelete", 0, 0, NEVER),
    api(ApiKey::DescribeClientQuotas, "DescribeClientQuotas", 0, 1, 1),
    api(ApiKey::DescribeQuorum, "DescribeQuorum", 0, 2, 0),
    api(ApiKey::UpdateFeatures, "UpdateFeatures", 0, 2, 0),
    api(ApiKey::DescribeCluster, "DescribeCluster", 0, 2, 0),
    api(ApiKey::DescribeProducers, "DescribeProducers", 0, 0, 0),
    api(ApiKey::GetTelemetrySubscriptions, "GetTelemetrySubscriptions", 0, 0, 0),
    api(ApiKey::PushTelemetry, "PushTelemetry", 0, 0, 0),
    api(ApiKey::ListConfigResources, "ListConfigResources", 0, 1, 0),
    api(ApiKey::DescribeTopicPartitions, "DescribeTopicPartitions", 0, 0, 0),
];

/// One more than the largest key of [`APIS`].
pub const KEY_SLOTS: usize = 76;

/// Position in [`APIS`] of each key, or `u8::MAX`.
const POSITIONS: [u8; KEY_SLOTS] = {
    let mut positions = [u8::MAX; KEY_SLOTS];
    let mut i = 0;
    while i < APIS.len() {
        positions[APIS[i].key as usize] = i as u8;
        i += 1;
    }
    positions
};

/// Where a key stands in [`APIS`]; `None` for one that this release does not have.
pub fn position(key: i16) -> Option<usize> {
    let position = *POSITIONS.get(usize::try_from(key).ok()?)?;
    (position != u8::MAX).then_some(usize::from(position))
}

/// The API with this key.
pub fn by_key(key: i16) -> Option<&'static ApiSpec> {
    position(key).map(|position| &APIS[position])
}

impl ApiSpec {
    /// Whether a request of this version is served.
    pub fn serves(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// Whether messages of this version have compact types and tagged fields.
    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_and_found_by_key() {
        assert!(APIS.windows(2).all(|pair| (pair[0].key as i16) < pair[1].key as i16));
        for (i, spec) in APIS.iter().enumerate() {
            assert_eq!(position(spec.key as i16), Some(i));
            assert_eq!(spec.name, format!("{:?}", spec.key));
        }
        assert_eq!(position(-1), None);
        assert_eq!(position(4), None);
        assert_eq!(position(i16::MAX), None);
    }

    #[test]
    fn flexible_versions_agree_with_the_codec() {
        for spec in &APIS {
            for version in spec.min..=spec.max {
                let expected = if spec.is_flexible(version) { 2 } else { 1 };
                assert_eq!(
                    spec.key.request_header_version(version),
                    expected,
                    "{} {version}",
                    spec.name
                );
            }
        }
    }
}
