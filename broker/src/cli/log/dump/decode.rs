//! The records of a broker's own topics, in words.

use bytes::Bytes;

use crate::controller::record::Record as MetadataRecord;
use crate::group::records::{GroupMetadata, Key, read_key, read_offset_value};

/// Which topic a log is of, as far as its records can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// `__consumer_offsets`.
    Groups,
    /// `__cluster_metadata`.
    Metadata,
}

impl Schema {
    /// By the name of the partition's directory.
    pub(super) fn of(partition: &str) -> Option<Self> {
        match partition.rsplit_once('-') {
            Some(("__consumer_offsets", _)) => Some(Schema::Groups),
            Some(("__cluster_metadata", _)) => Some(Schema::Metadata),
            _ => None,
        }
    }

    /// What a record says.
    pub(super) fn decode(self, offset: i64, key: Option<&Bytes>, value: Option<&Bytes>) -> String {
        match self {
            Schema::Groups => group(offset, key, value),
            Schema::Metadata => match value.map(|value| MetadataRecord::decode(value)) {
                None => "nothing".to_owned(),
                Some(Ok(record)) => format!("{record:?}"),
                Some(Err(problem)) => problem.to_string(),
            },
        }
    }
}

fn group(offset: i64, key: Option<&Bytes>, value: Option<&Bytes>) -> String {
    let Some(key) = key else {
        return "a record without a key".to_owned();
    };
    let said = |problem: &dyn std::fmt::Display| format!("(not readable: {problem})");
    match (read_key(key), value) {
        (Err(problem), _) => said(&problem),
        (Ok(None), _) => {
            let kind = key.get(..2).map_or(-1, |kind| i16::from_be_bytes([kind[0], kind[1]]));
            format!("a record of kind {kind}, which is not decoded")
        }
        (
            Ok(Some(Key::Offset {
                group,
                topic,
                partition,
            })),
            value,
        ) => {
            let what = match value.map(|value| read_offset_value(value, offset)) {
                None => "deleted".to_owned(),
                Some(Ok(it)) => format!(
                    "{}, leader epoch {}, metadata {:?}, committed {}",
                    it.offset, it.leader_epoch, it.metadata, it.commit_timestamp_ms
                ),
                Some(Err(problem)) => said(&problem),
            };
            format!("offset of group {group:?} for {topic}-{partition}: {what}")
        }
        (Ok(Some(Key::Metadata { group })), value) => {
            let what = match value.map(|value| GroupMetadata::decode(value)) {
                None => "deleted".to_owned(),
                Some(Ok(it)) => {
                    let members: Vec<&str> = it.members.iter().map(|member| member.member_id.as_str()).collect();
                    format!(
                        "generation {}, protocol {:?} {:?}, leader {:?}, members {members:?}",
                        it.generation, it.protocol_type, it.protocol, it.leader
                    )
                }
                Some(Err(problem)) => said(&problem),
            };
            format!("group {group:?}: {what}")
        }
    }
}
