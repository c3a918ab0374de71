//! Each bug that can be planted is caught within a stated number of seeds. `WEIR_SIM_SEED` shows what happens in one.

use storage::planted::{Bug, plant};
use weir_tests::simulation::{Options, run};

fn seeds_to_catch(bug: Bug, limit: u64) {
    plant(Some(bug));
    if let Some(seed) = std::env::var("WEIR_SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .init();
        let options = Options {
            is_verbose: true,
            ..Options::default()
        };
        run(seed, options).expect_err("the bug shows");
        return;
    }
    for seed in 0..limit {
        if let Err(violation) = run(seed, Options::default()) {
            eprintln!("{bug:?} is caught by seed {seed}, the {}. run: {violation}", seed + 1);
            return;
        }
    }
    panic!("{bug:?} is not caught within {limit} seeds");
}

macro_rules! caught {
    ($($name:ident: $bug:ident within $limit:literal,)*) => {
        $(#[test]
        fn $name() {
            seeds_to_catch(Bug::$bug, $limit);
        })*
    };
}

caught! {
    ack_before_sync: AckBeforeSync within 5,
    watermark_above_synced_end: WatermarkAboveSyncedEnd within 5,
    cut_below_synced_mark: CutBelowSyncedMark within 50,
    dedupe_state_lost_at_restart: DedupeStateLostAtRestart within 5,
    index_off_by_one: IndexOffByOne within 5,
    offset_commit_answered_early: OffsetCommitAnsweredEarly within 5,
    new_file_without_directory_sync: NewFileWithoutDirectorySync within 20,
    journal_entry_lost: JournalEntryLost within 5,
    retention_deletes_active_end: RetentionDeletesActiveEnd within 60,
    latest_record_dropped: LatestRecordDropped within 5,
    tombstone_dropped_at_once: TombstoneDroppedAtOnce within 5,
    cleaned_without_sync: CleanedWithoutSync within 60,
    cleaned_before_journal: CleanedBeforeJournal within 60,
    last_batch_of_producer_dropped: LastBatchOfProducerDropped within 20,
}
