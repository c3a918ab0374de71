//! `weir log dump`: what stands in the files of a log, Weir's or Apache Kafka's.
//!
//! Invariant: nothing is changed and nothing is locked; any bytes give items or a problem. A segment is read batch by batch.

mod decode;
mod item;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use storage::disk::RealDisk;
use storage::journal::Journal;
use storage::leader_epochs::LeaderEpochs;
use storage::log::parse_name;
use storage::offset_index::{ENTRY_SIZE as OFFSET_ENTRY, OffsetIndexView};
use storage::producer_state::ProducerStates;
use storage::record_batch::{BatchHeader, Records, TimestampType, verify_crc};
use storage::time_index::{ENTRY_SIZE as TIME_ENTRY, TimeIndexView};

use super::segment_file::{Entry, SegmentFile, without_reserve};
use crate::cli::error::ToolError;
use crate::cli::record_json::{Header, Text};
use crate::client::MAX_DECOMPRESSED_BYTES;
use decode::Schema;
use item::{Batch, Item, Record};

/// The largest small file (index, snapshot, checkpoint) that is read.
const MAX_SMALL_BYTES: u64 = 1 << 30;
/// A text file is shown up to here.
const MAX_TEXT_BYTES: u64 = 1 << 20;
const TRANSACTION_ENTRY: usize = 34;
const MAX_DESCRIPTORS: usize = 16;

/// Arguments of `weir log dump`.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// Files, partitions' directories or data directories, Weir's or Apache Kafka's
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The records of each batch, too
    #[arg(long, short)]
    records: bool,
    /// The records of __consumer_offsets and __cluster_metadata in words
    #[arg(long, short)]
    decode: bool,
    /// How items are printed
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    output: DumpFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DumpFormat {
    /// Lines, for people
    #[value(alias = "table")]
    Text,
    /// One JSON object a line
    Json,
    /// One YAML document for each item
    Yaml,
}

/// Runs `weir log dump`.
pub(super) fn run_dump(args: &DumpArgs) -> Result<(), ToolError> {
    let mut dump = Dump {
        args,
        output: BufWriter::new(io::stdout().lock()),
        has_problem: false,
    };
    for path in &args.paths {
        dump.path(path)?;
    }
    dump.output.flush().map_err(ToolError::from_output)?;
    match dump.has_problem {
        true => Err(ToolError::Reported),
        false => Ok(()),
    }
}

struct Dump<'a, W: Write> {
    args: &'a DumpArgs,
    output: BufWriter<W>,
    has_problem: bool,
}

impl<W: Write> Dump<'_, W> {
    fn path(&mut self, path: &Path) -> Result<(), ToolError> {
        let cannot = |problem: io::Error| ToolError::Failed(format!("cannot read {}: {problem}", path.display()));
        if !fs::metadata(path).map_err(cannot)?.is_dir() {
            return self.file(path);
        }
        if path.file_name().is_some_and(|name| name == "journal") {
            return self.journal(path);
        }
        let entries = fs::read_dir(path).map_err(cannot)?;
        let mut paths = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(cannot)?;
        paths.sort_unstable();
        for path in paths
            .iter()
            .filter(|path| path.file_name().is_some_and(|name| name != ".lock"))
        {
            self.path(path)?;
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), ToolError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let suffix = name.split_once('.').map_or("", |(_, suffix)| suffix);
        // A file that was put aside or is being deleted is still what it was.
        let suffix = match suffix.strip_suffix(".deleted") {
            // Where two of a name wait for their removal the second has a number.
            Some(aside) => aside.split('.').next().unwrap_or_default(),
            None => suffix,
        };
        let suffix = suffix.trim_end_matches(".cleaned").trim_end_matches(".swap");
        let base = parse_name(&name).map_or(0, |(offset, _)| offset);
        match suffix {
            "log" => self.segment(path, "log"),
            _ if is_metadata_snapshot(&name) => self.segment(path, "metadata snapshot"),
            "index" => self.offset_index(path, base),
            "timeindex" => self.time_index(path, base),
            "txnindex" => self.transaction_index(path),
            "snapshot" => self.snapshot(path),
            "journal" => {
                let text = "records of the journal: name its directory to see what they come to".to_owned();
                self.head(path, "journal")?;
                self.item(&Item::Line { text })
            }
            _ if name == "leader-epoch-checkpoint" => self.leader_epochs(path),
            _ => self.text(path),
        }
    }

    fn segment(&mut self, path: &Path, kind: &'static str) -> Result<(), ToolError> {
        self.head(path, kind)?;
        let parent = path
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let schema = match kind {
            "log" => Schema::of(&parent),
            _ => Some(Schema::Metadata),
        };
        let schema = schema.filter(|_| self.args.decode);
        let cannot = |problem: io::Error| ToolError::Failed(format!("cannot read {}: {problem}", path.display()));
        let mut segment = SegmentFile::open(path).map_err(cannot)?;
        while let Some(entry) = segment.next().map_err(cannot)? {
            match entry {
                Entry::Batch {
                    position,
                    header,
                    bytes,
                } => self.batch(position, &header, &bytes, schema)?,
                Entry::Old {
                    position,
                    offset,
                    magic,
                    size,
                } => self.item(&Item::OldMessage {
                    position,
                    offset,
                    format: magic,
                    bytes: size,
                })?,
                Entry::Bad { position, reason, .. } => self.problem(Some(position), reason)?,
            }
        }
        Ok(())
    }

    fn batch(
        &mut self,
        position: u64,
        header: &BatchHeader,
        bytes: &bytes::Bytes,
        schema: Option<Schema>,
    ) -> Result<(), ToolError> {
        let crc = verify_crc(bytes, header);
        let attributes = header.attributes;
        self.item(&Item::Batch(Box::new(Batch {
            position,
            bytes: header.size(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            records: header.record_count,
            leader_epoch: header.leader_epoch,
            codec: attributes
                .codec()
                .map_or_else(|problem| problem.to_string(), |codec| codec.to_string()),
            timestamp_type: match attributes.timestamp_type() {
                TimestampType::CreateTime => "create",
                TimestampType::LogAppendTime => "append",
            },
            base_timestamp: header.base_timestamp,
            max_timestamp: header.max_timestamp,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            transactional: attributes.is_transactional(),
            control: attributes.is_control(),
            delete_horizon: attributes.has_delete_horizon(),
            crc: if crc.is_ok() {
                "ok".to_owned()
            } else {
                "wrong".to_owned()
            },
        })))?;
        if let Err(problem) = crc {
            return self.problem(Some(position), problem.to_string());
        }
        if !self.args.records && !self.args.decode {
            return Ok(());
        }
        let records = match Records::new(bytes, MAX_DECOMPRESSED_BYTES) {
            Ok(records) => records,
            Err(problem) => return self.problem(Some(position), problem.to_string()),
        };
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(problem) => return self.problem(Some(position), problem.to_string()),
            };
            let text = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map(|bytes| Text::of(bytes));
            let decoded = match schema.filter(|_| !attributes.is_control()) {
                Some(schema) => Some(schema.decode(record.offset, record.key.as_ref(), record.value.as_ref())),
                None => attributes.is_control().then(|| control(record.key.as_deref())),
            };
            self.item(&Item::Record(Box::new(Record {
                offset: record.offset,
                timestamp: record.timestamp,
                key: text(&record.key),
                value: text(&record.value),
                headers: (record.headers.iter())
                    .map(|header| Header {
                        name: String::from_utf8_lossy(&header.key).into_owned(),
                        value: text(&header.value),
                    })
                    .collect(),
                decoded,
            })))?;
        }
        Ok(())
    }

    fn offset_index(&mut self, path: &Path, base: i64) -> Result<(), ToolError> {
        self.head(path, "offset index")?;
        let bytes = small(path, MAX_SMALL_BYTES)?;
        match OffsetIndexView::new(base, without_reserve(&bytes, OFFSET_ENTRY)) {
            Ok(view) => {
                for entry in view.iter() {
                    self.item(&Item::Offset {
                        offset: entry.offset,
                        position: entry.position,
                    })?;
                }
                match view.sanity_check(u64::MAX) {
                    Ok(()) => Ok(()),
                    Err(problem) => self.problem(None, problem.to_string()),
                }
            }
            Err(problem) => self.problem(None, problem.to_string()),
        }
    }

    fn time_index(&mut self, path: &Path, base: i64) -> Result<(), ToolError> {
        self.head(path, "time index")?;
        let bytes = small(path, MAX_SMALL_BYTES)?;
        match TimeIndexView::new(base, without_reserve(&bytes, TIME_ENTRY)) {
            Ok(view) => {
                for entry in view.iter() {
                    self.item(&Item::Time {
                        timestamp: entry.timestamp,
                        offset: entry.offset,
                    })?;
                }
                match view.sanity_check(i64::MAX) {
                    Ok(()) => Ok(()),
                    Err(problem) => self.problem(None, problem.to_string()),
                }
            }
            Err(problem) => self.problem(None, problem.to_string()),
        }
    }

    fn transaction_index(&mut self, path: &Path) -> Result<(), ToolError> {
        self.head(path, "transaction index")?;
        let bytes = small(path, MAX_SMALL_BYTES)?;
        let (entries, rest) = bytes.as_chunks::<TRANSACTION_ENTRY>();
        for entry in entries {
            // i16 version, then four i64.
            let (fields, _) = entry[2..].as_chunks::<8>();
            let field = |place: usize| fields.get(place).map_or(-1, |field| i64::from_be_bytes(*field));
            self.item(&Item::AbortedTransaction {
                producer_id: field(0),
                first_offset: field(1),
                last_offset: field(2),
                last_stable_offset: field(3),
            })?;
        }
        match rest.is_empty() {
            true => Ok(()),
            false => self.problem(None, format!("{} bytes are no whole entry", rest.len())),
        }
    }

    fn snapshot(&mut self, path: &Path) -> Result<(), ToolError> {
        self.head(path, "producer snapshot")?;
        let states = match ProducerStates::decode_snapshot(&small(path, MAX_SMALL_BYTES)?, usize::MAX) {
            Ok(states) => states,
            Err(problem) => return self.problem(None, problem.to_string()),
        };
        for (producer_id, entry) in states.iter() {
            self.item(&Item::Producer {
                producer_id,
                epoch: entry.epoch(),
                last_sequence: entry.last_sequence(),
                last_offset: entry.batches().last().map(|batch| batch.last_offset),
                last_timestamp: entry.last_timestamp(),
                open_transaction_from: entry.transaction_first_offset(),
            })?;
        }
        Ok(())
    }

    fn leader_epochs(&mut self, path: &Path) -> Result<(), ToolError> {
        self.head(path, "leader epochs")?;
        match LeaderEpochs::decode(&small(path, MAX_SMALL_BYTES)?) {
            Ok(epochs) => epochs.entries().iter().try_for_each(|entry| {
                self.item(&Item::LeaderEpoch {
                    epoch: entry.epoch,
                    start_offset: entry.start_offset,
                })
            }),
            Err(problem) => self.problem(None, problem.to_string()),
        }
    }

    fn text(&mut self, path: &Path) -> Result<(), ToolError> {
        self.head(path, "text")?;
        let bytes = small(path, MAX_TEXT_BYTES)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => text
                .lines()
                .try_for_each(|line| self.item(&Item::Line { text: line.to_owned() })),
            Err(_) => self.item(&Item::Line {
                text: "not text, and of no kind that is known".to_owned(),
            }),
        }
    }

    fn journal(&mut self, dir: &Path) -> Result<(), ToolError> {
        self.head(dir, "journal")?;
        let data_dir = dir.parent().unwrap_or(dir);
        let recovered = match Journal::inspect(&RealDisk::to_read(MAX_DESCRIPTORS), data_dir) {
            Ok(Some(recovered)) => recovered,
            Ok(None) => return Ok(()),
            Err(problem) => return self.problem(None, problem.to_string()),
        };
        let stop = if recovered.clean_shutdown {
            "stopped in order"
        } else {
            "not stopped in order, or running"
        };
        self.item(&Item::Line {
            text: format!("the broker was {stop}"),
        })?;
        for (group, state) in &recovered.groups {
            self.item(&Item::JournalGroup {
                topic_id: group.topic_id.to_string(),
                partition: group.partition,
                term: state.hard_state.term,
                vote: state.hard_state.vote,
                raft_entries: state.entries.len(),
                checkpoint: state.checkpoint.as_ref().map(|it| format!("{it:?}")),
                anchors: state
                    .anchors
                    .iter()
                    .map(|(base, it)| format!("{base}: {it:?}"))
                    .collect(),
                synced_mark: state.synced_mark.as_ref().map(|it| format!("{it:?}")),
            })?;
        }
        Ok(())
    }

    fn head(&mut self, path: &Path, kind: &'static str) -> Result<(), ToolError> {
        let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
        self.item(&Item::File {
            path: path.display().to_string(),
            kind,
            bytes,
        })
    }

    fn problem(&mut self, position: Option<u64>, problem: String) -> Result<(), ToolError> {
        self.has_problem = true;
        self.item(&Item::Problem { position, problem })
    }

    fn item(&mut self, item: &Item) -> Result<(), ToolError> {
        let written = match self.args.output {
            DumpFormat::Text => writeln!(self.output, "{}", item.line()),
            DumpFormat::Json => {
                let written = serde_json::to_writer(&mut self.output, item).map_err(io::Error::from);
                written.and_then(|()| self.output.write_all(b"\n"))
            }
            DumpFormat::Yaml => match serde_saphyr::to_string(item) {
                Ok(text) => write!(self.output, "---\n{text}"),
                Err(problem) => Err(io::Error::other(problem.to_string())),
            },
        };
        written.map_err(ToolError::from_output)
    }
}

/// `bootstrap.checkpoint`, or `<offset>-<epoch>.checkpoint`.
fn is_metadata_snapshot(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = name.strip_suffix(".checkpoint").and_then(|name| name.split_once('-'));
    name == "bootstrap.checkpoint" || numbers.is_some_and(|(offset, epoch)| is_number(offset) && is_number(epoch))
}

/// A marker of a transaction's end, or another control record.
fn control(key: Option<&[u8]>) -> String {
    match key.and_then(|key| key.get(2..4)) {
        Some([0, 0]) => "abort marker".to_owned(),
        Some([0, 1]) => "commit marker".to_owned(),
        Some(kind) => format!("control record of type {}", i16::from_be_bytes([kind[0], kind[1]])),
        None => "control record without a type".to_owned(),
    }
}

fn small(path: &Path, limit: u64) -> Result<Vec<u8>, ToolError> {
    let cannot =
        |problem: &dyn std::fmt::Display| ToolError::Failed(format!("cannot read {}: {problem}", path.display()));
    let size = fs::metadata(path).map_err(|problem| cannot(&problem))?.len();
    if size > limit {
        return Err(cannot(&format!(
            "it has {size} bytes, more than a file of its kind can have"
        )));
    }
    fs::read(path).map_err(|problem| cannot(&problem))
}
