//! The binary `weir`.

use std::process::ExitCode;

use broker::cli::{Cli, Command, ToolError};
use clap::Parser;

/// The codec reserves whatever element count a client claims; with this allocator that is address space, not memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Cli::parse().into_command() {
        Command::Serve(args) => broker::serve::run(&args).map_err(|error| ToolError::Failed(error.to_string())),
        tool => broker::cli::run(&tool),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.end(),
    }
}
