//! Bugs that tests plant, to show that they would be caught.
//!
//! Invariant: without the feature `planted-bugs`, which only the simulation switches on, [`is_planted`] is `false` at
//! compile time and nothing of this is left. With it, a bug acts in the thread that planted it, and in no other.

/// One mistake that the code could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// A produce with acks=all is answered once its batch is written.
    AckBeforeSync,
    /// The high watermark moves to the end of what is written.
    WatermarkAboveSyncedEnd,
    /// Damage below the synced mark is cut like a torn tail.
    CutBelowSyncedMark,
    /// A start forgets the idempotent producers.
    DedupeStateLostAtRestart,
    /// The offset index answers the entry after the right one.
    IndexOffByOne,
    /// An offset commit is answered before its record is committed.
    OffsetCommitAnsweredEarly,
    /// A flush syncs new files, and not the directories with their names.
    NewFileWithoutDirectorySync,
    /// The entry that begins a term is not written to the journal.
    JournalEntryLost,
    /// Retention removes the active segment with the expired ones.
    RetentionDeletesActiveEnd,
    /// Compaction drops the latest record of a key with the earlier ones.
    LatestRecordDropped,
    /// Compaction drops a tombstone in the round that meets it first.
    TombstoneDroppedAtOnce,
    /// A cleaned segment takes the place of the old ones before it is synced.
    CleanedWithoutSync,
    /// A cleaned segment takes the place of the old ones before the journal has synced that Raft begins behind it.
    CleanedBeforeJournal,
    /// The last batch of a producer goes with its records.
    LastBatchOfProducerDropped,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 14] = [
        Bug::AckBeforeSync,
        Bug::WatermarkAboveSyncedEnd,
        Bug::CutBelowSyncedMark,
        Bug::DedupeStateLostAtRestart,
        Bug::IndexOffByOne,
        Bug::OffsetCommitAnsweredEarly,
        Bug::NewFileWithoutDirectorySync,
        Bug::JournalEntryLost,
        Bug::RetentionDeletesActiveEnd,
        Bug::LatestRecordDropped,
        Bug::TombstoneDroppedAtOnce,
        Bug::CleanedWithoutSync,
        Bug::CleanedBeforeJournal,
        Bug::LastBatchOfProducerDropped,
    ];
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug in this thread, or takes it out.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is to act.
#[cfg(feature = "planted-bugs")]
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this bug is to act: never.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn is_planted(_: Bug) -> bool {
    false
}
