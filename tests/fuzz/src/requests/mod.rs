//! Requests at a live node: every API of the table at every version, built valid by Kafka's schemas and out of what the node
//! has (topics, members, ids, which are learned from its answers), then damaged, or not; several at once.
//!
//! Checked: an undamaged request is not malformed; an answer decodes to its last byte by the schema, at the version asked,
//! with the size and the correlation id that it must have; every request is answered once its time is over; the node, when
//! it has grown and is stopped, starts again.
//!
//! A node lives for many inputs, so an input may need those before it ([`crate::history`]).

pub mod counters;
mod harvest;
mod plausible;
mod world;

use std::cell::RefCell;

use crate::choices::Choices;
use crate::history;
pub(crate) use world::World;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Runs an input.
pub fn run(input: &[u8]) {
    WORLD.with_borrow_mut(|world| {
        if world.as_ref().is_some_and(World::is_grown) {
            world.take().into_iter().for_each(World::end);
        }
        let world = world.get_or_insert_with(|| {
            history::begin();
            World::new(input)
        });
        history::push(input);
        world.run(&mut Choices::new(input));
    });
    counters::executed();
}

/// Stops the node of this thread, and starts it once more.
pub fn end() {
    WORLD.with_borrow_mut(|world| world.take().into_iter().for_each(World::end));
}
