//! Which version of an API is spoken with a broker: the newest that both know and that this client can fill.

use std::collections::BTreeMap;

use kafka_protocol::messages::ApiKey;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::protocol::{Message, Request, VersionRange};

/// From the next version on topics go by id alone; this client names them.
const NEWEST_WITH_NAMES: [(ApiKey, i16); 4] = [
    (ApiKey::Produce, 12),
    (ApiKey::Fetch, 12),
    (ApiKey::OffsetCommit, 9),
    (ApiKey::OffsetFetch, 9),
];
/// Version 6 of InitProducerId is not stable in Kafka 4.3.
const NEWEST_STABLE: [(ApiKey, i16); 1] = [(ApiKey::InitProducerId, 5)];

/// What a broker serves.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions(BTreeMap<i16, VersionRange>);

impl Versions {
    pub(super) fn new(apis: &[ApiVersion]) -> Self {
        let range = |api: &ApiVersion| VersionRange {
            min: api.min_version,
            max: api.max_version,
        };
        Versions(apis.iter().map(|api| (api.api_key, range(api))).collect())
    }

    /// What the broker serves of an API.
    pub(super) fn theirs(&self, key: i16) -> Option<VersionRange> {
        self.0.get(&key).copied()
    }

    /// The version to speak, if there is one.
    pub(super) fn common<R: Request>(&self) -> Option<i16> {
        let (theirs, ours) = (self.theirs(R::KEY)?, ours::<R>());
        let version = theirs.max.min(ours.max);
        (version >= theirs.min.max(ours.min)).then_some(version)
    }
}

/// What this client knows of an API.
pub(super) fn ours<R: Request>() -> VersionRange {
    let (request, response) = (R::VERSIONS, <R::Response as Message>::VERSIONS);
    let mut caps = NEWEST_WITH_NAMES.iter().chain(&NEWEST_STABLE);
    let cap = caps
        .find(|(key, _)| *key as i16 == R::KEY)
        .map_or(i16::MAX, |(_, cap)| *cap);
    VersionRange {
        min: request.min.max(response.min),
        max: request.max.min(response.max).min(cap),
    }
}
