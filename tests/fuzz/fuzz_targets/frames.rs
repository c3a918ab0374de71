//! `cargo fuzz run frames`: see `fuzz_bodies::frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_bodies::frames::run(input));
