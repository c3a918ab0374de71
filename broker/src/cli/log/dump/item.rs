//! What a dump prints: one item after the other, each a line, an object or a document.

use serde::Serialize;

use crate::cli::record_json::{Header, Text};
use crate::cli::time::show_time;

/// One thing that a file holds.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item {
    /// What follows is from this file.
    File {
        path: String,
        kind: &'static str,
        bytes: u64,
    },
    Batch(Box<Batch>),
    Record(Box<Record>),
    /// A message of a format that Kafka no longer writes.
    OldMessage {
        position: u64,
        offset: i64,
        format: i8,
        bytes: u64,
    },
    Offset {
        offset: i64,
        position: u32,
    },
    Time {
        timestamp: i64,
        offset: i64,
    },
    AbortedTransaction {
        producer_id: i64,
        first_offset: i64,
        last_offset: i64,
        last_stable_offset: i64,
    },
    Producer {
        producer_id: i64,
        epoch: i16,
        last_sequence: i32,
        last_offset: Option<i64>,
        last_timestamp: i64,
        open_transaction_from: Option<i64>,
    },
    LeaderEpoch {
        epoch: i32,
        start_offset: i64,
    },
    /// A line of a small text file.
    Line {
        text: String,
    },
    JournalGroup {
        topic_id: String,
        partition: i32,
        term: u64,
        vote: u64,
        raft_entries: usize,
        checkpoint: Option<String>,
        anchors: Vec<String>,
        synced_mark: Option<String>,
    },
    Problem {
        position: Option<u64>,
        problem: String,
    },
}

/// A batch's header.
#[derive(Debug, Serialize)]
pub(super) struct Batch {
    pub(super) position: u64,
    pub(super) bytes: usize,
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) records: i32,
    pub(super) leader_epoch: i32,
    pub(super) codec: String,
    pub(super) timestamp_type: &'static str,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: i64,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) transactional: bool,
    pub(super) control: bool,
    pub(super) delete_horizon: bool,
    pub(super) crc: String,
}

/// A record.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) key: Option<Text>,
    pub(super) value: Option<Text>,
    pub(super) headers: Vec<Header>,
    /// What the broker's own record says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decoded: Option<String>,
}

impl Item {
    /// A line for people.
    pub(super) fn line(&self) -> String {
        match self {
            Item::File { path, kind, bytes } => format!("{path}: {kind}, {bytes} bytes"),
            Item::Batch(it) => it.line(),
            Item::Record(it) => it.line(),
            Item::OldMessage {
                position,
                offset,
                format,
                bytes,
            } => format!(
                "  message at offset {offset}, byte {position}, {bytes} bytes: format v{format}, which is not decoded"
            ),
            Item::Offset { offset, position } => format!("  offset {offset} at byte {position}"),
            Item::Time { timestamp, offset } => format!("  {} at offset {offset}", show_time(*timestamp)),
            Item::AbortedTransaction {
                producer_id,
                first_offset,
                last_offset,
                last_stable_offset,
            } => format!(
                "  aborted: producer {producer_id}, offsets {first_offset} to {last_offset}, last stable {last_stable_offset}"
            ),
            Item::Producer {
                producer_id,
                epoch,
                last_sequence,
                last_offset,
                last_timestamp,
                open_transaction_from,
            } => {
                let last = last_offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
                let open = open_transaction_from
                    .map(|from| format!(", transaction open from {from}"))
                    .unwrap_or_default();
                let time = show_time(*last_timestamp);
                format!(
                    "  producer {producer_id} epoch {epoch}: sequence {last_sequence} at offset {last}, {time}{open}"
                )
            }
            Item::LeaderEpoch { epoch, start_offset } => format!("  epoch {epoch} from offset {start_offset}"),
            Item::Line { text } => format!("  {text}"),
            Item::JournalGroup {
                topic_id,
                partition,
                term,
                vote,
                raft_entries,
                checkpoint,
                anchors,
                synced_mark,
            } => {
                let some = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
                format!(
                    "  {topic_id}-{partition}: term {term}, vote {vote}, {raft_entries} raft entries; checkpoint {}; \
                     anchors [{}]; synced {}",
                    some(checkpoint),
                    anchors.join(", "),
                    some(synced_mark)
                )
            }
            Item::Problem {
                position: Some(position),
                problem,
            } => format!("  PROBLEM at byte {position}: {problem}"),
            Item::Problem {
                position: None,
                problem,
            } => format!("  PROBLEM: {problem}"),
        }
    }
}

impl Batch {
    fn line(&self) -> String {
        let Batch {
            base_offset,
            last_offset,
            position,
            bytes,
            records,
            leader_epoch,
            codec,
            crc,
            ..
        } = self;
        let mut line = format!(
            "  batch {base_offset} to {last_offset} at byte {position}, {bytes} bytes: {records} records, epoch \
             {leader_epoch}, {codec}, {} {}, crc {crc}",
            self.timestamp_type,
            show_time(self.max_timestamp)
        );
        if self.producer_id >= 0 {
            let (id, epoch, sequence) = (self.producer_id, self.producer_epoch, self.base_sequence);
            line += &format!(", producer {id} epoch {epoch} sequence {sequence}");
        }
        let flags = [
            (self.transactional, "transactional"),
            (self.control, "control"),
            (self.delete_horizon, "delete horizon"),
        ];
        for (_, name) in flags.iter().filter(|(is_set, _)| *is_set) {
            line += &format!(", {name}");
        }
        line
    }
}

impl Record {
    fn line(&self) -> String {
        let text = |text: &Option<Text>| match text {
            None => "null".to_owned(),
            Some(Text::Plain(text)) => format!("{text:?}"),
            Some(Text::Encoded { base64 }) => format!("base64:{base64}"),
        };
        let mut line = format!("    record {} {}", self.offset, show_time(self.timestamp));
        match &self.decoded {
            Some(decoded) => line += &format!(" {decoded}"),
            None => line += &format!(" key {} value {}", text(&self.key), text(&self.value)),
        }
        for header in &self.headers {
            line += &format!(" {:?}={}", header.name, text(&header.value));
        }
        line
    }
}
