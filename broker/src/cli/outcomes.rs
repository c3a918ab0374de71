//! What became of each of several things that a command was told to do.

use serde::Serialize;

use super::error::ToolError;
use super::output::{Cell, OutputArgs, Page, Report};

/// What became of one.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    name: String,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What became of all.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Outcomes {
    outcomes: Vec<Outcome>,
    #[serde(skip)]
    what: &'static str,
    #[serde(skip)]
    done: &'static str,
}

impl Outcome {
    /// It was done.
    pub(super) fn done(name: &str) -> Self {
        Outcome {
            name: name.to_owned(),
            done: true,
            note: None,
            error: None,
        }
    }

    /// There was nothing to do, which is fine.
    pub(super) fn skipped(name: &str, note: &str) -> Self {
        Outcome {
            note: Some(note.to_owned()),
            done: false,
            ..Outcome::done(name)
        }
    }

    /// It was not done.
    pub(super) fn failed(name: &str, error: String) -> Self {
        Outcome {
            error: Some(error),
            done: false,
            ..Outcome::done(name)
        }
    }
}

impl Outcomes {
    /// None yet, of things called `what` that are to be `done`.
    pub(super) fn new(what: &'static str, done: &'static str) -> Self {
        Outcomes {
            outcomes: Vec::new(),
            what,
            done,
        }
    }

    /// One more.
    pub(super) fn push(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Prints them; a failure if one failed.
    pub(super) fn show(self, output: &OutputArgs) -> Result<(), ToolError> {
        output.show(&self)?;
        match self.outcomes.iter().any(|outcome| outcome.error.is_some()) {
            true => Err(ToolError::Reported),
            false => Ok(()),
        }
    }
}

impl Report for Outcomes {
    fn draw(&self, page: &mut Page) {
        let row = |it: &Outcome| {
            let outcome = match (&it.error, &it.note) {
                (Some(error), _) => Cell::bad(error.replace("\n ", ":")),
                (None, Some(note)) => Cell::dim(note),
                (None, None) => Cell::good(self.done),
            };
            vec![Cell::strong(&it.name), outcome]
        };
        page.table(&[self.what, "outcome"], self.outcomes.iter().map(row).collect());
    }
}
