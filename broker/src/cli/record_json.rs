//! Records as JSON, one object a line: what `weir consume --output json` writes and `weir produce --input json` reads.
//!
//! Bytes that are UTF-8 stand as a string, others as `{"base64": "…"}`, null as null.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::client::produce::NewRecord;

/// Bytes of a key, value or header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a key, value or header is a string, {\"base64\": \"…\"} or null"
)]
pub(super) enum Text {
    /// UTF-8.
    Plain(String),
    /// Anything else.
    Encoded {
        /// In standard base64.
        base64: String,
    },
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: Option<Text>,
}

/// A record that was read.
#[derive(Debug, Serialize)]
pub(super) struct RecordJson<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// ms since the epoch, −1 for none.
    pub(super) timestamp: i64,
    pub(super) timestamp_type: &'static str,
    pub(super) key: Option<Text>,
    pub(super) value: Option<Text>,
    pub(super) headers: Vec<Header>,
}

/// A record to be sent; where the line's record stood is left aside. A field of another name is refused: it may be the
/// value, misspelt, and a record without one deletes what has its key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NewRecordJson {
    timestamp: Option<i64>,
    key: Option<Text>,
    value: Option<Text>,
    headers: Vec<Header>,
    #[serde(rename = "topic")]
    _topic: IgnoredAny,
    #[serde(rename = "partition")]
    _partition: IgnoredAny,
    #[serde(rename = "offset")]
    _offset: IgnoredAny,
    #[serde(rename = "timestamp_type")]
    _timestamp_type: IgnoredAny,
}

impl Text {
    /// For bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Text::Plain(text.to_owned()),
            Err(_) => Text::Encoded {
                base64: STANDARD.encode(bytes),
            },
        }
    }

    fn bytes(self) -> Result<Bytes, String> {
        match self {
            Text::Plain(text) => Ok(text.into_bytes().into()),
            Text::Encoded { base64 } => {
                let bytes = STANDARD
                    .decode(base64)
                    .map_err(|problem| format!("bad base64: {problem}"))?;
                Ok(bytes.into())
            }
        }
    }
}

/// A line as a record; the time of a line without one is `now_ms`.
pub(super) fn parse(line: &[u8], now_ms: i64) -> Result<NewRecord, String> {
    // A list would be taken for the fields in their order.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err("it is no object".to_owned());
    }
    let record: NewRecordJson = serde_json::from_slice(line).map_err(|problem| problem.to_string())?;
    let headers = record
        .headers
        .into_iter()
        .map(|header| Ok((header.name, header.value.map(Text::bytes).transpose()?)));
    Ok(NewRecord {
        key: record.key.map(Text::bytes).transpose()?,
        value: record.value.map(Text::bytes).transpose()?,
        headers: headers.collect::<Result<_, String>>()?,
        partition: None,
        timestamp: record.timestamp.unwrap_or(now_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::{Header, RecordJson, Text, parse};

    #[test]
    fn what_is_written_can_be_read() {
        let written = RecordJson {
            topic: "t",
            partition: 0,
            offset: 5,
            timestamp: 7,
            timestamp_type: "create",
            key: Some(Text::of(b"k")),
            value: Some(Text::of(b"\xff\0")),
            headers: vec![Header {
                name: "h".to_owned(),
                value: None,
            }],
        };
        let record = parse(&serde_json::to_vec(&written).unwrap(), 9).unwrap();
        assert_eq!((record.key.as_deref(), record.timestamp), (Some(&b"k"[..]), 7));
        assert_eq!(record.value.as_deref(), Some(&b"\xff\0"[..]));
        assert_eq!(record.headers, [("h".to_owned(), None)]);
        let least = parse(b"{}", 9).unwrap();
        assert_eq!((least.key, least.value, least.timestamp), (None, None, 9));
        let said = |line: &str| parse(line.as_bytes(), 0).unwrap_err();
        assert!(said(r#"{"vlaue":"x"}"#).starts_with("unknown field `vlaue`, expected one of `timestamp`, `key`"));
        assert!(said(r#"{"headers":[{"name":"a","val":"x"}]}"#).starts_with("unknown field `val`"));
        assert!(said(r#"{"value":{"a":1}}"#).starts_with("a key, value or header is a string, "));
        assert!(parse(b"[1]", 0).is_err() && parse(b"{\"key\":{\"base64\":\"?\"}}", 0).is_err());
    }
}
