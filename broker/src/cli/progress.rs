//! How far a command has come, on a terminal; nothing elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::output::human_bytes;

/// Times a second that it is drawn, at most.
const HERTZ: u8 = 5;

/// How far a command has come.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of so many records, if that is known. Hidden where the output goes to the same terminal.
    pub(super) fn records(total: Option<u64>, is_wanted: bool) -> Self {
        let is_shown = is_wanted && std::io::stderr().is_terminal();
        let target = if is_shown {
            ProgressDrawTarget::stderr_with_hz(HERTZ)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{bar:30} {percent:>3}%  {human_pos}/{human_len} records  {rate}/s  {msg}  {eta} left",
            None => "{spinner} {human_pos} records  {rate}/s  {msg}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates above are well-formed");
        let rate = |state: &ProgressState, text: &mut dyn Write| {
            // A text takes whatever is written.
            let _ = write!(text, "{}", HumanCount(state.per_sec() as u64));
        };
        bar.set_style(style.with_key("rate", rate));
        if is_shown {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar }
    }

    /// So many records, of so many bytes, are done.
    pub(super) fn set(&self, records: u64, bytes: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_position(records);
            self.bar.set_message(human_bytes(bytes));
        }
    }

    /// Leaves the last state on the terminal.
    pub(super) fn finish(&self) {
        self.bar.abandon();
    }
}
