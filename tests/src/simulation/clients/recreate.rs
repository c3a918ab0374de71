//! A topic that is deleted and made again at once, while its old files are still in use.

use super::super::report::Broken;
use super::super::world::World;
use super::compacted::is_compacted;
use super::metadata::Change;
use broker::controller::image::Overrides;

/// The offsets of groups refer to it: it stays.
const KEPT: &str = "t0";

impl World {
    /// Deletes a topic whose partitions are written to, flushed and trimmed, and makes one of the same name, which is
    /// written to at once.
    pub(crate) fn recreate_topic(&mut self) -> Result<(), Broken> {
        let names: Vec<String> = self
            .metadata
            .topic_names()
            .filter(|name| *name != KEPT)
            .cloned()
            .collect();
        let Some(name) = self.random.pick(&names).cloned() else {
            return Ok(());
        };
        self.write_to(&name)?;
        if self.random.percent(70) {
            self.begin_flush();
            self.write_to(&name)?;
        }
        if self.random.percent(30) {
            self.sync_flush();
        }
        if self.random.percent(40) && !self.is_stopped() {
            self.housekeep()?;
        }
        if self.is_stopped() {
            return Ok(());
        }
        self.say(format!("{name} is deleted and made again"));
        self.change(Change::Delete(name.clone()))?;
        if self.random.percent(40) {
            self.flush();
        }
        let mut configs = Overrides::new();
        if self.random.percent(60) {
            configs.insert("segment.bytes".into(), "600".into());
        }
        if self.random.percent(40) {
            configs.insert("retention.ms".into(), "3000".into());
        }
        let partitions = self.random.between(1, 2) as i32;
        self.change(Change::Create {
            name: name.clone(),
            partitions,
            configs,
            also: None,
        })?;
        for _ in 0..3 {
            if self.is_stopped() {
                return Ok(());
            }
            self.flush();
            self.hear()?;
            self.write_to(&name)?;
        }
        self.report.outcome("topics deleted and made again");
        self.check_directories()
    }

    fn write_to(&mut self, topic: &str) -> Result<(), Broken> {
        if is_compacted(topic) {
            let partitions = self.compacted_partitions().into_iter().filter(|it| &*it.topic == topic);
            for partition in partitions.collect::<Vec<_>>() {
                self.produce_keyed_to(&partition)?;
            }
            return self.compact();
        }
        let open = self.user_partitions().into_iter();
        let partitions: Vec<_> = open.filter(|partition| &*partition.topic == topic).collect();
        for _ in 0..self.random.below(6) {
            let Some(partition) = self.random.pick(&partitions) else {
                break;
            };
            self.produce_to(partition)?;
        }
        Ok(())
    }
}
