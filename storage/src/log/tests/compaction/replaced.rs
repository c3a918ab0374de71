//! Who is still at a segment that was replaced, and what waits for its removal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::super::*;
use super::super::scenario::{dir, files};
use super::world::{Round, World};

/// The index files, and what they hold.
fn indexes(world: &World) -> BTreeMap<String, Vec<u8>> {
    let names = [INDEX, TIME_INDEX].into_iter().flat_map(|it| world.scenario.names(it));
    let content = |name: &String| world.scenario.disk.look_at_cached(&dir().join(name)).expect("there");
    names.map(|name| (name.clone(), content(&name))).collect()
}

/// What a reader does that found an index to be wrong; and one that asks for the first time.
fn make_indexes_anew(world: &World, segments: &[Arc<Segment>]) {
    let files = files(&world.scenario.disk);
    for segment in segments {
        let remakes = segment.remakes.load(Ordering::Relaxed);
        segment.remake_index(&files, remakes).expect("a healthy disk");
        segment.release_idle_maps();
        segment.release_idle_maps();
        segment.newest(&files).expect("a healthy disk");
    }
}

/// A reader still finds what the old segments had.
fn can_be_read(world: &World, segments: &[Arc<Segment>], end: i64) {
    let files = files(&world.scenario.disk);
    for (place, segment) in segments.iter().enumerate() {
        let until = segments.get(place + 1).map_or(end, |next| next.base_offset());
        for offset in segment.base_offset()..until {
            let mut walk = segment.walk_to(&files, offset, segment.size()).expect("readable");
            let found = loop {
                match walk.step().expect("readable") {
                    Step::Batch { header, .. } if header.last_offset() < offset => {}
                    step => break step,
                }
            };
            let is_there = matches!(found, Step::Batch { header, .. } if header.base_offset <= offset);
            assert!(
                is_there,
                "{offset} in the segment at {}: {found:?}",
                segment.base_offset()
            );
        }
    }
}

#[test]
fn a_reader_at_a_replaced_segment_leaves_the_index_of_the_new_one_alone() {
    for seed in 0..20 {
        let mut world = World::new(seed, 1 << 20);
        world.append_many(80);
        let mut old = world.scenario.log.reader().segments().to_vec();
        let active = old.pop().expect("there is an active one");
        assert_eq!(world.clean(None), Round::Done);
        let before = indexes(&world);
        make_indexes_anew(&world, &old);
        assert_eq!(indexes(&world), before, "seed {seed}");
        can_be_read(&world, &old, active.base_offset());
        assert_eq!(indexes(&world), before, "seed {seed}");
        world.check_look_ups();
    }
}

#[test]
fn a_reader_at_a_segment_that_has_expired_or_was_cut_makes_no_files() {
    let mut world = World::new(4, 1 << 20);
    world.append_many(80);
    assert_eq!(world.clean(None), Round::Done);
    world.append_many(80);
    let old = world.scenario.log.reader().segments().to_vec();
    world.expire_half();
    let committed = world.scenario.last();
    let before = indexes(&world);
    let is_there = |segment: &&Arc<Segment>| before.contains_key(&format!("{:020}.{INDEX}", segment.base_offset()));
    let gone: Vec<_> = old.iter().filter(|it| !is_there(it)).cloned().collect();
    let expired = gone.len() - 1;
    assert!(expired > 0, "the active one has no files yet");
    make_indexes_anew(&world, &gone[..expired]);
    assert_eq!(indexes(&world), before);
    for _ in 0..3 {
        world.scenario.append_some(3);
        world.scenario.roll();
    }
    let old = world.scenario.log.reader().segments().to_vec();
    world.scenario.truncate(committed + 2).expect("a healthy disk");
    let before = indexes(&world);
    make_indexes_anew(&world, &old[old.len() - 3..]);
    assert_eq!(indexes(&world), before);
}

#[test]
fn damage_in_a_segment_that_has_gone_is_none_of_the_logs() {
    let mut world = World::new(4, 1 << 20);
    world.append_many(80);
    world.append_many(80);
    let first = world
        .scenario
        .path(world.scenario.log.reader().segments()[0].base_offset(), LOG);
    world.scenario.disk.flip_bit(&first, 70, 3).expect("there");
    world.scenario.disk.drop_cache();
    let reader = world.scenario.log.reader().clone();
    let mut scrub = Scrub::default();
    let seen = scrub.step(&reader, reader.high_watermark(), 1 << 20).expect("readable");
    assert!(
        matches!(seen, Scrubbed::Damaged(..)) && scrub.is_current(&reader),
        "{seen:?}"
    );
    world.expire_half();
    assert!(!scrub.is_current(&reader));
    let seen = scrub.step(&reader, reader.high_watermark(), 1 << 20).expect("readable");
    assert!(matches!(seen, Scrubbed::End(bytes) if bytes > 0), "{seen:?}");
}

#[test]
fn two_replacements_of_a_segment_wait_for_their_removal_apart() {
    let mut world = World::new(2, 1 << 20);
    let mut waiting: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for round in 1..5 {
        world.append_many(60);
        let old = world.scenario.log.reader().segments()[0].clone();
        let content = |name: &String| world.scenario.disk.look_at_cached(&dir().join(name)).expect("there");
        let first = content(&format!("{:020}.{LOG}", old.base_offset()));
        assert_eq!(world.clean(None), Round::Done);
        let content = |name: &String| world.scenario.disk.look_at_cached(&dir().join(name)).expect("there");
        let now: BTreeMap<_, _> = world
            .scenario
            .names(DELETED)
            .into_iter()
            .map(|it| (it.clone(), content(&it)))
            .collect();
        for (name, bytes) in &waiting {
            assert_eq!(now.get(name), Some(bytes), "round {round}: {name}");
        }
        let is_new = |(name, bytes): (&String, &Vec<u8>)| !waiting.contains_key(name) && *bytes == first;
        assert!(
            now.iter().any(is_new),
            "round {round}: the first segment has a name of its own"
        );
        assert_eq!(
            now.len(),
            world
                .scenario
                .aside()
                .iter()
                .filter(|it| it.extension().is_some_and(|it| it == DELETED))
                .count()
        );
        waiting = now;
    }
    world.scenario.remove_aside();
    assert_eq!(world.scenario.names(DELETED), Vec::<String>::new());
    world.append_many(60);
    assert_eq!(world.clean(None), Round::Done);
    let first = format!("{:020}.{LOG}.{DELETED}", 0);
    assert!(world.scenario.names(DELETED).contains(&first), "the name is free again");
    world.restart_in_order();
    world.check();
    world.check_files();
}
