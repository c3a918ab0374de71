//! What can be wrong with a configuration. Each message is one sentence that says what to do.

use std::fmt;

use thiserror::Error;

use super::properties::Reason;
use super::settings::Origin;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidValue {
    /// Not a number of the property's type.
    #[error("give a number of type {kind}")]
    NotANumber {
        /// Kafka's word for the type.
        kind: &'static str,
    },
    /// Neither `true` nor `false`.
    #[error("give true or false")]
    NotABoolean,
    /// A number outside its bounds.
    #[error("give a number {}", Range(*.least, *.most, *.exception))]
    OutOfRange {
        /// The least number.
        least: f64,
        /// The greatest number.
        most: f64,
        /// A number outside the bounds that is allowed all the same.
        exception: Option<i64>,
    },
    /// Not one of the known words.
    #[error("give {allowed}")]
    NotOneOf {
        /// The words, separated by commas.
        allowed: String,
    },
    /// Nothing, where something is needed.
    #[error("it must not be empty")]
    Empty,
    /// Two commas of a list without a value between them.
    #[error("an element of the list is empty: remove a comma")]
    EmptyElement,
    /// Not in its form.
    #[error("give {expected}")]
    Malformed {
        /// The form.
        expected: &'static str,
    },
}

struct Range(f64, f64, Option<i64>);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.is_finite(), self.1.is_finite()) {
            (true, true) => write!(f, "from {} to {}", self.0, self.1)?,
            (true, false) => write!(f, "of at least {}", self.0)?,
            (false, _) => write!(f, "of at most {}", self.1)?,
        }
        self.2.map_or(Ok(()), |exception| write!(f, ", or {exception}"))
    }
}

fn suggestion(nearest: &str) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!("; did you mean {nearest}?")
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ConfigError {
    /// A line of a properties file, or a `--set`, that is not an assignment.
    #[error("{origin}: {problem}")]
    Syntax {
        /// Where it stands.
        origin: Origin,
        /// What is wrong.
        problem: String,
    },
    /// A name that nobody knows.
    #[error("{origin}: nobody knows the property {name}{}", suggestion(.nearest))]
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// The name.
        name: String,
        /// The known name that is nearest; empty where none is near.
        nearest: String,
    },
    /// A value that is not one of the property's.
    #[error("{origin}: {name} cannot be {value:?}: {problem}")]
    Invalid {
        /// Where it stands.
        origin: Origin,
        /// The property.
        name: String,
        /// The value, or `(hidden)`.
        value: String,
        /// What is wrong with it.
        problem: InvalidValue,
    },
    /// A value that would promise what is not there.
    #[error("{origin}: {name} cannot be set, for {}: remove it", .reason.text())]
    Refused {
        /// Where it stands.
        origin: Origin,
        /// The property.
        name: String,
        /// What is not there.
        reason: Reason,
    },
    /// A listener that clients would use, of a protocol that is not spoken.
    #[error(
        "{origin}: the listener {listener} uses {protocol}, and only PLAINTEXT is spoken: map it to PLAINTEXT or remove it"
    )]
    Protocol {
        /// Where the listeners stand.
        origin: Origin,
        /// The listener's name.
        listener: String,
        /// Its protocol.
        protocol: String,
    },
    /// A value that does not fit the others.
    #[error("{origin}: {problem}")]
    Conflict {
        /// Where it stands.
        origin: Origin,
        /// What does not fit, and what to do.
        problem: String,
    },
    /// A change of a running broker that needs a restart, or that is for one broker only.
    #[error("{name} cannot be changed {how}")]
    NotDynamic {
        /// The property.
        name: String,
        /// In what way it was to be changed.
        how: &'static str,
    },
}
