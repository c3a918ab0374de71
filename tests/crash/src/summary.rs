//! What a run says at its end, and what its environment says at its start.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number from the environment, or its default. Something else than a number is a mistake that should be seen.
pub fn from_env<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// Least, median and greatest of some durations.
#[derive(Debug, Clone, Default)]
pub struct Durations(Vec<Duration>);

impl Durations {
    /// One more.
    pub fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// All of another.
    pub fn extend(&mut self, other: &Durations) {
        self.0.extend_from_slice(&other.0);
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        match (sorted.first(), sorted.get(sorted.len() / 2), sorted.last()) {
            (Some(min), Some(median), Some(max)) => {
                write!(f, "{}/{}/{} ms", min.as_millis(), median.as_millis(), max.as_millis())
            }
            _ => f.write_str("none"),
        }
    }
}

/// Writes a line to standard error, past the capture of the test runner: how much was tested should be seen.
pub fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}
