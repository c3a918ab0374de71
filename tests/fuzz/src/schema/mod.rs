//! Kafka's messages as tables of fields: requests are built by them, and answers read.
//!
//! The tables are `messages.txt`, made by `schemas.py`. Invariant: what [`write`] makes of any values is a valid message.

mod parse;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

pub use read::read;
pub use write::{Values, put_varint, write};

/// A message's field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name, as Kafka's schemas have it.
    pub name: &'static str,
    /// What it is called among values: fields that mean the same have the same name.
    pub meaning: String,
    /// Whether it is an array of `kind`.
    pub is_array: bool,
    /// Its type, or its elements'.
    pub kind: Kind,
    /// Versions that have it.
    pub versions: RangeInclusive<i16>,
    /// Versions in which it may be null.
    pub nullable: Option<RangeInclusive<i16>>,
    /// Its tag, and the versions in which it is a tagged field.
    pub tag: Option<(u32, RangeInclusive<i16>)>,
    /// What it is by default, where that is a number.
    pub default: Option<i64>,
    /// Of a structure.
    pub fields: Vec<Field>,
}

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One byte.
    Bool,
    /// Signed.
    Int8,
    /// Signed.
    Int16,
    /// Unsigned.
    Uint16,
    /// Signed.
    Int32,
    /// Signed.
    Int64,
    /// Eight bytes.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8.
    String,
    /// Any bytes.
    Bytes,
    /// Record batches.
    Records,
    /// Fields.
    Struct,
}

/// A request or a response.
#[derive(Debug, Clone)]
pub struct Message {
    /// Kafka's name of the API.
    pub name: &'static str,
    /// Versions that there are.
    pub versions: RangeInclusive<i16>,
    /// From which version on it is flexible.
    pub flexible_from: i16,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A value that was read, or is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of all types of numbers.
    Number(i64),
    /// An id.
    Uuid(uuid::Uuid),
    /// A text.
    Text(String),
    /// Bytes or records.
    Bytes(Vec<u8>),
}

/// Requests and responses by API key.
#[derive(Debug)]
pub struct Messages {
    requests: BTreeMap<i16, Message>,
    responses: BTreeMap<i16, Message>,
}

impl Messages {
    /// The request of an API.
    pub fn request(&self, key: i16) -> Option<&Message> {
        self.requests.get(&key)
    }

    /// The response of an API.
    pub fn response(&self, key: i16) -> Option<&Message> {
        self.responses.get(&key)
    }
}

/// All messages of clients.
pub static MESSAGES: LazyLock<Messages> = LazyLock::new(|| parse::messages(include_str!("../messages.txt")));

impl Message {
    /// Whether this version has compact types and tagged fields.
    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}

impl Field {
    fn is_nullable(&self, version: i16) -> bool {
        self.nullable
            .as_ref()
            .is_some_and(|versions| versions.contains(&version))
    }

    fn tag_at(&self, version: i16) -> Option<u32> {
        let (tag, versions) = self.tag.as_ref()?;
        versions.contains(&version).then_some(*tag)
    }
}

/// The fields that a version has, tagged ones apart.
fn split(fields: &[Field], version: i16) -> (impl Iterator<Item = &Field>, impl Iterator<Item = (u32, &Field)>) {
    let there = move |field: &&Field| field.versions.contains(&version);
    let plain = fields
        .iter()
        .filter(there)
        .filter(move |field| field.tag_at(version).is_none());
    let tagged = (fields.iter().filter(there)).filter_map(move |field| Some((field.tag_at(version)?, field)));
    (plain, tagged)
}
