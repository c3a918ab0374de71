//! A whole node, from many seeds. `WEIR_SIM_SEEDS` says how many, `WEIR_SIM_SEED` replays one and prints what happens.

use weir_tests::simulation::{Options, Report, run};

/// Seeds when nobody says how many: some seconds.
const SEEDS: u64 = 100;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_seed_keeps_the_invariants() {
    let steps = number("WEIR_SIM_STEPS").unwrap_or(Options::default().steps);
    if let Some(seed) = number("WEIR_SIM_SEED") {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .init();
        match run(
            seed,
            Options {
                is_verbose: true,
                steps,
            },
        ) {
            Ok(report) => eprintln!("{report}"),
            Err(violation) => panic!("{violation}"),
        }
        return;
    }
    let first = number("WEIR_SIM_FIRST").unwrap_or(0);
    let mut total = Report::default();
    let mut violations = Vec::new();
    for seed in first..first + number("WEIR_SIM_SEEDS").unwrap_or(SEEDS) {
        match run(
            seed,
            Options {
                steps,
                ..Options::default()
            },
        ) {
            Ok(report) => total.add(&report),
            Err(violation) => violations.push(violation),
        }
    }
    eprintln!("{total}");
    for violation in &violations {
        eprintln!("{violation}");
    }
    assert!(violations.is_empty(), "{} seeds failed", violations.len());
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 14, 15] {
        let traces = [(); 2].map(|()| run(seed, Options::default()).expect("a sound run").trace);
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}
