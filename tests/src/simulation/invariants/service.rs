//! Who serves: after a start, and at the end, everybody but the quarantined.

use super::super::report::{Broken, broken};
use super::super::start::RESTART;
use super::super::world::World;

const NO_PANIC: &str = "a replica never breaks its own invariants";

impl World {
    /// After a start: every partition of the metadata is open and takes batches, or there is a reason.
    pub(crate) fn check_service(&mut self, is_calm: bool) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        self.check_no_panic()?;
        let image = node.image();
        for topic in image.topics() {
            for index in 0..topic.partitions.len() as i32 {
                let Some(partition) = node.topics().partition_by_id(topic.id, index) else {
                    if is_calm {
                        return broken(RESTART, format!("{}-{index} was not opened", topic.name));
                    }
                    continue;
                };
                self.report.checked(RESTART);
                let is_flipped = self.may_be_refused(partition.id)
                    || self
                        .partitions
                        .get(&partition.id)
                        .is_some_and(|model| model.flipped.is_some());
                match partition.out_of_service() {
                    Some(reason) if is_flipped => {
                        self.report.outcome("quarantined for a flipped bit");
                        self.say(format!("{partition} is quarantined: {reason}"));
                    }
                    Some(reason) if is_calm => {
                        return broken(RESTART, format!("{partition} is out of service: {reason}"));
                    }
                    Some(reason) => self.say(format!("{partition} is out of service: {reason}")),
                    None if is_calm && !partition.is_writable() => {
                        return broken(RESTART, format!("{partition} takes no batches"));
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// A panic inside a replica is caught at its boundary; it is a mistake all the same.
    pub(crate) fn check_no_panic(&mut self) -> Result<(), Broken> {
        let Some(node) = self.node() else { return Ok(()) };
        if self.is_stopped() {
            // What fails then fails with the machine.
            return Ok(());
        }
        self.report.checked(NO_PANIC);
        match node
            .out_of_service()
            .into_iter()
            .find(|(_, reason)| reason.contains("replica failed"))
        {
            Some((partition, reason)) => broken(NO_PANIC, format!("{partition}: {reason}")),
            None => Ok(()),
        }
    }
}
