//! A shard's beginning and end (Kafka: `GroupMetadataManager.onLoaded`, `onUnloaded`, `replay`).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::appends::{Change, Waiter};
use super::classic::{ClassicGroup, State};
use super::group_entry::Kind;
use super::heartbeat;
use super::records::{self, GroupMetadata, Key, RecordError};
use super::runtime::Now;
use super::shard::Shard;
use super::{expiry, join, rebalance, sync};

impl Shard {
    /// Replays one committed record of the log. Records that the state contains already (below
    /// [`Shard::applied_offset`]) and kinds that only later Kafkas know are skipped.
    ///
    /// # Errors
    /// The record is of a known kind but damaged; the state is as before.
    pub fn load_record(&mut self, key: &[u8], value: Option<&[u8]>, offset: i64) -> Result<(), RecordError> {
        if offset < self.applied {
            return Ok(());
        }
        self.replay(key, value, offset)?;
        self.applied = offset.saturating_add(1);
        Ok(())
    }

    pub(super) fn replay(&mut self, key: &[u8], value: Option<&[u8]>, offset: i64) -> Result<(), RecordError> {
        match records::read_key(key)? {
            None => {}
            Some(Key::Offset {
                group,
                topic,
                partition,
            }) => {
                let committed = value
                    .map(|value| records::read_offset_value(value, offset))
                    .transpose()?;
                let change = Change::Offset {
                    group: group.into(),
                    topic: topic.into(),
                    partition,
                    offset: committed,
                };
                self.apply(change, offset);
            }
            Some(Key::Metadata { group }) => {
                let id: Arc<str> = group.into();
                let stored = value.map(GroupMetadata::decode).transpose()?;
                let value = value.map(Bytes::copy_from_slice);
                self.apply(
                    Change::Metadata {
                        group: Arc::clone(&id),
                        value,
                    },
                    offset,
                );
                if let Some(stored) = stored {
                    let classic =
                        ClassicGroup::from_metadata(Arc::clone(&id), &stored, &self.runtime.config.member_memory);
                    let group = self.group_or_new(&id);
                    group.kind = Kind::Classic(classic);
                    group.weigh();
                }
            }
        }
        Ok(())
    }

    /// Every committed record has been replayed: the shard takes requests from now on. All sessions start anew, so that
    /// nobody is expired for a silence in which nobody listened.
    pub fn load_finished(&mut self, now: Now) {
        self.runtime.now = now;
        let runtime = &mut self.runtime;
        self.groups.retain(|_, group| !group.is_vacant(&runtime.appends));
        for group in self.groups.values_mut() {
            let Kind::Classic(classic) = &mut group.kind;
            for member_id in classic.member_ids() {
                heartbeat::keep_session(classic, runtime, &member_id);
            }
            if classic.size() > runtime.config.max_size && classic.state() == State::Stable {
                // The limit was lowered: the last ones to come back will not be let in.
                rebalance::prepare(classic, runtime, "the loaded group is over group.max.size");
            }
        }
        expiry::schedule(runtime);
    }

    /// The partition has gone to another broker: everyone who waits is told NOT_COORDINATOR, and the shard is empty
    /// again, as new. Results of appends that come later are ignored.
    pub fn unload(&mut self, now: Now) {
        self.runtime.now = now;
        let error = ResponseError::NotCoordinator;
        for append in self.runtime.appends.take_all() {
            for waiter in append.waiters {
                match waiter {
                    Waiter::Deletion(_) => {}
                    waiter => self.answer(waiter, Err(error)),
                }
            }
        }
        super::deletion::fail_all(&mut self.runtime, error);
        for mut group in std::mem::take(&mut self.groups).into_values() {
            let Kind::Classic(classic) = &mut group.kind;
            for member_id in classic.member_ids() {
                if let Some(token) = classic.set_awaiting_join(&member_id, None) {
                    join::refuse(&mut self.runtime, token, &member_id, error);
                }
                if let Some(token) = classic
                    .member_mut(&member_id)
                    .and_then(|member| member.awaiting_sync.take())
                {
                    sync::refuse(&mut self.runtime, token, error);
                }
            }
        }
        self.runtime.timers.clear();
        self.runtime.counters.offsets = 0;
        self.applied = 0;
    }
}
