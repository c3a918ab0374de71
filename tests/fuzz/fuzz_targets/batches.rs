//! `cargo fuzz run batches`: see `fuzz_bodies::batches`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_bodies::batches::run(input));
