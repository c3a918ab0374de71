//! The binary `weir`.

use std::process::ExitCode;

use broker::cli::{Cli, Command};
use clap::Parser;

/// The codec reserves whatever element count a client claims; with this allocator that is address space, not memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Cli::parse().into_command() {
        Command::Serve(args) => broker::serve::run(&args).map_err(|error| error.to_string()),
        Command::Log(args) => broker::cli::run_log(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("weir: {message}");
            ExitCode::FAILURE
        }
    }
}
