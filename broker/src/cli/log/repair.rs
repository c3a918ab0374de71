//! `weir log repair --accept-loss`: gives up what lies above a damage, so that the partition serves again.
//!
//! Order: the files are cut, and that synced, before the journal is told: a repair that was broken off is done again.

use storage::journal::{GroupId, Journal};
use storage::log::repair::{RepairPlan, plan};
use storage::log::{LogFiles, still_damaged};

use super::RepairArgs;
use super::target::Target;
use super::verify::say;

pub(super) fn run_repair(args: &RepairArgs) -> Result<(), String> {
    // The command line asks for it; whoever builds the arguments otherwise must, too.
    if !args.accept_loss {
        return Err("nothing is repaired without --accept-loss".to_string());
    }
    let target = Target::open_to_repair(&args.path)?;
    let Some(stopped) = target.journal()? else {
        return Err(format!(
            "the journal in {} is gone: restore the data directory from a copy",
            target.data_dir.display()
        ));
    };
    let (partitions, _) = target.partitions(Some(&stopped))?;
    let (journal, _) = Journal::open(target.disk.clone(), &target.data_dir).map_err(|error| error.to_string())?;
    let mut repaired = 0;
    for partition in partitions.iter().filter(|it| !it.is_of_another_topic()) {
        let Some(group) = partition.group() else {
            let dir = partition.files.dir.display();
            return Err(format!(
                "cannot tell which topic {dir} belongs to: partition.metadata is unreadable, and the metadata has none of \
                 that name"
            ));
        };
        let state = journal.group(group).unwrap_or_default();
        let noted = still_damaged(&partition.files, &state).map_err(|error| error.to_string())?;
        let Some(plan) = plan(&partition.files, &state, noted.as_ref()).map_err(|error| error.to_string())? else {
            continue;
        };
        repair(&partition.files, group, &journal, &plan)?;
        say(&line(&partition.name, &plan));
        repaired += 1;
    }
    say(&format!(
        "{repaired} of {} partitions were damaged and are repaired",
        partitions.len()
    ));
    Ok(())
}

fn repair(files: &LogFiles, group: GroupId, journal: &Journal, plan: &RepairPlan) -> Result<(), String> {
    plan.apply(files).map_err(|error| error.to_string())?;
    let records: Vec<_> = plan.records.iter().map(|record| (group, record.clone())).collect();
    journal.append(&records).map_err(|error| error.to_string())?;
    journal.sync().map(|_| ()).map_err(|error| error.to_string())
}

fn line(name: &str, plan: &RepairPlan) -> String {
    let RepairPlan {
        end,
        reason,
        lost_until,
        lost_bytes,
        ..
    } = plan;
    if let Some(first) = plan.lost_before {
        return format!("{name}: {reason}; the log now begins at offset {first}");
    }
    format!(
        "{name}: {reason}; the log now ends at offset {}, offsets below {lost_until} from there on are lost ({lost_bytes} \
         bytes)",
        end.offset
    )
}
