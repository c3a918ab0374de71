//! Ballast: holds the machine's free memory, and gives it back as others need it.
//!
//! A virtual machine's host takes back memory that is free, within seconds, and the next use of it costs two CPU seconds
//! per GB, whoever uses it. What the ballast holds stays the machine's, so what a server is given in the middle of a
//! measurement was in use a moment ago. What is freed goes back into the ballast.

use std::error::Error;
use std::fs;
use std::thread;
use std::time::Duration;

use rustix::system::sysinfo;
use serde::Serialize;

use crate::print;

/// What is taken and given back at once: more than the allocator keeps to itself.
const PIECE: usize = 64 << 20;
/// Below this much free memory, pieces are given back. The kernel begins to look for memory at a sixth of it.
const LEAST_FREE: u64 = 640 << 20;
/// Above this much, pieces are taken.
const MOST_FREE: u64 = LEAST_FREE + 2 * PIECE as u64;
/// How often the kernel is asked: a load that writes 2 GB a second needs 4 MB in it.
const PERIOD: Duration = Duration::from_millis(2);

/// That all is taken.
#[derive(Debug, Serialize)]
struct Full {
    /// Bytes that the ballast has.
    held: usize,
    /// Bytes that nothing uses, at most, when it is full.
    most_free: u64,
}

/// Runs until it is killed; prints a line of JSON when it has taken all for the first time.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    // Should memory run out in spite of it all, this is the process to end.
    fs::write("/proc/self/oom_score_adj", "1000").map_err(|error| format!("/proc/self/oom_score_adj: {error}"))?;
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut was_full = false;
    loop {
        let free = free();
        if free > MOST_FREE {
            held.extend(taken(((free - MOST_FREE) / PIECE as u64) as usize + 1));
            continue;
        }
        if !was_full {
            was_full = true;
            print(&Full {
                held: held.len() * PIECE,
                most_free: MOST_FREE,
            })?;
        }
        for _ in 0..LEAST_FREE.saturating_sub(free).div_ceil(PIECE as u64) {
            held.pop();
        }
        thread::sleep(PERIOD);
    }
}

/// At most `most` new pieces, made by all cores at once.
fn taken(most: usize) -> Vec<Vec<u8>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        // Each byte is written: only then is the memory there.
        let makers: Vec<_> = (0..cores.min(most)).map(|_| scope.spawn(|| vec![1; PIECE])).collect();
        makers.into_iter().filter_map(|maker| maker.join().ok()).collect()
    })
}

/// Bytes of memory that nothing uses.
fn free() -> u64 {
    let info = sysinfo();
    info.freeram * u64::from(info.mem_unit)
}
