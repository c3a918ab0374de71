use super::*;

#[test]
fn reads_what_was_put() {
    let mut frame = Vec::new();
    frame.i8(-3);
    frame.i16(-2);
    frame.i32(7);
    frame.i64(i64::MIN);
    frame.string(b"topic");
    frame.i16(-1);
    frame.count(2);
    frame.extend_from_slice(b"xy");
    frame.i32(-1);

    let mut reader = Reader::new(&mut frame);
    assert_eq!(reader.i8(), Ok(-3));
    assert_eq!(reader.i16(), Ok(-2));
    assert_eq!(reader.i32(), Ok(7));
    assert_eq!(reader.i64(), Ok(i64::MIN));
    assert_eq!(reader.string(), Ok(&b"topic"[..]));
    assert_eq!(reader.nullable_string(), Ok(None));
    assert_eq!(reader.bytes().map(|bytes| bytes.to_vec()), Ok(b"xy".to_vec()));
    assert_eq!(reader.nullable_array(), Ok(None));
    assert!(reader.into_rest().is_empty());
}

#[test]
fn a_frame_that_ends_early_is_malformed() {
    assert_eq!(Reader::new(&mut [0, 0, 0]).i32(), Err(Malformed));
    assert_eq!(Reader::new(&mut [0, 3, b'a', b'b']).string(), Err(Malformed));
    assert_eq!(Reader::new(&mut [0, 0, 0, 2, 1]).bytes(), Err(Malformed));
}

#[test]
fn lengths_that_cannot_be_are_malformed() {
    assert_eq!(
        Reader::new(&mut [0xff, 0xff]).string(),
        Err(Malformed),
        "null where a string must be"
    );
    assert_eq!(Reader::new(&mut [0xff, 0xfe]).nullable_string(), Err(Malformed), "-2");
    assert_eq!(Reader::new(&mut [0xff, 0xff, 0xff, 0xfe]).bytes(), Err(Malformed), "-2");
    assert_eq!(
        Reader::new(&mut [0x7f, 0xff, 0xff, 0xff, 0]).array(),
        Err(Malformed),
        "more elements than bytes"
    );
}

#[test]
fn an_answer_is_framed_with_what_is_elsewhere() {
    let mut out = b"before".to_vec();
    let begin = begin_answer(&mut out, 9);
    out.i16(5);
    end_frame(&mut out, begin, 100);
    assert_eq!(out, b"before\0\0\0\x6a\0\0\0\x09\0\x05");
}
