//! `cargo fuzz run requests`: see `fuzz_bodies::requests`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_bodies::requests::run(input));
