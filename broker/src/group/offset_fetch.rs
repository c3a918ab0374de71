//! OffsetFetch, versions 1–10, one group at a time (Kafka: `OffsetMetadataManager.fetchOffsets`, `fetchAllOffsets`).
//!
//! Shows what is committed. With `require_stable` the answer waits for the commits under way, so that it cannot miss
//! one that came before. No group and no offset are no errors: offset −1.
//!
//! Member id and epoch (version 9) matter to consumer groups of KIP-848 only. An offset that was committed for another
//! topic of the same name, by its id, is not shown.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::protocol::StrBytes;

use super::appends::Waiter;
use super::member::str_bytes;
use super::offsets::{CommittedOffset, Partitions};
use super::runtime::{Now, Response, Token};
use super::shard::Shard;

/// About the bytes of a partition, or of a topic without its name, in an answer that is sent.
const PARTITION_BYTES: usize = 24;
const NO_OFFSET: i64 = -1;
const NO_LEADER_EPOCH: i32 = -1;

impl Shard {
    /// Handles one group of an OffsetFetch. No topics at all (`None`) means all that the group has offsets of.
    pub fn offset_fetch(&mut self, token: Token, request: &OffsetFetchRequestGroup, require_stable: bool, now: Now) {
        self.runtime.now = now;
        let group = self.groups.get(&*request.group_id.0);
        if let Some(append) = group.and_then(|group| group.offsets_append).filter(|_| require_stable)
            && let Some(append) = self.runtime.appends.get_mut(append)
            && append.timer.is_some()
        {
            append.waiters.push(Waiter::OffsetFetch {
                token,
                request: request.clone(),
            });
            return;
        }
        let is_open =
            require_stable && group.is_some_and(|group| self.runtime.appends.is_pending(group.offsets_append));
        let response = if is_open {
            // The commit has timed out already, and nobody knows how it will end.
            error_answer(request, ResponseError::NotCoordinator)
        } else {
            self.fetch_offsets(request)
        };
        self.runtime.respond(token, Response::OffsetFetch(response));
    }

    /// About the bytes that the answer for one group takes, as it is built and as it is sent.
    pub fn offset_fetch_bytes(&self, request: &OffsetFetchRequestGroup) -> usize {
        const PARTITION: usize = size_of::<OffsetFetchResponsePartitions>() + PARTITION_BYTES;
        const TOPIC: usize = size_of::<OffsetFetchResponseTopics>() + PARTITION_BYTES;
        let offsets = self.groups.get(&*request.group_id.0).map(|group| &group.offsets);
        // The metadata stand twice: in the answer, and in its bytes.
        let metadata = |offset: &CommittedOffset| 2 * offset.metadata.len();
        let topics: usize = match &request.topics {
            Some(topics) => topics
                .iter()
                .map(|topic| {
                    let partitions = topic.partition_indexes.iter().map(|&partition| {
                        let offset = offsets.and_then(|offsets| offsets.get(&topic.name, partition));
                        PARTITION + offset.map_or(0, metadata)
                    });
                    TOPIC + topic.name.len() + partitions.sum::<usize>()
                })
                .sum(),
            None => {
                let topics = offsets.into_iter().flat_map(|offsets| offsets.topics());
                topics
                    .map(|(name, partitions)| {
                        let metadata: usize = partitions.iter().map(|(_, offset)| metadata(offset)).sum();
                        TOPIC + 2 * name.len() + partitions.len() * PARTITION + metadata
                    })
                    .sum()
            }
        };
        size_of::<OffsetFetchResponseGroup>() + request.group_id.len() + topics
    }

    /// The committed offsets.
    pub(super) fn fetch_offsets(&self, request: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
        let offsets = self.groups.get(&*request.group_id.0).map(|group| &group.offsets);
        let topics = match &request.topics {
            Some(topics) => topics
                .iter()
                .map(|topic| {
                    let shown = |partition: &i32| {
                        let offset = offsets.and_then(|offsets| offsets.get(&topic.name, *partition));
                        let is_other = |offset: &&CommittedOffset| {
                            !offset.topic_id.is_nil() && !topic.topic_id.is_nil() && offset.topic_id != topic.topic_id
                        };
                        answer(*partition, offset.filter(|offset| !is_other(offset)))
                    };
                    OffsetFetchResponseTopics::default()
                        .with_name(topic.name.clone())
                        .with_topic_id(topic.topic_id)
                        .with_partitions(topic.partition_indexes.iter().map(shown).collect())
                })
                .collect(),
            None => offsets
                .into_iter()
                .flat_map(|offsets| offsets.topics())
                .map(|(name, all)| all_of(name, all))
                .collect(),
        };
        OffsetFetchResponseGroup::default()
            .with_group_id(request.group_id.clone())
            .with_topics(topics)
    }
}

fn all_of(topic: &str, partitions: &Partitions) -> OffsetFetchResponseTopics {
    let partitions = partitions
        .iter()
        .map(|(partition, offset)| answer(*partition, Some(offset)));
    OffsetFetchResponseTopics::default()
        .with_name(str_bytes(topic).into())
        .with_partitions(partitions.collect())
}

fn answer(partition: i32, offset: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions {
    let metadata = offset.map_or_else(StrBytes::new, |offset| str_bytes(&offset.metadata));
    OffsetFetchResponsePartitions::default()
        .with_partition_index(partition)
        .with_committed_offset(offset.map_or(NO_OFFSET, |offset| offset.offset))
        .with_committed_leader_epoch(offset.map_or(NO_LEADER_EPOCH, |offset| offset.leader_epoch))
        .with_metadata(Some(metadata))
}

/// The answer for a group that failed as a whole.
pub(crate) fn error_answer(request: &OffsetFetchRequestGroup, error: ResponseError) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup::default()
        .with_group_id(request.group_id.clone())
        .with_error_code(error.code())
}
