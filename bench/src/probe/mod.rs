//! Probes: what the machine can do, in the same minutes in which brokers are measured. Each is as plain as can be, and
//! its file has no name any more while it is written, so that nothing is left behind.

mod disk;
mod loopback;

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use crate::print;

/// Of a probe.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum)]
    what: What,
    /// A directory on the disk that is measured
    #[arg(long)]
    dir: PathBuf,
    /// How long
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// What one TCP connection over loopback carries, from a file by sendfile
    Loopback,
    /// What the page cache takes, in writes of 1 MB
    Write,
    /// What the disk takes, with a sync after every 4 MB
    Sync,
    /// How long an append of 16 KB and its sync take
    Fsync,
}

/// Measures, and prints a line of JSON.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let time = Duration::try_from_secs_f64(options.seconds).map_err(|_| "--seconds is no time")?;
    let file =
        nameless(&options.dir).map_err(|error| format!("cannot make a file in {}: {error}", options.dir.display()))?;
    match options.what {
        What::Loopback => print(&loopback::loopback(&file, time)?),
        What::Write => print(&disk::write(&file, time)?),
        What::Sync => print(&disk::sync(&file, time)?),
        What::Fsync => print(&disk::fsync(&file, time)?),
    }
}

/// A new file in `directory`, whose name is gone.
fn nameless(directory: &Path) -> io::Result<File> {
    let path = directory.join(format!("weir-bench-probe-{}", process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}
