//! `weir-bench`: load for any Kafka broker, probes of the machine, and a bare server that says what the machine charges
//! any broker. Each command prints one line of JSON; `run.py` puts them together.

mod ballast;
mod floor;
mod load;
mod probe;
mod process;
mod wire;

use std::error::Error;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

#[derive(Debug, Parser)]
#[command(name = "weir-bench", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Load(load::Command),
    /// Serves as barely as can be: what this machine charges any broker
    Floor(floor::Options),
    /// Holds the machine's free memory and gives it back as it is needed, so that it stays warm
    Ballast,
    /// Measures what the machine can do
    Probe(probe::Options),
}

/// Prints what was found: a line of JSON.
fn print(found: &impl Serialize) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(stdout(), "{}", serde_json::to_string(found)?)?)
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Load(command) => load::run(command),
        Command::Floor(options) => floor::run(&options),
        Command::Ballast => ballast::run(),
        Command::Probe(options) => probe::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("weir-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}
