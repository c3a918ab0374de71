//! `weir log repair --accept-loss`: gives up what lies above a damage, so that the partition serves again.
//!
//! Order: the files are cut, and that synced, before the journal is told: a repair that was broken off is done again.

use std::path::Path;

use storage::disk::read_file;
use storage::journal::{GroupId, Journal};
use storage::log::repair::{RepairPlan, plan};
use storage::log::{LogFiles, PARTITION_METADATA};

use super::RepairArgs;
use super::verify::{Target, say};
use crate::node::topic_id;

pub(super) fn run_repair(args: &RepairArgs) -> Result<(), String> {
    // The command line asks for it; whoever builds the arguments otherwise must, too.
    if !args.accept_loss {
        return Err("nothing is repaired without --accept-loss".to_string());
    }
    let target = Target::open(&args.path)?;
    let (journal, _) = Journal::open(target.disk.clone(), &target.data_dir).map_err(|error| error.to_string())?;
    let mut repaired = 0;
    for dir in &target.partitions {
        let files = LogFiles::new(target.disk.clone(), dir.clone());
        let group = group_of(&files)?;
        let state = journal.group(group).unwrap_or_default();
        let Some(plan) = plan(&files, &state, None).map_err(|error| error.to_string())? else {
            continue;
        };
        repair(&files, group, &journal, &plan)?;
        say(&line(dir, &plan));
        repaired += 1;
    }
    say(&format!(
        "{repaired} of {} partitions were damaged and are repaired",
        target.partitions.len()
    ));
    Ok(())
}

fn repair(files: &LogFiles, group: GroupId, journal: &Journal, plan: &RepairPlan) -> Result<(), String> {
    plan.apply(files).map_err(|error| error.to_string())?;
    let records: Vec<_> = plan.records.iter().map(|record| (group, record.clone())).collect();
    journal.append(&records).map_err(|error| error.to_string())?;
    journal.sync().map(|_| ()).map_err(|error| error.to_string())
}

fn group_of(files: &LogFiles) -> Result<GroupId, String> {
    let path = files.dir.join(PARTITION_METADATA);
    let unreadable = |reason: &str| format!("cannot tell which topic {} belongs to: {reason}", files.dir.display());
    let content = read_file(&*files.disk, &path).map_err(|error| unreadable(&error.to_string()))?;
    let text = String::from_utf8(content).map_err(|_| unreadable("partition.metadata is no text"))?;
    let id = text
        .lines()
        .find_map(|line| line.strip_prefix("topic_id: "))
        .and_then(topic_id::decode);
    let topic_id = id.ok_or_else(|| unreadable("partition.metadata has no topic id"))?;
    let name = files.dir.file_name().unwrap_or_default().to_string_lossy();
    let partition = name.rsplit_once('-').and_then(|(_, index)| index.parse().ok());
    Ok(GroupId {
        topic_id,
        partition: partition.ok_or_else(|| unreadable("its name has no number"))?,
    })
}

fn line(dir: &Path, plan: &RepairPlan) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let RepairPlan {
        end,
        reason,
        lost_until,
        lost_bytes,
        ..
    } = plan;
    format!(
        "{name}: {reason}; the log now ends at offset {}, offsets below {lost_until} from there on are lost ({lost_bytes} \
         bytes)",
        end.offset
    )
}
