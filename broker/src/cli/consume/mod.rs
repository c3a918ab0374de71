//! `weir consume`: records to standard output.

mod format;
mod offsets;
mod writer;

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cluster_args::{ClusterArgs, block_on};
use super::error::ToolError;
use super::escapes::{Delimiter, delimiter};
use super::progress::Progress;
use super::time::parse_time;
use crate::client::consume::{Consumer, FetchOptions};
use format::Format;
use offsets::{End, OffsetArg, Start};
use writer::{RecordWriter, Style};

/// How often it is looked whether anybody still reads.
const UNREAD_INTERVAL: Duration = Duration::from_millis(500);

/// Arguments of `weir consume`.
#[derive(Debug, Args)]
pub struct ConsumeArgs {
    /// Topics, or some of their partitions, as orders or orders:0,2
    #[arg(required = true, value_name = "TOPIC[:PARTITION,…]")]
    topics: Vec<String>,
    /// Where to begin: beginning, end, an offset, -N for the last N of each partition, s@TIME for the first record that is
    /// not older; and where to end: e@TIME. TIME is as 2026-01-31T08:00:00Z, or ms since 1970 [default: beginning]
    #[arg(short = 'o', long = "offset", value_name = "OFFSET", allow_negative_numbers = true)]
    offsets: Vec<OffsetArg>,
    /// Begin at the first record that is not older: -o s@TIME
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from_time: Option<i64>,
    /// End before the first record that is not older: -o e@TIME
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to_time: Option<i64>,
    /// End after so many records
    #[arg(short = 'c', long, value_name = "N")]
    count: Option<u64>,
    /// End where the partitions end now
    #[arg(short = 'e', long)]
    exit: bool,
    /// Wait for new records for ever; the default, unless there is an end
    #[arg(long, conflicts_with_all = ["exit", "to_time"])]
    follow: bool,
    /// How a record is written: %t topic, %p partition, %o offset, %k key, %s value, %h headers, %T timestamp in ms, %K and
    /// %S bytes of key and value (-1 for null), %R the value's length as 4 bytes, %% a percent sign; \n, \r, \t, \0 and \xNN
    #[arg(short = 'f', long, value_name = "FORMAT", conflicts_with_all = ["key_delimiter", "delimiter"])]
    format: Option<Format>,
    /// Ends a record
    #[arg(short = 'D', long, default_value = "\\n", value_name = "TEXT", value_parser = delimiter)]
    delimiter: Delimiter,
    /// Write the key, and this before the value
    #[arg(short = 'K', long, value_name = "TEXT", value_parser = delimiter)]
    key_delimiter: Option<Delimiter>,
    /// Write NULL for a key or value that is null, instead of nothing
    #[arg(short = 'Z', long)]
    null: bool,
    /// How records are written
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    output: RecordFormat,
    /// Read what transactions have not committed, too
    #[arg(long)]
    read_uncommitted: bool,
    /// Show no progress on a terminal
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RecordFormat {
    /// Values, or what --format and --key-delimiter say
    #[value(alias = "table")]
    Text,
    /// One object a line
    Json,
    /// One document for each record
    Yaml,
}

impl ConsumeArgs {
    fn start(&self) -> Result<Start, ToolError> {
        let mut starts = self.offsets.iter().filter_map(|offset| match offset {
            OffsetArg::Start(start) => Some(*start),
            OffsetArg::End(_) => None,
        });
        match (starts.next(), starts.next(), self.from_time) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err(ToolError::Usage(
                "there is more than one place to begin: give one --offset or --from-time".to_owned(),
            )),
            (Some(start), None, None) => Ok(start),
            (None, _, Some(time)) => Ok(Start::Time(time)),
            (None, _, None) => Ok(Start::Beginning),
        }
    }

    fn end(&self) -> Result<End, ToolError> {
        let mut ends = self.offsets.iter().filter_map(|offset| match offset {
            OffsetArg::End(time) => Some(*time),
            OffsetArg::Start(_) => None,
        });
        match (ends.next().or(self.to_time), self.exit) {
            (Some(_), _) if self.follow => Err(ToolError::Usage(
                "--follow and an end were given: leave one of them out".to_owned(),
            )),
            (Some(time), _) => Ok(End::Time(time)),
            (None, true) => Ok(End::Now),
            (None, false) => Ok(End::Never),
        }
    }

    fn writer(&self) -> RecordWriter {
        match (self.output, &self.format) {
            (RecordFormat::Json, _) => RecordWriter::stdout(Style::Json),
            (RecordFormat::Yaml, _) => RecordWriter::stdout(Style::Yaml),
            (_, Some(format)) => RecordWriter::stdout(Style::Text(format.clone(), self.null)),
            (_, None) => {
                let format = Format::simple(self.key_delimiter.as_ref(), &self.delimiter);
                RecordWriter::stdout(Style::Text(format, self.null))
            }
        }
    }
}

/// Runs `weir consume`.
pub(super) fn run(args: &ConsumeArgs) -> Result<(), ToolError> {
    if args.output != RecordFormat::Text && (args.format.is_some() || args.key_delimiter.is_some()) {
        return Err(ToolError::Usage(
            "--format and --key-delimiter are for text: leave them out, or --output".to_owned(),
        ));
    }
    let (start, end) = (args.start()?, args.end()?);
    block_on(async {
        let cluster = args.cluster.connect().await?;
        let committed = !args.read_uncommitted;
        let positions = offsets::positions(&cluster, &args.topics, start, end, committed).await?;
        let total = positions
            .values()
            .map(|it| Some(it.end?.saturating_sub(it.next).max(0).unsigned_abs()))
            .sum();
        let total = args.count.or(total);
        let is_piped = !std::io::stdout().is_terminal();
        let progress = Progress::records(total, is_piped && !args.quiet);
        let options = FetchOptions {
            committed,
            max_wait: Duration::from_millis(500),
            ..FetchOptions::default()
        };
        let mut consumer = Consumer::start(cluster, positions, options);
        let copying = copy(args, &mut consumer, &progress);
        tokio::select! {
            copied = copying => {
                progress.finish();
                copied
            }
            // That is how one ends what has no end; all that was read is written.
            _ = tokio::signal::ctrl_c() => Ok(()),
            () = unread() => Err(ToolError::Unread),
        }
    })
}

/// Ends when standard output is a pipe that nobody reads any more: without new records nothing is written that would tell.
async fn unread() {
    let stdout = std::io::stdout();
    loop {
        tokio::time::sleep(UNREAD_INTERVAL).await;
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::ERR) {
            return;
        }
    }
}

async fn copy(args: &ConsumeArgs, consumer: &mut Consumer, progress: &Progress) -> Result<(), ToolError> {
    let mut writer = args.writer();
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let next = tokio::select! {
            biased;
            next = consumer.next() => next,
            // What was read is seen before anybody waits for more.
            flushed = async { writer.flush() } => {
                flushed?;
                consumer.next().await
            }
        };
        let Some(chunk) = next? else { break };
        for (record, kind) in chunk.decoded.records {
            writer.write(&chunk.partition, &record, kind)?;
            left -= 1;
            if left == 0 {
                break;
            }
        }
        progress.set(writer.records(), writer.bytes());
    }
    writer.flush()
}
