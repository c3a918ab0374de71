//! `cargo fuzz run files`: see `fuzz_bodies::files`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_bodies::files::run(input));
