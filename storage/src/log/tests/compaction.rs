//! The cleaner over a log on the simulated disk, against every record that was ever appended.

mod batches;
mod check;
mod replaced;
mod world;

use super::random::Random;
use crate::compaction::CleanOptions;
use crate::disk::simulated::{CrashOptions, Fault, Keep};
use world::{Round, World};

#[test]
fn rounds_leave_what_a_naive_cleaner_leaves() {
    for seed in 0..60 {
        let mut world = World::new(seed, 1 << 20);
        for _ in 0..6 {
            world.append_many(40);
            world.restart_in_order();
            assert_eq!(world.clean(None), Round::Done, "seed {seed}");
            world.check();
            world.check_look_ups();
        }
        assert!(world.cleaned_segments() > 0, "seed {seed}: nothing was cleaned");
    }
}

#[test]
fn a_small_map_takes_several_rounds_and_comes_to_the_same() {
    for seed in 0..20 {
        let mut world = World::new(seed, 24 * 5);
        world.append_many(200);
        let mut rounds = 0;
        while world.clean(None) == Round::Done {
            world.check();
            rounds += 1;
            assert!(rounds < 200, "seed {seed}: it never ends");
        }
        assert!(rounds > 2, "seed {seed}: {rounds} rounds");
        world.check_look_ups();
        assert_eq!(world.duplicates_below_dirty(), 0, "seed {seed}");
    }
}

#[test]
fn a_crash_after_any_operation_leaves_the_old_or_the_new_segments() {
    let mut crashes = 0;
    for seed in 0..6 {
        for at in 1.. {
            let mut world = World::new(seed, 1 << 20);
            world.append_many(50);
            if seed % 2 == 1 {
                // The second round replaces what the first one wrote.
                assert_eq!(world.clean(None), Round::Done);
                world.append_many(30);
            }
            let before = world.scenario.disk.operations();
            world.scenario.disk.halt_at(before + at);
            let round = world.clean(None);
            if world.scenario.disk.operations() < before + at {
                assert_eq!(round, Round::Done);
                assert!(at > 10, "a round has more operations");
                break;
            }
            let keep = [Keep::Nothing, Keep::Everything, Keep::Random][(at % 3) as usize];
            match at % 4 {
                0 => world.scenario.disk.kill(false),
                _ => world.scenario.disk.crash(CrashOptions {
                    data: keep,
                    names: [Keep::Random, Keep::Nothing, Keep::Everything][(at / 3 % 3) as usize],
                }),
            }
            crashes += 1;
            world.restart(&format!("seed {seed}, crash at {at}"));
            world.check();
            world.check_look_ups();
            // Until what was cleaned twice is as it would have been.
            assert_eq!(world.clean(None), Round::Done, "seed {seed}, crash at {at}");
            world.check();
            world.restart(&format!("seed {seed}, second start after a crash at {at}"));
            world.check();
            world.check_files();
        }
    }
    assert!(crashes > 200, "{crashes} crashes");
}

#[test]
fn a_disk_that_refuses_leaves_the_log_as_it_was() {
    for fault in [
        Fault::WriteError,
        Fault::NoSpace,
        Fault::SyncDataError,
        Fault::ReadError,
    ] {
        for seed in 0..30 {
            let mut world = World::new(seed, 1 << 20);
            world.append_many(60);
            world.scenario.disk.fail_next(fault, &super::scenario::dir(), 1);
            let round = world.clean(None);
            world.scenario.disk.clear_faults();
            if round == Round::Down {
                world.scenario.disk.kill(false);
                world.restart("after a fault");
            }
            world.check();
            let again = world.clean(None);
            assert!([Round::Done, Round::Idle].contains(&again), "{again:?} after {round:?}");
            world.check();
            world.check_look_ups();
        }
    }
}

#[test]
fn every_flipped_bit_of_a_cleaned_segment_is_found_by_scrub_and_verification() {
    for seed in 0..40 {
        let mut world = World::new(seed, 1 << 20);
        world.append_many(60);
        assert_eq!(world.clean(None), Round::Done);
        world.restart_in_order();
        let mut random = Random(seed * 7 + 1);
        if !world.flip_a_cleaned_bit(&mut random) {
            continue;
        }
        assert!(world.scrub_finds_damage(), "seed {seed}: the scrub");
        assert!(world.verification_finds_damage(), "seed {seed}: the verification");
        assert!(world.cleaning_finds_damage(), "seed {seed}: the cleaner");
        world.repair_and_check(seed);
    }
}

#[test]
fn a_cleaned_segment_that_is_gone_is_missed() {
    let mut world = World::new(3, 1 << 20);
    world.append_many(120);
    assert_eq!(world.clean(None), Round::Done);
    world.restart_in_order();
    world.remove_a_cleaned_segment();
    assert!(world.scenario.restart().damage.is_some());
    assert!(world.verification_finds_damage());
}

#[test]
fn a_round_goes_on_beside_appends_and_leaves_them_alone() {
    for seed in 0..30 {
        let mut world = World::new(seed, 1 << 20);
        world.append_many(60);
        let round = world.clean(Some(3));
        assert_eq!(round, Round::Done);
        world.check();
        world.restart_in_order();
        world.check();
        world.check_look_ups();
    }
}

#[test]
fn retention_goes_through_cleaned_segments() {
    for seed in 0..30 {
        let mut world = World::new(seed, 1 << 20);
        world.append_many(120);
        assert_eq!(world.clean(None), Round::Done);
        world.expire_half();
        world.check();
        world.check_look_ups();
        world.scenario.disk.crash(CrashOptions {
            data: Keep::Random,
            names: Keep::Random,
        });
        world.restart("after retention");
        world.check();
        world.append_many(40);
        assert_eq!(world.clean(None), Round::Done, "seed {seed}");
        world.check();
    }
}

#[test]
fn what_is_written_is_synced_in_pieces() {
    let mut world = World::new(1, 1 << 20);
    world.change_options = |options| CleanOptions {
        sync_bytes: 100,
        segment_bytes: 1 << 20,
        io_bytes: 100,
        ..options
    };
    world.append_many(300);
    world.most_unsynced = Some(0);
    assert_eq!(world.clean(None), Round::Done);
    let written = world.scenario.log.reader().segments()[0].size();
    let most = world.most_unsynced.expect("it was measured");
    assert!(written > 800 && most < 450, "{most} bytes of {written} were not synced");
}

#[test]
fn the_limits_of_its_options_are_options_too() {
    let changes: [fn(CleanOptions) -> CleanOptions; 6] = [
        |options| CleanOptions { io_bytes: 0, ..options },
        |options| CleanOptions {
            map_bytes: 0,
            ..options
        },
        |options| CleanOptions {
            map_bytes: usize::MAX,
            sync_bytes: 0,
            ..options
        },
        |options| CleanOptions {
            load_factor: f64::NAN,
            sync_bytes: u64::MAX,
            ..options
        },
        |options| CleanOptions {
            load_factor: -1.0,
            segment_bytes: 0,
            segment_index_bytes: 0,
            ..options
        },
        |options| CleanOptions {
            load_factor: f64::MAX,
            delete_retention_ms: i64::MAX,
            segment_bytes: u64::MAX,
            segment_index_bytes: u64::MAX,
            index_interval_bytes: u64::MAX,
            ..options
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut world = World::new(number as u64, 1 << 20);
        world.change_options = change;
        world.append_many(60);
        let mut rounds = 0;
        while world.clean(None) == Round::Done {
            world.check();
            rounds += 1;
            assert!(rounds < 500, "change {number}: it never ends");
        }
        assert!(rounds > 0, "change {number}");
        world.check_look_ups();
    }
}
