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
    /// The sequence that comes next, by producer and partition.
    sequences: BTreeMap<(i64, i16), i32>,
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

    /// The next sequence of a producer, which moves on by `count`.
    pub(super) fn sequence(&mut self, producer: (i64, i16), count: i32) -> i32 {
        let next = self.sequences.entry(producer).or_default();
        let first = *next;
        *next = next.wrapping_add(count).max(0);
        first
    }
}
