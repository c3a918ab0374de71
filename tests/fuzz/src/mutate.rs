//! Damage to bytes that were valid.

use crate::choices::Choices;

/// Numbers at which arithmetic goes wrong.
pub const EDGES: [i64; 16] = [
    0,
    1,
    -1,
    -2,
    2,
    127,
    128,
    255,
    i16::MAX as i64,
    i16::MIN as i64,
    0xffff,
    i32::MAX as i64,
    i32::MIN as i64,
    i32::MAX as i64 + 1,
    i64::MAX,
    i64::MIN,
];

/// The longest that bytes grow.
const MAX_LEN: usize = 1 << 16;

/// Changes the bytes in up to `most` places.
pub fn mutate(choices: &mut Choices<'_>, bytes: &mut Vec<u8>, most: usize) {
    for _ in 0..choices.below(most + 1) {
        once(choices, bytes);
    }
}

fn once(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    let len = bytes.len();
    if len == 0 {
        bytes.extend(choices.bytes(16));
        return;
    }
    let at = choices.below(len);
    match choices.below(9) {
        0 => bytes[at] ^= 1 << choices.below(8),
        1 => bytes[at] = choices.byte(),
        2 => bytes.truncate(at),
        3 => {
            let end = (at + 1 + choices.below(16)).min(len);
            bytes.drain(at..end);
        }
        4 if len < MAX_LEN => {
            let more = choices.bytes(16);
            bytes.splice(at..at, more);
        }
        5 if len < MAX_LEN => {
            let end = (at + 1 + choices.below(64)).min(len);
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        6 => put(bytes, at, &(choices.one(&EDGES) as i16).to_be_bytes()),
        7 => put(bytes, at, &(choices.one(&EDGES) as i32).to_be_bytes()),
        _ => put(bytes, at, &choices.one(&EDGES).to_be_bytes()),
    }
}

fn put(bytes: &mut [u8], at: usize, number: &[u8]) {
    let end = (at + number.len()).min(bytes.len());
    bytes[at..end].copy_from_slice(&number[..end - at]);
}
