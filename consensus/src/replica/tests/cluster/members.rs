//! Changes of the members: a group grows from one voter to three, and loses the first.

use super::world::{Faults, World};
use crate::{Durability, Membership, MembershipChange, MembershipError, Role};

fn change(world: &mut World, change: MembershipChange) {
    let deadline = world.now + 5_000;
    loop {
        assert!(world.now < deadline, "{change:?} does not come about");
        let leader = world
            .nodes
            .iter()
            .find(|node| matches!(node.role(), Role::Leader(_)))
            .map(|node| node.id);
        let mut is_proposed = false;
        if let Some(leader) = leader {
            world.act(leader, |node| {
                let replica = node.replica().expect("it leads");
                match replica.propose_membership(change) {
                    Ok(()) => is_proposed = true,
                    Err(MembershipError::NotLeader | MembershipError::NotReady) => {}
                    Err(error) => panic!("{change:?}: {error}"),
                }
            });
        }
        world.run_until(world.now + 100);
        if is_proposed {
            return;
        }
    }
}

#[test]
fn a_group_grows_and_shrinks() {
    let mut world = World::new(1, 3, &[1], Durability::Synced, Faults::NONE);
    world.run_until(300);
    let first = world.nodes[0].replica().expect("it is up");
    assert!(matches!(
        first.propose_membership(MembershipChange::Remove(1)),
        Err(MembershipError::LastVoter(1))
    ));
    change(&mut world, MembershipChange::AddLearner(2));
    world.run_until(world.now + 300);
    assert!(world.nodes[1].high_watermark() > 0, "the learner follows");
    change(&mut world, MembershipChange::AddVoter(2));
    change(&mut world, MembershipChange::AddVoter(3));
    world.run_until(world.now + 300);
    let all = Membership {
        voters: vec![1, 2, 3],
        learners: vec![],
    };
    for node in &mut world.nodes {
        assert_eq!(node.replica().expect("it is up").membership(), all, "node {}", node.id);
    }
    // A start finds the members in the journal, not in what it was told.
    world.restart(3);
    world.run_until(world.now + 2_000);
    assert_eq!(world.nodes[2].replica().expect("it is up").membership(), all);
    world.act(1, |node| {
        node.replica()
            .expect("it is up")
            .transfer_leader(2)
            .expect("a sound replica")
    });
    world.run_until(world.now + 300);
    assert!(matches!(world.nodes[1].role(), Role::Leader(_)));
    change(&mut world, MembershipChange::Remove(1));
    world.run_until(world.now + 300);
    let rest = Membership {
        voters: vec![2, 3],
        learners: vec![],
    };
    assert_eq!(world.nodes[1].replica().expect("it is up").membership(), rest);
    assert!(
        world.nodes[1].high_watermark() > world.nodes[0].high_watermark(),
        "it goes on without node 1"
    );
}
