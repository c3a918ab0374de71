//! `weir completions` and `weir man`: made from the command line's own description, so that they never lag behind it.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::error::ToolError;

/// Arguments of `weir completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `weir man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write weir.1, weir-topic.1 and so on there; without it, weir.1 is printed
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints a completion script.
pub(super) fn completions(args: &CompletionsArgs) -> Result<(), ToolError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "weir", &mut script);
    print(&script)
}

/// Prints the manual page, or writes all.
pub(super) fn man(args: &ManArgs) -> Result<(), ToolError> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(ToolError::from_output)?;
        return print(&page);
    };
    let failed = |problem: io::Error| ToolError::Failed(format!("cannot write to {}: {problem}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)
}

fn print(bytes: &[u8]) -> Result<(), ToolError> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(ToolError::from_output)
}
