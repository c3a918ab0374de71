//! The syntax of a `.properties` file, as `java.util.Properties.load` reads it.
//!
//! Invariant: any bytes give entries or an error, never a panic. A key that stands twice gives two entries; the later
//! one is meant.
//!
//! One deviation: bytes that are UTF-8 are read as UTF-8; only others as ISO 8859-1, as Java reads all.

use thiserror::Error;

/// One `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// The value, white space at its end included.
    pub value: String,
}

/// An escape `\uXXXX` without four hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("after \\u there must be four hexadecimal digits; write \\\\u for a backslash")]
pub struct BadEscape {
    /// The line on which the entry begins, from 1.
    pub line: usize,
}

/// Reads all entries of a file, in their order.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, BadEscape> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = text.split('\n').enumerate();
    let mut entries = Vec::new();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start_matches(is_space);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_with_continuation(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_space));
        }
        entries.push(parse_entry(index + 1, &logical)?);
    }
    Ok(entries)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// A backslash that is not itself escaped.
fn ends_with_continuation(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn parse_entry(line: usize, logical: &str) -> Result<Entry, BadEscape> {
    let key_end = unescaped_end(logical);
    let (key, rest) = logical.split_at(key_end);
    let rest = rest.trim_start_matches(is_space);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    let value = rest.trim_start_matches(is_space);
    let text = |escaped| unescape(escaped).ok_or(BadEscape { line });
    Ok(Entry {
        line,
        key: text(key)?,
        value: text(value)?,
    })
}

/// Where the key ends: at the first `=`, `:` or white space that has no backslash before it.
fn unescaped_end(logical: &str) -> usize {
    let mut escaped = false;
    for (at, c) in logical.char_indices() {
        if !escaped && (is_space(c) || c == '=' || c == ':') {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    logical.len()
}

fn unescape(text: &str) -> Option<String> {
    // UTF-16, for an escape is one unit of it and a pair of escapes may be one character.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = if c != '\\' {
            c
        } else {
            match chars.next() {
                Some('u') => {
                    units.push(hex_unit(&mut chars)?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            }
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

fn hex_unit(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = chars.next()?.to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).ok()?;
    }
    Some(unit)
}
