//! `NAME=VALUE` on the command line.

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameValue {
    /// Before the first `=`.
    pub name: String,
    /// What is behind it.
    pub value: String,
}

impl std::str::FromStr for NameValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok(NameValue {
                name: name.trim().to_owned(),
                value: value.to_owned(),
            }),
            _ => Err("it must be NAME=VALUE".to_owned()),
        }
    }
}
