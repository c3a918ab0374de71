//! Every input of the corpora runs again, and some thousand more that follow from numbers: `WEIR_FUZZ_INPUTS` says how many
//! of each target (2,000). `WEIR_FUZZ_HISTORY` names a file that a panic of libFuzzer's has left, to be run alone.

use std::path::{Path, PathBuf};

use broker::wire::versions::APIS;
use fuzz_bodies::requests::counters;
use fuzz_bodies::{batches, files, frames, history, requests};

fn corpus(target: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn inputs() -> u64 {
    match std::env::var("WEIR_FUZZ_INPUTS") {
        Ok(text) => text.parse().expect("WEIR_FUZZ_INPUTS is a number"),
        Err(_) => 2_000,
    }
}

/// Bytes that follow from a number.
fn input(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let len = byte();
    (0..len).map(|_| byte()).collect()
}

fn replay(target: &str, run: fn(&[u8])) {
    let paths = corpus(target);
    for path in &paths {
        run(&std::fs::read(path).unwrap());
    }
    let more = inputs();
    (0..more).for_each(|number| run(&input(number)));
    eprintln!("{target}: {} inputs of the corpus, {more} more", paths.len());
}

#[test]
fn frames_replay() {
    replay("frames", frames::run);
}

#[test]
fn batches_replay() {
    replay("batches", batches::run);
}

#[test]
fn files_replay() {
    replay("files", files::run);
}

/// Each version of each API is reached, too, by requests that make sense.
#[test]
fn requests_replay() {
    if let Some(path) = std::env::var_os("WEIR_FUZZ_HISTORY") {
        let bytes = std::fs::read(&path).unwrap();
        history::read(&bytes).iter().for_each(|input| requests::run(input));
        return;
    }
    replay("requests", requests::run);
    requests::end();
    eprintln!("{}", counters::table());
    let unreached: Vec<String> = APIS
        .iter()
        .flat_map(|api| (api.min..=api.max).map(move |version| (api, version)))
        .filter(|(api, version)| counters::fates(api, *version).reached() == 0)
        .map(|(api, version)| format!("{} {version}", api.name))
        .collect();
    assert!(unreached.is_empty(), "never reached: {unreached:?}");
}
