//! A consumer that reads on, up to the high watermark.

use super::super::report::Broken;
use super::super::world::World;

impl World {
    /// One fetch, from where the last one ended.
    pub(crate) fn consume(&mut self) -> Result<(), Broken> {
        let partitions = self.user_partitions();
        let Some(index) = self.random.index(partitions.len()) else {
            return Ok(());
        };
        let partition = &partitions[index];
        let end = self.model(partition).end();
        self.say(format!("fetches {partition} from {end}"));
        self.read_from(partition, end)
    }
}
