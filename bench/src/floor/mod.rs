//! The floor.

use std::error::Error;

/// Of the floor.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

/// Serves until it is killed.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    Err(options.listen.clone().into())
}
