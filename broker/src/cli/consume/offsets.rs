//! Where `weir consume` begins and ends.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use crate::cli::error::ToolError;
use crate::cli::partitions::named_partitions;
use crate::cli::time::parse_time;
use crate::client::Cluster;
use crate::client::admin::{OffsetSpec, TopicPartition};
use crate::client::consume::Position;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Beginning,
    End,
    Offset(i64),
    /// So many before the end.
    Last(i64),
    /// At the first record that is not older, ms since the epoch.
    Time(i64),
}

/// Where to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Never,
    /// Where the partitions end when the command begins.
    Now,
    /// Before the first record that is not older, ms since the epoch.
    Time(i64),
}

/// A value of --offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OffsetArg {
    Start(Start),
    End(i64),
}

impl FromStr for OffsetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "it must be beginning, end, N, -N, s@TIME or e@TIME";
        Ok(match text {
            "beginning" | "earliest" => OffsetArg::Start(Start::Beginning),
            "end" | "latest" => OffsetArg::Start(Start::End),
            _ => match text.split_once('@') {
                Some(("s", time)) => OffsetArg::Start(Start::Time(parse_time(time)?)),
                Some(("e", time)) => OffsetArg::End(parse_time(time)?),
                Some(_) => return Err(EXPECTED.to_owned()),
                None => {
                    let number: i64 = text.parse().map_err(|_| EXPECTED.to_owned())?;
                    // −0 is 0.
                    OffsetArg::Start(if number < 0 {
                        Start::Last(number.saturating_neg())
                    } else {
                        Start::Offset(number)
                    })
                }
            },
        })
    }
}

/// The partitions that were named, and where each is read.
pub(super) async fn positions(
    cluster: &Arc<Cluster>,
    topics: &[String],
    start: Start,
    end: End,
    committed: bool,
) -> Result<BTreeMap<TopicPartition, Position>, ToolError> {
    let partitions = named_partitions(cluster, topics).await?;
    let ask = async |spec, committed| {
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
        cluster.offsets(&asked, committed).await
    };
    let first = ask(OffsetSpec::Earliest, false).await?;
    let last = ask(OffsetSpec::Latest, committed).await?;
    let begin = match start {
        Start::Time(time) => ask(OffsetSpec::Time(time), committed).await?,
        _ => BTreeMap::new(),
    };
    let until = match end {
        End::Time(time) => ask(OffsetSpec::Time(time), committed).await?,
        _ => BTreeMap::new(),
    };
    let mut positions = BTreeMap::new();
    for partition in &partitions {
        let offset = |of: &BTreeMap<TopicPartition, Option<i64>>| of.get(partition).copied().flatten();
        let (first, last) = (offset(&first).unwrap_or(0), offset(&last).unwrap_or(0));
        let next = match start {
            Start::Beginning => first,
            Start::End => last,
            Start::Offset(offset) if offset < first || (offset > last && end != End::Never) => {
                return Err(out_of_range(partition, offset, first, last));
            }
            Start::Offset(offset) => offset,
            Start::Last(count) => last.saturating_sub(count).max(first),
            Start::Time(_) => offset(&begin).unwrap_or(last),
        };
        let end = match end {
            End::Never => None,
            End::Now => Some(last),
            // Nothing so new is there yet: what is there now is all older.
            End::Time(_) => Some(offset(&until).unwrap_or(last)),
        };
        positions.insert(partition.clone(), Position { next, end });
    }
    Ok(positions)
}

fn out_of_range(partition: &TopicPartition, offset: i64, first: i64, last: i64) -> ToolError {
    ToolError::Failed(format!(
        "{}-{} has no offset {offset}: it has {first} to {last}\n  begin at one of these, at beginning or at end",
        partition.0, partition.1
    ))
}

#[cfg(test)]
mod tests {
    use super::{OffsetArg, Start};

    #[test]
    fn offsets_as_kcats() {
        let start = |text: &str| match text.parse() {
            Ok(OffsetArg::Start(start)) => start,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!((start("beginning"), start("end")), (Start::Beginning, Start::End));
        assert_eq!(
            (start("0"), start("17"), start("-3")),
            (Start::Offset(0), Start::Offset(17), Start::Last(3))
        );
        assert_eq!(start("s@1000"), Start::Time(1000));
        assert_eq!(start("s@1970-01-01T00:00:01Z"), Start::Time(1000));
        assert_eq!("e@5".parse(), Ok(OffsetArg::End(5)));
        assert_eq!(start(&i64::MIN.to_string()), Start::Last(i64::MAX));
        for wrong in ["", "x", "x@1", "s@", "s@soon", "1.5"] {
            assert!(wrong.parse::<OffsetArg>().is_err(), "{wrong}");
        }
    }
}
