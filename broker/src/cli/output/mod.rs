//! What commands print: one value each, as a table for people or as JSON or YAML for programs.
//!
//! Invariant: nothing but the value goes to standard output; colours go to terminals alone; who stops reading ends the
//! command quietly ([`ToolError::Unread`]).

mod page;

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::error::ToolError;
pub(super) use page::{Cell, Page};

/// How a value is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns, for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a command prints.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct OutputArgs {
    /// How the result is printed
    #[arg(
        long,
        value_enum,
        default_value = "table",
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub output: Format,
    /// When colours are used
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = "Output"
    )]
    pub color: Color,
}

/// Something to print: the value is what programs get, the page what people see.
pub(super) trait Report: Serialize {
    /// Draws it for people.
    fn draw(&self, page: &mut Page);
}

impl Color {
    /// For a stream of this process.
    pub(super) fn choice(self) -> ColorChoice {
        match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }
}

impl OutputArgs {
    /// Prints to standard output.
    pub(super) fn show<R: Report>(&self, report: &R) -> Result<(), ToolError> {
        let text = self.render(report)?;
        let mut stdout = AutoStream::new(io::stdout(), self.color.choice());
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(ToolError::from_output)
    }

    /// Tells people something beside the result: standard error, and only where they look at a table.
    pub(super) fn tell(&self, text: &str) {
        if self.output == Format::Table {
            let mut stderr = AutoStream::new(io::stderr(), self.color.choice());
            // Nobody may be reading.
            let _ = writeln!(stderr, "{text}");
        }
    }

    /// What is printed, with colours that a stream may strip.
    pub(super) fn render<R: Report>(&self, report: &R) -> Result<String, ToolError> {
        let failed =
            |problem: &dyn std::fmt::Display| ToolError::Failed(format!("the result cannot be written: {problem}"));
        match self.output {
            Format::Table => {
                let mut page = Page::default();
                report.draw(&mut page);
                Ok(page.render())
            }
            Format::Json => {
                let text = serde_json::to_string_pretty(report).map_err(|problem| failed(&problem))?;
                Ok(text + "\n")
            }
            Format::Yaml => serde_saphyr::to_string(report).map_err(|problem| failed(&problem)),
        }
    }
}

/// Whether a person can be asked: both ends are terminals.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Bytes as people read them: `1.5 MiB`.
pub(super) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}
