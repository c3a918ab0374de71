//! The cleaner, as an owner of a replica drives it.

use std::collections::BTreeMap;

use storage::compaction::{Clean, CleanOptions, CompactionConfig, Progress, SegmentFacts, choose};
use storage::disk::{Disk, SimulatedDisk};
use storage::journal::{Journal, Record};

use crate::{Readiness, Replica};

/// One round below `stable_end`; `None` where there was nothing to do, or so many steps are over.
pub(super) fn clean(
    replica: &mut Replica,
    journal: &Journal,
    disk: &SimulatedDisk,
    stable_end: i64,
    steps: usize,
) -> Option<()> {
    let (reader, group) = (replica.reader().clone(), replica.group());
    journal.sync().expect("a sound journal");
    let segments = reader.segments();
    let facts = segments.iter().map(|segment| SegmentFacts {
        base_offset: segment.base_offset(),
        size: segment.size(),
    });
    let facts: Vec<_> = facts.collect();
    let config = CompactionConfig::default();
    let choice = choose::<()>(&facts, None, stable_end, &config, 0, |_| Ok(-1), |_| Ok(-1));
    let choice = choice.expect("nothing is asked of the disk")?;
    if choice.cleanable_bytes == 0 || replica.may_clean_below(choice.first_uncleanable).ok()? != Readiness::Ready {
        return None;
    }
    let options = CleanOptions {
        now_ms: 0,
        delete_retention_ms: 0,
        segment_bytes: 600,
        segment_index_bytes: 1 << 20,
        index_interval_bytes: 200,
        map_bytes: 1 << 16,
        load_factor: 0.9,
        io_bytes: 1_000,
        sync_bytes: 900,
        max_decompressed: 1 << 20,
        secret: (5, 6),
    };
    let mut round = Clean::new(reader.clone(), choice, options);
    let mut left = steps;
    loop {
        let replacement = match round.step(10_000, || Some(BTreeMap::new())).expect("a sound disk") {
            Progress::More => continue,
            Progress::Replace(replacement) => replacement,
            Progress::Done { .. } => return Some(()),
        };
        let mut step = || {
            left = left.checked_sub(1)?;
            Some(())
        };
        step()?;
        let noted = replica.note_replacement(&replacement).expect("a sound replica");
        assert_eq!(noted, Readiness::Ready);
        step()?;
        journal.sync().expect("a sound journal");
        step()?;
        let aside = replica.replace(&replacement).expect("a sound replica");
        step()?;
        disk.sync_dir(&reader.files().dir).expect("a sound disk");
        let in_place = [(group, Record::CleanedInPlace)];
        journal.append(&in_place).and_then(|_| journal.sync()).expect("room");
        for path in aside {
            disk.remove_file(&path).expect("it is there");
        }
    }
}
