//! What the page cache and the disk below it take.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Bytes of a write where bandwidth is measured.
const PIECE: usize = 1_000_000;
/// Bytes of the page cache that are written: few enough that the kernel does not write them back at once.
const CACHED: u64 = 256 * PIECE as u64;
/// Bytes between two syncs.
const SYNCED: u64 = 4 * PIECE as u64;
/// Bytes after which the synced file is begun again, so that no disk is filled.
const MOST: u64 = 4_000 * PIECE as u64;
/// Bytes of an append whose time is measured.
const APPEND: usize = 16 * 1024;

/// A longer time counts as this, nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// A bandwidth.
#[derive(Debug, Serialize)]
pub(super) struct Bandwidth {
    gb_per_s: f64,
}

/// Times of single operations.
#[derive(Debug, Serialize)]
pub(super) struct Times {
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// Writes into the page cache, over and over the same pages; that they come into being does not count, since a virtual
/// machine may get its memory with it.
pub(super) fn write(file: &File, time: Duration) -> io::Result<Bandwidth> {
    let piece = vec![0x5a; PIECE];
    let fill = || {
        (0..CACHED)
            .step_by(PIECE)
            .try_for_each(|position| file.write_all_at(&piece, position))
    };
    fill()?;
    let (mut bytes, begun) = (0, Instant::now());
    while begun.elapsed() < time {
        fill()?;
        bytes += CACHED;
    }
    Ok(bandwidth(bytes, begun.elapsed()))
}

/// Writes a growing file, synced every [`SYNCED`] bytes.
pub(super) fn sync(file: &File, time: Duration) -> io::Result<Bandwidth> {
    let piece = vec![0x5a; PIECE];
    let (mut bytes, begun) = (0, Instant::now());
    while begun.elapsed() < time {
        if bytes % MOST == 0 {
            file.set_len(0)?;
        }
        for _ in (0..SYNCED).step_by(PIECE) {
            file.write_all_at(&piece, bytes % MOST)?;
            bytes += PIECE as u64;
        }
        file.sync_data()?;
    }
    Ok(bandwidth(bytes, begun.elapsed()))
}

/// Appends and syncs, one after the other.
pub(super) fn fsync(file: &File, time: Duration) -> io::Result<Times> {
    let append = [0x5a; APPEND];
    let mut times = Histogram::<u64>::new_with_max(LONGEST, 3).map_err(io::Error::other)?;
    let (mut position, begun) = (0, Instant::now());
    while begun.elapsed() < time {
        let appended = Instant::now();
        file.write_all_at(&append, position)?;
        file.sync_data()?;
        times.saturating_record(u64::try_from(appended.elapsed().as_nanos()).unwrap_or(u64::MAX));
        position += APPEND as u64;
    }
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e6;
    Ok(Times {
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        max_ms: at(1.0),
    })
}

fn bandwidth(bytes: u64, time: Duration) -> Bandwidth {
    Bandwidth {
        gb_per_s: bytes as f64 / 1e9 / time.as_secs_f64(),
    }
}
