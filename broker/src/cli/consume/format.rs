//! The format string of `weir consume -f`, as kcat's.

use std::str::FromStr;

use crate::cli::escapes::{Delimiter, escape};

/// A format, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format(pub(super) Vec<Token>);

/// A part of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Key,
    KeySize,
    Value,
    ValueSize,
    /// The value's length as a big-endian i32.
    ValueSizeBinary,
    Headers,
    Timestamp,
}

impl Format {
    /// Key and value, or the value alone.
    pub(super) fn simple(key_delimiter: Option<&Delimiter>, delimiter: &Delimiter) -> Self {
        let mut tokens = Vec::new();
        if let Some(key_delimiter) = key_delimiter {
            tokens.extend([Token::Key, Token::Literal(key_delimiter.0.clone())]);
        }
        tokens.extend([Token::Value, Token::Literal(delimiter.0.clone())]);
        Format(tokens)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.as_bytes();
        while let [byte, tail @ ..] = rest {
            match byte {
                b'\\' => {
                    let (escaped, length) = escape(tail)?;
                    literal.push(escaped);
                    rest = &tail[length..];
                }
                b'%' => {
                    let [letter, tail @ ..] = tail else {
                        return Err("a % stands at the end; write %% for one".to_owned());
                    };
                    match token(*letter)? {
                        None => literal.push(b'%'),
                        Some(token) => {
                            if !literal.is_empty() {
                                tokens.push(Token::Literal(std::mem::take(&mut literal)));
                            }
                            tokens.push(token);
                        }
                    }
                    rest = tail;
                }
                _ => {
                    literal.push(*byte);
                    rest = tail;
                }
            }
        }
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal));
        }
        Ok(Format(tokens))
    }
}

/// `None` for the percent sign.
fn token(letter: u8) -> Result<Option<Token>, String> {
    Ok(Some(match letter {
        b'%' => return Ok(None),
        b't' => Token::Topic,
        b'p' => Token::Partition,
        b'o' => Token::Offset,
        b'k' => Token::Key,
        b'K' => Token::KeySize,
        b's' => Token::Value,
        b'S' => Token::ValueSize,
        b'R' => Token::ValueSizeBinary,
        b'h' => Token::Headers,
        b'T' => Token::Timestamp,
        other => {
            return Err(format!(
                "there is no token %{}; there are %t %p %o %k %K %s %S %R %h %T and %%",
                char::from(other)
            ));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::{Format, Token};

    #[test]
    fn tokens_and_literals() {
        let format: Format = "%t [%p] 100%% at %o\\t%k=%s\\x00\\n".parse().unwrap();
        let literal = |text: &str| Token::Literal(text.into());
        assert_eq!(
            format.0,
            [
                Token::Topic,
                literal(" ["),
                Token::Partition,
                literal("] 100% at "),
                Token::Offset,
                literal("\t"),
                Token::Key,
                literal("="),
                Token::Value,
                literal("\0\n"),
            ]
        );
        assert_eq!("%K%S%R%h%T".parse::<Format>().unwrap().0.len(), 5);
        assert_eq!("".parse::<Format>().unwrap().0, []);
        for wrong in ["%", "%q", "\\", "\\x0", "%ö"] {
            assert!(wrong.parse::<Format>().is_err(), "{wrong}");
        }
    }
}
