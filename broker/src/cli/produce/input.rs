//! Standard input as records, read on a thread of its own.

use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot};

use crate::cli::escapes::Delimiter;
use crate::cli::record_json;
use crate::client::produce::NewRecord;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// The longest record.
const MAX_RECORD_BYTES: usize = 128 << 20;

/// How bytes become records.
#[derive(Debug)]
pub(super) struct InputOptions {
    pub(super) is_json: bool,
    pub(super) delimiter: Delimiter,
    pub(super) key_delimiter: Option<Delimiter>,
    pub(super) key: Option<Bytes>,
    pub(super) headers: Vec<(String, Option<Bytes>)>,
    pub(super) null: bool,
    pub(super) partition: Option<i32>,
}

/// Records out of a stream of bytes.
#[derive(Debug)]
pub(super) struct Input {
    options: InputOptions,
    buffer: BytesMut,
    /// Where the search for a delimiter goes on.
    searched: usize,
    /// Records so far.
    count: u64,
}

impl Input {
    /// Reads standard input to its end. What comes back says whether that went well; it is told when the records end.
    pub(super) fn start(
        options: InputOptions,
        sender: mpsc::Sender<Vec<NewRecord>>,
    ) -> oneshot::Receiver<Result<(), String>> {
        let (done, result) = oneshot::channel();
        std::thread::spawn(move || {
            let outcome = Input::new(options).read(io::stdin().lock(), &sender);
            // Before the records end, so that it is there when they have.
            let _ = done.send(outcome);
            drop(sender);
        });
        result
    }

    fn new(options: InputOptions) -> Self {
        Input {
            options,
            buffer: BytesMut::new(),
            searched: 0,
            count: 0,
        }
    }

    fn read(mut self, mut source: impl Read, sender: &mpsc::Sender<Vec<NewRecord>>) -> Result<(), String> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = match source.read(&mut chunk) {
                Ok(read) => read,
                Err(problem) if problem.kind() == io::ErrorKind::Interrupted => continue,
                Err(problem) => return Err(format!("cannot read standard input: {problem}")),
            };
            self.buffer.extend_from_slice(&chunk[..read]);
            let now_ms = now_ms();
            let mut records = Vec::new();
            let mut outcome = self.take_whole(now_ms, &mut records);
            if read == 0 && outcome.is_ok() && !self.buffer.is_empty() {
                let rest = self.buffer.split().freeze();
                outcome = self.record(rest, now_ms).map(|record| records.extend(record));
            }
            // A producer that has failed takes no more.
            if !records.is_empty() && sender.blocking_send(records).is_err() {
                return Ok(());
            }
            outcome?;
            if read == 0 {
                return Ok(());
            }
            if self.buffer.len() > MAX_RECORD_BYTES {
                return Err(format!(
                    "standard input has no delimiter in {MAX_RECORD_BYTES} bytes: name the right one with --delimiter"
                ));
            }
        }
    }

    /// The records that are there as a whole.
    fn take_whole(&mut self, now_ms: i64, records: &mut Vec<NewRecord>) -> Result<(), String> {
        while let Some(end) = self.options.delimiter.find(&self.buffer, self.searched) {
            let bytes = self.buffer.split_to(end).freeze();
            self.buffer.advance(self.options.delimiter.0.len());
            self.searched = 0;
            records.extend(self.record(bytes, now_ms)?);
        }
        // The beginning of a delimiter may stand at the end.
        self.searched = (self.buffer.len() + 1).saturating_sub(self.options.delimiter.0.len());
        Ok(())
    }

    fn record(&mut self, bytes: Bytes, now_ms: i64) -> Result<Option<NewRecord>, String> {
        self.count += 1;
        let options = &self.options;
        let mut record = match options.is_json {
            true if bytes.trim_ascii().is_empty() => return Ok(None),
            true => record_json::parse(&bytes, now_ms)
                .map_err(|problem| format!("record {} of standard input is no JSON record: {problem}", self.count))?,
            false => {
                let key_delimiter = options.key_delimiter.as_ref();
                let split = key_delimiter.and_then(|it| Some((it.find(&bytes, 0)?, it.0.len())));
                let (key, value) = match split {
                    Some((at, length)) => (Some(bytes.slice(..at)), bytes.slice(at + length..)),
                    None => (options.key.clone(), bytes),
                };
                let is_kept = |bytes: &Bytes| !(options.null && bytes.is_empty());
                NewRecord {
                    key: key.filter(is_kept),
                    value: Some(value).filter(is_kept),
                    headers: Vec::new(),
                    partition: None,
                    timestamp: now_ms,
                }
            }
        };
        record.headers.extend(options.headers.iter().cloned());
        record.partition = options.partition;
        Ok(Some(record))
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::escapes::delimiter;

    fn options() -> InputOptions {
        InputOptions {
            is_json: false,
            delimiter: delimiter("\\n").unwrap(),
            key_delimiter: None,
            key: None,
            headers: Vec::new(),
            null: false,
            partition: None,
        }
    }

    /// A reader that gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn read(options: impl Fn() -> InputOptions, text: &str) -> (Vec<NewRecord>, Result<(), String>) {
        let run = |source: &mut dyn Read| {
            let (sender, mut records) = mpsc::channel(1000);
            let outcome = Input::new(options()).read(source, &sender);
            drop(sender);
            let mut all = Vec::new();
            while let Some(chunk) = records.blocking_recv() {
                all.extend(chunk.into_iter().map(|record| NewRecord { timestamp: 0, ..record }));
            }
            (all, outcome)
        };
        let (whole, dripped) = (run(&mut text.as_bytes()), run(&mut Drip(text.as_bytes())));
        assert_eq!(whole, dripped);
        whole
    }

    fn pairs(records: &[NewRecord]) -> Vec<(Option<&str>, Option<&str>)> {
        let text = |bytes: &'static [u8]| std::str::from_utf8(bytes).unwrap();
        let leak = |bytes: &Option<Bytes>| bytes.as_ref().map(|bytes| text(bytes.to_vec().leak()));
        records
            .iter()
            .map(|record| (leak(&record.key), leak(&record.value)))
            .collect()
    }

    #[test]
    fn lines_are_records_and_the_last_needs_no_end() {
        let (records, outcome) = read(options, "a\n\nb");
        assert_eq!(
            pairs(&records),
            [(None, Some("a")), (None, Some("")), (None, Some("b"))]
        );
        assert_eq!(outcome, Ok(()));
        assert!(read(options, "").0.is_empty());
        assert_eq!(read(options, "a\n").0.len(), 1);
    }

    #[test]
    fn keys_headers_and_nulls() {
        let with = || InputOptions {
            delimiter: delimiter("\\r\\n").unwrap(),
            key_delimiter: Some(delimiter("::").unwrap()),
            headers: vec![("h".to_owned(), None)],
            null: true,
            partition: Some(3),
            ..options()
        };
        let (records, _) = read(with, "k::v\r\nno key\r\n::v:\r\r\nk::\r\n");
        let expected = [
            (Some("k"), Some("v")),
            (None, Some("no key")),
            (None, Some("v:\r")),
            (Some("k"), None),
        ];
        assert_eq!(pairs(&records), expected);
        assert!(
            records
                .iter()
                .all(|it| it.partition == Some(3) && it.headers == [("h".to_owned(), None)])
        );
    }

    #[test]
    fn json_lines_and_what_is_none() {
        let json = || InputOptions {
            is_json: true,
            ..options()
        };
        let (records, outcome) = read(json, "{\"key\":\"a\",\"value\":null}\n\n{\"value\":\"b\"}\nno\n");
        assert_eq!(pairs(&records), [(Some("a"), None), (None, Some("b"))]);
        assert!(
            outcome
                .unwrap_err()
                .starts_with("record 4 of standard input is no JSON record: ")
        );
    }
}
