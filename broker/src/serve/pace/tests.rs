use super::*;

/// Any rate that the configuration takes, most of them of no use.
const RATES: [f64; 14] = [
    f64::MAX,
    f64::INFINITY,
    1e300,
    1e9,
    4_096.0,
    1.0,
    1e-9,
    1e-18,
    3e-19,
    f64::MIN_POSITIVE,
    0.0,
    -1.0,
    f64::NEG_INFINITY,
    f64::NAN,
];

#[test]
fn no_rate_panics_or_makes_a_wait_long_or_a_step_empty() {
    let start = Instant::now();
    for rate in RATES {
        assert!((1..=4 << 20).contains(&Pace::step(rate)), "{rate}");
        let mut pace = Pace::new(start);
        assert_eq!(pace.wait(start, rate), None, "{rate}: nothing is owed yet");
        for bytes in [1, 4 << 20, u64::MAX] {
            pace.add(bytes);
            for later in [0, 1, 10_000] {
                let wait = pace.wait(start + Duration::from_millis(later), rate);
                assert!(
                    wait.is_none_or(|wait| !wait.is_zero() && wait <= LOOK),
                    "{rate}: {wait:?}"
                );
            }
        }
    }
}

#[test]
fn what_was_read_and_written_is_paid_off_at_the_rate() {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    let mut now = start;
    let mut bytes = 0;
    while now < start + Duration::from_secs(60) {
        match pace.wait(now, 1_000.0) {
            Some(wait) => now += wait,
            None => {
                bytes += Pace::step(1_000.0);
                pace.add(Pace::step(1_000.0));
            }
        }
    }
    assert!((60_000..=60_200).contains(&bytes), "{bytes} in a minute");
    // Another rate counts from now on, also for what is owed.
    pace.add(1 << 40);
    assert_eq!(pace.wait(now, 1.0), Some(LOOK));
    assert_eq!(pace.wait(now, 0.0), Some(LOOK));
    let soon = pace.wait(now, f64::MAX);
    assert!(soon.is_some_and(|wait| wait < Duration::from_millis(1)));
    assert_eq!(pace.wait(now + Duration::from_millis(1), f64::MAX), None);
    // What was not used is not saved up.
    let later = now + Duration::from_secs(3_600);
    assert_eq!(pace.wait(later, 1_000.0), None);
    pace.add(500);
    assert_eq!(pace.wait(later, 1_000.0), Some(Duration::from_millis(500)));
}
