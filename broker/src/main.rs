//! The binary `weir`.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use broker::cli::{Cli, Command, ToolError};
use clap::Parser;

/// The codec reserves whatever element count a client claims; with this allocator that is address space, not memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long, in milliseconds, the allocator keeps what was freed before the system gets it back, and what says so. By
/// default it is a second, in which the memory of large batches, each on another thread, adds up.
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "20");

fn main() -> ExitCode {
    let result = match Cli::parse().into_command() {
        Command::Serve(args) => {
            set_allocator();
            broker::serve::run(&args).map_err(|error| ToolError::Failed(error.to_string()))
        }
        tool => broker::cli::run(&tool),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.end(),
    }
}

/// The allocator reads its environment before `main`: so the process begins once more, as itself. Should that fail, it
/// serves all the same.
fn set_allocator() {
    let (name, value) = PURGE_DELAY;
    if std::env::var_os(name).is_some() {
        return;
    }
    if let Ok(binary) = std::env::current_exe() {
        let mut arguments = std::env::args_os();
        let mut again = std::process::Command::new(binary);
        if let Some(own_name) = arguments.next() {
            again.arg0(own_name);
        }
        let _cannot = again.args(arguments).env(name, value).exec();
    }
}
