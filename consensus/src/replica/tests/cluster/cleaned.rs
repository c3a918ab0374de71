//! Each replica cleans for itself, below what all of them have: all go on through stops and elections, and above are equal.

use super::world::{Faults, World};
use crate::{Durability, Role};

#[test]
fn replicas_clean_for_themselves() {
    for seed in 0..20 {
        let mut world = World::new(seed, 3, &[1, 2, 3], Durability::Synced, Faults::NONE);
        let mut cleaned = 0;
        for round in 0..8 {
            world.run_until(world.now + 2_000);
            let common = world.nodes.iter().map(|node| node.high_watermark()).min().unwrap_or(0);
            for id in 1..=3 {
                world.act(id, |node| {
                    // The first time a snapshot of the producers is still to be made durable.
                    cleaned += usize::from(node.clean(common));
                });
            }
            let leader = world.nodes.iter().find(|node| matches!(node.role(), Role::Leader(_)));
            let leader = leader.map_or(1, |node| node.id);
            world.restart(match round % 2 {
                0 => leader,
                _ => leader % 3 + 1,
            });
        }
        assert!(cleaned > 3, "seed {seed}: {cleaned} rounds");
        world.run();
    }
}
