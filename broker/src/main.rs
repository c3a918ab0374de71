//! The binary `weir`.

use std::ffi::c_long;
use std::process::ExitCode;

use broker::cli::{Cli, Command, ToolError};
use clap::Parser;
use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// The codec reserves whatever element count a client claims; with this allocator that is address space, not memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For how long, in milliseconds, the allocator keeps what was freed before the system gets it back. By default it is a
/// second, in which the memory of large batches and answers, each on another thread, adds up. Its number among the
/// allocator's options has no name in Rust.
const PURGE_DELAY: (mi_option_t, c_long) = (15, 20);

fn main() -> ExitCode {
    let (option, value) = PURGE_DELAY;
    // SAFETY: it sets a number, while there is one thread.
    unsafe { mi_option_set_default(option, value) };
    let result = match Cli::parse().into_command() {
        Command::Serve(args) => broker::serve::run(&args).map_err(|error| ToolError::Failed(error.to_string())),
        tool => broker::cli::run(&tool),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.end(),
    }
}
