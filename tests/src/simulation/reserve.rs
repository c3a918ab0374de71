//! A disk that is full but for the reserve: producers are refused, what keeps the node running goes on.

use super::report::{Broken, broken};
use super::world::World;

const RESERVE: &str = "with only the reserve left producers are refused, metadata and offsets are written";
/// Free space is looked at that often at least.
const LOOK_MS: u64 = 1_100;

impl World {
    /// Fills the disk up to half of the reserve, sees who is refused, and makes room again.
    pub(crate) fn use_up_disk(&mut self) -> Result<(), Broken> {
        if self.reserve_bytes == 0 || self.is_troubled() || self.planned.is_some() {
            return Ok(());
        }
        self.say("the disk is used up but for the reserve");
        self.settle_at_once()?;
        let used = self.used_bytes();
        self.disk.set_capacity(Some(used + self.reserve_bytes / 2));
        self.look_at_disk()?;
        self.report.checked(RESERVE);
        let Some(node) = self.node() else { return Ok(()) };
        if !node.is_full() {
            return broken(RESERVE, "the node does not see that the disk is full");
        }
        let appended = self.report.count("batches appended");
        let refused = self.report.count("offset commits refused") + self.report.count("metadata operations refused");
        for _ in 0..3 {
            self.produce()?;
            self.commit_offset()?;
        }
        self.ask_for_producer_ids()?;
        self.settle_at_once()?;
        // A fault that was planned before may strike here, too.
        if !self.is_troubled() {
            if self.report.count("batches appended") != appended {
                return broken(RESERVE, "a producer's batch is taken");
            }
            let now = self.report.count("offset commits refused") + self.report.count("metadata operations refused");
            if now != refused || !self.groups.are_settled() || !self.is_metadata_settled() {
                return broken(
                    RESERVE,
                    "a commit, or an operation on the metadata, is refused or waits",
                );
            }
        }
        self.disk.set_capacity(None);
        self.look_at_disk()?;
        if node.is_full() {
            return broken(RESERVE, "the node does not see that there is room again");
        }
        Ok(())
    }

    fn settle_at_once(&mut self) -> Result<(), Broken> {
        self.finish_passes();
        for _ in 0..3 {
            self.flush();
            self.hear()?;
        }
        Ok(())
    }

    fn look_at_disk(&mut self) -> Result<(), Broken> {
        self.clock.advance(LOOK_MS);
        self.housekeep()
    }
}
