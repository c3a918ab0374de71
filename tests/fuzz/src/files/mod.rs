//! Every file that is read when a broker starts.
//!
//! Either one file's reader alone, or a whole data directory in which some files were damaged, cut, removed or made up, and
//! the node that starts on it. Checked: it starts, or says why not; what it serves can be read; offsets follow each other;
//! the verification of a stopped broker's files ends; once it was stopped in order it starts again.

mod decoders;
mod mend;
mod start;
mod template;

use crate::choices::Choices;

/// Runs an input.
pub fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    match choices.percent(70) {
        true => decoders::run(&mut choices),
        false => start::run(&mut choices),
    }
}
