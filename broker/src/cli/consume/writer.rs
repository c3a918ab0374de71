//! Records to standard output.

use std::io::{self, BufWriter, Stdout, Write};

use bytes::Bytes;
use storage::record_batch::{Record, TimestampType};

use super::format::{Format, Token};
use crate::cli::error::ToolError;
use crate::cli::record_json::{Header, RecordJson, Text};
use crate::client::admin::TopicPartition;

const BUFFER_BYTES: usize = 1 << 20;

/// How records are written.
pub(super) enum Style {
    /// By a format; where that is wanted, null is written as NULL.
    Text(Format, bool),
    /// One object a line.
    Json,
    /// One document for each.
    Yaml,
}

/// Writes records; what is written is seen after [`RecordWriter::flush`].
pub(super) struct RecordWriter<W: Write = Stdout> {
    output: BufWriter<W>,
    style: Style,
    records: u64,
    bytes: u64,
}

impl RecordWriter {
    /// To standard output.
    pub(super) fn stdout(style: Style) -> Self {
        RecordWriter::to(io::stdout(), style)
    }
}

impl<W: Write> RecordWriter<W> {
    fn to(output: W, style: Style) -> Self {
        RecordWriter {
            output: BufWriter::with_capacity(BUFFER_BYTES, output),
            style,
            records: 0,
            bytes: 0,
        }
    }

    /// Records so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Bytes of their keys and values.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// One record.
    pub(super) fn write(
        &mut self,
        partition: &TopicPartition,
        record: &Record,
        kind: TimestampType,
    ) -> Result<(), ToolError> {
        self.records += 1;
        self.bytes += [&record.key, &record.value]
            .into_iter()
            .flatten()
            .map(|it| it.len() as u64)
            .sum::<u64>();
        let out = &mut self.output;
        let written = match &self.style {
            Style::Text(format, null) => {
                let null: &[u8] = if *null { b"NULL" } else { b"" };
                text(out, format, null, partition, record)
            }
            Style::Json => (serde_json::to_writer(&mut *out, &object(partition, record, kind))
                .map_err(io::Error::from))
            .and_then(|()| out.write_all(b"\n")),
            Style::Yaml => match serde_saphyr::to_string(&object(partition, record, kind)) {
                Ok(text) => write!(out, "---\n{text}"),
                Err(problem) => Err(io::Error::other(problem.to_string())),
            },
        };
        written.map_err(ToolError::from_output)
    }

    /// Shows what was written.
    pub(super) fn flush(&mut self) -> Result<(), ToolError> {
        self.output.flush().map_err(ToolError::from_output)
    }
}

fn text(out: &mut impl Write, format: &Format, null: &[u8], at: &TopicPartition, record: &Record) -> io::Result<()> {
    let bytes = |bytes: &Option<Bytes>| bytes.clone().unwrap_or_else(|| Bytes::copy_from_slice(null));
    let size = |bytes: &Option<Bytes>| {
        bytes
            .as_ref()
            .map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
    };
    for token in &format.0 {
        match token {
            Token::Literal(literal) => out.write_all(literal)?,
            Token::Topic => out.write_all(at.0.as_bytes())?,
            Token::Partition => write!(out, "{}", at.1)?,
            Token::Offset => write!(out, "{}", record.offset)?,
            Token::Key => out.write_all(&bytes(&record.key))?,
            Token::KeySize => write!(out, "{}", size(&record.key))?,
            Token::Value => out.write_all(&bytes(&record.value))?,
            Token::ValueSize => write!(out, "{}", size(&record.value))?,
            // A value is below 2 GiB.
            Token::ValueSizeBinary => out.write_all(&(size(&record.value) as i32).to_be_bytes())?,
            Token::Headers => {
                for (place, header) in record.headers.iter().enumerate() {
                    if place > 0 {
                        out.write_all(b",")?;
                    }
                    out.write_all(&header.key)?;
                    out.write_all(b"=")?;
                    out.write_all(header.value.as_deref().unwrap_or(b"NULL"))?;
                }
            }
            Token::Timestamp => write!(out, "{}", record.timestamp)?,
        }
    }
    Ok(())
}

/// A record for programs.
fn object<'a>(at: &'a TopicPartition, record: &Record, kind: TimestampType) -> RecordJson<'a> {
    let some = |bytes: &Option<Bytes>| bytes.as_ref().map(|bytes| Text::of(bytes));
    let header = |header: &storage::record_batch::RecordHeader| Header {
        name: String::from_utf8_lossy(&header.key).into_owned(),
        value: some(&header.value),
    };
    RecordJson {
        topic: &at.0,
        partition: at.1,
        offset: record.offset,
        timestamp: record.timestamp,
        timestamp_type: match kind {
            TimestampType::CreateTime => "create",
            TimestampType::LogAppendTime => "append",
        },
        key: some(&record.key),
        value: some(&record.value),
        headers: record.headers.iter().map(header).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::record_batch::RecordHeader;

    fn written(style: Style, value: Option<&'static str>) -> String {
        let record = Record {
            offset: 5,
            timestamp: 7,
            key: Some("k".into()),
            value: value.map(Bytes::from),
            headers: [("a", Some("1")), ("b", None)]
                .map(|(key, value)| RecordHeader {
                    key: key.into(),
                    value: value.map(Bytes::from),
                })
                .to_vec(),
        };
        let mut writer = RecordWriter::to(Vec::new(), style);
        writer
            .write(&("t".to_owned(), 3), &record, TimestampType::CreateTime)
            .unwrap();
        writer.flush().unwrap();
        String::from_utf8(writer.output.get_ref().clone()).unwrap()
    }

    #[test]
    fn every_token() {
        let all = "%t %p %o %k %K %s %S %h %T|";
        let said = |format: &str, null, value| written(Style::Text(format.parse().unwrap(), null), value);
        assert_eq!(said(all, false, Some("ö")), "t 3 5 k 1 ö 2 a=1,b=NULL 7|");
        assert_eq!(said(all, false, None), "t 3 5 k 1  -1 a=1,b=NULL 7|");
        assert_eq!(said("%s", true, None), "NULL");
        assert_eq!(said("%R", false, Some("abc")), "\0\0\0\u{3}");
    }

    #[test]
    fn json_lines_and_yaml_documents() {
        let documents = written(Style::Yaml, Some("a: b"));
        assert!(
            documents.starts_with("---\ntopic: t\n") && documents.contains("\"a: b\""),
            "{documents}"
        );
        let line = written(Style::Json, None);
        assert!(line.ends_with("}\n"));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (value["offset"].as_i64(), value["timestamp_type"].as_str()),
            (Some(5), Some("create"))
        );
        assert!(value["value"].is_null() && value["headers"][1]["value"].is_null());
        assert_eq!(value["headers"][0]["value"], "1");
    }
}
