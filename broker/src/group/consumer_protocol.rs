//! The one thing that the coordinator reads in the members' opaque metadata: which topics they subscribe to, so that
//! offsets of topics that nobody reads can expire.

use std::collections::BTreeSet;

use super::records::Reader;

/// The protocol type of consumers (Kafka: `ConsumerProtocol.PROTOCOL_TYPE`).
pub(crate) const CONSUMER: &str = "consumer";

/// Adds the topics of a consumer's subscription to `topics`; `None` where it is not one. Version 0 is the prefix of
/// every later version, so this reads them all.
pub(crate) fn add_subscribed_topics(subscription: &[u8], topics: &mut BTreeSet<String>) -> Option<()> {
    let mut reader = Reader::new(subscription);
    let version = reader.int16("version").ok()?;
    if version < 0 {
        return None;
    }
    let count = reader.int32("topics").ok()?;
    for _ in 0..u32::try_from(count).ok()? {
        let topic = reader.string("topic").ok()?;
        topics.insert(topic.to_owned());
    }
    Some(())
}
