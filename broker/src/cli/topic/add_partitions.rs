//! `weir topic add-partitions`.

use clap::{ArgGroup, Args};
use serde::Serialize;

use crate::cli::cluster_args::{ClusterArgs, existing_topic};
use crate::cli::error::ToolError;
use crate::cli::output::{Cell, OutputArgs, Page, Report};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how_many").required(true).args(["add", "total"])))]
pub(super) struct AddPartitionsArgs {
    /// Name of the topic
    #[arg(value_name = "NAME")]
    name: String,
    /// How many partitions more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    add: Option<i32>,
    /// How many partitions in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    total: Option<i32>,
    /// Only say whether it could be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Grown {
    name: String,
    partitions_before: usize,
    partitions: i32,
    dry_run: bool,
}

impl Report for Grown {
    fn draw(&self, page: &mut Page) {
        let does = if self.dry_run { "would grow" } else { "grew" };
        page.line(Cell::good(format!(
            "topic {} {does} from {} to {} partitions",
            self.name, self.partitions_before, self.partitions
        )));
    }
}

pub(super) async fn run(args: &AddPartitionsArgs) -> Result<(), ToolError> {
    let cluster = args.cluster.connect().await?;
    let before = existing_topic(&cluster, &args.name).await?.partitions.len();
    let now = i32::try_from(before).unwrap_or(i32::MAX);
    let total = args.total.unwrap_or_else(|| now.saturating_add(args.add.unwrap_or(0)));
    if total <= now {
        return Err(ToolError::Failed(format!(
            "topic {} has {now} partitions, and they can only become more: name a larger --total",
            args.name
        )));
    }
    cluster.create_partitions(&args.name, total, args.dry_run).await?;
    if !args.dry_run {
        // They are there; where their leaders take long, whoever uses them waits.
        let _ = cluster.await_leaders(&args.name, total.unsigned_abs() as usize).await;
        args.output
            .tell("keys of new records may now go to other partitions than before");
    }
    args.output.show(&Grown {
        name: args.name.clone(),
        partitions_before: before,
        partitions: total,
        dry_run: args.dry_run,
    })
}
