//! Records to standard output.

use std::io::{self, BufWriter, Stdout, Write};

use bytes::Bytes;
use storage::record_batch::{Record, TimestampType};

use super::format::{Format, Token};
use crate::cli::error::ToolError;
use crate::cli::record_json::{Header, RecordJson, Text};
use crate::client::admin::TopicPartition;

const BUFFER_BYTES: usize = 1 << 20;

/// Writes records; what is written is seen after [`RecordWriter::flush`].
pub(super) struct RecordWriter<W: Write = Stdout> {
    output: BufWriter<W>,
    /// JSON without one.
    format: Option<Format>,
    /// What stands for null.
    null: &'static [u8],
    records: u64,
    bytes: u64,
}

impl RecordWriter {
    /// As text, by a format; with `null`, null is written as NULL.
    pub(super) fn text(format: Format, null: bool) -> Self {
        RecordWriter::to(io::stdout(), Some(format), null)
    }

    /// As JSON, one object a line.
    pub(super) fn json() -> Self {
        RecordWriter::to(io::stdout(), None, false)
    }
}

impl<W: Write> RecordWriter<W> {
    fn to(output: W, format: Option<Format>, null: bool) -> Self {
        RecordWriter {
            output: BufWriter::with_capacity(BUFFER_BYTES, output),
            format,
            null: if null { b"NULL" } else { b"" },
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
        let written = match &self.format {
            Some(format) => text(&mut self.output, format, self.null, partition, record),
            None => json(&mut self.output, partition, record, kind),
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

fn json(out: &mut impl Write, at: &TopicPartition, record: &Record, kind: TimestampType) -> io::Result<()> {
    let some = |bytes: &Option<Bytes>| bytes.as_ref().map(|bytes| Text::of(bytes));
    let header = |header: &storage::record_batch::RecordHeader| Header {
        name: String::from_utf8_lossy(&header.key).into_owned(),
        value: some(&header.value),
    };
    let record = RecordJson {
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
    };
    serde_json::to_writer(&mut *out, &record)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::record_batch::RecordHeader;

    fn written(format: Option<&str>, null: bool, value: Option<&'static str>) -> String {
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
        let mut writer = RecordWriter::to(Vec::new(), format.map(|format| format.parse().unwrap()), null);
        writer
            .write(&("t".to_owned(), 3), &record, TimestampType::CreateTime)
            .unwrap();
        writer.flush().unwrap();
        String::from_utf8(writer.output.get_ref().clone()).unwrap()
    }

    #[test]
    fn every_token() {
        let all = Some("%t %p %o %k %K %s %S %h %T|");
        assert_eq!(written(all, false, Some("ö")), "t 3 5 k 1 ö 2 a=1,b=NULL 7|");
        assert_eq!(written(all, false, None), "t 3 5 k 1  -1 a=1,b=NULL 7|");
        assert_eq!(written(Some("%s"), true, None), "NULL");
        assert_eq!(written(Some("%R"), false, Some("abc")), "\0\0\0\u{3}");
    }

    #[test]
    fn json_lines() {
        let line = written(None, false, None);
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
