//! DescribeLogDirs 1–4: how large partitions are on the brokers' disks.

use std::collections::BTreeMap;

use kafka_protocol::messages::{ApiKey, DescribeLogDirsRequest};

use super::offsets::TopicPartition;
use crate::client::cluster::Cluster;
use crate::client::error::{ClientError, ErrorCode};

impl Cluster {
    /// Bytes of each partition, the largest replica's; `None` where a broker does not say.
    pub async fn sizes(&self) -> Result<Option<BTreeMap<TopicPartition, u64>>, ClientError> {
        self.metadata(Some(&[]), false).await?;
        let mut sizes: BTreeMap<TopicPartition, u64> = BTreeMap::new();
        for node in self.nodes().await {
            let connection = self.broker(node.id).await?;
            if connection.serves(ApiKey::DescribeLogDirs).is_none() {
                return Ok(None);
            }
            let answer = connection
                .call(&DescribeLogDirsRequest::default().with_topics(None))
                .await?;
            for dir in &answer.results {
                if ErrorCode(dir.error_code).0 != 0 {
                    return Ok(None);
                }
                for topic in &dir.topics {
                    for partition in topic.partitions.iter().filter(|it| !it.is_future_key) {
                        let name = (topic.name.to_string(), partition.partition_index);
                        let size = u64::try_from(partition.partition_size).unwrap_or(0);
                        let largest = sizes.entry(name).or_default();
                        *largest = size.max(*largest);
                    }
                }
            }
        }
        Ok(Some(sizes))
    }
}
