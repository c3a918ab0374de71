//! Asking before something that cannot be taken back.

use std::io::{self, BufRead, Write};

use super::error::ToolError;
use super::output::is_interactive;

/// Asks on a terminal; elsewhere only `--yes` will do.
pub(super) fn confirm(is_agreed: bool, question: &str) -> Result<(), ToolError> {
    if is_agreed {
        return Ok(());
    }
    if !is_interactive() {
        return Err(ToolError::Usage(format!(
            "{question} Nobody can be asked here: agree with --yes"
        )));
    }
    let mut stderr = io::stderr();
    let failed = |problem: io::Error| ToolError::Failed(format!("nobody can be asked: {problem}"));
    write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(ToolError::Failed("nothing was done".to_owned())),
    }
}
