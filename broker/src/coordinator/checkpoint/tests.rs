use super::*;

const WRITTEN: Written = Written {
    applied: 50_000,
    bytes: 1 << 20,
    log_bytes: 500 << 20,
};

fn is_due(written: Written, applied: i64, log_bytes: u64, first_uncleaned: i64) -> bool {
    let mut written = written;
    written.heed(log_bytes, first_uncleaned);
    written.is_due(applied, log_bytes)
}

#[test]
fn a_checkpoint_that_the_cleaner_has_passed_counts_as_none() {
    assert!(!is_due(WRITTEN, 50_100, 500 << 20, 0));
    assert!(
        !is_due(WRITTEN, 50_100, 500 << 20, 50_000),
        "what was cleaned lies below"
    );
    assert!(is_due(WRITTEN, 50_100, 10 << 20, 50_001), "by records");
    assert!(is_due(WRITTEN, 60, 32 << 20, 50_001), "by bytes");
    assert!(!is_due(WRITTEN, 60, 31 << 20, 50_001), "there is too little for one");
}

#[test]
fn bytes_count_from_the_least_that_the_cleaner_has_left() {
    let mut written = WRITTEN;
    written.heed(10 << 20, 40_000);
    assert!(!written.is_due(50_100, 10 << 20));
    written.heed(41 << 20, 40_000);
    assert!(!written.is_due(50_100, 41 << 20));
    written.heed(42 << 20, 40_000);
    assert!(written.is_due(50_100, 42 << 20));
}
