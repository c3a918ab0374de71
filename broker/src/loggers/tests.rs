use std::sync::Arc;

use parking_lot::Mutex;

use super::{Change, Level, LoggerError, Loggers, NAMED, ROOT};

fn loggers(directives: &str) -> (Loggers, Arc<Mutex<Vec<String>>>) {
    let applied: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = applied.clone();
    let loggers = Loggers::new(directives, move |all| seen.lock().push(all.to_owned()));
    (loggers, applied)
}

fn level(loggers: &Loggers, name: &str) -> Option<Level> {
    let levels = loggers.levels();
    levels.iter().find(|(known, _)| known == name).map(|(_, level)| *level)
}

#[test]
fn what_the_command_line_says_is_shown() {
    let (all, _) = loggers("info,broker::node=debug,hyper=WARN,[span]=trace");
    assert_eq!(all.levels().len(), NAMED.len() + 2);
    assert_eq!(level(&all, ROOT), Some(Level::Info));
    assert_eq!(level(&all, "broker::node"), Some(Level::Debug));
    assert_eq!(level(&all, "broker::api"), Some(Level::Info));
    assert_eq!(level(&all, "hyper"), Some(Level::Warn));
    assert_eq!(level(&loggers("").0, ROOT), Some(Level::Error));
    assert_eq!(level(&loggers("broker=info").0, "storage"), Some(Level::Off));
}

#[test]
fn a_module_has_the_level_of_the_one_above_unless_it_has_its_own() {
    let (all, applied) = loggers("info,[span]=trace");
    all.alter(
        &[("broker", Change::Set("WARN")), ("broker::api", Change::Set("TRACE"))],
        false,
    )
    .unwrap();
    assert_eq!(level(&all, "broker::node"), Some(Level::Warn));
    assert_eq!(level(&all, "broker::api"), Some(Level::Trace));
    assert_eq!(level(&all, "storage"), Some(Level::Info));
    assert_eq!(
        applied.lock().last().unwrap(),
        "info,broker=warn,broker::api=trace,[span]=trace"
    );
    all.alter(&[("broker", Change::Unset)], false).unwrap();
    assert_eq!(level(&all, "broker::node"), Some(Level::Info));
    all.alter(&[(ROOT, Change::Set("FATAL"))], false).unwrap();
    assert_eq!(level(&all, "storage"), Some(Level::Fatal));
    assert_eq!(applied.lock().last().unwrap(), "off,broker::api=trace,[span]=trace");
}

#[test]
fn all_or_nothing_is_changed() {
    let (all, applied) = loggers("info");
    for (change, error) in [
        (("nobody", Change::Set("INFO")), LoggerError::Unknown("nobody".into())),
        (("nobody", Change::Unset), LoggerError::Unknown("nobody".into())),
        ((ROOT, Change::Unset), LoggerError::Root),
        ((ROOT, Change::OfList), LoggerError::NotAList),
    ] {
        assert_eq!(all.alter(&[(ROOT, Change::Set("DEBUG")), change], false), Err(error));
    }
    for text in ["debug", "OFF", "ALL", "", "9"] {
        let refused = all.alter(&[(ROOT, Change::Set(text))], false);
        assert!(matches!(refused, Err(LoggerError::NotALevel { .. })), "{text}");
    }
    all.alter(&[(ROOT, Change::Set("DEBUG"))], true).unwrap();
    assert_eq!(level(&all, ROOT), Some(Level::Info));
    assert!(applied.lock().is_empty());
}
