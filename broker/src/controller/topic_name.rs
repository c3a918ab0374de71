//! Which names a topic may have, and which topics are the broker's own (Kafka's `Topic`).

/// Committed offsets and groups.
pub const CONSUMER_OFFSETS_TOPIC: &str = "__consumer_offsets";
/// States of transactions.
pub const TRANSACTION_STATE_TOPIC: &str = "__transaction_state";
/// States of share groups. Nothing here writes it; it is Kafka's, and so nobody's own.
pub const SHARE_GROUP_STATE_TOPIC: &str = "__share_group_state";
/// The metadata's own log. It is no topic of the image, and none may take its name.
pub const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";
/// The longest name of a topic, in bytes: with the partition and a suffix it must still be the name of a directory.
pub const MAX_TOPIC_NAME_LEN: usize = 249;

/// Why a name cannot be a topic's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicName {
    /// It is empty.
    #[error("A topic name must not be empty.")]
    Empty,
    /// It is `.` or `..`, which no directory can be named.
    #[error("A topic name must not be '{name}'.")]
    Dots {
        /// The name.
        name: String,
    },
    /// It is longer than [`MAX_TOPIC_NAME_LEN`].
    #[error("A topic name must not be longer than {MAX_TOPIC_NAME_LEN} characters; this one has {len}.")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It has a character that is not allowed.
    #[error("Topic name '{name}' has a character other than ASCII letters and digits, '.', '_' and '-'.")]
    Character {
        /// The name.
        name: String,
    },
}

/// Whether a topic may have this name.
pub fn validate_topic_name(name: &str) -> Result<(), InvalidTopicName> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match name {
        "" => Err(InvalidTopicName::Empty),
        "." | ".." => Err(InvalidTopicName::Dots { name: name.to_owned() }),
        _ if name.len() > MAX_TOPIC_NAME_LEN => Err(InvalidTopicName::TooLong { len: name.len() }),
        _ if !name.bytes().all(is_allowed) => Err(InvalidTopicName::Character { name: name.to_owned() }),
        _ => Ok(()),
    }
}

/// See [`is_internal_topic`].
pub const INTERNAL_TOPICS: [&str; 3] = [CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC, SHARE_GROUP_STATE_TOPIC];

/// Whether a topic is written by the brokers, and so shown as internal and closed to producers (Kafka:
/// `Topic.isInternal`).
pub fn is_internal_topic(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}
