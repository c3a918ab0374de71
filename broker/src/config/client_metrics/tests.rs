use super::{Overrides, Subscription};

fn of(pattern: &str) -> Option<Subscription> {
    Subscription::new(&Overrides::from([("match".to_owned(), pattern.to_owned())])).ok()
}

#[test]
fn patterns_are_javas_as_far_as_they_are_regular() {
    let matches = |pattern: &str, text: &str| {
        let subscription = of(&format!("client_id={pattern}")).unwrap();
        subscription.patterns[0].1.is_match(text.as_bytes())
    };
    assert!(matches(r"\w{8}-\d+", "producer-12") && matches(r"\w{100}", &"x".repeat(100)));
    assert!(!matches(r"\w+", "é") && matches(r"\p{L}+", "é") && matches("a.*", "aé"));
    assert!(!matches("a", "ab") && !matches("a|b", "ab"));
    assert!(of("client_id=(?=a)").is_none() && of("client_id=").is_none() && of("nobody=a").is_none());
}

#[test]
fn metrics_have_a_bound() {
    let with = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("org.{number}")).collect();
        Subscription::new(&Overrides::from([("metrics".to_owned(), names.join(","))]))
    };
    assert_eq!(with(256).unwrap().metrics.len(), 256);
    assert!(with(257).is_err());
}

#[test]
fn patterns_have_bounds() {
    assert!(of(&format!("client_id={}", "a".repeat(1_024))).is_some());
    assert!(of(&format!("client_id={}", "a".repeat(1_025))).is_none());
    assert!(of("client_id=(?:abcdefgh){800}").is_none());
    let many = |count: usize| vec!["client_id=a"; count].join(",");
    let subscription = of(&many(16)).unwrap();
    assert_eq!(subscription.patterns.len(), 1, "the last one for a field counts");
    assert!(of(&many(17)).is_none());
}
