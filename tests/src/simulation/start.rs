//! Starts the node, and looks at what it came back with.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::coordinator::{CoordinatorSettings, Coordinators};
use broker::group::GroupConfig;
use broker::node::{OpenNode, StartError};
use uuid::Uuid;

use super::faults::StopKind;
use super::report::{Broken, broken};
use super::settings::{SimulatedSettings, metadata_settings};
use super::world::{Running, World};

/// Starts that may fail in a row for the faults injected into them; then the disk is mended.
const STARTS_UNDER_FAULTS: usize = 3;
pub(crate) const RESTART: &str = "10 a restart needs no operator";

impl World {
    /// Brings the node up, through faults and further crashes if there are any.
    pub(crate) fn start(&mut self) -> Result<(), Broken> {
        for attempt in 0.. {
            if attempt == STARTS_UNDER_FAULTS {
                self.heal_disk();
            }
            if attempt < STARTS_UNDER_FAULTS && self.random.percent(20) {
                self.plan_stop(120);
            }
            self.begin_life();
            self.say("starts");
            let opened = self.open_node().run();
            if self.is_stopped() {
                self.report.outcome("recoveries cut short");
                drop(opened);
                self.stop_if_planned();
                continue;
            }
            match opened {
                Ok(node) => {
                    let coordinators = Arc::new(self.coordinators(&node));
                    node.set_observer(coordinators.clone());
                    self.running = Some(Running {
                        node,
                        coordinators,
                        passes: VecDeque::new(),
                        cleaning: None,
                    });
                    self.report.outcome("starts");
                    if self.is_stopped() {
                        self.stop_if_planned();
                        continue;
                    }
                    if self.misses_partitions() {
                        // The disk refused even to note a start: somebody has to make room, and start again.
                        self.report.outcome("starts without some partition");
                        self.trouble.disk = true;
                        self.stop_at_once(StopKind::Kill);
                        self.heal_disk();
                        continue;
                    }
                    return self.look_after_start();
                }
                Err(error) if self.may_not_start() => {
                    self.say(format!("does not start: {error}"));
                    self.report.outcome("starts refused for a flipped bit");
                    self.stop_at_once(StopKind::Kill);
                    self.undo_flip();
                }
                Err(error) if self.is_troubled() => {
                    self.say(format!("does not start: {error}"));
                    self.report.outcome("starts refused by disk faults");
                    self.trouble.disk = true;
                    // Who is told to restart the machine does so.
                    let needs_reboot = matches!(error, StartError::Sync(_));
                    self.stop_at_once(if needs_reboot {
                        StopKind::PowerCut
                    } else {
                        StopKind::Kill
                    });
                    if attempt > 2 * STARTS_UNDER_FAULTS {
                        return broken(RESTART, format!("it does not start on a healthy disk: {error}"));
                    }
                }
                Err(error) => return broken(RESTART, format!("it does not start: {error}")),
            }
        }
        unreachable!("the loop ends by itself")
    }

    /// Whether, under faults, some partition was not opened at all.
    fn misses_partitions(&self) -> bool {
        let Some(node) = self.node().filter(|_| self.is_troubled()) else {
            return false;
        };
        let image = node.image();
        let local = node.topics().load();
        let is_whole = |topic: &broker::controller::image::Topic| {
            local
                .by_id(topic.id)
                .is_some_and(|local| local.partitions.len() == topic.partitions.len())
        };
        !image.topics().all(|topic| is_whole(topic))
    }

    fn open_node(&self) -> OpenNode {
        OpenNode {
            disk: Arc::new(self.disk.clone()),
            data_dir: Self::data_dir(),
            clock: self.clock.clone(),
            node_id: 1,
            new_cluster_id: format!("cluster-{}", self.seed),
            settings: Arc::new(SimulatedSettings),
            metadata_settings: metadata_settings(),
            reserve_bytes: self.reserve_bytes,
            retention_interval_ms: 2_000,
            max_cached_bytes: 10_000,
        }
    }

    fn coordinators(&mut self, node: &Arc<broker::node::Node>) -> Coordinators {
        let groups = GroupConfig {
            // Some commits bring their own.
            offsets_retention_ms: i64::MAX / 4,
            offsets_retention_check_interval_ms: 2_000,
            initial_rebalance_delay_ms: 100,
            ..GroupConfig::default()
        };
        let settings = CoordinatorSettings {
            groups,
            max_groups: 1_000,
            limits: Arc::default(),
        };
        let life = u128::from(self.random.next()) << 64;
        let count = AtomicU64::new(0);
        let uuid = move || Uuid::from_u128(life | u128::from(count.fetch_add(1, Ordering::Relaxed)));
        Coordinators::new(node, settings, Arc::new(uuid))
    }

    /// Everything that has to hold when a node has just come up.
    fn look_after_start(&mut self) -> Result<(), Broken> {
        let is_calm = !self.is_troubled();
        self.say(format!("is up, calm: {is_calm}"));
        self.check_image()?;
        if let Some(node) = self.node() {
            self.metadata.start_from(&node.image());
        }
        self.drop_deleted_topics();
        self.check_service(is_calm)?;
        self.check_logs_after_start(is_calm)?;
        self.check_compacted_after_start()?;
        self.check_directories()?;
        self.check_members_after_start()?;
        if is_calm && !self.is_stopped() {
            self.begun_calmly();
        }
        Ok(())
    }
}
