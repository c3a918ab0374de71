use proptest::prelude::*;

use crate::config::java_properties::{BadEscape, parse};

fn pairs(text: &str) -> Vec<(String, String)> {
    parse(text.as_bytes())
        .unwrap()
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect()
}

fn one(text: &str) -> (String, String) {
    let mut pairs = pairs(text);
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    pairs.remove(0)
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn key_and_value_are_parted_by_an_equals_sign_a_colon_or_space() {
    for text in [
        "a.b=c d",
        "a.b:c d",
        "a.b c d",
        "  a.b  =  c d",
        "\ta.b\t:\tc d",
        "a.b \u{c} c d",
    ] {
        assert_eq!(one(text), pair("a.b", "c d"), "{text:?}");
    }
    assert_eq!(one("a=b=c:d"), pair("a", "b=c:d"));
    assert_eq!(one("a = = b"), pair("a", "= b"));
    assert_eq!(one("a"), pair("a", ""));
    assert_eq!(one("=b"), pair("", "b"));
    assert_eq!(one("a=b  "), pair("a", "b  "));
}

#[test]
fn comments_and_blank_lines_are_passed_over() {
    assert_eq!(one("# a=b\n  ! c=d\n\n \t \nx=y # z\n"), pair("x", "y # z"));
}

#[test]
fn lines_end_as_on_any_system() {
    assert_eq!(pairs("a=1\nb=2\r\nc=3\rd=4").len(), 4);
}

#[test]
fn a_backslash_at_the_end_continues_a_line() {
    assert_eq!(one("a=b,\\\n   c,\\\r\n\td"), pair("a", "b,c,d"));
    assert_eq!(one("a=b\\\n# c"), pair("a", "b# c"));
    assert_eq!(one("a=b\\"), pair("a", "b"));
    assert_eq!(pairs("a=b\\\\\nc=d"), [pair("a", "b\\"), pair("c", "d")]);
    assert_eq!(pairs("# a\\\nb=c"), [pair("b", "c")]);
}

#[test]
fn escapes_are_resolved() {
    assert_eq!(one(r"a\=b\:c\ d=\t\n\r\f\q\\"), pair("a=b:c d", "\t\n\r\u{c}q\\"));
    assert_eq!(one(r"a=\u00e9\uD83D\uDE00"), pair("a", "é😀"));
    assert_eq!(one(r"a=\uD83D"), pair("a", "\u{fffd}"));
    assert_eq!(parse(b"x=1\na=\\u00g0"), Err(BadEscape { line: 2 }));
    assert_eq!(parse(b"a=\\u12"), Err(BadEscape { line: 1 }));
}

#[test]
fn bytes_that_are_not_utf_8_are_latin_1() {
    assert_eq!(parse(b"a=\xe9").unwrap()[0].value, "é");
    assert_eq!(parse("a=é".as_bytes()).unwrap()[0].value, "é");
}

#[test]
fn an_entry_knows_the_line_it_begins_on() {
    let entries = parse(b"\n# c\na=\\\n  b\nc=d").unwrap();
    assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [3, 5]);
}

/// Written as `java.util.Properties.store` writes.
fn escape(text: &str, key: bool) -> String {
    let mut escaped = String::new();
    for (at, c) in text.chars().enumerate() {
        match c {
            ' ' if key || at == 0 => escaped.push_str("\\ "),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\u{c}' => escaped.push_str("\\f"),
            '=' | ':' | '#' | '!' | '\\' => escaped.extend(['\\', c]),
            ' '..='~' => escaped.push(c),
            c => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| escaped.push_str(&format!("\\u{unit:04X}"))),
        }
    }
    escaped
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_text_of_special_characters_makes_it_panic(text in r"[a\\u0D8\r\n\t #!=:é]{0,200}") {
        let _ = parse(text.as_bytes());
    }

    #[test]
    fn what_java_stores_is_read_back(map in prop::collection::vec((any::<String>(), any::<String>()), 0..8)) {
        let text: String = map.iter().map(|(k, v)| format!("{}={}\n", escape(k, true), escape(v, false))).collect();
        prop_assert_eq!(pairs(&text), map);
    }
}
