//! The cluster as a whole: Metadata, and what ApiVersions tells.

use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, DescribeClusterRequest};
use kafka_protocol::protocol::StrBytes;

use crate::client::cluster::{Cluster, Effect, Node};
use crate::client::connection::api_name;
use crate::client::error::{ClientError, check};

/// A cluster and who is in it.
#[derive(Debug, Clone)]
pub struct ClusterInfo {
    /// Its id.
    pub id: Option<String>,
    /// The broker that decides, or answers for who does.
    pub controller: Option<i32>,
    /// Its brokers, by id.
    pub nodes: Vec<Node>,
    /// What the cluster has switched on.
    pub features: Vec<Feature>,
    /// What the first broker serves.
    pub apis: Vec<ApiRange>,
}

/// A feature of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// The level that is in force.
    pub level: i16,
}

/// The versions of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRange {
    /// Its key.
    pub key: i16,
    /// Its name, where it is known.
    pub name: String,
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

impl Cluster {
    /// Describes the cluster.
    pub async fn describe(&self) -> Result<ClusterInfo, ClientError> {
        let metadata = self
            .retry(Effect::None, async || self.metadata(Some(&[]), false).await)
            .await?;
        let connection = self.any().await?;
        let mut id = metadata.cluster_id.as_ref().map(|id| id.to_string());
        let mut controller = Some(metadata.controller_id.0).filter(|id| *id >= 0);
        if connection.serves(ApiKey::DescribeCluster).is_some() {
            let answer = connection.call(&DescribeClusterRequest::default()).await?;
            check(answer.error_code, answer.error_message.as_deref(), || {
                "the cluster".to_owned()
            })?;
            id = Some(answer.cluster_id.to_string());
            controller = Some(answer.controller_id.0).filter(|id| *id >= 0).or(controller);
        }
        let version = connection.version::<ApiVersionsRequest>()?;
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request = request
                .with_client_software_name(StrBytes::from_static_str("weir"))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        }
        let answer = connection.call(&request).await?;
        let feature = answer.finalized_features.iter().map(|feature| Feature {
            name: feature.name.to_string(),
            level: feature.max_version_level,
        });
        let apis = answer.api_keys.iter().map(|api| ApiRange {
            key: api.api_key,
            name: api_name(api.api_key),
            min: api.min_version,
            max: api.max_version,
        });
        let mut features: Vec<Feature> = feature.collect();
        features.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(ClusterInfo {
            id,
            controller,
            nodes: self.nodes().await,
            features,
            apis: apis.collect(),
        })
    }
}
