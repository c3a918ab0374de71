//! One node under simulated time and disk, with scripted clients, killed and restarted at any step.
//!
//! A run is a sequence of steps that a seeded [`schedule`] picks: a client's request, a part of a flush, housekeeping, time,
//! a fault, a kill, a power cut, an orderly stop. The node is the broker's own, the code that the server drives; the disk is
//! [`storage::disk::SimulatedDisk`]. The clients remember what they sent and what they were told; from that the
//! [`invariants`] follow, which are checked at every answer, at every read, and after every start.
//!
//! What a client knows of a batch is one of three: it was acknowledged, it was refused for certain, or neither (no answer, or
//! one that leaves it open). Topics whose name begins with `w` have `write.caching` on: for those a power cut, or a failed
//! sync, may take what was acknowledged, from the end backwards; a plain kill may not.

mod clients;
mod clock;
mod faults;
mod flips;
mod invariants;
mod model;
mod random;
mod report;
mod reserve;
mod schedule;
mod settings;
mod start;
mod trace;
mod world;

pub use report::{Report, Violation};

/// What a run is.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Steps before faults end and everything has to come right.
    pub steps: u64,
    /// Whether every event is printed to standard error.
    pub is_verbose: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            steps: 600,
            is_verbose: false,
        }
    }
}

/// Runs one seed.
pub fn run(seed: u64, options: Options) -> Result<Report, Violation> {
    let mut world = world::World::new(seed, options);
    match world.live(options.steps) {
        Ok(()) => Ok(world.into_report()),
        Err(broken) => Err(Violation {
            seed,
            step: world.trace.step,
            invariant: broken.invariant,
            detail: broken.detail,
        }),
    }
}
