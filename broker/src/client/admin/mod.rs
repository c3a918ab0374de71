//! What tools ask a cluster about itself, and have changed.

mod cluster_info;
mod configs;
mod groups;
mod log_dirs;
mod offsets;
mod topics;

pub use cluster_info::{ApiRange, ClusterInfo, Feature};
pub use configs::{ConfigChange, ConfigEntry, ConfigSource, Resource, ResourceKind};
pub use groups::{Committed, GroupDescription, GroupMember, ListedGroup};
pub use offsets::{OffsetSpec, TopicPartition};
pub use topics::{CreatedTopic, NewTopic, Partition, Topic};
