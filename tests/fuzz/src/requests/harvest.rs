//! What is known of the node: values out of its answers, by what they mean.

use std::collections::{BTreeMap, VecDeque};

use crate::schema::{Field, Kind, Value};

/// Values of one meaning that are remembered, the newest.
const KEPT: usize = 12;
/// Longer texts and bytes are not.
const LONGEST: usize = 256;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    values: BTreeMap<String, VecDeque<Value>>,
    /// The sequence that comes next, by producer and epoch.
    sequences: BTreeMap<(i64, i16), i32>,
    /// Who was taken into a group last.
    members: VecDeque<Membership>,
    /// The epoch that comes next, by fetch session.
    sessions: BTreeMap<i64, i64>,
}

/// A member as its group knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) group: String,
    pub(super) member: String,
    pub(super) generation: i64,
}

impl Harvest {
    /// Learns a value of an answer.
    pub(super) fn learn(&mut self, field: &Field, value: Value) {
        let is_useful = match &value {
            Value::Number(number) => *number > 0 && field.kind != Kind::Bool && field.meaning != "errorcode",
            Value::Uuid(id) => !id.is_nil(),
            Value::Text(text) => !text.is_empty() && text.len() <= LONGEST,
            Value::Bytes(bytes) => !bytes.is_empty() && bytes.len() <= LONGEST,
        };
        if !is_useful {
            return;
        }
        let known = match self.values.get_mut(&field.meaning) {
            Some(known) => known,
            None => self.values.entry(field.meaning.clone()).or_default(),
        };
        if known.contains(&value) {
            return;
        }
        known.push_back(value);
        if known.len() > KEPT {
            known.pop_front();
        }
    }

    /// The values of a meaning.
    pub(super) fn of(&self, meaning: &str) -> Option<&VecDeque<Value>> {
        self.values.get(meaning).filter(|known| !known.is_empty())
    }

    /// Learns of a member.
    pub(super) fn joined(&mut self, membership: Membership) {
        self.members.retain(|known| known.member != membership.member);
        self.members.push_front(membership);
        self.members.truncate(KEPT);
    }

    /// A member, of which the newest is at 0.
    pub(super) fn member(&self, place: usize) -> Option<&Membership> {
        self.members.get(place)
    }

    /// Learns of a fetch session.
    pub(super) fn session(&mut self, id: i64) {
        if self.sessions.len() == KEPT && !self.sessions.contains_key(&id) {
            self.sessions.pop_first();
        }
        self.sessions.entry(id).or_insert(1);
    }

    /// One of the fetch sessions, with its next epoch, which moves on.
    pub(super) fn next_of_session(&mut self, place: usize) -> Option<(i64, i64)> {
        let place = place.checked_rem(self.sessions.len())?;
        let (id, epoch) = self.sessions.iter_mut().nth(place)?;
        let next = *epoch;
        *epoch += 1;
        Some((*id, next))
    }

    /// The next sequence of a producer, which moves on by `count`.
    pub(super) fn sequence(&mut self, producer: (i64, i16), count: i32) -> i32 {
        let next = self.sequences.entry(producer).or_default();
        let first = *next;
        *next = next.wrapping_add(count).max(0);
        first
    }
}
