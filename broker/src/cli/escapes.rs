//! `\n`, `\t` and so on where a shell does not know them: delimiters and formats.

/// The bytes that a text with escapes stands for: `\n \r \t \0 \\ \xNN`.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if *byte != b'\\' {
            bytes.push(*byte);
            rest = tail;
            continue;
        }
        let (escaped, length) = escape(tail)?;
        bytes.push(escaped);
        rest = &tail[length..];
    }
    Ok(bytes)
}

/// The byte that an escape stands for, given what follows its backslash, and how long that is.
pub(super) fn escape(tail: &[u8]) -> Result<(u8, usize), String> {
    let byte = match tail.first() {
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'0') => 0,
        Some(b'\\') => b'\\',
        Some(b'x') => {
            let digits = tail.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
            let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            return value
                .map(|value| (value, 3))
                .ok_or_else(|| "after \\x there must be two hexadecimal digits".to_owned());
        }
        Some(other) => {
            return Err(format!(
                "there is no escape \\{}; write \\\\ for a backslash",
                char::from(*other)
            ));
        }
        None => return Err("a backslash stands at the end; write \\\\ for one".to_owned()),
    };
    Ok((byte, 1))
}

/// A delimiter: one byte or more.
pub(super) fn delimiter(text: &str) -> Result<Delimiter, String> {
    match unescape(text)? {
        bytes if bytes.is_empty() => Err("it must not be empty".to_owned()),
        bytes => Ok(Delimiter(bytes)),
    }
}

/// What stands between records, or between key and value; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delimiter(pub(super) Vec<u8>);

impl Delimiter {
    /// Where it stands first at or behind `from`.
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let (first, rest) = self.0.split_first()?;
        let mut at = from;
        loop {
            at += bytes.get(at..)?.iter().position(|byte| byte == first)?;
            if bytes[at + 1..].starts_with(rest) {
                return Some(at);
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Delimiter, delimiter, unescape};

    #[test]
    fn escapes_stand_for_bytes() {
        assert_eq!(
            unescape("a\\n\\r\\t\\0\\\\\\x1fö"),
            Ok(b"a\n\r\t\0\\\x1f\xc3\xb6".to_vec())
        );
        for wrong in ["\\", "\\q", "\\x1", "\\xzz", "\\xö"] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
        assert!(delimiter("").is_err());
    }

    #[test]
    fn delimiters_are_found() {
        let find = |text: &str, bytes: &str, from| Delimiter(text.into()).find(bytes.as_bytes(), from);
        assert_eq!(find(",", "a,b,c", 2), Some(3));
        assert_eq!(find("ab", "aaab", 0), Some(2));
        assert_eq!(find("ab", "aaa", 0), None);
        assert_eq!((find("a", "", 0), find("a", "a", 2)), (None, None));
    }
}
