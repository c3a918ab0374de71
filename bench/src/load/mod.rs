//! The load generator.

use std::error::Error;

/// What to load a broker with.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Produces
    Produce,
}

/// Loads, and prints a line of JSON.
pub(crate) fn run(_: Command) -> Result<(), Box<dyn Error>> {
    Err("later".into())
}
