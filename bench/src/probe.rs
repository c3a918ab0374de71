//! Probes.

use std::error::Error;

/// Of a probe.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A directory on the disk that is measured
    #[arg(long)]
    dir: std::path::PathBuf,
}

/// Measures, and prints a line of JSON.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    Err(options.dir.display().to_string().into())
}
